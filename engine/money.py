"""Exact money: int64 micro-dollars, products in 128 bits, rounded half-even once per cash flow."""

from typing import Any

import numpy as np

from .arena import nearest
from .compile import int64, kernel

MICROS = 1_000_000
OVERFLOW: Any = int64(-(2**63))
"""Returned where a result does not fit; no amount of money has this value."""

LARGEST = 4 * 10**18
"""The largest amount in micros that the ledger takes."""

SMALL_QUANTITY, SMALL_PRICE = 2**24, 2**38
"""Below both, a product of lots and micros fits into 64 bits with room to spare."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ONE = np.uint64(1)
_SAFE = 4.0e18
_DOWN, _NEAREST, _UP = -1, 0, 1


@kernel
def half_even(product: int, divisor: int) -> int:
    """Return ``product / divisor`` rounded half-even; divisor > 0."""
    quotient = product // divisor
    twice = 2 * (product - quotient * divisor)
    if twice > divisor or (twice == divisor and quotient & 1):
        quotient += 1
    return quotient


@kernel
def _wide(a: int, b: int, divisor: int, rounding: int) -> int:
    """Return ``|a * b| / divisor`` for products beyond 64 bits; divisor from 1 to 2**62.

    Schoolbook: a 128-bit product of 32-bit limbs, then division of it bit by bit.
    """
    x, y, d = np.uint64(abs(a)), np.uint64(abs(b)), np.uint64(divisor)
    x0, x1, y0, y1 = x & _LOW, x >> _HALF, y & _LOW, y >> _HALF
    lowest = x0 * y0
    middle = x1 * y0 + (lowest >> _HALF)
    middle2 = x0 * y1 + (middle & _LOW)
    high = x1 * y1 + (middle >> _HALF) + (middle2 >> _HALF)
    low = (middle2 << _HALF) | (lowest & _LOW)
    if high >= d:
        return OVERFLOW
    quotient, remainder = np.uint64(0), high
    for k in range(63, -1, -1):
        remainder = (remainder << _ONE) | ((low >> np.uint64(k)) & _ONE)
        quotient = quotient << _ONE
        if remainder >= d:
            remainder -= d
            quotient |= _ONE
    twice = remainder + remainder
    nearest = rounding == _NEAREST and (twice > d or (twice == d and quotient & _ONE))
    if nearest or (rounding == _UP and remainder > np.uint64(0)):
        quotient += _ONE
    return OVERFLOW if quotient >> np.uint64(63) else int64(quotient)


@kernel
def _fits(a: int, b: int) -> bool:
    return abs(float(a) * float(b)) < _SAFE


@kernel
def mul_div(a: int, b: int, divisor: int) -> int:
    """Return ``a * b / divisor`` rounded half-even, exactly.

    Parameters
    ----------
    a, b : int
        Above -2**63.
    divisor : int
        1 to 2**62.

    Returns
    -------
    int
        The quotient, or `OVERFLOW` where it does not fit.
    """
    if _fits(a, b):
        return half_even(a * b, divisor)
    quotient = _wide(a, b, divisor, _NEAREST)
    return -quotient if (a < 0) != (b < 0) and quotient != OVERFLOW else quotient


@kernel
def mul_down(a: int, b: int, divisor: int) -> int:
    """Return ``a * b / divisor`` rounded down, for a and b from 0 on; otherwise as `mul_div`."""
    return a * b // divisor if _fits(a, b) else _wide(a, b, divisor, _DOWN)


@kernel
def mul_up(a: int, b: int, divisor: int) -> int:
    """Return ``a * b / divisor`` rounded up, for a and b from 0 on; otherwise as `mul_div`."""
    return -(-(a * b) // divisor) if _fits(a, b) else _wide(a, b, divisor, _UP)


@kernel
def notional(quantity: int, price: int, lots: int) -> int:
    """Return the value in micros of `quantity` lots at `price` micros a share, with `lots` lots to a share."""
    if lots == 1 and -SMALL_QUANTITY < quantity < SMALL_QUANTITY and price < SMALL_PRICE:
        return quantity * price
    return mul_div(quantity, price, lots)


@kernel
def share_of(amount: int, part: int, whole: int) -> int:
    """Return ``amount * part / whole`` half-even for 0 <= part <= whole."""
    return amount if part == whole else mul_div(amount, part, whole)


@kernel
def to_micros(price: float) -> int:
    """Return a dollar price as micros, exact for six decimals below 2e9 dollars; 0 for NaN and beyond 64 bits."""
    micros = price * 1e6
    return nearest(micros) if abs(micros) < _SAFE else 0


@kernel
def is_money(amount: int) -> bool:
    """Return whether an amount of micros lies within 4e12 dollars: sums of two such amounts cannot overflow."""
    return -LARGEST <= amount <= LARGEST
