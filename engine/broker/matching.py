"""Matching: which resting orders a market event fills, at what price and how many lots.

1. `read_tape` turns any market event into one shape: for each side an open, high, low and close, and the room for fills.
2. `match` walks the instrument's orders, oldest first. An order meets an event only if the event's prices happened at or after
   submission + latency (`eligible`).
3. `_strike` says at what price an order would trade: at the open, inside the range, at the close, or not.
4. Where a range holds both exits of a pair, the stop comes first unless the target trades at the very open.
5. `_execute` adds spread and impact for takers, keeps to limit and tick, charges fees, and queues the fill.
"""

from typing import Any

import numpy as np

from ..codes import (
    CLS, FOK, IOC, LIMIT, MARKET, OPG, STOP_LIMIT, TRAILING_STOP, Reason, Trigger,
)  # fmt: skip
from ..compile import kernel
from ..events import BAR, CLOSE, QUOTE, SESSION_FIRST, SESSION_LAST
from ..money import notional, to_micros
from ..tables import resting, venue
from .costs import commission, impact, regulatory, spread
from .queue import CANCELLED, FILL, TRIGGERED, _end_sibling, activate, emit, finish, unlink

NOWHERE, AT_OPEN, INSIDE, AT_CLOSE = 0, 1, 2, 3
_UNBOUNDED = 4_000_000_000_000_000_000
_NOT_REACHED, _NO_VOLUME, _NOT_TRIGGERED = int(Reason.NOT_REACHED), int(Reason.NO_VOLUME), int(Reason.NOT_TRIGGERED)
_WAITING, _HALTED, _CAP = int(Reason.WAITING), int(Reason.HALTED), int(Reason.VOLUME_CAP)
_STRATEGY, _IMMEDIATE, _FOK = int(Reason.BY_STRATEGY), int(Reason.IMMEDIATE), int(Reason.FILL_OR_KILL)
_AUCTION, _OTHER_EXIT = int(Reason.AUCTION_PASSED), int(Reason.OTHER_EXIT)
_TRIGGER_OPEN, _TRIGGER_LIMIT, _TRIGGER_STOP = int(Trigger.OPEN), int(Trigger.LIMIT), int(Trigger.STOP)
_TRIGGER_CLOSE, _TRIGGER_QUOTE = int(Trigger.CLOSE), int(Trigger.QUOTE)
_TARGET_EXIT = 1


@kernel
def _lots_within(share: float, volume: float, lots: int) -> int:
    """Return the lots that `share` of a volume in shares leaves room for; none where the volume is not positive."""
    if not volume > 0.0:
        return 0
    room = share * volume * lots
    return _UNBOUNDED if room >= 4e18 else np.int64(np.floor(room))


@kernel
def _both_sides(tape: Any, open_: float, high: float, low: float, close: float) -> None:
    first, highest, lowest, last = to_micros(open_), to_micros(high), to_micros(low), to_micros(close)
    tape.buy_open, tape.buy_high, tape.buy_low, tape.buy_close = first, highest, lowest, last
    tape.sell_open, tape.sell_high, tape.sell_low, tape.sell_close = first, highest, lowest, last


@kernel
def _quote_sides(tape: Any, event: Any, lots: int) -> None:
    ask, bid = to_micros(event.ask), to_micros(event.bid)
    tape.buy_open = tape.buy_high = tape.buy_low = tape.buy_close = ask
    tape.sell_open = tape.sell_high = tape.sell_low = tape.sell_close = bid
    tape.buy_room = _lots_within(1.0, event.ask_size, lots) if ask > 0 else 0
    tape.sell_room = _lots_within(1.0, event.bid_size, lots) if bid > 0 else 0
    tape.shared, tape.through, tape.quoted, tape.volume = 0, 0, 1, 0.0


