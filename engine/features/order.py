"""Order statistics: extremes, quantiles and ranks of a window.

Every update reads the value it is given and earlier ones only. An input that is not finite gives NaN and changes
nothing. Median, quantile and rank keep the window sorted: an update costs up to `window` moves.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.feature import Feature, Range, window
from lockstep.engine.features.windows import (
    begin,
    extreme_dtype,
    floats,
    highest_push,
    ints,
    lag_dtype,
    lag_push,
    lowest_push,
    sorted_below,
    sorted_dtype,
    sorted_push,
    sorted_quantile,
)
from lockstep.engine.mathx import NAN, finite, log

PATTERNS = 8
LOG_6 = 1.791759469228055


@kernel
def rolling_max_update(state: Any, x: float) -> float:
    """Absorb a value and return the maximum of the last `window`."""
    if not finite(x):
        return NAN
    highest = highest_push(state, x)
    return highest if state.warm else NAN


@kernel
def rolling_min_update(state: Any, x: float) -> float:
    """Absorb a value and return the minimum of the last `window`."""
    if not finite(x):
        return NAN
    lowest = lowest_push(state, x)
    return lowest if state.warm else NAN


@kernel
def drawdown_update(state: Any, close: float) -> float:
    """Absorb a close and return its distance from the highest of the last `window`, 0 or below."""
    if not finite(close):
        return NAN
    highest = highest_push(state, close)
    return close / highest - 1.0 if state.warm and highest > 0.0 else NAN


@kernel
def rolling_median_update(state: Any, x: float) -> float:
    """Absorb a value and return the median of the last `window`."""
    if not finite(x):
        return NAN
    sorted_push(state, x)
    return sorted_quantile(state, 0.5) if state.warm else NAN


def quantile_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding quantile."""
    return np.dtype([("window", sorted_dtype(capacity)), *floats("q")])


@kernel
def quantile_start(state: Any, window: int, q: float) -> None:
    """Set the window and the quantile of a zeroed state."""
    begin(state.window, window)
    state.q = q


@kernel
def rolling_quantile_update(state: Any, x: float) -> float:
    """Absorb a value and return a quantile of the last `window`."""
    if not finite(x):
        return NAN
    sorted_push(state.window, x)
    return sorted_quantile(state.window, state.q) if state.window.warm else NAN


@kernel
def rolling_rank_update(state: Any, x: float) -> float:
    """Absorb a value and return its rank among the last `window`, as a fraction; equals share their mean rank."""
    if not finite(x):
        return NAN
    sorted_push(state, x)
    if not state.warm:
        return NAN
    below = sorted_below(state, x)
    equal = 0
    while below + equal < state.count and state.ordered[below + equal] == x:
        equal += 1
    return (below + 0.5 * (equal + 1.0)) / state.window


def pattern_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the ordinal patterns of three."""
    counts = [("counts", "<i8", (PATTERNS,))]
    return np.dtype([("past", lag_dtype(capacity)), *counts, *floats("first", "second"), *ints("count")])


@kernel
def pattern_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.past, window)


@kernel
def pattern_of(a: float, b: float, c: float) -> int:
    """Return which of the six orders three values have; equals count as rising."""
    pattern = 0
    if a > b:
        pattern += 1
    if a > c:
        pattern += 2
    if b > c:
        pattern += 4
    return pattern


@kernel
def _count_pattern(state: Any, pattern: int) -> None:
    old = lag_push(state.past, float(pattern))
    if finite(old):
        state.counts[int(old)] -= 1
    state.counts[pattern] += 1


@kernel
def permutation_entropy_update(state: Any, x: float) -> float:
    """Absorb a value and return the entropy of the last `window` orders of three, 0 (one order) to 1 (all alike)."""
    if not finite(x):
        return NAN
    if state.count >= 2:
        _count_pattern(state, pattern_of(state.first, state.second, x))
    state.first = state.second
    state.second = x
    state.count += 1
    if not state.past.warm:
        return NAN
    entropy = 0.0
    for k in range(PATTERNS):
        if state.counts[k] > 0:
            share = state.counts[k] / state.past.window
            entropy -= share * log(share)
    return entropy / LOG_6


EXTREME: dict[str, Any] = {"dtype": extreme_dtype, "start": begin, "warmup": lambda window: window}
SORTED: dict[str, Any] = {"dtype": sorted_dtype, "start": begin, "warmup": lambda window: window}

FEATURES = (
    Feature(
        name="rolling_max",
        inputs=("x",),
        params={"window": window(20)},
        update=rolling_max_update,
        formula="largest of the last window values",
        source="definition",
        unit="that of x",
        **EXTREME,
    ),
    Feature(
        name="rolling_min",
        inputs=("x",),
        params={"window": window(20)},
        update=rolling_min_update,
        formula="smallest of the last window values",
        source="definition",
        unit="that of x",
        **EXTREME,
    ),
    Feature(
        name="drawdown",
        inputs=("close",),
        params={"window": window(252)},
        update=drawdown_update,
        formula="close / largest of the last window closes - 1",
        source="definition",
        unit="fraction",
        **EXTREME,
    ),
    Feature(
        name="rolling_median",
        inputs=("x",),
        params={"window": window(20)},
        update=rolling_median_update,
        formula="middle of the last window values, or the mean of the two in the middle",
        source="definition",
        unit="that of x",
        **SORTED,
    ),
    Feature(
        name="rolling_quantile",
        inputs=("x",),
        params={"window": window(100), "q": Range(0.9, 0.0, 1.0)},
        warmup=lambda window, q: window,
        dtype=quantile_dtype,
        start=quantile_start,
        update=rolling_quantile_update,
        formula="quantile q of the last window values, linear between neighbours",
        source="Hyndman & Fan (1996), American Statistician 50, type 7",
        unit="that of x",
    ),
    Feature(
        name="rolling_rank",
        inputs=("x",),
        params={"window": window(100)},
        update=rolling_rank_update,
        formula="(values below x + (values equal to x + 1) / 2) / window",
        source="definition, pandas rolling.rank(pct=True)",
        unit="0 to 1",
        **SORTED,
    ),
    Feature(
        name="permutation_entropy",
        inputs=("x",),
        params={"window": window(60)},
        warmup=lambda window: window + 2,
        dtype=pattern_dtype,
        start=pattern_start,
        update=permutation_entropy_update,
        formula="-Σ p log p / log 6, p: shares of the six orders of x[-2], x[-1], x among the last window; equals rise",
        source="Bandt & Pompe (2002), Physical Review Letters 88",
        unit="0 to 1",
    ),
)
