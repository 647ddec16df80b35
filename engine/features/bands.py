"""Bands and channels about the price.

Every update reads the bar it is given and earlier ones only. An input that is not finite gives NaN and changes nothing.
Several outputs are NaN together until the last of them is warm.
"""

import math
from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.averages import ema_dtype, ema_push, ema_start
from lockstep.engine.features.directional import atr_dtype, atr_start, atr_update
from lockstep.engine.features.feature import Feature, Range, window
from lockstep.engine.features.moments import spread_distance, spread_dtype, spread_mean, spread_push, spread_squares
from lockstep.engine.features.momentum import channel_dtype, channel_start
from lockstep.engine.features.windows import begin, floats, highest_push, lowest_push
from lockstep.engine.mathx import NAN, finite

WIDTH = Range(2.0, 0.1, 20.0)


def bollinger_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of Bollinger's bands."""
    return np.dtype([("spread", spread_dtype(capacity)), *floats("width")])


@kernel
def bollinger_start(state: Any, window: int, width: float) -> None:
    """Set the window and the width in standard deviations of a zeroed state."""
    begin(state.spread, window)
    state.width = width


@kernel
def bollinger_update(state: Any, close: float) -> tuple[float, float, float, float, float]:
    """Absorb a close and return middle, upper and lower band, %b and bandwidth."""
    if not finite(close):
        return NAN, NAN, NAN, NAN, NAN
    spread_push(state.spread, close)
    if not state.spread.warm:
        return NAN, NAN, NAN, NAN, NAN
    middle = spread_mean(state.spread)
    half = state.width * math.sqrt(spread_squares(state.spread) / state.spread.window)
    place = 0.5 + 0.5 * spread_distance(state.spread, close) / half if half > 0.0 else 0.5
    return middle, middle + half, middle - half, place, 2.0 * half / middle if middle != 0.0 else NAN


def keltner_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of Keltner's channel; it has no ring."""
    return np.dtype([("middle", ema_dtype()), ("range", atr_dtype()), *floats("width")])


@kernel
def keltner_start(state: Any, window: int, range_window: int, width: float) -> None:
    """Set the windows and the width in average true ranges of a zeroed state."""
    ema_start(state.middle, window)
    atr_start(state.range, range_window)
    state.width = width


@kernel
def keltner_update(state: Any, high: float, low: float, close: float) -> tuple[float, float, float]:
    """Absorb a bar and return the middle, upper and lower line of Keltner's channel."""
    if not (finite(high) and finite(low) and finite(close)):
        return NAN, NAN, NAN
    middle = ema_push(state.middle, close)
    half = state.width * atr_update(state.range, high, low, close)
    if state.middle.count < state.middle.window or not finite(half):
        return NAN, NAN, NAN
    return middle, middle + half, middle - half


@kernel
def donchian_update(state: Any, high: float, low: float) -> tuple[float, float, float]:
    """Absorb a bar and return the middle, upper and lower line of Donchian's channel."""
    if not (finite(high) and finite(low)):
        return NAN, NAN, NAN
    upper, lower = highest_push(state.high, high), lowest_push(state.low, low)
    return (0.5 * (upper + lower), upper, lower) if state.high.warm else (NAN, NAN, NAN)


FEATURES = (
    Feature(
        name="bollinger",
        inputs=("close",),
        params={"window": window(20, low=2), "width": WIDTH},
        outputs=("middle", "upper", "lower", "percent_b", "bandwidth"),
        warmup=lambda window, width: window,
        dtype=bollinger_dtype,
        start=bollinger_start,
        update=bollinger_update,
        formula="middle = mean, upper and lower = middle ± width σ (σ² divided by window), "
        "percent_b = (close - lower) / (upper - lower), 0.5 where σ = 0, bandwidth = (upper - lower) / middle",
        source="Bollinger (2001), Bollinger on Bollinger Bands",
        unit="price; percent_b and bandwidth none",
    ),
    Feature(
        name="keltner",
        inputs=("high", "low", "close"),
        params={"window": window(20), "range_window": window(10), "width": WIDTH},
        outputs=("middle", "upper", "lower"),
        warmup=lambda window, range_window, width: max(window, range_window + 1),
        dtype=keltner_dtype,
        start=keltner_start,
        update=keltner_update,
        formula="middle = ema(close, window), upper and lower = middle ± width atr(range_window)",
        source="Keltner (1960), in the form of Raschke",
        unit="price",
    ),
    Feature(
        name="donchian",
        inputs=("high", "low"),
        params={"window": window(20)},
        outputs=("middle", "upper", "lower"),
        warmup=lambda window: window,
        dtype=channel_dtype,
        start=channel_start,
        update=donchian_update,
        formula="upper = highest high, lower = lowest low of window, middle = (upper + lower) / 2",
        source="Donchian (1957), Commodity Year Book",
        unit="price",
    ),
)
