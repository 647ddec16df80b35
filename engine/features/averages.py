"""Moving averages.

Every update reads the bar it is given and earlier ones only. An input that is not finite gives NaN and changes nothing.
Exponential averages begin at the first observation (as ``pandas.Series.ewm(adjust=False)``), Wilder's at the simple
average of the first `window`; both return NaN until `window` observations have come.
"""

import math
from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.feature import Feature, window
from lockstep.engine.features.windows import (
    begin,
    floats,
    ints,
    lag_dtype,
    lag_push,
    sum_dtype,
    sum_push,
    weighted_dtype,
    weighted_push,
)
from lockstep.engine.mathx import NAN, finite


def sma_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a simple average."""
    return np.dtype([("total", sum_dtype(capacity)), *floats("scale")])


@kernel
def sma_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.total, window)
    state.scale = 1.0 / window


@kernel
def sma_push(state: Any, x: float) -> float:
    """Return the mean of the window that ends with x; NaN until the window is full."""
    total = sum_push(state.total, x)
    return total * state.scale if state.total.warm else NAN


@kernel
def sma_update(state: Any, close: float) -> float:
    """Absorb a close and return the mean of the last `window`."""
    return sma_push(state, close) if finite(close) else NAN


def ema_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of an exponential average; it has no ring."""
    return np.dtype([*floats("value", "alpha"), *ints("window", "count")])


@kernel
def ema_start(state: Any, window: int) -> None:
    """Set alpha = 2 / (window + 1) in a zeroed state."""
    state.window = window
    state.alpha = 2.0 / (window + 1.0)


@kernel
def ema_push(state: Any, x: float) -> float:
    """Return the exponential average up to x, from the first observation on."""
    count = state.count
    value = state.value + state.alpha * (x - state.value) if count else x
    state.value = value
    state.count = count + 1
    return value


@kernel
def ema_update(state: Any, close: float) -> float:
    """Absorb a close and return the exponential average."""
    if not finite(close):
        return NAN
    value = ema_push(state, close)
    return value if state.count >= state.window else NAN


def wilder_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of Wilder's average; it has no ring."""
    return ema_dtype(capacity)


@kernel
def wilder_start(state: Any, window: int) -> None:
    """Set alpha = 1 / window in a zeroed state."""
    state.window = window
    state.alpha = 1.0 / window


@kernel
def wilder_push(state: Any, x: float) -> float:
    """Return Wilder's average up to x; NaN until `window` observations have come."""
    count = state.count + 1
    state.count = count
    if count > state.window:
        state.value += state.alpha * (x - state.value)
        return state.value
    state.value += x
    if count < state.window:
        return NAN
    state.value /= count
    return state.value


@kernel
def wilder_update(state: Any, close: float) -> float:
    """Absorb a close and return Wilder's average."""
    return wilder_push(state, close) if finite(close) else NAN


def wma_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a linearly weighted average."""
    return np.dtype([("total", weighted_dtype(capacity)), *floats("scale")])


@kernel
def wma_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.total, window)
    state.scale = 2.0 / (window * (window + 1.0))


@kernel
def wma_push(state: Any, x: float) -> float:
    """Return the weighted mean of the window that ends with x; NaN until the window is full."""
    return weighted_push(state.total, x) * state.scale


@kernel
def wma_update(state: Any, close: float) -> float:
    """Absorb a close and return the linearly weighted average."""
    return wma_push(state, close) if finite(close) else NAN


def dema_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of two exponential averages, one of the other; it has no ring."""
    return np.dtype([("first", ema_dtype()), ("second", ema_dtype())])


@kernel
def dema_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    ema_start(state.first, window)
    ema_start(state.second, window)


@kernel
def dema_update(state: Any, close: float) -> float:
    """Absorb a close and return the double exponential average."""
    if not finite(close):
        return NAN
    first = ema_push(state.first, close)
    second = ema_push(state.second, first)
    return 2.0 * first - second if state.first.count >= 2 * state.first.window - 1 else NAN


def tema_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of three exponential averages, each of the last; it has no ring."""
    return np.dtype([("first", ema_dtype()), ("second", ema_dtype()), ("third", ema_dtype())])


@kernel
def tema_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    ema_start(state.first, window)
    ema_start(state.second, window)
    ema_start(state.third, window)


@kernel
def tema_update(state: Any, close: float) -> float:
    """Absorb a close and return the triple exponential average."""
    if not finite(close):
        return NAN
    first = ema_push(state.first, close)
    second = ema_push(state.second, first)
    third = ema_push(state.third, second)
    return 3.0 * (first - second) + third if state.first.count >= 3 * state.first.window - 2 else NAN


def efficiency_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the efficiency ratio."""
    steps = [("steps", sum_dtype(capacity)), ("past", lag_dtype(capacity))]
    return np.dtype([*steps, *floats("previous"), *ints("count")])


