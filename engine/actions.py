"""One door for everything that Python asks of a world between events: `act`, and the scan for quiet events."""

from enum import IntEnum
from typing import Any

from . import orders as o
from .compile import int64, kernel
from .events import BAR, CLOSE, SESSION_CLOSE
from .step import BEGIN
from .tables import event_at, open_slot, position, world_at


class Action(IntEnum):
    """What `act` can be asked for."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    TRAILING_STOP = 4
    BRACKET = 5
    OCO = 6
    TARGET = 7
    CANCEL = 8
    CANCEL_ALL = 9
    REPLACE = 10
    BEGIN_GROUP = 11
    END_GROUP = 12
    RECORD = 13
    LOTS_FOR = 14
    SLEEVE_EQUITY = 15


_A = {action.name: int(action) for action in Action}
_MARKET, _LIMIT, _STOP, _STOP_LIMIT, _TRAILING = (
    _A[x] for x in ("MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP")
)
_BRACKET, _OCO, _TARGET, _CANCEL, _CANCEL_ALL = (_A[x] for x in ("BRACKET", "OCO", "TARGET", "CANCEL", "CANCEL_ALL"))
_REPLACE, _BEGIN, _END, _RECORD, _LOTS = (_A[x] for x in ("REPLACE", "BEGIN_GROUP", "END_GROUP", "RECORD", "LOTS_FOR"))


@kernel
def _order(world: Any, action: int, instrument: int, quantity: int, a: float, b: float, c: float, tif: int) -> int:
    if action == _MARKET:
        return o.market(world, instrument, quantity, tif)
    if action == _LIMIT:
        return o.limit(world, instrument, quantity, a, tif)
    if action == _STOP:
        return o.stop(world, instrument, quantity, a, tif)
    if action == _STOP_LIMIT:
        return o.stop_limit(world, instrument, quantity, a, b, tif)
    if action == _TRAILING:
        return o.trailing_stop(world, instrument, quantity, a, tif)
    if action == _BRACKET:
        return o.bracket(world, instrument, quantity, a, b, c, tif)
    return o.oco(world, instrument, quantity, a, b)


@kernel
def act(world_address: int, action: int, instrument: int, quantity: int, a: float, b: float, c: float, tif: int) -> int:
    """Do one action; the meaning of the arguments is that of the kernel of the same name in `engine/orders.py`."""
    world = world_at(world_address, 0)
    if action <= _OCO:
        return _order(world, action, instrument, quantity, a, b, c, tif)
    if action == _TARGET:
        o.target(world, instrument, quantity)
    elif action == _CANCEL:
        return int64(o.cancel(world, quantity))
    elif action == _CANCEL_ALL:
        return o.cancel_all(world, instrument)
    elif action == _REPLACE:
        return int64(o.replace(world, tif, quantity, a, b))
    elif action == _BEGIN:
        return o.begin_group(world)
    elif action == _END:
        o.end_group(world)
    elif action == _RECORD:
        o.record(world, quantity, a)
    elif action == _LOTS:
        return o.lots_for(world, instrument, a)
    else:
        return o.sleeve_equity(world, quantity)
    return 0


@kernel
def quiet_until(world_address: int, events: int, start: int, stop: int) -> int:
    """Return the first event from `start` on that can change an order or needs more than bars' callbacks.

    Until then nothing fills and no order event arises, whatever else these events do to the account.
    """
    world = world_at(world_address, 0)
    if world.phase != BEGIN or world.waits != 0 or world.n_dividends != 0 or world.n_waiting != 0:
        return start
    j = start
    while j < stop:
        event = event_at(events, j)
        if event.kind == BAR or event.kind == CLOSE:
            held = position(world, event.instrument)
            if held.open_orders != 0 or held.crosses != 0:
                break
        elif event.kind != SESSION_CLOSE or world.n_open != 0:
            break
        j += 1
    return int64(j)


@kernel
def open_order(world_address: int, k: int) -> int:
    """Return the slot of the k-th open order, oldest first, or -1."""
    world = world_at(world_address, 0)
    return int64(open_slot(world, k).slot) if k < world.n_open else int64(-1)
