"""The broker's desk: it takes orders and changes to them, ends them with their session, handles corporate actions."""

from typing import Any

import numpy as np

from ..codes import CLS, DAY, OPG, TRAILING_STOP, Reason, Update
from ..compile import int64, kernel
from ..events import BAR, CLOSE, DELIST, HALT, RESUME, SPLIT
from ..money import OVERFLOW, mul_div, mul_down
from ..orders import CANCEL, SUBMIT
from ..tables import order_in, outbox, position, resting, venue
from .queue import ACCEPTED, CANCELLED, EXPIRED, RESCALED, amend, append, emit, finish

CASH_FLOW = int(Update.CASH_FLOW)
BORROW, INTEREST, FEE = 1, 2, 3
_ALPHA = 2.0 / 21.0
_SESSION_END, _STRATEGY, _AUCTION = int(Reason.SESSION_END), int(Reason.BY_STRATEGY), int(Reason.AUCTION_PASSED)
_SPLIT, _DELISTED, _UNKNOWN = int(Reason.SPLIT), int(Reason.DELISTED), int(Reason.UNKNOWN_ORDER)
_WAITING = int(Reason.WAITING)
_CANCEL_REJECTED, _REPLACE_REJECTED = int(Update.CANCEL_REJECTED), int(Update.REPLACE_REJECTED)


@kernel
def _submit(world: Any, broker: Any, slot: int) -> None:
    order, own = order_in(world, slot), resting(broker, slot)
    own.id, own.instrument, own.type, own.tif = order.id, order.instrument, order.type, order.tif
    own.remaining, own.filled, own.limit, own.stop = order.quantity, 0, order.limit, order.stop
    own.trail, own.extreme = order.trail, 0
    if order.trail > 0 and order.quantity < 0:
        own.extreme = position(world, order.instrument).mark
        own.stop = max(own.extreme - order.trail, 1)
    elif order.trail > 0:
        own.extreme = position(world, order.instrument).mark
        own.stop = own.extreme + order.trail
    own.eligible, own.cancel_at, own.fresh, own.entered = world.now + broker.latency, 0, -1, 0
    own.active, own.triggered, own.why = 0 if order.parent != 0 else 1, 0, 0
    own.parent, own.replace_at = order.parent, 0
    own.exit, own.sibling = order.exit, order.sibling
    own.child_target, own.child_stop = order.child_target, order.child_stop
    append(broker, slot)
    if broker.acknowledges:
        emit(broker, order.instrument, slot, order.id, ACCEPTED, 0, own.eligible, own.eligible)


@kernel
def _cancel(world: Any, broker: Any, slot: int) -> None:
    order, own = order_in(world, slot), resting(broker, slot)
    if own.id != order.id:
        emit(broker, order.instrument, slot, order.id, _CANCEL_REJECTED, _UNKNOWN, world.now, world.now)
    elif broker.latency == 0 or own.active == 0:
        finish(broker, slot, CANCELLED, _STRATEGY, world.now, world.now)
    else:
        own.cancel_at = world.now + broker.latency


@kernel
def _replace(world: Any, broker: Any, slot: int, quantity: int, limit: int, stop: int) -> None:
    """Take a replacement; until it arrives, the order stands as it was."""
    order, own = order_in(world, slot), resting(broker, slot)
    if own.id != order.id:
        emit(broker, order.instrument, slot, order.id, _REPLACE_REJECTED, _UNKNOWN, world.now, world.now)
        return
    own.replace_at, own.next_quantity = world.now + broker.latency, quantity
    own.next_limit, own.next_stop = limit, stop
    if broker.latency == 0 or own.active == 0:
        amend(broker, slot, world.now)


@kernel
def take(world: Any, broker: Any) -> None:
    """Take everything from the account's outbox."""
    for k in range(world.n_outbox):
        message = outbox(world, k)
        if message.action == SUBMIT:
            _submit(world, broker, message.slot)
        elif message.action == CANCEL:
            _cancel(world, broker, message.slot)
        else:
            _replace(world, broker, message.slot, message.quantity, message.limit, message.stop)
    world.n_outbox = 0


@kernel
def observe(broker: Any, event: Any) -> None:
    """Add a bar or close to the running averages that impact is reckoned from."""
    if event.kind > CLOSE:
        return
    place = venue(broker, event.instrument)
    place.close = event.close
    if event.kind == BAR:
        place.session_volume += event.volume


@kernel
def _roll(place: Any) -> None:
    """Close an instrument's session: update its mean volume and variance (exponential, span 20 sessions)."""
    if place.session_volume > 0.0:
        if place.mean_volume == 0.0:
            place.mean_volume = place.session_volume
        place.mean_volume += _ALPHA * (place.session_volume - place.mean_volume)
    place.session_volume = 0.0
    if place.session_close > 0.0 and place.close > 0.0:
        step = place.close / place.session_close - 1.0
        if place.variance == 0.0:
            place.variance = step * step
        place.variance += _ALPHA * (step * step - place.variance)
    place.session_close = place.close


@kernel
def _session_over(order: Any, event: Any) -> bool:
    """Return whether a session was that of the order's earliest possible fill, and the order does not outlast it."""
    if order.active == 0 or order.eligible >= event.ts_event:
        return False
    # An order for the opening that came after it is one for the next.
    return order.tif == DAY or order.tif == CLS or (order.tif == OPG and order.why != _WAITING)