@kernel
def efficiency_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.steps, window)
    begin(state.past, window)


@kernel
def efficiency_push(state: Any, x: float) -> float:
    """Return the net move over the path of the last `window` steps, 0 where nothing moved; NaN until they are in."""
    path = sum_push(state.steps, abs(x - state.previous)) if state.count else 0.0
    state.previous = x
    state.count += 1
    past = lag_push(state.past, x)
    if not state.steps.warm:
        return NAN
    return abs(x - past) / path if path > 0.0 else 0.0


@kernel
def efficiency_ratio_update(state: Any, close: float) -> float:
    """Absorb a close and return Kaufman's efficiency ratio."""
    return efficiency_push(state, close) if finite(close) else NAN


def kama_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of Kaufman's adaptive average."""
    return np.dtype([("efficiency", efficiency_dtype(capacity)), *floats("value", "fast", "slow")])


@kernel
def kama_start(state: Any, window: int, fast: int, slow: int) -> None:
    """Set the window and the two limits of smoothing of a zeroed state."""
    efficiency_start(state.efficiency, window)
    state.fast = 2.0 / (fast + 1.0)
    state.slow = 2.0 / (slow + 1.0)


@kernel
def kama_update(state: Any, close: float) -> float:
    """Absorb a close and return Kaufman's adaptive average, begun at the close before its first value."""
    if not finite(close):
        return NAN
    ratio = efficiency_push(state.efficiency, close)
    if not finite(ratio):
        state.value = close
        return NAN
    root = ratio * (state.fast - state.slow) + state.slow
    state.value += root * root * (close - state.value)
    return state.value


def hma_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of Hull's average."""
    return np.dtype([("half", wma_dtype(capacity)), ("full", wma_dtype(capacity)), ("last", wma_dtype(capacity))])


def _root(window: int) -> int:
    return math.isqrt(window)


@kernel
def hma_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    wma_start(state.half, window // 2)
    wma_start(state.full, window)
    wma_start(state.last, int(math.sqrt(window)))


@kernel
def hma_update(state: Any, close: float) -> float:
    """Absorb a close and return Hull's average."""
    if not finite(close):
        return NAN
    half, full = wma_push(state.half, close), wma_push(state.full, close)
    return wma_push(state.last, 2.0 * half - full) if finite(full) else NAN


def trima_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a triangular average."""
    return np.dtype([("first", sma_dtype(capacity)), ("second", sma_dtype(capacity))])


@kernel
def trima_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    sma_start(state.first, (window + 1) // 2)
    sma_start(state.second, window // 2 + 1)


@kernel
def trima_update(state: Any, close: float) -> float:
    """Absorb a close and return the triangular average."""
    if not finite(close):
        return NAN
    first = sma_push(state.first, close)
    return sma_push(state.second, first) if finite(first) else NAN


def ratio_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of two sliding sums, one over the other."""
    return np.dtype([("above", sum_dtype(capacity)), ("below", sum_dtype(capacity))])


@kernel
def ratio_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.above, window)
    begin(state.below, window)


@kernel
def ratio_push(state: Any, above: float, below: float) -> float:
    """Return the ratio of the two sums; NaN until the window is full and where the lower sum is 0."""
    numerator, denominator = sum_push(state.above, above), sum_push(state.below, below)
    return numerator / denominator if state.below.warm and denominator != 0.0 else NAN


@kernel
def vwma_update(state: Any, close: float, volume: float) -> float:
    """Absorb a bar and return the mean close weighted by volume."""
    return ratio_push(state, close * volume, volume) if finite(close) and finite(volume) else NAN


@kernel
def vwap_update(state: Any, high: float, low: float, close: float, volume: float) -> float:
    """Absorb a bar and return the mean typical price weighted by volume."""
    typical = (high + low + close) / 3.0
    return ratio_push(state, typical * volume, volume) if finite(typical) and finite(volume) else NAN


EMA: dict[str, Any] = {"dtype": ema_dtype, "start": ema_start}
RATIO: dict[str, Any] = {"dtype": ratio_dtype, "start": ratio_start}

