"""Matching: which resting orders a market event fills, at what price and how many lots.

1. `read_tape` turns any market event into one shape: for each side an open, high, low and close, and the room for
   fills.
2. `match` walks the instrument's orders, oldest first. An order meets an event only if the event's prices happened at
   or after submission + latency (`eligible`). What is cancelled or replaced within a bar meets its open and nothing
   after.
3. `_strike` says at what price an order would trade: at the open, at its limit, at its stop, at the close, or not.
4. Where a range holds both exits of a pair, the stop comes first unless the target trades at the very open.
5. `_execute` adds spread and impact for takers, keeps to limit and tick, charges fees, and queues the fill.
"""

from typing import Any

import numpy as np

from ..codes import (
    CLS,
    FOK,
    IOC,
    LIMIT,
    MARKET,
    OPG,
    STOP_LIMIT,
    TRAILING_STOP,
    Reason,
    Trigger,
)  # fmt: skip
from ..compile import int64, kernel
from ..events import BAR, CLOSE, QUOTE, SESSION_FIRST, SESSION_LAST
from ..money import notional, to_micros
from ..tables import resting, venue
from .costs import commission, impact, regulatory, spread
from .queue import (
    AT_CLOSE,
    AT_LIMIT,
    AT_OPEN,
    AT_STOP,
    CANCELLED,
    FILL,
    NOWHERE,
    REPLACED,
    TRIGGERED,
    activate,
    amend,
    emit,
    end_sibling,
    finish,
    unlink,
)

_UNBOUNDED = 4_000_000_000_000_000_000
_NOT_REACHED, _NO_VOLUME, _NOT_TRIGGERED = int(Reason.NOT_REACHED), int(Reason.NO_VOLUME), int(Reason.NOT_TRIGGERED)
_WAITING, _HALTED, _CAP = int(Reason.WAITING), int(Reason.HALTED), int(Reason.VOLUME_CAP)
_STRATEGY, _IMMEDIATE, _FOK = int(Reason.BY_STRATEGY), int(Reason.IMMEDIATE), int(Reason.FILL_OR_KILL)
_AUCTION, _OTHER_EXIT = int(Reason.AUCTION_PASSED), int(Reason.OTHER_EXIT)
_TRIGGER_OPEN, _TRIGGER_LIMIT, _TRIGGER_STOP = int(Trigger.OPEN), int(Trigger.LIMIT), int(Trigger.STOP)
_TRIGGER_CLOSE, _TRIGGER_QUOTE, _TRIGGER_TRADE = int(Trigger.CLOSE), int(Trigger.QUOTE), int(Trigger.TRADE)
_TARGET_EXIT = 1


@kernel
def _lots_within(share: float, volume: float, lots: int) -> int:
    """Return the lots that `share` of a volume in shares leaves room for; none where the volume is not positive."""
    if not volume > 0.0:
        return 0
    room = share * volume * lots
    return _UNBOUNDED if room >= 4e18 else int64(np.floor(room))


@kernel
def _both_sides(tape: Any, open_: float, high: float, low: float, close: float) -> bool:
    """Fill both sides from one range; return whether it is a range of prices at all."""
    first, highest, lowest, last = to_micros(open_), to_micros(high), to_micros(low), to_micros(close)
    tape.buy_open, tape.buy_high, tape.buy_low, tape.buy_close = first, highest, lowest, last
    tape.sell_open, tape.sell_high, tape.sell_low, tape.sell_close = first, highest, lowest, last
    return min(first, last, lowest, highest) > 0


@kernel
def _quote_sides(tape: Any, event: Any, lots: int) -> None:
    ask, bid = to_micros(event.ask), to_micros(event.bid)
    tape.buy_open = tape.buy_high = tape.buy_low = tape.buy_close = ask
    tape.sell_open = tape.sell_high = tape.sell_low = tape.sell_close = bid
    tape.buy_room = _lots_within(1.0, event.ask_size, lots) if ask > 0 else 0
    tape.sell_room = _lots_within(1.0, event.bid_size, lots) if bid > 0 else 0
    # A quote is there to be hit: whoever reaches it trades, without going through it.
    tape.shared, tape.through, tape.quoted, tape.volume = 0, 0, 1, 0.0


