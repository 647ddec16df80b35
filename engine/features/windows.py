"""Sliding windows that never subtract: the parts of which features are made.

A running sum that adds what enters and subtracts what leaves drifts, for every rounding error stays. Here the last
`window` observations lie in two blocks, the rest of the previous one and what has come of the current one:

1. a new observation is added to the current block's aggregate and written into the ring;
2. when the current block holds `window` observations it becomes the previous one: one walk backwards turns the ring
   into the aggregates of its suffixes (k to the end), and a new block begins, empty;
3. the window's aggregate is the suffix that has not yet left, combined with the current block's.

Nothing that left the window leaves a trace; rounding errors are those of one summation of `window` terms, however long
the series. The cost is two additions per observation, one of them in bursts of `window`. Sources: van Herk (1992) and
Gil & Werman (1993) for extremes; Tangwongsan, Hirzel & Schneider, General incremental sliding-window aggregation, VLDB
2015.

Every `push` reads the observation it is given and earlier ones only, and expects it finite. `warm` is 1 once the window
is full; what `push` returns before is the aggregate of what has come. Rings have `capacity` >= `window` places.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.mathx import NAN

Fields = list[tuple[Any, ...]]


def ring(*names: str, capacity: int) -> Fields:
    """Return fields of `capacity` float64 each."""
    return [(name, "<f8", (capacity,)) for name in names]


def floats(*names: str) -> Fields:
    """Return float64 fields."""
    return [(name, "<f8") for name in names]


def ints(*names: str) -> Fields:
    """Return int64 fields."""
    return [(name, "<i8") for name in names]


POSITION: Fields = ints("window", "place", "warm")


@kernel
def begin(state: Any, window: int) -> None:
    """Set the window of a zeroed state.

    Raises
    ------
    ValueError : the window is below 1 or does not fit into the ring.
    """
    if window < 1 or window > len(state.ring):
        # A message with the numbers in it takes seconds to compile; the registry checks parameters with one.
        raise ValueError("window is below 1 or above the ring's capacity: make the dtype with a larger capacity")
    state.window = window


@kernel
def larger(a: float, b: float) -> float:
    """Return the larger of two numbers."""
    # numba's max() and Python's differ for NaN and zeros.
    return b if b > a else a


@kernel
def smaller(a: float, b: float) -> float:
    """Return the smaller of two numbers."""
    return b if b < a else a


def lag_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of an observation's memory."""
    return np.dtype([*ring("ring", capacity=capacity), *POSITION])


@kernel
def lag_push(state: Any, x: float) -> float:
    """Remember x and return what was pushed `window` observations before it; NaN until there is one."""
    place = state.place
    old = state.ring[place] if state.warm else NAN
    state.ring[place] = x
    place += 1
    if place >= state.window:
        place = 0
        state.warm = 1
    state.place = place
    return old


def sum_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding sum."""
    return np.dtype([*ring("ring", capacity=capacity), *floats("fresh"), *POSITION])


@kernel
def sum_push(state: Any, x: float) -> float:
    """Return the sum of the window that ends with x."""
    place = state.place
    state.ring[place] = x
    place += 1
    if place >= state.window:
        return _sum_turn(state)
    fresh = state.fresh + x
    state.fresh = fresh
    state.place = place
    return state.ring[place] + fresh


@kernel
def _sum_turn(state: Any) -> float:
    total = 0.0
    for k in range(state.window - 1, -1, -1):
        total += state.ring[k]
        state.ring[k] = total
    state.fresh = 0.0
    state.place = 0
    state.warm = 1
    return total


def weighted_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding sum with the weights 1, 2, … `window`, the newest heaviest."""
    return np.dtype([*ring("ring", capacity=capacity), *floats("fresh", "fresh_weighted"), *POSITION])


@kernel
def weighted_push(state: Any, x: float) -> float:
    """Return the weighted sum of the window that ends with x; NaN until the window is full."""
    place = state.place
    state.ring[place] = x
    place += 1
    if place >= state.window:
        return _weighted_turn(state)
    state.fresh += x
    state.fresh_weighted += place * x
    state.place = place
    if not state.warm:
        return NAN
    return state.ring[place] + (state.window - place) * state.fresh + state.fresh_weighted