@kernel
def read_tape(broker: Any, place: Any, event: Any) -> None:
    """Fill ``broker.tape`` from a market event."""
    tape = broker.tape
    tape.ts_event, tape.ts_known, tape.ts_open = event.ts_event, event.ts_available, event.ts_event
    tape.first = 1 if event.flags & SESSION_FIRST else 0
    tape.last = 1 if event.flags & SESSION_LAST else 0
    tape.shared, tape.quoted, tape.closes_only = 1, 0, 0
    tape.through = 0 if broker.fill_on_touch else place.tick
    if event.kind == QUOTE:
        _quote_sides(tape, event, place.lots)
        return
    if event.kind == BAR:
        tape.ts_open, tape.volume = event.ts_open, event.volume
        _both_sides(tape, event.open, event.high, event.low, event.close)
        room = _lots_within(broker.volume_share, event.volume, place.lots)
        if place.uncapped and room > 0:
            room = _UNBOUNDED
    elif event.kind == CLOSE:
        tape.volume, tape.closes_only, tape.first, tape.last = 0.0, 1, 1, 1
        _both_sides(tape, event.close, event.close, event.close, event.close)
        room = _UNBOUNDED
    else:
        tape.volume = event.size
        _both_sides(tape, event.last, event.last, event.last, event.last)
        room = _lots_within(broker.volume_share, event.size, place.lots)
    tape.buy_room = tape.sell_room = room


@kernel
def _better(order: Any, open_: int, tape: Any) -> int:
    """Return where a limit order trades: at an open better than its price, inside a range that goes through it, or not."""
    if order.remaining > 0:
        if tape.buy_low > order.limit - tape.through:
            return NOWHERE
        return AT_OPEN if open_ <= order.limit else INSIDE
    if tape.sell_high < order.limit + tape.through:
        return NOWHERE
    return AT_OPEN if open_ >= order.limit else INSIDE


@kernel
def _stop_reached(order: Any, level: int, tape: Any) -> int:
    """Return where a stop level is reached; a touch suffices, since that is the worse assumption."""
    if order.remaining > 0:
        if tape.buy_open >= level:
            return AT_OPEN
        return INSIDE if tape.buy_high >= level else NOWHERE
    if tape.sell_open <= level:
        return AT_OPEN
    return INSIDE if tape.sell_low <= level else NOWHERE


@kernel
def _trail(order: Any, tape: Any) -> int:
    """Return where a trailing stop is reached, and move its level.

    The level from before the event is tried first. The event's own extreme counts only if the close then lies beyond the new
    level: the extreme certainly came before the close.
    """
    buys = order.remaining > 0
    where = _stop_reached(order, order.stop, tape) if order.stop > 0 else NOWHERE
    if where != NOWHERE:
        return where
    if buys:
        order.extreme = tape.buy_low if order.extreme == 0 else min(order.extreme, tape.buy_low)
        order.stop = order.extreme + order.trail
        return INSIDE if tape.buy_close >= order.stop else NOWHERE
    order.extreme = max(order.extreme, tape.sell_high)
    order.stop = max(order.extreme - order.trail, 1)
    return INSIDE if tape.sell_close <= order.stop else NOWHERE


@kernel
def _auction(order: Any, tape: Any) -> int:
    """Return where an order for the opening or closing auction trades."""
    if order.tif == OPG and tape.first == 0:
        return NOWHERE
    if order.tif == CLS and tape.last == 0:
        return NOWHERE
    price = tape.buy_open if order.tif == OPG else tape.buy_close
    if order.type == LIMIT and (price - order.limit) * np.sign(order.remaining) > 0:
        return NOWHERE
    return AT_OPEN if order.tif == OPG else AT_CLOSE


@kernel
def _strike(order: Any, tape: Any) -> int:
    """Return where within the event an eligible order trades; stops that are reached become triggered."""
    if order.tif == OPG or order.tif == CLS:
        return _auction(order, tape)
    if order.type == MARKET or (order.triggered and order.type != STOP_LIMIT):
        return AT_OPEN
    if order.type == LIMIT or order.triggered:
        return _better(order, tape.buy_open if order.remaining > 0 else tape.sell_open, tape)
    where = _trail(order, tape) if order.type == TRAILING_STOP else _stop_reached(order, order.stop, tape)
    if where != NOWHERE:
        order.triggered = 1
        if order.fresh == tape.ts_event and order.fresh_open == 0:
            where = INSIDE
    return where


@kernel
def _after_trigger(order: Any, tape: Any, where: int) -> int:
    """Return where a stop-limit order trades in the event that triggered it."""
    start = order.stop if where == INSIDE else (tape.buy_open if order.remaining > 0 else tape.sell_open)
    if (start - order.limit) * np.sign(order.remaining) <= 0:
        return where
    return INSIDE + 8 if _better(order, start, tape) != NOWHERE else NOWHERE


