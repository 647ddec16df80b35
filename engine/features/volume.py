"""Volume and liquidity.

Every update reads the bar it is given and earlier ones only. An input that is not finite gives NaN and changes nothing.
Running totals from the first bar on are compensated (Neumaier 1974): their error stays at one rounding of the total.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.averages import (
    ema_dtype,
    ema_push,
    ema_start,
    ratio_dtype,
    ratio_push,
    ratio_start,
    sma_dtype,
    sma_push,
    sma_start,
)
from lockstep.engine.features.feature import NO_PARAMETERS, Feature, window
from lockstep.engine.features.moments import spread_dtype, spread_push, zscore_of
from lockstep.engine.features.returns import change, previous_dtype, swap_previous
from lockstep.engine.features.windows import begin, floats
from lockstep.engine.mathx import NAN, finite

ROUNDING = 1e-14
"""Two means of three prices closer than this are the same mean, rounded on different ways."""


def total_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of a running total; it has no ring."""
    return np.dtype([("past", previous_dtype(1)), *floats("total", "lost")])


@kernel
def total_start(state: Any) -> None:
    """Begin at 0."""
    state.total = 0.0


@kernel
def total_push(state: Any, x: float) -> float:
    """Add x, keeping what rounding loses, and return the total."""
    total = state.total + x
    if abs(state.total) >= abs(x):
        state.lost += (state.total - total) + x
    else:
        state.lost += (x - total) + state.total
    state.total = total
    return total + state.lost


@kernel
def obv_update(state: Any, close: float, volume: float) -> float:
    """Absorb a bar and return the on-balance volume, 0 at the first bar."""
    if not (finite(close) and finite(volume)):
        return NAN
    move = close - swap_previous(state.past, close)
    signed = volume if move > 0.0 else (-volume if move < 0.0 else 0.0)
    return total_push(state, signed)


@kernel
def price_volume_trend_update(state: Any, close: float, volume: float) -> float:
    """Absorb a bar and return the price-volume trend, 0 at the first bar."""
    if not (finite(close) and finite(volume)):
        return NAN
    move = change(close, swap_previous(state.past, close))
    return total_push(state, volume * move if finite(move) else 0.0)


@kernel
def signed_volume(high: float, low: float, close: float, volume: float) -> float:
    """Return volume times where the close lies in its bar, from -1 at the low to 1 at the high; 0 where high = low."""
    return ((close - low) - (high - close)) / (high - low) * volume if high > low else 0.0 * volume


@kernel
def accumulation_distribution_update(state: Any, high: float, low: float, close: float, volume: float) -> float:
    """Absorb a bar and return the accumulation/distribution line."""
    if not (finite(high) and finite(low) and finite(close) and finite(volume)):
        return NAN
    return total_push(state, signed_volume(high, low, close, volume))


@kernel
def cmf_update(state: Any, high: float, low: float, close: float, volume: float) -> float:
    """Absorb a bar and return Chaikin's money flow."""
    if not (finite(high) and finite(low) and finite(close) and finite(volume)):
        return NAN
    return ratio_push(state, signed_volume(high, low, close, volume), volume)


def mfi_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the money flow index."""
    return np.dtype([("flow", ratio_dtype(capacity)), ("past", previous_dtype(1))])


@kernel
def mfi_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    ratio_start(state.flow, window)


@kernel
def mfi_update(state: Any, high: float, low: float, close: float, volume: float) -> float:
    """Absorb a bar and return the money flow index, 50 where no money flowed."""
    typical = (high + low + close) / 3.0
    if not (finite(typical) and finite(volume)):
        return NAN
    move = typical - swap_previous(state.past, typical)
    if not finite(move):
        return NAN
    flow = typical * volume if abs(move) > ROUNDING * abs(typical) else 0.0
    share = ratio_push(state.flow, flow if move > 0.0 else 0.0, flow)
    if not state.flow.below.warm:
        return NAN
    return 100.0 * share if finite(share) else 50.0


def volume_ratio_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the relative volume."""
    return np.dtype([("average", sma_dtype(capacity)), *floats("last")])


@kernel
def volume_ratio_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    sma_start(state.average, window)
    state.last = NAN


@kernel
def volume_ratio_update(state: Any, volume: float) -> float:
    """Absorb a bar and return its volume over the mean volume of the `window` bars before it."""
    if not finite(volume):
        return NAN
    before = state.last
    state.last = sma_push(state.average, volume)
    return volume / before if before > 0.0 else NAN


@kernel
def volume_zscore_update(state: Any, volume: float) -> float:
    """Absorb a bar and return its volume's distance from the mean in standard deviations, 0 where there are none."""
    if not finite(volume):
        return NAN
    spread_push(state, volume)
    return zscore_of(state, volume)


@kernel
def dollar_volume_update(state: Any, close: float, volume: float) -> float:
    """Absorb a bar and return the mean notional traded."""
    return sma_push(state, close * volume) if finite(close) and finite(volume) else NAN


def amihud_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of Amihud's illiquidity."""
    return np.dtype([("past", previous_dtype(1)), ("average", sma_dtype(capacity))])


