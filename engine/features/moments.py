"""Sliding means, variances, covariances, higher moments and trends, by the blocks of ``windows.py``.

Sums of powers are taken of distances to an *anchor*, the last observation of the previous block, which lies in the
window until the next turn: the squares of a full window then exceed its sum of squares about the mean by a factor of at
most `window` + 1, whatever the level of the series, so cancellation is bounded. A constant series gives exactly 0.

The functions that read a state (`spread_mean`, `pair_products`, …) hold for a full window, `warm` == 1.
"""

import math
from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.windows import POSITION, floats, larger, ring
from lockstep.engine.mathx import NAN


def spread_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding mean and variance."""
    return np.dtype(
        [*ring("ring", "squares", capacity=capacity), *floats("anchor", "fresh", "fresh_square"), *POSITION]
    )


@kernel
def spread_push(state: Any, x: float) -> None:
    """Move the window to end with x."""
    place = state.place
    if place == 0 and not state.warm:
        state.anchor = x
    state.ring[place] = x
    place += 1
    if place >= state.window:
        _spread_turn(state, x)
    else:
        d = x - state.anchor
        state.fresh += d
        state.fresh_square += d * d
        state.place = place


@kernel
def _spread_turn(state: Any, anchor: float) -> None:
    total, square = 0.0, 0.0
    for k in range(state.window - 1, -1, -1):
        d = state.ring[k] - anchor
        total += d
        square += d * d
        state.ring[k] = total
        state.squares[k] = square
    state.anchor = anchor
    state.fresh = 0.0
    state.fresh_square = 0.0
    state.place = 0
    state.warm = 1


@kernel
def spread_mean(state: Any) -> float:
    """Return the mean of a full window."""
    return state.anchor + (state.ring[state.place] + state.fresh) / state.window


@kernel
def spread_distance(state: Any, x: float) -> float:
    """Return x less the mean of a full window, without the digits that a mean far from 0 would lose."""
    return (x - state.anchor) - (state.ring[state.place] + state.fresh) / state.window


@kernel
def spread_squares(state: Any) -> float:
    """Return the sum of squared distances from the mean of a full window, >= 0."""
    total = state.ring[state.place] + state.fresh
    return larger(0.0, state.squares[state.place] + state.fresh_square - total * total / state.window)


@kernel
def zscore_of(state: Any, x: float) -> float:
    """Return x's distance from a spread's mean in sample standard deviations; NaN until the window is full."""
    if not state.warm:
        return NAN
    squares = spread_squares(state)
    return spread_distance(state, x) / math.sqrt(squares / (state.window - 1.0)) if squares > 0.0 else 0.0


def shape_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding window's first four powers."""
    fresh = floats("anchor", "fresh", "fresh2", "fresh3", "fresh4")
    return np.dtype([*ring("ring", "power2", "power3", "power4", capacity=capacity), *fresh, *POSITION])


@kernel
def shape_push(state: Any, x: float) -> None:
    """Move the window to end with x."""
    place = state.place
    if place == 0 and not state.warm:
        state.anchor = x
    state.ring[place] = x
    place += 1
    if place >= state.window:
        _shape_turn(state, x)
    else:
        d = x - state.anchor
        state.fresh += d
        state.fresh2 += d * d
        state.fresh3 += d * d * d
        state.fresh4 += d * d * (d * d)
        state.place = place


@kernel
def _shape_turn(state: Any, anchor: float) -> None:
    s1, s2, s3, s4 = 0.0, 0.0, 0.0, 0.0
    for k in range(state.window - 1, -1, -1):
        d = state.ring[k] - anchor
        s1 += d
        s2 += d * d
        s3 += d * d * d
        s4 += d * d * (d * d)
        state.ring[k] = s1
        state.power2[k] = s2
        state.power3[k] = s3
        state.power4[k] = s4
    state.anchor = anchor
    state.fresh = 0.0
    state.fresh2 = 0.0
    state.fresh3 = 0.0
    state.fresh4 = 0.0
    state.place = 0
    state.warm = 1


@kernel
def shape_moments(state: Any) -> tuple[float, float, float]:
    """Return the second, third and fourth central moment (divided by `window`) of a full window."""
    k, n = state.place, state.window
    m = (state.ring[k] + state.fresh) / n
    a2 = (state.power2[k] + state.fresh2) / n
    a3 = (state.power3[k] + state.fresh3) / n
    a4 = (state.power4[k] + state.fresh4) / n
    second = larger(0.0, a2 - m * m)
    third = a3 - 3.0 * m * a2 + 2.0 * m * m * m
    fourth = larger(0.0, a4 - 4.0 * m * a3 + 6.0 * m * m * a2 - 3.0 * (m * m) * (m * m))
    return second, third, fourth


