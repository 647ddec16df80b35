"""The entries of a compiled strategy: one for each callback, and the fast lane.

The engine knows strategies only as addresses of functions that take a world, the strategy's own record and an event.
The fast lane, `spin`, serves a strategy that is alone on its account: it takes quiet bars without leaving one loop,
with the strategy's kernels inlined. A bar is quiet if no order of its instrument is open. For such a bar it does what
the phases of `engine/step.py` would do, and hands over to them as soon as the strategy has proposed, cancelled or
recorded anything.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import types

from .arena import INTERPRETED, at, nearest, prefetch, register
from .broker.desk import observe
from .compile import callback, kernel
from .digest import absorb_mark
from .events import BAR, CLOSE, EVENT, SLICE_AFTER
from .ledger import gross_value
from .logs import log_equity
from .money import SMALL_PRICE, SMALL_QUANTITY
from .step import BEGIN, NET, SETTLE, adjusted, apply_market
from .tables import broker_at, event_at, output_at, position, sleeve_of, world_at

HEAD = np.dtype({"names": ["word"], "formats": ["<i8"], "offsets": [24], "itemsize": EVENT.itemsize})
"""An event's instrument, kind and flags as one word."""

head_at = at(HEAD)
ENTRY = types.void(types.int64, types.int64, types.int64)


AHEAD, EVENT_BYTES = 32, EVENT.itemsize
_NOTHING = np.dtype([("nothing", "<i8")])
_NO_HEAD: Any = np.int64(-1)


@kernel
def _dearest_plain(world: Any, held: Any) -> Any:
    """Return up to which price in micros marking a position takes one product; 0 where it takes more at any price.

    It does where prices are adjusted, shares are fractional, averages are kept or the position is huge.
    """
    small = -SMALL_QUANTITY < held.quantity < SMALL_QUANTITY
    plain = world.track == 0 and held.factor == 1.0 and held.lots == 1 and small
    return np.uint64(SMALL_PRICE) if plain else np.uint64(0)


@kernel
def _take_up(world: Any, out: Any, held: Any, event: Any) -> Any:
    """Take a bar up in every way that the step knows; return it as strategies see it."""
    if world.track:
        observe(broker_at(out.broker, 0), event)
    apply_market(world, event)
    return adjusted(world, held, event)


@kernel
def ignore_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Do nothing at a bar."""


@kernel
def ignore(world: Any, me: Any, event: Any) -> None:
    """Do nothing at any other event."""


def entry(function: Callable[..., Any]) -> Any:
    """Compile an entry; return an object with its `address`."""
    if INTERPRETED:
        return _Interpreted(function)
    return callback(ENTRY)(function)


class _Interpreted:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.address = register(function)


def row_entry(function: Any, me_at: Any, rows: Any) -> Any:
    """Return the entry of a callback that is given its instrument's row: ``f(world, me, row, event)``."""

    def enter(world_address: int, me_address: int, event_address: int) -> None:
        world, me, event = world_at(world_address, 0), me_at(me_address, 0), event_at(event_address, 0)
        function(world, me, rows(me, event.instrument), event)

    return entry(enter)


def plain_entry(function: Any, me_at: Any) -> Any:
    """Return the entry of a callback without a row: ``f(world, me, event)``."""

    def enter(world_address: int, me_address: int, event_address: int) -> None:
        function(world_at(world_address, 0), me_at(me_address, 0), event_at(event_address, 0))

    return entry(enter)


def start_entry(function: Any, me_at: Any, rows: Any) -> Any:
    """Return the entry that starts one instrument's row, ``f(me, row)``; its last argument is the instrument."""

    def enter(world_address: int, me_address: int, instrument: int) -> None:
        me = me_at(me_address, 0)
        function(me, rows(me, instrument))

    return entry(enter)


def spin_entry(on_bar: Any, on_slice: Any, me_at: Any, rows: Any) -> Any:
    """Return the fast lane of a strategy.

    It takes its first index from ``world.cursor`` and its end from ``world.queue``, and leaves in ``world.cursor``
    the index of the first event that it has not finished; ``world.phase`` then says how far that event is.

    Events that share kind, instrument and flags with the one before form a run, and what cannot change within a run
    is looked up once: nothing trades there, so quantity and adjustment stay as they are.
    """

    def spin(world_address: int, events: int, out_address: int) -> None:
        world, out = world_at(world_address, 0), output_at(out_address, 0)
        me = me_at(world_address + sleeve_of(world, 0).off_state, 0)
        j, stop = world.cursor, world.queue
        # Only this loop writes these meanwhile, so they need not be read back from memory at every bar.
        begin, slices, marks, equity = j, 0, world.marks, world.equity
        floor, trade_from, every_slice = world.loss_floor, world.trade_from, out.equity_every_slice
        alone = world.n_instruments == 1
        world.sleeve = 0
        head = _NO_HEAD
        while j < stop:
            event = event_at(events, j)
            prefetch(events + (j + AHEAD) * EVENT_BYTES)
            if head_at(events, j).word != head:
                if event.kind != BAR and event.kind != CLOSE:
                    break
                held, row = position(world, event.instrument), rows(me, event.instrument)
                if held.open_orders != 0:
                    break
                head, sliced = head_at(events, j).word, event.flags & SLICE_AFTER
                quantity, value, dearest = held.quantity, held.value, _dearest_plain(world, held)
            now, price, bar = event.ts_available, nearest(event.close * 1e6), event
            world.now = now
            if np.uint64(price - 1) < dearest:
                worth = quantity * price
                equity += worth - value
                value = worth
                held.mark, held.value, world.equity = price, worth, equity
            else:
                bar = _take_up(world, out, held, event)
                value, equity = held.value, world.equity
            on_bar(world, me, row, bar)
            if world.busy:
                world.phase = SETTLE
                break
            if sliced:
                if equity < floor:
                    world.loss_halt = 1
                on_slice(world, me, event)
                if world.busy:
                    world.phase = NET
                    break
                if now >= trade_from:
                    slices += 1
                    marks = absorb_mark(marks, now, equity)
                    if every_slice:
                        log_equity(out, world, abs(value) if alone else gross_value(world))
                        if out.full:
                            j += 1
                            break
            j += 1
        done = np.int64(j - begin) + (0 if world.phase == BEGIN else 1)
        world.count_events += done
        world.count_bars += done
        world.count_slices += slices
        world.marks = marks
        world.cursor = j

    return entry(spin)


@kernel
def _no_row(me: Any, instrument: int) -> Any:
    return me


@cache
def silent_entry() -> Any:
    """Return the fast lane without a strategy: a world follows through what plain Python has walked already."""
    return spin_entry(ignore_bar, ignore, at(_NOTHING), _no_row)


def me_door(dtype: np.dtype[Any]) -> Any:
    """Return ``f(address, index)`` for a strategy's own record."""
    return at(dtype)
