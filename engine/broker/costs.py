"""What a fill costs: commission, regulatory fees, half the spread, and impact."""

from typing import Any

import numpy as np

from ..compile import int64, kernel
from ..money import mul_div, mul_up, notional

NONE, BPS, PER_SHARE = 0, 1, 2
_CENT = 10_000
_MILLION, _BILLION = 10**6, 10**9


@kernel
def _part(worth: int, fraction: float) -> int:
    """Return a fraction of an amount, the fraction taken to nine decimals and the product half-even."""
    return mul_div(worth, int64(np.rint(fraction * _BILLION)), _BILLION)


@kernel
def commission(broker: Any, lots: int, quantity: int, price: int, first: bool) -> int:
    """Return the commission in micros; the minimum of a per-share schedule is due on an order's first fill."""
    if broker.commission == NONE:
        return 0
    worth = notional(abs(quantity), price, lots)
    if broker.commission == BPS:
        return _part(worth, broker.commission_bps * 1e-4)
    fee = mul_div(abs(quantity), broker.commission_per_share, lots)
    if first:
        fee = max(fee, broker.commission_minimum)
    return min(fee, _part(worth, broker.commission_maximum))


@kernel
def regulatory(broker: Any, lots: int, quantity: int, price: int) -> int:
    """Return the SEC and TAF fees of a sale in micros, each rounded up to the cent; 0 for a purchase."""
    if quantity >= 0:
        return 0
    rate = int64(np.rint(broker.sec_fee * _MILLION))
    sec = mul_up(notional(-quantity, price, lots), rate, _MILLION * _MILLION * _CENT) * _CENT
    taf = mul_up(-quantity, broker.taf, lots * _CENT) * _CENT
    return sec + min(taf, broker.taf_maximum)


@kernel
def spread(broker: Any, price: int) -> float:
    """Return half the spread in micros a share."""
    return broker.half_spread * price


@kernel
def impact(broker: Any, place: Any, quantity: int, price: int, volume: float) -> float:
    """Return the square-root impact in micros a share: Y σ sqrt(Q / V) × price (Tóth et al. 2011, eq. 1).

    σ is the running daily volatility, V the running daily volume, or this event's where none is known yet. 0 without
    volume.
    """
    if broker.impact == 0.0 or place.variance <= 0.0:
        return 0.0
    daily = place.mean_volume if place.mean_volume > 0.0 else volume
    if not 0.0 < daily < np.inf:
        return 0.0
    return broker.impact * np.sqrt(place.variance * (abs(quantity) / place.lots) / daily) * price
