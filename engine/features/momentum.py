"""Momentum and oscillators.

Every update reads the bar it is given and earlier ones only. An input that is not finite gives NaN and changes nothing.
Several outputs are NaN together until the last of them is warm.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.averages import (
    ema_dtype,
    ema_push,
    ema_start,
    sma_dtype,
    sma_push,
    sma_start,
    wilder_dtype,
    wilder_push,
    wilder_start,
)
from lockstep.engine.features.feature import Feature, window
from lockstep.engine.features.moments import spread_distance, spread_dtype, spread_mean, spread_push
from lockstep.engine.features.returns import previous_dtype, swap_previous
from lockstep.engine.features.windows import (
    begin,
    extreme_dtype,
    highest_push,
    lag_dtype,
    lag_push,
    lowest_push,
    peak_dtype,
    peak_push,
    sum_dtype,
    sum_push,
)
from lockstep.engine.mathx import NAN, finite


@kernel
def momentum_update(state: Any, close: float) -> float:
    """Absorb a close and return its distance from the one `window` bars ago."""
    return close - lag_push(state, close) if finite(close) else NAN


@kernel
def roc_update(state: Any, close: float) -> float:
    """Absorb a close and return its rate of change over `window` bars in percent."""
    if not finite(close):
        return NAN
    old = lag_push(state, close)
    return 100.0 * (close / old - 1.0) if finite(old) and old != 0.0 else NAN


def gains_dtype(capacity: int, average: Any) -> np.dtype[Any]:
    """Return the record of averaged gains and losses."""
    return np.dtype([("gains", average(capacity)), ("losses", average(capacity)), ("past", previous_dtype(1))])


@kernel
def gain(move: float) -> float:
    """Return a move where it is up, else 0."""
    return move if move > 0.0 else 0.0


def rsi_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of the relative strength index; it has no ring."""
    return gains_dtype(capacity, wilder_dtype)


@kernel
def rsi_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    wilder_start(state.gains, window)
    wilder_start(state.losses, window)


@kernel
def rsi_update(state: Any, close: float) -> float:
    """Absorb a close and return the relative strength index, 50 where nothing moved."""
    if not finite(close):
        return NAN
    move = close - swap_previous(state.past, close)
    if not finite(move):
        return NAN
    up, down = wilder_push(state.gains, gain(move)), wilder_push(state.losses, gain(-move))
    total = up + down
    if total == 0.0:
        return 50.0
    return 100.0 * up / total


def cmo_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of Chande's momentum oscillator."""
    return gains_dtype(capacity, sum_dtype)


@kernel
def cmo_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.gains, window)
    begin(state.losses, window)


@kernel
def cmo_update(state: Any, close: float) -> float:
    """Absorb a close and return Chande's momentum oscillator, 0 where nothing moved."""
    if not finite(close):
        return NAN
    move = close - swap_previous(state.past, close)
    if not finite(move):
        return NAN
    up, down = sum_push(state.gains, gain(move)), sum_push(state.losses, gain(-move))
    if not state.gains.warm:
        return NAN
    return 100.0 * (up - down) / (up + down) if up + down > 0.0 else 0.0


def macd_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of the convergence and divergence of averages; it has no ring."""
    return np.dtype([("fast", ema_dtype()), ("slow", ema_dtype()), ("signal", ema_dtype())])


@kernel
def macd_start(state: Any, fast: int, slow: int, signal: int) -> None:
    """Set the three windows of a zeroed state."""
    ema_start(state.fast, fast)
    ema_start(state.slow, slow)
    ema_start(state.signal, signal)


@kernel
def macd_update(state: Any, close: float) -> tuple[float, float, float]:
    """Absorb a close and return line, signal and histogram; the signal begins at the line's first warm value."""
    if not finite(close):
        return NAN, NAN, NAN
    line = ema_push(state.fast, close) - ema_push(state.slow, close)
    if state.slow.count < state.slow.window or state.fast.count < state.fast.window:
        return NAN, NAN, NAN
    signal = ema_push(state.signal, line)
    if state.signal.count < state.signal.window:
        return NAN, NAN, NAN
    return line, signal, line - signal


def ppo_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of two exponential averages; it has no ring."""
    return np.dtype([("fast", ema_dtype()), ("slow", ema_dtype())])


@kernel
def ppo_start(state: Any, fast: int, slow: int) -> None:
    """Set the two windows of a zeroed state."""
    ema_start(state.fast, fast)
    ema_start(state.slow, slow)


@kernel
def ppo_update(state: Any, close: float) -> float:
    """Absorb a close and return the percentage price oscillator."""
    if not finite(close):
        return NAN
    fast, slow = ema_push(state.fast, close), ema_push(state.slow, close)
    if state.slow.count < state.slow.window or state.fast.count < state.fast.window or slow == 0.0:
        return NAN
    return 100.0 * (fast - slow) / slow


def channel_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the highest high and the lowest low."""
    return np.dtype([("high", extreme_dtype(capacity)), ("low", extreme_dtype(capacity))])


