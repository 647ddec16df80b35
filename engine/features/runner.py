"""Loops that carry an update over arrays: one for each number of inputs, compiled for each feature on first use."""

from collections.abc import Callable
from functools import cache
from typing import Any

from lockstep.engine.compile import kernel

Update = Callable[..., Any]
Loop = Callable[..., None]


@kernel
def _store_one(out: Any, i: int, value: float) -> None:
    out[i, 0] = value


@kernel
def _store_several(out: Any, i: int, values: Any) -> None:
    for k in range(len(values)):
        out[i, k] = values[k]


def _over_one(update: Update, store: Update) -> Loop:
    @kernel
    def loop(states: Any, a: Any, out: Any) -> None:
        state = states[0]
        for i in range(a.size):
            store(out, i, update(state, a[i]))

    return loop


def _over_two(update: Update, store: Update) -> Loop:
    @kernel
    def loop(states: Any, a: Any, b: Any, out: Any) -> None:
        state = states[0]
        for i in range(a.size):
            store(out, i, update(state, a[i], b[i]))

    return loop


def _over_three(update: Update, store: Update) -> Loop:
    @kernel
    def loop(states: Any, a: Any, b: Any, c: Any, out: Any) -> None:
        state = states[0]
        for i in range(a.size):
            store(out, i, update(state, a[i], b[i], c[i]))

    return loop


def _over_four(update: Update, store: Update) -> Loop:
    @kernel
    def loop(states: Any, a: Any, b: Any, c: Any, d: Any, out: Any) -> None:
        state = states[0]
        for i in range(a.size):
            store(out, i, update(state, a[i], b[i], c[i], d[i]))

    return loop


LOOPS = {1: _over_one, 2: _over_two, 3: _over_three, 4: _over_four}


@cache
def runner(update: Update, inputs: int, outputs: int) -> Loop:
    """Return ``loop(states, *columns, out)`` for an update of 1 to 4 inputs; `out` has shape (n, outputs)."""
    return LOOPS[inputs](update, _store_one if outputs == 1 else _store_several)