@kernel
def read_tape(broker: Any, place: Any, event: Any) -> None:
    """Fill ``broker.tape`` from a market event."""
    tape = broker.tape
    tape.ts_event, tape.ts_known, tape.ts_open = event.ts_event, event.ts_available, event.ts_event
    tape.first = 1 if event.flags & SESSION_FIRST else 0
    tape.last = 1 if event.flags & SESSION_LAST else 0
    tape.shared, tape.quoted, tape.closes_only, tape.single = 1, 0, 0, 0
    tape.through = 0 if broker.fill_on_touch else place.tick
    if event.kind == QUOTE:
        _quote_sides(tape, event, place.lots)
        return
    if event.kind == BAR:
        tape.ts_open, tape.volume = event.ts_open, event.volume
        sound = _both_sides(tape, event.open, event.high, event.low, event.close)
        room = _lots_within(np.inf if place.uncapped else broker.volume_share, event.volume, place.lots)
    elif event.kind == CLOSE:
        tape.volume, tape.closes_only, tape.first, tape.last = 0.0, 1, 1, 1
        sound = _both_sides(tape, event.close, event.close, event.close, event.close)
        room = _UNBOUNDED
    else:
        tape.volume, tape.single = event.size, 1
        sound = _both_sides(tape, event.last, event.last, event.last, event.last)
        room = _lots_within(broker.volume_share, event.size, place.lots)
    tape.buy_room = tape.sell_room = room if sound else 0


@kernel
def _better(order: Any, open_: int, tape: Any) -> int:
    """Return where a limit order trades: at a better open, at its limit in a range that goes through it, or not."""
    touch = min(tape.through, 1)
    if order.remaining > 0:
        if tape.buy_low > order.limit - tape.through:
            return NOWHERE
        return AT_OPEN if open_ <= order.limit - touch else AT_LIMIT
    if tape.sell_high < order.limit + tape.through:
        return NOWHERE
    return AT_OPEN if open_ >= order.limit + touch else AT_LIMIT


@kernel
def _stop_reached(order: Any, level: int, tape: Any) -> int:
    """Return where a stop level is reached; a touch suffices, since that is the worse assumption."""
    if order.remaining > 0:
        if tape.buy_open >= level:
            return AT_OPEN
        return AT_STOP if tape.buy_high >= level else NOWHERE
    if tape.sell_open <= level:
        return AT_OPEN
    return AT_STOP if tape.sell_low <= level else NOWHERE


@kernel
def _trail(order: Any, tape: Any) -> int:
    """Return where a trailing stop is reached, and move its level.

    The level from before the event is tried first. The event's own extreme counts only if the close then lies beyond
    the new level: the extreme certainly came before the close.
    """
    where = _stop_reached(order, order.stop, tape)
    if where != NOWHERE:
        return where
    if order.remaining > 0:
        order.extreme = min(order.extreme, tape.buy_low)
        order.stop = order.extreme + order.trail
        return AT_STOP if tape.buy_close >= order.stop else NOWHERE
    order.extreme = max(order.extreme, tape.sell_high)
    order.stop = max(order.extreme - order.trail, 1)
    return AT_STOP if tape.sell_close <= order.stop else NOWHERE


@kernel
def _not_its_auction(order: Any, tape: Any) -> bool:
    return (order.tif == OPG and tape.first == 0) or (order.tif == CLS and tape.last == 0)


@kernel
def _auction(order: Any, tape: Any) -> int:
    """Return where an order for an auction trades; a limit must lie beyond the auction's price."""
    if _not_its_auction(order, tape):
        return NOWHERE
    price = tape.buy_open if order.tif == OPG else tape.buy_close
    sign = np.sign(order.remaining)
    if order.type == LIMIT and (price - order.limit) * sign + tape.through > 0:
        return NOWHERE
    return AT_OPEN if order.tif == OPG else AT_CLOSE