@kernel
def channel_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.high, window)
    begin(state.low, window)


@kernel
def channel_place(state: Any, high: float, low: float, close: float) -> float:
    """Return where the close lies from lowest low (0) to highest high (1), 0.5 in a flat channel; NaN until full."""
    top, bottom = highest_push(state.high, high), lowest_push(state.low, low)
    if not state.high.warm:
        return NAN
    return (close - bottom) / (top - bottom) if top > bottom else 0.5


def stochastic_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the stochastic oscillator."""
    return np.dtype([("channel", channel_dtype(capacity)), ("k", sma_dtype(capacity)), ("d", sma_dtype(capacity))])


@kernel
def stochastic_start(state: Any, window: int, smooth: int, signal: int) -> None:
    """Set the three windows of a zeroed state."""
    channel_start(state.channel, window)
    sma_start(state.k, smooth)
    sma_start(state.d, signal)


@kernel
def stochastic_update(state: Any, high: float, low: float, close: float) -> tuple[float, float]:
    """Absorb a bar and return slow %K and %D."""
    if not (finite(high) and finite(low) and finite(close)):
        return NAN, NAN
    raw = channel_place(state.channel, high, low, close)
    if not finite(raw):
        return NAN, NAN
    k = sma_push(state.k, 100.0 * raw)
    if not finite(k):
        return NAN, NAN
    d = sma_push(state.d, k)
    return (k, d) if finite(d) else (NAN, NAN)


@kernel
def williams_r_update(state: Any, high: float, low: float, close: float) -> float:
    """Absorb a bar and return Williams %R."""
    if not (finite(high) and finite(low) and finite(close)):
        return NAN
    return 100.0 * channel_place(state, high, low, close) - 100.0


def cci_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the commodity channel index."""
    return np.dtype([("spread", spread_dtype(capacity)), ("past", lag_dtype(capacity))])


@kernel
def cci_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.spread, window)
    begin(state.past, window)


@kernel
def cci_update(state: Any, high: float, low: float, close: float) -> float:
    """Absorb a bar and return the commodity channel index, 0 where nothing moved; a walk over the window each time."""
    typical = (high + low + close) / 3.0
    if not finite(typical):
        return NAN
    lag_push(state.past, typical)
    spread_push(state.spread, typical)
    if not state.spread.warm:
        return NAN
    mean, deviation = spread_mean(state.spread), 0.0
    for k in range(state.past.window):
        deviation += abs(state.past.ring[k] - mean)
    return spread_distance(state.spread, typical) * state.past.window / (0.015 * deviation) if deviation > 0.0 else 0.0


def trix_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of a triple average and its last value; it has no ring."""
    averages = [("first", ema_dtype()), ("second", ema_dtype()), ("third", ema_dtype())]
    return np.dtype([*averages, ("past", previous_dtype(1))])


@kernel
def trix_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    ema_start(state.first, window)
    ema_start(state.second, window)
    ema_start(state.third, window)


@kernel
def trix_update(state: Any, close: float) -> float:
    """Absorb a close and return the rate of change of its triple exponential average in percent."""
    if not finite(close):
        return NAN
    third = ema_push(state.third, ema_push(state.second, ema_push(state.first, close)))
    old = swap_previous(state.past, third)
    if state.first.count < 3 * state.first.window - 1 or not finite(old) or old == 0.0:
        return NAN
    return 100.0 * (third / old - 1.0)


def aroon_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the ages of the highest high and the lowest low."""
    return np.dtype([("high", peak_dtype(capacity)), ("low", peak_dtype(capacity))])


@kernel
def aroon_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.high, window + 1)
    begin(state.low, window + 1)


@kernel
def aroon_update(state: Any, high: float, low: float) -> tuple[float, float, float]:
    """Absorb a bar and return Aroon up, down and their difference."""
    if not (finite(high) and finite(low)):
        return NAN, NAN, NAN
    since_high, since_low = peak_push(state.high, high), peak_push(state.low, -low)
    if not state.high.warm:
        return NAN, NAN, NAN
    window = state.high.window - 1.0
    up, down = 100.0 * (window - since_high) / window, 100.0 * (window - since_low) / window
    return up, down, up - down


LAG: dict[str, Any] = {"dtype": lag_dtype, "start": begin}