def pair_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of two series' sliding means, variances and covariance."""
    rings = ring("ring", "ring_y", "xx", "yy", "xy", capacity=capacity)
    fresh = floats("anchor_x", "anchor_y", "fresh_x", "fresh_y", "fresh_xx", "fresh_yy", "fresh_xy")
    return np.dtype([*rings, *fresh, *POSITION])


@kernel
def pair_push(state: Any, x: float, y: float) -> None:
    """Move the window to end with x and y."""
    place = state.place
    if place == 0 and not state.warm:
        state.anchor_x = x
        state.anchor_y = y
    state.ring[place] = x
    state.ring_y[place] = y
    place += 1
    if place >= state.window:
        _pair_turn(state, x, y)
    else:
        dx, dy = x - state.anchor_x, y - state.anchor_y
        state.fresh_x += dx
        state.fresh_y += dy
        state.fresh_xx += dx * dx
        state.fresh_yy += dy * dy
        state.fresh_xy += dx * dy
        state.place = place


@kernel
def _pair_turn(state: Any, anchor_x: float, anchor_y: float) -> None:
    sx, sy, sxx, syy, sxy = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(state.window - 1, -1, -1):
        dx, dy = state.ring[k] - anchor_x, state.ring_y[k] - anchor_y
        sx += dx
        sy += dy
        sxx += dx * dx
        syy += dy * dy
        sxy += dx * dy
        state.ring[k] = sx
        state.ring_y[k] = sy
        state.xx[k] = sxx
        state.yy[k] = syy
        state.xy[k] = sxy
    state.anchor_x = anchor_x
    state.anchor_y = anchor_y
    state.fresh_x = 0.0
    state.fresh_y = 0.0
    state.fresh_xx = 0.0
    state.fresh_yy = 0.0
    state.fresh_xy = 0.0
    state.place = 0
    state.warm = 1


@kernel
def pair_products(state: Any) -> tuple[float, float, float]:
    """Return a full window's sums of (x - mean)², (y - mean)² and (x - mean) (y - mean)."""
    k, n = state.place, state.window
    sx, sy = state.ring[k] + state.fresh_x, state.ring_y[k] + state.fresh_y
    xx = larger(0.0, state.xx[k] + state.fresh_xx - sx * sx / n)
    yy = larger(0.0, state.yy[k] + state.fresh_yy - sy * sy / n)
    return xx, yy, state.xy[k] + state.fresh_xy - sx * sy / n


def trend_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding regression on time."""
    fresh = floats("anchor", "fresh", "fresh_square", "fresh_weighted")
    return np.dtype([*ring("ring", "squares", "weighted", capacity=capacity), *fresh, *POSITION])


@kernel
def trend_push(state: Any, x: float) -> None:
    """Move the window to end with x."""
    place = state.place
    if place == 0 and not state.warm:
        state.anchor = x
    state.ring[place] = x
    place += 1
    if place >= state.window:
        _trend_turn(state, x)
    else:
        d = x - state.anchor
        state.fresh += d
        state.fresh_square += d * d
        state.fresh_weighted += place * d
        state.place = place


@kernel
def _trend_turn(state: Any, anchor: float) -> None:
    total, square, weighted = 0.0, 0.0, 0.0
    for k in range(state.window - 1, -1, -1):
        d = state.ring[k] - anchor
        total += d
        square += d * d
        weighted += total
        state.ring[k] = total
        state.squares[k] = square
        state.weighted[k] = weighted
    state.anchor = anchor
    state.fresh = 0.0
    state.fresh_square = 0.0
    state.fresh_weighted = 0.0
    state.place = 0
    state.warm = 1


@kernel
def trend_products(state: Any) -> tuple[float, float, float]:
    """Return a full window's mean less `anchor`, and its sums of (x - mean)² and of (x - mean) (time - mean time)."""
    k, n = state.place, state.window
    total = state.ring[k] + state.fresh
    weighted = state.weighted[k] + (n - k) * state.fresh + state.fresh_weighted
    squares = larger(0.0, state.squares[k] + state.fresh_square - total * total / n)
    return total / n, squares, weighted - total * (n + 1) * 0.5