@kernel
def _after_trigger(order: Any, tape: Any, where: int) -> int:
    """Return where a stop-limit order trades in the event that triggered it.

    After a trigger at the open, the whole range is still to come. After one inside, only the close certainly is.
    """
    buys = order.remaining > 0
    if where == AT_OPEN:
        return _better(order, tape.buy_open if buys else tape.sell_open, tape)
    if (order.stop - order.limit) * np.sign(order.remaining) < 0:
        return AT_STOP
    beyond = order.limit - tape.buy_close if buys else tape.sell_close - order.limit
    return AT_LIMIT if beyond >= tape.through else NOWHERE


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
    if where == NOWHERE:
        return NOWHERE
    order.triggered = 1
    if order.fresh == tape.ts_event and order.entered != AT_OPEN:
        where = AT_STOP
    return _after_trigger(order, tape, where) if order.type == STOP_LIMIT else where


@kernel
def _price(order: Any, tape: Any, where: int) -> int:
    """Return the price before costs at which an order trades at a place that `_strike` named."""
    buys = order.remaining > 0
    if where == AT_OPEN:
        return tape.buy_open if buys else tape.sell_open
    if where == AT_CLOSE:
        return tape.buy_close if buys else tape.sell_close
    if where == AT_LIMIT:
        return order.limit
    # A level that the range had passed before the order came alive is no price of this range.
    return max(order.stop, tape.buy_low) if buys else min(order.stop, tape.sell_high)


@kernel
def _on_tick(price: float, sign: int, tick: int) -> int:
    """Return the tick at a price, or the next worse one for who buys (sign > 0) or sells."""
    if sign > 0:
        return int64(np.ceil(price / tick)) * tick
    return int64(np.floor(price / tick)) * tick


@kernel
def _trigger_code(tape: Any, where: int) -> int:
    if tape.quoted:
        return _TRIGGER_QUOTE
    if tape.single:
        return _TRIGGER_TRADE
    if where == AT_CLOSE or tape.closes_only:
        return _TRIGGER_CLOSE
    if where == AT_OPEN:
        return _TRIGGER_OPEN
    return _TRIGGER_LIMIT if where == AT_LIMIT else _TRIGGER_STOP


@kernel
def _execute(broker: Any, place: Any, slot: int, where: int, quantity: int) -> None:
    """Fill `quantity` lots (signed) of an order and queue the event."""
    order, tape = resting(broker, slot), broker.tape
    sign = np.sign(quantity)
    base = _price(order, tape, where)
    passive = where == AT_LIMIT
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
    note.commission, note.regulatory, note.trigger = fee, levy, _trigger_code(tape, where)
    if price != base:
        cost = notional(abs(quantity), abs(price - base), place.lots)
        note.spread = int64(np.rint(cost * (half / (half + push)))) if half + push > 0.0 else cost
        note.impact = cost - note.spread
    order.filled += quantity
    order.remaining -= quantity
    order.entered = where
    event.filled = order.filled


@kernel
def _fill(broker: Any, place: Any, slot: int, where: int) -> None:
    """Fill an order as far as there is room, and end or keep the rest by its time in force."""
    order, tape = resting(broker, slot), broker.tape
    buys = order.remaining > 0
    room = tape.buy_room if buys else tape.sell_room
    size = min(abs(order.remaining), room)
    if size < abs(order.remaining):
        order.why = _NO_VOLUME if tape.quoted and room == 0 else _CAP
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
        activate(broker, order, order.id, tape.ts_event, tape.ts_known)
        unlink(broker, slot)
    if order.sibling >= 0:
        _shrink_sibling(broker, order, slot)


@kernel
def _shrink_sibling(broker: Any, order: Any, slot: int) -> None:
    """Leave the other exit only what this one has not filled."""
    tape = broker.tape
    if order.remaining == 0:
        end_sibling(broker, order.sibling, slot, _OTHER_EXIT, tape.ts_event, tape.ts_known)
        return
    other = resting(broker, order.sibling)
    if other.id == 0 or abs(other.remaining) <= abs(order.remaining):
        return
    other.remaining = order.remaining
    row = emit(broker, other.instrument, order.sibling, other.id, REPLACED, _OTHER_EXIT, tape.ts_event, tape.ts_known)
    row.event.quantity, row.event.price = other.filled + other.remaining, other.limit
    row.event.fee = other.stop if other.type != TRAILING_STOP else 0


