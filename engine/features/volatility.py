"""Volatility from closes.

Every update reads the bar it is given and earlier ones only. An input that is not finite gives NaN and changes nothing;
a price that is not positive has no logarithmic return, which gives NaN until two positive ones follow one another.
"""

import math
from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.feature import Feature, Range, window
from lockstep.engine.features.moments import spread_dtype, spread_push, spread_squares
from lockstep.engine.features.returns import change, log_change, previous_dtype, swap_previous
from lockstep.engine.features.windows import begin, floats, ints, sum_dtype, sum_push
from lockstep.engine.mathx import NAN, finite


@kernel
def sample_std(state: Any) -> float:
    """Return the sample standard deviation of a spread's full window; NaN until it is full."""
    return math.sqrt(spread_squares(state) / (state.window - 1.0)) if state.warm else NAN


@kernel
def rolling_std_update(state: Any, close: float) -> float:
    """Absorb a close and return the sample standard deviation of the last `window`."""
    if not finite(close):
        return NAN
    spread_push(state, close)
    return sample_std(state)


@kernel
def log_return_push(past: Any, close: float) -> float:
    """Remember a close and return its logarithmic return, NaN where it has none; skip one that is not finite."""
    return log_change(close, swap_previous(past, close)) if finite(close) else NAN


def ewma_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of an exponentially weighted variance; it has no ring."""
    return np.dtype([("past", previous_dtype(1)), *floats("variance", "decay"), *ints("window", "count")])


@kernel
def ewma_start(state: Any, window: int, decay: float) -> None:
    """Set the least number of returns and the decay of a zeroed state."""
    state.window = window
    state.decay = decay


@kernel
def ewma_volatility_update(state: Any, close: float) -> float:
    """Absorb a close and return the exponentially weighted volatility per bar, about a mean of 0."""
    r = log_return_push(state.past, close)
    if not finite(r):
        return NAN
    square = r * r
    state.variance = square + state.decay * (state.variance - square) if state.count else square
    state.count += 1
    return math.sqrt(state.variance) if state.count >= state.window else NAN


def realised_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding sum of squared returns."""
    return np.dtype([("past", previous_dtype(1)), ("squares", sum_dtype(capacity))])


@kernel
def realised_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.squares, window)


@kernel
def realised_volatility_update(state: Any, close: float) -> float:
    """Absorb a close and return the root of the sum of squared logarithmic returns."""
    r = log_return_push(state.past, close)
    if not finite(r):
        return NAN
    total = sum_push(state.squares, r * r)
    return math.sqrt(total) if state.squares.warm else NAN


@kernel
def downside_deviation_update(state: Any, close: float) -> float:
    """Absorb a close and return the root mean square of the negative simple returns, the others counting as 0."""
    if not finite(close):
        return NAN
    r = change(close, swap_previous(state.past, close))
    if not finite(r):
        return NAN
    total = sum_push(state.squares, r * r if r < 0.0 else 0.0)
    return math.sqrt(total / state.squares.window) if state.squares.warm else NAN


def historical_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the standard deviation of logarithmic returns."""
    return np.dtype([("past", previous_dtype(1)), ("spread", spread_dtype(capacity)), *floats("scale")])


@kernel
def historical_start(state: Any, window: int, periods: float) -> None:
    """Set the window and the number of bars in a year of a zeroed state."""
    begin(state.spread, window)
    state.scale = math.sqrt(periods)


@kernel
def historical_volatility_update(state: Any, close: float) -> float:
    """Absorb a close and return the annual volatility of logarithmic returns."""
    r = log_return_push(state.past, close)
    if not finite(r):
        return NAN
    spread_push(state.spread, r)
    return sample_std(state.spread) * state.scale


def nested_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the volatility of volatility."""
    return np.dtype([("past", previous_dtype(1)), ("inner", spread_dtype(capacity)), ("outer", spread_dtype(capacity))])


@kernel
def nested_start(state: Any, window: int, outer: int) -> None:
    """Set the two windows of a zeroed state."""
    begin(state.inner, window)
    begin(state.outer, outer)


@kernel
def volatility_of_volatility_update(state: Any, close: float) -> float:
    """Absorb a close and return the standard deviation of the volatility of logarithmic returns."""
    r = log_return_push(state.past, close)
    if not finite(r):
        return NAN
    spread_push(state.inner, r)
    if not state.inner.warm:
        return NAN
    spread_push(state.outer, sample_std(state.inner))
    return sample_std(state.outer)


REALISED: dict[str, Any] = {"dtype": realised_dtype, "start": realised_start}

FEATURES = (
    Feature(
        name="rolling_std",
        inputs=("close",),
        params={"window": window(20, low=2)},
        warmup=lambda window: window,
        dtype=spread_dtype,
        start=begin,
        update=rolling_std_update,
        formula="√(Σ (close - mean)² / (window - 1))",
        source="definition",
        unit="price",
    ),
    Feature(
        name="ewma_volatility",
        inputs=("close",),
        params={"window": window(20), "decay": Range(0.94, 0.5, 0.9999)},
        warmup=lambda window, decay: window + 1,
        dtype=ewma_dtype,
        start=ewma_start,
        update=ewma_volatility_update,
        formula="√v, v = decay v + (1 - decay) log_return², begun at the first; window: returns before the first value",
        source="RiskMetrics Technical Document (1996), 5.2",
        unit="log, per bar",
    ),
    Feature(
        name="realised_volatility",
        inputs=("close",),
        params={"window": window(20)},
        warmup=lambda window: window + 1,
        update=realised_volatility_update,
        formula="√Σ log_return² over window",
        source="Andersen & Bollerslev (1998), International Economic Review 39",
        unit="log, per window",
        **REALISED,
    ),
    Feature(
        name="downside_deviation",
        inputs=("close",),
        params={"window": window(20)},
        warmup=lambda window: window + 1,
        update=downside_deviation_update,
        formula="√(Σ min(simple_return, 0)² / window)",
        source="Sortino & van der Meer (1991), J. Portfolio Management 17",
        unit="fraction, per bar",
        **REALISED,
    ),
    Feature(
        name="historical_volatility",
        inputs=("close",),
        params={"window": window(20, low=2), "periods": Range(252.0, 1.0, 1e7)},
        warmup=lambda window, periods: window + 1,
        dtype=historical_dtype,
        start=historical_start,
        update=historical_volatility_update,
        formula="sample standard deviation of log_return × √periods; periods: bars in a year",
        source="Hull, Options, Futures, and Other Derivatives, 15.4",
        unit="log, per year",
    ),
    Feature(
        name="volatility_of_volatility",
        inputs=("close",),
        params={"window": window(20, low=2), "outer": window(20, low=2)},
        warmup=lambda window, outer: window + outer,
        dtype=nested_dtype,
        start=nested_start,
        update=volatility_of_volatility_update,
        formula="sample standard deviation over outer of the sample standard deviation of log_return over window",
        source="definition",
        unit="log, per bar",
    ),
)