@kernel
def amihud_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    sma_start(state.average, window)


@kernel
def amihud_update(state: Any, close: float, volume: float) -> float:
    """Absorb a bar and return Amihud's illiquidity; a bar without trade gives NaN and is left out of the mean."""
    if not (finite(close) and finite(volume)):
        return NAN
    move, notional = change(close, swap_previous(state.past, close)), close * volume
    return sma_push(state.average, 1e6 * abs(move) / notional) if finite(move) and notional > 0.0 else NAN


def force_dtype(capacity: int = 1) -> np.dtype[Any]:
    """Return the record of the force index; it has no ring."""
    return np.dtype([("past", previous_dtype(1)), ("average", ema_dtype())])


@kernel
def force_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    ema_start(state.average, window)


@kernel
def force_index_update(state: Any, close: float, volume: float) -> float:
    """Absorb a bar and return the force index."""
    if not (finite(close) and finite(volume)):
        return NAN
    move = close - swap_previous(state.past, close)
    if not finite(move):
        return NAN
    value = ema_push(state.average, move * volume)
    return value if state.average.count >= state.average.window else NAN


TOTAL: dict[str, Any] = {"dtype": total_dtype, "start": total_start, "unit": "shares"}
BAR = ("high", "low", "close", "volume")

FEATURES = (
    Feature(
        name="obv",
        inputs=("close", "volume"),
        params=NO_PARAMETERS,
        warmup=lambda: 1,
        update=obv_update,
        formula="Σ volume sign(close - close[-1]) from the first bar on",
        source="Granville (1963), New Key to Stock Market Profits",
        **TOTAL,
    ),
    Feature(
        name="price_volume_trend",
        inputs=("close", "volume"),
        params=NO_PARAMETERS,
        warmup=lambda: 1,
        update=price_volume_trend_update,
        formula="Σ volume (close / close[-1] - 1) from the first bar on",
        source="Achelis (2000), Technical Analysis from A to Z",
        **TOTAL,
    ),
    Feature(
        name="accumulation_distribution",
        inputs=BAR,
        params=NO_PARAMETERS,
        warmup=lambda: 1,
        update=accumulation_distribution_update,
        formula="Σ volume (2 close - high - low) / (high - low) from the first bar on; 0 where high = low",
        source="Chaikin, in Achelis (2000)",
        **TOTAL,
    ),
    Feature(
        name="cmf",
        inputs=BAR,
        params={"window": window(20)},
        warmup=lambda window: window,
        dtype=ratio_dtype,
        start=ratio_start,
        update=cmf_update,
        formula="Σ volume (2 close - high - low) / (high - low) / Σ volume over window; NaN where no volume",
        source="Chaikin, in Achelis (2000)",
        unit="-1 to 1",
    ),
    Feature(
        name="mfi",
        inputs=BAR,
        params={"window": window(14)},
        warmup=lambda window: window + 1,
        dtype=mfi_dtype,
        start=mfi_start,
        update=mfi_update,
        formula="100 u / (u + d), u and d: Σ p volume over window where p rose and where it fell, "
        "p = (high + low + close) / 3; 50 where u + d = 0",
        source="Quong & Soudack (1989), Technical Analysis of Stocks & Commodities 7:3",
        unit="0 to 100",
    ),
    Feature(
        name="volume_ratio",
        inputs=("volume",),
        params={"window": window(20)},
        warmup=lambda window: window + 1,
        dtype=volume_ratio_dtype,
        start=volume_ratio_start,
        update=volume_ratio_update,
        formula="volume / mean volume of the window bars before; NaN where that is 0",
        source="definition",
        unit="none",
    ),
    Feature(
        name="volume_zscore",
        inputs=("volume",),
        params={"window": window(20, low=2)},
        warmup=lambda window: window,
        dtype=spread_dtype,
        start=begin,
        update=volume_zscore_update,
        formula="(volume - mean) / sample standard deviation over window; 0 where that is 0",
        source="definition",
        unit="standard deviations",
    ),
    Feature(
        name="dollar_volume",
        inputs=("close", "volume"),
        params={"window": window(20)},
        warmup=lambda window: window,
        dtype=sma_dtype,
        start=sma_start,
        update=dollar_volume_update,
        formula="mean of close volume over window",
        source="definition",
        unit="price × shares",
    ),
    Feature(
        name="amihud",
        inputs=("close", "volume"),
        params={"window": window(20)},
        warmup=lambda window: window + 1,
        dtype=amihud_dtype,
        start=amihud_start,
        update=amihud_update,
        formula="10⁶ mean of |simple_return| / (close volume) over the last window bars with trade",
        source="Amihud (2002), J. Financial Markets 5",
        unit="per million of notional",
    ),
    Feature(
        name="force_index",
        inputs=("close", "volume"),
        params={"window": window(13)},
        warmup=lambda window: window + 1,
        dtype=force_dtype,
        start=force_start,
        update=force_index_update,
        formula="ema of (close - close[-1]) volume",
        source="Elder (1993), Trading for a Living",
        unit="price × shares",
    ),
)