FEATURES = (
    Feature(
        name="sma",
        inputs=("close",),
        params={"window": window(20)},
        warmup=lambda window: window,
        dtype=sma_dtype,
        start=sma_start,
        update=sma_update,
        formula="mean of the last window closes",
        source="definition",
        unit="price",
    ),
    Feature(
        name="ema",
        inputs=("close",),
        params={"window": window(20)},
        warmup=lambda window: window,
        update=ema_update,
        formula="e += 2 / (window + 1) * (close - e), begun at the first close",
        source="Hunter (1986), J. Quality Technology 18; pandas ewm(adjust=False)",
        unit="price",
        **EMA,
    ),
    Feature(
        name="wilder",
        inputs=("close",),
        params={"window": window(14)},
        warmup=lambda window: window,
        dtype=wilder_dtype,
        start=wilder_start,
        update=wilder_update,
        formula="w += (close - w) / window, begun at the mean of the first window closes",
        source="Wilder (1978), New Concepts in Technical Trading Systems",
        unit="price",
    ),
    Feature(
        name="wma",
        inputs=("close",),
        params={"window": window(20)},
        warmup=lambda window: window,
        dtype=wma_dtype,
        start=wma_start,
        update=wma_update,
        formula="mean of the last window closes with weights 1 (oldest) to window (newest)",
        source="definition",
        unit="price",
    ),
    Feature(
        name="dema",
        inputs=("close",),
        params={"window": window(20)},
        warmup=lambda window: 2 * window - 1,
        dtype=dema_dtype,
        start=dema_start,
        update=dema_update,
        formula="2 e1 - e2, e1 = ema(close), e2 = ema(e1)",
        source="Mulloy (1994), Technical Analysis of Stocks & Commodities 12:1",
        unit="price",
    ),
    Feature(
        name="tema",
        inputs=("close",),
        params={"window": window(20)},
        warmup=lambda window: 3 * window - 2,
        dtype=tema_dtype,
        start=tema_start,
        update=tema_update,
        formula="3 e1 - 3 e2 + e3, e1 = ema(close), e2 = ema(e1), e3 = ema(e2)",
        source="Mulloy (1994), Technical Analysis of Stocks & Commodities 12:1",
        unit="price",
    ),
    Feature(
        name="kama",
        inputs=("close",),
        params={"window": window(10), "fast": window(2), "slow": window(30)},
        warmup=lambda window, fast, slow: window + 1,
        dtype=kama_dtype,
        start=kama_start,
        update=kama_update,
        formula="k += s² (close - k), s = efficiency_ratio (f - l) + l, f = 2 / (fast + 1), l = 2 / (slow + 1)",
        source="Kaufman (1995), Smarter Trading",
        unit="price",
    ),
    Feature(
        name="hma",
        inputs=("close",),
        params={"window": window(16, low=2)},
        warmup=lambda window: window + _root(window) - 1,
        dtype=hma_dtype,
        start=hma_start,
        update=hma_update,
        formula="wma of 2 wma(close, ⌊window / 2⌋) - wma(close, window) over ⌊√window⌋",
        source="Hull (2005), alanhull.com",
        unit="price",
    ),
    Feature(
        name="trima",
        inputs=("close",),
        params={"window": window(20)},
        warmup=lambda window: window,
        dtype=trima_dtype,
        start=trima_start,
        update=trima_update,
        formula="sma of sma(close, ⌈window / 2⌉) over ⌊window / 2⌋ + 1",
        source="TA-Lib, TRIMA",
        unit="price",
    ),
    Feature(
        name="vwma",
        inputs=("close", "volume"),
        params={"window": window(20)},
        warmup=lambda window: window,
        update=vwma_update,
        formula="Σ close volume / Σ volume over window; NaN where no volume",
        source="definition",
        unit="price",
        **RATIO,
    ),
    Feature(
        name="vwap",
        inputs=("high", "low", "close", "volume"),
        params={"window": window(20)},
        warmup=lambda window: window,
        update=vwap_update,
        formula="Σ typical volume / Σ volume over window, typical = (high + low + close) / 3; NaN where no volume",
        source="Berkowitz, Logue & Noser (1988), J. Finance 43, over a rolling window",
        unit="price",
        **RATIO,
    ),
    Feature(
        name="efficiency_ratio",
        inputs=("close",),
        params={"window": window(10)},
        warmup=lambda window: window + 1,
        dtype=efficiency_dtype,
        start=efficiency_start,
        update=efficiency_ratio_update,
        formula="|close - close[-window]| / Σ |close - close[-1]| over window; 0 where nothing moved",
        source="Kaufman (1995), Smarter Trading",
        unit="0 to 1",
    ),
)