@kernel
def _weighted_turn(state: Any) -> float:
    # The weighted sum of a suffix is the sum of the sums of its suffixes.
    total, weighted = 0.0, 0.0
    for k in range(state.window - 1, -1, -1):
        total += state.ring[k]
        weighted += total
        state.ring[k] = weighted
    state.fresh = 0.0
    state.fresh_weighted = 0.0
    state.place = 0
    state.warm = 1
    return weighted


def extreme_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding maximum or minimum."""
    return np.dtype([*ring("ring", capacity=capacity), *floats("fresh"), *POSITION])


@kernel
def highest_push(state: Any, x: float) -> float:
    """Return the maximum of the window that ends with x."""
    place = state.place
    fresh = x if place == 0 else larger(state.fresh, x)
    state.ring[place] = x
    state.fresh = fresh
    place += 1
    if place >= state.window:
        return _highest_turn(state)
    state.place = place
    return larger(state.ring[place], fresh) if state.warm else fresh


@kernel
def _highest_turn(state: Any) -> float:
    best = state.ring[state.window - 1]
    for k in range(state.window - 2, -1, -1):
        best = larger(best, state.ring[k])
        state.ring[k] = best
    state.place = 0
    state.warm = 1
    return best


@kernel
def lowest_push(state: Any, x: float) -> float:
    """Return the minimum of the window that ends with x; the same state serves either extreme, not both."""
    return -highest_push(state, -x)


def peak_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a sliding maximum's or minimum's age."""
    return np.dtype([*ring("ring", "times", capacity=capacity), *floats("fresh", "fresh_time", "time"), *POSITION])


@kernel
def peak_push(state: Any, x: float) -> float:
    """Return how many observations ago the maximum of the window that ends with x was, the latest of equals."""
    place, time = state.place, state.time
    state.time = time + 1.0
    if place == 0 or x >= state.fresh:
        state.fresh = x
        state.fresh_time = time
    state.ring[place] = x
    state.times[place] = time
    place += 1
    if place >= state.window:
        return time - _peak_turn(state)
    state.place = place
    if state.warm and state.ring[place] > state.fresh:
        return time - state.times[place]
    return time - state.fresh_time


@kernel
def _peak_turn(state: Any) -> float:
    for k in range(state.window - 2, -1, -1):
        if state.ring[k + 1] >= state.ring[k]:
            state.ring[k] = state.ring[k + 1]
            state.times[k] = state.times[k + 1]
    state.place = 0
    state.warm = 1
    return state.times[0]


def sorted_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a window kept in order of size; a push costs up to `window` moves."""
    return np.dtype([*ring("ring", "ordered", capacity=capacity), *ints("count"), *POSITION])


@kernel
def sorted_push(state: Any, x: float) -> None:
    """Move the window to end with x."""
    old = lag_push(state, x)
    count = state.count
    if count < state.window:
        hole = count
        count += 1
        state.count = count
    else:
        hole = sorted_below(state, old)
    ordered = state.ordered
    while hole > 0 and ordered[hole - 1] > x:
        ordered[hole] = ordered[hole - 1]
        hole -= 1
    while hole < count - 1 and ordered[hole + 1] < x:
        ordered[hole] = ordered[hole + 1]
        hole += 1
    ordered[hole] = x


@kernel
def sorted_below(state: Any, x: float) -> int:
    """Return how many observations of the window are below x."""
    low, high = 0, state.count
    while low < high:
        middle = (low + high) >> 1
        if state.ordered[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def sorted_quantile(state: Any, q: float) -> float:
    """Return a quantile, 0 <= q <= 1, with linear interpolation between neighbours."""
    where = q * (state.count - 1)
    k = int(where)
    if k + 1 >= state.count:
        return state.ordered[state.count - 1]
    below = state.ordered[k]
    return below + (state.ordered[k + 1] - below) * (where - k)