@kernel
def _expire(broker: Any, place: Any, event: Any) -> None:
    """End the day and auction orders whose session this was."""
    slot = place.first
    while slot >= 0:
        order = resting(broker, slot)
        following = order.next
        if order.id != 0 and order.cancel_at != 0 and order.cancel_at <= event.ts_event:
            finish(broker, slot, CANCELLED, _STRATEGY, order.cancel_at, event.ts_available)
        elif order.id != 0 and _session_over(order, event):
            why = _AUCTION if order.tif != DAY else _SESSION_END
            finish(broker, slot, EXPIRED, order.why or why, event.ts_event, event.ts_available)
        slot = following


@kernel
def _flow(broker: Any, instrument: int, kind: int, amount: int, event: Any) -> None:
    if amount != 0:
        row = emit(broker, instrument, -1, 0, CASH_FLOW, kind, event.ts_event, event.ts_available)
        row.event.fee = amount


@kernel
def _accrue(world: Any, broker: Any, event: Any) -> None:
    """Charge borrow fees on shorts and interest on cash for the nights until the next session, act/360."""
    nights = float(event.nights)
    if broker.borrow_rate > 0.0:
        for i in range(world.n_instruments):
            value = position(world, i).value
            if value < 0:
                _flow(broker, i, BORROW, int64(np.rint(-value * broker.borrow_rate * nights / 360.0)), event)
    rate = broker.cash_rate if world.cash > 0 else broker.margin_rate
    if rate > 0.0:
        _flow(broker, -1, INTEREST, int64(np.rint(world.cash * rate * nights / 360.0)), event)


@kernel
def close_session(world: Any, broker: Any, event: Any) -> None:
    """End a session: expire its orders, roll the averages, charge for the night."""
    if world.n_open != 0 or broker.track != 0:
        for i in range(broker.n_instruments):
            place = venue(broker, i)
            if place.first >= 0:
                _expire(broker, place, event)
            if broker.track:
                _roll(place)
    _accrue(world, broker, event)


@kernel
def _rescaled(price: int, event: Any, tick: int, up: bool) -> int:
    scaled = mul_div(price, event.denominator, event.numerator)
    return -(-scaled // tick) * tick if up else scaled // tick * tick


@kernel
def _scaled_lots(lots: int, event: Any) -> int:
    """Return signed lots after a split, the fraction dropped."""
    whole = mul_down(abs(lots), event.numerator, event.denominator)
    return whole if lots >= 0 else -whole


@kernel
def _rescale(broker: Any, place: Any, slot: int, event: Any) -> None:
    """Rescale a resting order for a split, back on the tick to its disadvantage, fractions of a lot dropped.

    An order of which nothing is left, or whose limit falls below the first tick, is cancelled.
    """
    order = resting(broker, slot)
    if order.replace_at != 0:
        amend(broker, slot, event.ts_available)
        if order.id == 0:
            return
    buys, limit = order.remaining > 0, order.limit
    remaining = _scaled_lots(order.remaining, event)
    if limit > 0:
        limit = _rescaled(limit, event, place.tick, not buys)
    if (order.active and remaining == 0) or remaining == OVERFLOW or (order.limit > 0 and limit == 0):
        finish(broker, slot, CANCELLED, _SPLIT, event.ts_event, event.ts_available)
        return
    order.remaining, order.limit, order.filled = remaining, limit, _scaled_lots(order.filled, event)
    if order.stop > 0:
        order.stop = max(_rescaled(order.stop, event, place.tick, buys), place.tick)
    if order.type == TRAILING_STOP:
        order.trail = max(mul_div(order.trail, event.denominator, event.numerator), 1)
        order.extreme = mul_div(order.extreme, event.denominator, event.numerator)
    row = emit(broker, order.instrument, slot, order.id, RESCALED, 0, event.ts_event, event.ts_available)
    row.event.quantity, row.event.price = order.remaining, order.limit
    row.event.fee = order.stop if order.type != TRAILING_STOP else 0
    row.event.filled = order.filled


@kernel
def _each(broker: Any, place: Any, event: Any, cancels: bool, reason: int) -> None:
    slot = place.first
    while slot >= 0:
        order = resting(broker, slot)
        following = order.next
        if order.id != 0:
            if cancels:
                finish(broker, slot, CANCELLED, reason, event.ts_event, event.ts_available)
            else:
                _rescale(broker, place, slot, event)
        slot = following


@kernel
def change_status(broker: Any, event: Any) -> None:
    """Apply a split, halt, resumption or delisting to an instrument's resting orders and averages."""
    if event.instrument < 0:
        return
    place = venue(broker, event.instrument)
    if event.kind == SPLIT:
        _each(broker, place, event, broker.cancel_on_split != 0, _SPLIT)
        ratio = event.numerator / event.denominator
        place.close /= ratio
        place.session_close /= ratio
        place.mean_volume *= ratio
    elif event.kind == HALT:
        place.halted = 1
    elif event.kind == RESUME:
        place.halted = 0
    elif event.kind == DELIST:
        _each(broker, place, event, True, _DELISTED)