@kernel
def _waits(order: Any, tape: Any) -> bool:
    """Return whether the event's prices happened too early for an order, or it is a fresh target."""
    if order.active == 0:
        return True
    if order.fresh == tape.ts_event:
        return order.exit == _TARGET_EXIT
    met = tape.ts_event if order.tif == CLS else tape.ts_open
    return order.eligible > met


@kernel
def _worse_first(broker: Any, order: Any, where: int) -> bool:
    """Return whether a target must give way to its stop in this event."""
    if order.exit != _TARGET_EXIT or order.sibling < 0:
        return False
    other, tape = resting(broker, order.sibling), broker.tape
    if other.id == 0 or _waits(other, tape):
        return False
    if other.triggered:
        return True
    reached = _stop_reached(other, other.stop, tape)
    return reached == AT_OPEN or (reached == AT_STOP and where != AT_OPEN)


@kernel
def _unmet(order: Any, tape: Any) -> int:
    """Return why an eligible order did not trade at this event's prices."""
    if _not_its_auction(order, tape):
        return _WAITING
    return _NOT_REACHED if order.type == LIMIT or order.triggered else _NOT_TRIGGERED


@kernel
def _arrived(broker: Any, slot: int, order: Any, until: int) -> bool:
    """Let a change that has reached the venue by `until` take effect; return whether the order is over."""
    known = broker.tape.ts_known
    if order.cancel_at != 0 and order.cancel_at <= until:
        finish(broker, slot, CANCELLED, _STRATEGY, order.cancel_at, known)
    elif order.replace_at != 0 and order.replace_at <= until:
        amend(broker, slot, known)
    return order.id == 0


@kernel
def _changes(order: Any, tape: Any) -> bool:
    """Return whether the order is cancelled or replaced within the event; it then trades at the open or not at all."""
    until = tape.ts_event
    return (order.cancel_at != 0 and order.cancel_at <= until) or (order.replace_at != 0 and order.replace_at <= until)


@kernel
def _meet(broker: Any, place: Any, slot: int) -> None:
    """Let one resting order meet the tape."""
    order, tape = resting(broker, slot), broker.tape
    if _arrived(broker, slot, order, tape.ts_open):
        return
    if _waits(order, tape):
        if order.active and order.why == 0:
            order.why = _WAITING
        return
    before, where = order.triggered, _strike(order, tape)
    if where != AT_OPEN and _changes(order, tape):
        where, order.triggered = NOWHERE, before
    if order.triggered and not before:
        emit(broker, order.instrument, slot, order.id, TRIGGERED, 0, tape.ts_event, tape.ts_known)
    if where == NOWHERE:
        order.why = _unmet(order, tape)
    elif _worse_first(broker, order, where):
        return
    else:
        _fill(broker, place, slot, where)
    if order.id != 0 and not _end_if_immediate(broker, slot, order):
        _arrived(broker, slot, order, tape.ts_event)


@kernel
def _end_if_immediate(broker: Any, slot: int, order: Any) -> bool:
    """Cancel what is left of an order that must not rest; return whether it was one."""
    tape = broker.tape
    missed = (order.tif == OPG and tape.first) or (order.tif == CLS and tape.last)
    if order.tif != IOC and order.tif != FOK and not missed:
        return False
    fallback = _AUCTION if missed else _IMMEDIATE
    finish(broker, slot, CANCELLED, order.why or fallback, tape.ts_event, tape.ts_known)
    return True


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
    barred = _HALTED if place.halted else (_NO_VOLUME if tape.buy_room == 0 and tape.sell_room == 0 else 0)
    slot = place.first
    while slot >= 0:
        order = resting(broker, slot)
        following = order.next
        # An order that another one ended meanwhile keeps its link, so the walk goes on through it.
        if order.id != 0 and barred:
            _bar_from_trading(broker, slot, order, barred)
        elif order.id != 0:
            _meet(broker, place, slot)
        slot = following


@kernel
def _bar_from_trading(broker: Any, slot: int, order: Any, why: int) -> None:
    """Note why an order could not trade at an event without tradable prices; what must not rest ends all the same."""
    tape = broker.tape
    if _arrived(broker, slot, order, tape.ts_event) or _waits(order, tape):
        return
    order.why = _WAITING if _not_its_auction(order, tape) else why
    _end_if_immediate(broker, slot, order)