@kernel
def _price(order: Any, tape: Any, where: int) -> int:
    """Return the price before costs at which an order trades at a place that `_strike` named."""
    buys = order.remaining > 0
    if where == AT_OPEN:
        return tape.buy_open if buys else tape.sell_open
    if where == AT_CLOSE:
        return tape.buy_close if buys else tape.sell_close
    if order.type == LIMIT or where > INSIDE:
        return order.limit
    if tape.closes_only:
        return tape.buy_close
    return order.stop


@kernel
def _on_tick(price: float, sign: int, tick: int) -> int:
    """Return the tick at a price, or the next worse one for who buys (sign > 0) or sells."""
    if sign > 0:
        return np.int64(np.ceil(price / tick)) * tick
    return np.int64(np.floor(price / tick)) * tick


@kernel
def _trigger_code(order: Any, tape: Any, where: int) -> int:
    if tape.quoted:
        return _TRIGGER_QUOTE
    if where == AT_OPEN and tape.closes_only == 0:
        return _TRIGGER_OPEN
    if where == AT_CLOSE or tape.closes_only:
        return _TRIGGER_CLOSE
    return _TRIGGER_LIMIT if order.type == LIMIT or where > INSIDE else _TRIGGER_STOP


@kernel
def _execute(broker: Any, place: Any, slot: int, where: int, quantity: int) -> None:
    """Fill `quantity` lots (signed) of an order and queue the event."""
    order, tape = resting(broker, slot), broker.tape
    sign = np.sign(quantity)
    base = _price(order, tape, where)
    passive = where >= INSIDE and where != AT_CLOSE and (order.type == LIMIT or where > INSIDE)
    half = 0.0 if passive or tape.quoted else spread(broker, base)
    push = 0.0 if passive else impact(broker, place, quantity, base, tape.volume)
    price = base
    if half + push > 0.0 or (place.tick != 1 and base % place.tick != 0):
        price = max(_on_tick(base + sign * (half + push), sign, place.tick), place.tick)
    if (order.type == LIMIT or order.type == STOP_LIMIT) and (price - order.limit) * sign > 0:
        price = order.limit
    fee = commission(broker, place.lots, quantity, price, order.filled == 0)
    levy = regulatory(broker, place.lots, quantity, price)
    happened = tape.ts_open if where == AT_OPEN else tape.ts_event
    row = emit(broker, order.instrument, slot, order.id, FILL, 0, happened, tape.ts_known)
    event, note = row.event, row.note
    event.quantity, event.price, event.fee = quantity, price, fee + levy
    note.commission, note.regulatory, note.trigger = fee, levy, _trigger_code(order, tape, where)
    if price != base:
        cost = notional(abs(quantity), abs(price - base), place.lots)
        note.spread = np.int64(np.rint(cost * (half / (half + push)))) if half + push > 0.0 else cost
        note.impact = cost - note.spread
    order.filled += quantity
    order.remaining -= quantity
    event.filled = order.filled


@kernel
def _fill(broker: Any, place: Any, slot: int, where: int) -> None:
    """Fill an order as far as there is room, and end or keep the rest by its time in force."""
    order, tape = resting(broker, slot), broker.tape
    buys = order.remaining > 0
    room = tape.buy_room if buys else tape.sell_room
    size = min(abs(order.remaining), room)
    if size < abs(order.remaining):
        order.why = _CAP if room > 0 else (_NO_VOLUME if tape.volume <= 0.0 else _CAP)
        if order.tif == FOK:
            finish(broker, slot, CANCELLED, _FOK, tape.ts_event, tape.ts_known)
            return
    if size == 0:
        return
    if buys or tape.shared:
        tape.buy_room -= size
    if not buys or tape.shared:
        tape.sell_room -= size
    _execute(broker, place, slot, where, size if buys else -size)
    if order.remaining == 0:
        unlink(broker, slot)
        if order.child_target >= 0:
            activate(broker, order, tape.ts_event, tape.ts_known, 1 if where == AT_OPEN else 0)
    if order.sibling >= 0:
        _shrink_sibling(broker, order, slot)


@kernel
def _shrink_sibling(broker: Any, order: Any, slot: int) -> None:
    """Leave the other exit only what this one has not filled."""
    tape = broker.tape
    if order.remaining == 0:
        _end_sibling(broker, order.sibling, slot, _OTHER_EXIT, tape.ts_event, tape.ts_known)
    elif resting(broker, order.sibling).id != 0:
        resting(broker, order.sibling).remaining = order.remaining