FEATURES = (
    Feature(
        name="momentum",
        inputs=("close",),
        params={"window": window(10)},
        warmup=lambda window: window + 1,
        update=momentum_update,
        formula="close - close[-window]",
        source="TA-Lib, MOM",
        unit="price",
        **LAG,
    ),
    Feature(
        name="roc",
        inputs=("close",),
        params={"window": window(10)},
        warmup=lambda window: window + 1,
        update=roc_update,
        formula="100 (close / close[-window] - 1)",
        source="TA-Lib, ROC",
        unit="percent",
        **LAG,
    ),
    Feature(
        name="rsi",
        inputs=("close",),
        params={"window": window(14)},
        warmup=lambda window: window + 1,
        dtype=rsi_dtype,
        start=rsi_start,
        update=rsi_update,
        formula="100 u / (u + d), u and d: wilder of up and of down moves of the close; 50 where nothing moved",
        source="Wilder (1978)",
        unit="0 to 100",
    ),
    Feature(
        name="cmo",
        inputs=("close",),
        params={"window": window(14)},
        warmup=lambda window: window + 1,
        dtype=cmo_dtype,
        start=cmo_start,
        update=cmo_update,
        formula="100 (u - d) / (u + d), u and d: sums of up and of down moves over window; 0 where nothing moved",
        source="Chande & Kroll (1994), The New Technical Trader",
        unit="-100 to 100",
    ),
    Feature(
        name="macd",
        inputs=("close",),
        params={"fast": window(12), "slow": window(26), "signal": window(9)},
        outputs=("line", "signal", "histogram"),
        warmup=lambda fast, slow, signal: max(fast, slow) + signal - 1,
        dtype=macd_dtype,
        start=macd_start,
        update=macd_update,
        formula="line = ema(close, fast) - ema(close, slow), signal = ema(line), histogram = line - signal",
        source="Appel (2005), Technical Analysis",
        unit="price",
    ),
    Feature(
        name="ppo",
        inputs=("close",),
        params={"fast": window(12), "slow": window(26)},
        warmup=lambda fast, slow: max(slow, fast),
        dtype=ppo_dtype,
        start=ppo_start,
        update=ppo_update,
        formula="100 (ema(close, fast) / ema(close, slow) - 1)",
        source="Appel (2005), Technical Analysis",
        unit="percent",
    ),
    Feature(
        name="stochastic",
        inputs=("high", "low", "close"),
        params={"window": window(14), "smooth": window(3), "signal": window(3)},
        outputs=("k", "d"),
        warmup=lambda window, smooth, signal: window + smooth + signal - 2,
        dtype=stochastic_dtype,
        start=stochastic_start,
        update=stochastic_update,
        formula="k = sma of 100 (close - L) / (H - L) over smooth, d = sma(k, signal), "
        "H and L: highest high and lowest low of window; 50 where H = L",
        source="Lane (1984), Technical Analysis of Stocks & Commodities 2:3",
        unit="0 to 100",
    ),
    Feature(
        name="williams_r",
        inputs=("high", "low", "close"),
        params={"window": window(14)},
        warmup=lambda window: window,
        dtype=channel_dtype,
        start=channel_start,
        update=williams_r_update,
        formula="-100 (H - close) / (H - L), H and L: highest high and lowest low of window; -50 where H = L",
        source="Williams (1973), How I Made One Million Dollars",
        unit="-100 to 0",
    ),
    Feature(
        name="cci",
        inputs=("high", "low", "close"),
        params={"window": window(20)},
        warmup=lambda window: window,
        dtype=cci_dtype,
        start=cci_start,
        update=cci_update,
        formula="(p - sma(p)) / (0.015 mean |p - sma(p)|), p = (high + low + close) / 3; 0 where nothing moved",
        source="Lambert (1980), Commodities 9:10",
        unit="none",
    ),
    Feature(
        name="trix",
        inputs=("close",),
        params={"window": window(15)},
        warmup=lambda window: 3 * window - 1,
        dtype=trix_dtype,
        start=trix_start,
        update=trix_update,
        formula="100 (e / e[-1] - 1), e = ema of ema of ema of close",
        source="Hutson (1983), Technical Analysis of Stocks & Commodities 1:5",
        unit="percent",
    ),
    Feature(
        name="aroon",
        inputs=("high", "low"),
        params={"window": window(25)},
        outputs=("up", "down", "oscillator"),
        warmup=lambda window: window + 1,
        places=lambda window: window + 1,
        dtype=aroon_dtype,
        start=aroon_start,
        update=aroon_update,
        formula="up = 100 (1 - a / window), a: bars since the highest high of window + 1 bars, the latest of equals; "
        "down likewise with the lowest low; oscillator = up - down",
        source="Chande (1995), Technical Analysis of Stocks & Commodities 13:9",
        unit="0 to 100",
    ),
)
