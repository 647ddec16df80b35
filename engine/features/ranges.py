"""Volatility from the four prices of a bar.

Every update reads the bar it is given and earlier ones only. A price that is not finite and positive gives NaN and
changes nothing.
"""

import math
from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.feature import Feature, window
from lockstep.engine.features.moments import spread_dtype, spread_push, spread_squares
from lockstep.engine.features.returns import log_change, previous_dtype, swap_previous
from lockstep.engine.features.windows import begin, floats, larger, sum_dtype, sum_push
from lockstep.engine.mathx import LN2, NAN, finite, log


@kernel
def root_mean(state: Any, square: float, scale: float) -> float:
    """Absorb a bar's variance and return the root of its scaled mean, of 0 where the mean is negative."""
    if not finite(square):
        return NAN
    total = sum_push(state, square)
    return math.sqrt(larger(0.0, total * scale / state.window)) if state.warm else NAN


@kernel
def parkinson_update(state: Any, high: float, low: float) -> float:
    """Absorb a bar and return Parkinson's volatility per bar."""
    size = log_change(high, low)
    return root_mean(state, size * size, 0.25 / LN2)


@kernel
def garman_klass_update(state: Any, open_: float, high: float, low: float, close: float) -> float:
    """Absorb a bar and return Garman and Klass's volatility per bar."""
    size, move = log_change(high, low), log_change(close, open_)
    return root_mean(state, 0.5 * size * size - (2.0 * LN2 - 1.0) * move * move, 1.0)


@kernel
def drift_free_variance(open_: float, high: float, low: float, close: float) -> float:
    """Return Rogers and Satchell's variance of one bar."""
    up, down = log_change(high, open_), log_change(low, open_)
    move = log_change(close, open_)
    return up * (up - move) + down * (down - move)


@kernel
def rogers_satchell_update(state: Any, open_: float, high: float, low: float, close: float) -> float:
    """Absorb a bar and return Rogers and Satchell's volatility per bar."""
    return root_mean(state, drift_free_variance(open_, high, low, close), 1.0)


def yang_zhang_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of Yang and Zhang's volatility."""
    spreads = [(name, spread_dtype(capacity)) for name in ("overnight", "inside")]
    return np.dtype([("past", previous_dtype(1)), *spreads, ("drift_free", sum_dtype(capacity)), *floats("share")])


@kernel
def yang_zhang_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.overnight, window)
    begin(state.inside, window)
    begin(state.drift_free, window)
    state.share = 0.34 / (1.34 + (window + 1.0) / (window - 1.0))


@kernel
def yang_zhang_update(state: Any, open_: float, high: float, low: float, close: float) -> float:
    """Absorb a bar and return Yang and Zhang's volatility per bar."""
    variance = drift_free_variance(open_, high, low, close)
    if not finite(variance):
        return NAN
    overnight = log_change(open_, swap_previous(state.past, close))
    if not finite(overnight):
        return NAN
    spread_push(state.overnight, overnight)
    spread_push(state.inside, log(close / open_))
    total = sum_push(state.drift_free, variance)
    if not state.drift_free.warm:
        return NAN
    k, n = state.share, state.overnight.window
    outside, inside = spread_squares(state.overnight) / (n - 1.0), spread_squares(state.inside) / (n - 1.0)
    return math.sqrt(larger(0.0, outside + k * inside + (1.0 - k) * total / n))


BAR = ("open", "high", "low", "close")
SUM: dict[str, Any] = {"dtype": sum_dtype, "start": begin, "unit": "log, per bar"}

FEATURES = (
    Feature(
        name="parkinson",
        inputs=("high", "low"),
        params={"window": window(20)},
        warmup=lambda window: window,
        update=parkinson_update,
        formula="√(Σ log(high / low)² / (4 window log 2))",
        source="Parkinson (1980), J. Business 53",
        **SUM,
    ),
    Feature(
        name="garman_klass",
        inputs=BAR,
        params={"window": window(20)},
        warmup=lambda window: window,
        update=garman_klass_update,
        formula="√(Σ (½ log(high / low)² - (2 log 2 - 1) log(close / open)²) / window)",
        source="Garman & Klass (1980), J. Business 53",
        **SUM,
    ),
    Feature(
        name="rogers_satchell",
        inputs=BAR,
        params={"window": window(20)},
        warmup=lambda window: window,
        update=rogers_satchell_update,
        formula="√(Σ (u (u - c) + d (d - c)) / window), u, d, c: log of high, low, close over open",
        source="Rogers & Satchell (1991), Annals of Applied Probability 1",
        **SUM,
    ),
    Feature(
        name="yang_zhang",
        inputs=BAR,
        params={"window": window(20, low=2)},
        warmup=lambda window: window + 1,
        dtype=yang_zhang_dtype,
        start=yang_zhang_start,
        update=yang_zhang_update,
        formula="√(o + k c + (1 - k) rogers_satchell²), o and c: sample variance of log(open / close[-1]) and of "
        "log(close / open), k = 0.34 / (1.34 + (window + 1) / (window - 1))",
        source="Yang & Zhang (2000), J. Business 73",
        unit="log, per bar",
    ),
)