@kernel
def _worse_first(broker: Any, order: Any, where: int) -> bool:
    """Return whether a target must give way to its stop in this event."""
    if order.exit != _TARGET_EXIT or order.sibling < 0 or where == NOWHERE:
        return False
    other = resting(broker, order.sibling)
    if other.id == 0 or other.active == 0:
        return False
    reached = _stop_reached(other, other.stop, broker.tape)
    return reached == AT_OPEN or (reached == INSIDE and where != AT_OPEN)


@kernel
def _waits(order: Any, tape: Any) -> bool:
    """Return whether an order cannot meet the event's prices because they happened too early, or because it is a fresh target."""
    if order.active == 0:
        return True
    if order.fresh == tape.ts_event and order.exit == _TARGET_EXIT:
        return True
    met = tape.ts_event if order.tif == CLS else tape.ts_open
    return order.eligible > met and order.fresh != tape.ts_event


@kernel
def _meet(broker: Any, place: Any, slot: int) -> None:
    """Let one resting order meet the tape."""
    order, tape = resting(broker, slot), broker.tape
    if order.cancel_at != 0 and order.cancel_at <= tape.ts_open:
        finish(broker, slot, CANCELLED, _STRATEGY, order.cancel_at, tape.ts_known)
        return
    if _waits(order, tape):
        if order.active and order.why == 0:
            order.why = _WAITING
        return
    before = order.triggered
    where = _strike(order, tape)
    if order.triggered and not before:
        emit(broker, order.instrument, slot, order.id, TRIGGERED, 0, tape.ts_event, tape.ts_known)
        if order.type == STOP_LIMIT:
            where = _after_trigger(order, tape, where)
    if order.cancel_at != 0 and where != AT_OPEN:
        finish(broker, slot, CANCELLED, _STRATEGY, order.cancel_at, tape.ts_known)
        return
    if where == NOWHERE:
        order.why = _NOT_REACHED if order.type == LIMIT or order.triggered else _NOT_TRIGGERED
    elif _worse_first(broker, order, where):
        return
    else:
        _fill(broker, place, slot, where)
    _end_if_immediate(broker, slot, order)


@kernel
def _end_if_immediate(broker: Any, slot: int, order: Any) -> None:
    """Cancel what is left of an order that must not rest."""
    tape = broker.tape
    if order.id == 0 or order.remaining == 0:
        return
    missed = (order.tif == OPG and tape.first) or (order.tif == CLS and tape.last)
    if order.tif == IOC or order.tif == FOK:
        finish(broker, slot, CANCELLED, order.why if order.why else _IMMEDIATE, tape.ts_event, tape.ts_known)
    elif missed:
        finish(broker, slot, CANCELLED, order.why if order.why else _AUCTION, tape.ts_event, tape.ts_known)
    elif order.cancel_at != 0:
        finish(broker, slot, CANCELLED, _STRATEGY, order.cancel_at, tape.ts_known)


@kernel
def match(broker: Any, event: Any) -> None:
    """Match one market event against its instrument's resting orders; order events are queued.

    Reads only `event` and the broker's state from before it.
    """
    place = venue(broker, event.instrument)
    if place.first < 0:
        return
    read_tape(broker, place, event)
    tape = broker.tape
    if place.halted or (tape.buy_room == 0 and tape.sell_room == 0):
        _note_all(broker, place, _HALTED if place.halted else _NO_VOLUME)
        return
    slot = place.first
    while slot >= 0:
        order = resting(broker, slot)
        following = order.next
        # An order that another one ended meanwhile keeps its link, so the walk goes on through it.
        if order.id != 0:
            _meet(broker, place, slot)
        slot = following


@kernel
def _note_all(broker: Any, place: Any, why: int) -> None:
    """Note on every resting order why it could not trade, and end those whose cancellation has arrived."""
    slot, tape = place.first, broker.tape
    while slot >= 0:
        order = resting(broker, slot)
        following = order.next
        order.why = why
        if order.id != 0 and order.cancel_at != 0:
            finish(broker, slot, CANCELLED, _STRATEGY, order.cancel_at, tape.ts_known)
        slot = following


