"""True range and what Wilder made of it: directional movement, and the vortex.

Every update reads the bar it is given and earlier ones only. An input that is not finite gives NaN and changes nothing.
The first bar has no true range, for there is no close before it.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.averages import wilder_dtype, wilder_push, wilder_start
from lockstep.engine.features.feature import NO_PARAMETERS, Feature, window
from lockstep.engine.features.momentum import gain
from lockstep.engine.features.returns import previous_dtype, previous_start, swap_previous
from lockstep.engine.features.windows import begin, floats, ints, larger, smaller, sum_dtype, sum_push
from lockstep.engine.mathx import NAN, finite


@kernel
def true_range(high: float, low: float, previous_close: float) -> float:
    """Return the range of a bar, stretched to the close before it."""
    return larger(high, previous_close) - smaller(low, previous_close)


@kernel
def range_push(state: Any, high: float, low: float, close: float) -> float:
    """Return the true range of a bar and remember its close; NaN for the first bar and for one that is not finite."""
    if not (finite(high) and finite(low) and finite(close)):
        return NAN
    past = swap_previous(state, close)
    return true_range(high, low, past) if finite(past) else NAN


@kernel
def true_range_update(state: Any, high: float, low: float, close: float) -> float:
    """Absorb a bar and return its true range."""
    return range_push(state, high, low, close)


def atr_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of the average true range; it has no ring."""
    return np.dtype([("past", previous_dtype(1)), ("average", wilder_dtype())])


@kernel
def atr_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    wilder_start(state.average, window)


@kernel
def atr_update(state: Any, high: float, low: float, close: float) -> float:
    """Absorb a bar and return the average true range."""
    size = range_push(state.past, high, low, close)
    return wilder_push(state.average, size) if finite(size) else NAN


def adx_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of directional movement; it has no ring."""
    averages = [(name, wilder_dtype()) for name in ("range", "plus", "minus", "index")]
    return np.dtype([*averages, *floats("high", "low", "close"), *ints("warm")])


@kernel
def adx_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    wilder_start(state.range, window)
    wilder_start(state.plus, window)
    wilder_start(state.minus, window)
    wilder_start(state.index, window)


@kernel
def _directions(state: Any, high: float, low: float) -> tuple[float, float, float]:
    """Return the smoothed true range and movements up and down."""
    up, down = high - state.high, state.low - low
    size = wilder_push(state.range, true_range(high, low, state.close))
    plus = wilder_push(state.plus, gain(up) if up > down else 0.0)
    minus = wilder_push(state.minus, gain(down) if down > up else 0.0)
    return size, plus, minus


@kernel
def _remember(state: Any, high: float, low: float, close: float) -> None:
    state.high = high
    state.low = low
    state.close = close
    state.warm = 1


@kernel
def adx_update(state: Any, high: float, low: float, close: float) -> tuple[float, float, float]:
    """Absorb a bar and return the average directional index, +DI and -DI."""
    if not (finite(high) and finite(low) and finite(close)):
        return NAN, NAN, NAN
    size, plus, minus = NAN, NAN, NAN
    if state.warm:
        size, plus, minus = _directions(state, high, low)
    _remember(state, high, low, close)
    if not finite(size):
        return NAN, NAN, NAN
    scale = 100.0 / size if size > 0.0 else 0.0
    total = plus + minus
    index = wilder_push(state.index, 100.0 * abs(plus - minus) / total if total > 0.0 else 0.0)
    return (index, plus * scale, minus * scale) if finite(index) else (NAN, NAN, NAN)


def vortex_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the vortex."""
    sums = [(name, sum_dtype(capacity)) for name in ("range", "plus", "minus")]
    return np.dtype([*sums, *floats("high", "low", "close"), *ints("warm")])


@kernel
def vortex_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.range, window)
    begin(state.plus, window)
    begin(state.minus, window)


@kernel
def vortex_update(state: Any, high: float, low: float, close: float) -> tuple[float, float]:
    """Absorb a bar and return the vortex up and down."""
    if not (finite(high) and finite(low) and finite(close)):
        return NAN, NAN
    size, plus, minus = 0.0, 0.0, 0.0
    if state.warm:
        size = sum_push(state.range, true_range(high, low, state.close))
        plus, minus = sum_push(state.plus, abs(high - state.low)), sum_push(state.minus, abs(low - state.high))
    _remember(state, high, low, close)
    return (plus / size, minus / size) if state.range.warm and size > 0.0 else (NAN, NAN)


BAR = ("high", "low", "close")

FEATURES = (
    Feature(
        name="true_range",
        inputs=BAR,
        params=NO_PARAMETERS,
        warmup=lambda: 2,
        dtype=previous_dtype,
        start=previous_start,
        update=true_range_update,
        formula="max(high, close[-1]) - min(low, close[-1])",
        source="Wilder (1978)",
        unit="price",
    ),
    Feature(
        name="atr",
        inputs=BAR,
        params={"window": window(14)},
        warmup=lambda window: window + 1,
        dtype=atr_dtype,
        start=atr_start,
        update=atr_update,
        formula="wilder of the true range",
        source="Wilder (1978)",
        unit="price",
    ),
    Feature(
        name="adx",
        inputs=BAR,
        params={"window": window(14)},
        outputs=("adx", "plus_di", "minus_di"),
        warmup=lambda window: 2 * window,
        dtype=adx_dtype,
        start=adx_start,
        update=adx_update,
        formula="±DI = 100 wilder(±DM) / wilder(true range), adx = wilder of 100 |+DI - -DI| / (+DI + -DI); "
        "+DM: rise of the high where above 0 and the fall of the low, else 0; -DM the other way round",
        source="Wilder (1978)",
        unit="0 to 100",
    ),
    Feature(
        name="vortex",
        inputs=BAR,
        params={"window": window(14)},
        outputs=("plus", "minus"),
        warmup=lambda window: window + 1,
        dtype=vortex_dtype,
        start=vortex_start,
        update=vortex_update,
        formula="plus = Σ |high - low[-1]| / Σ true range, minus = Σ |low - high[-1]| / Σ true range, over window",
        source="Botes & Siepman (2010), Technical Analysis of Stocks & Commodities 28:1",
        unit="none",
    ),
)
