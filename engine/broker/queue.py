"""The broker's order events on their way to the account, and its lists of resting orders, oldest first."""

from typing import Any

from ..codes import TRAILING_STOP, Reason, Update
from ..compile import kernel
from ..events import ORDER
from ..tables import resting, update_in, venue

FILL, CANCELLED, EXPIRED, ACTIVATED = (
    int(Update.FILL),
    int(Update.CANCELLED),
    int(Update.EXPIRED),
    int(Update.ACTIVATED),
)
ACCEPTED, REPLACED, TRIGGERED, RESCALED = (
    int(Update.ACCEPTED),
    int(Update.REPLACED),
    int(Update.TRIGGERED),
    int(Update.RESCALED),
)
PARENT_DONE, BY_STRATEGY = int(Reason.PARENT_DONE), int(Reason.BY_STRATEGY)

NOWHERE, AT_OPEN, AT_LIMIT, AT_STOP, AT_CLOSE = 0, 1, 2, 3, 4
"""Where in an event an order trades."""


@kernel
def emit(
    broker: Any, instrument: int, slot: int, order_id: int, code: int, reason: int, ts_event: int, ts_known: int
) -> Any:
    """Queue an order event and return its row for the caller to complete; the last place takes the overflow."""
    k = broker.n_queue
    if k >= broker.queue_size:
        broker.overflow = 1
        k = broker.queue_size - 1
    else:
        broker.n_queue += 1
    row = update_in(broker, k)
    event = row.event
    event.ts_available, event.ts_event, event.sequence = ts_known, ts_event, 0
    event.instrument, event.kind, event.flags = instrument, ORDER, 0
    event.order_id, event.quantity, event.price, event.fee = order_id, 0, 0, 0
    event.slot, event.code, event.reason, event.filled = slot, code, reason, 0
    note = row.note
    note.commission, note.regulatory, note.spread, note.impact, note.trigger = 0, 0, 0, 0, 0
    return row


@kernel
def append(broker: Any, slot: int) -> None:
    """Put an order at the end of its instrument's list."""
    order = resting(broker, slot)
    place = venue(broker, order.instrument)
    order.next = -1
    if place.first < 0:
        place.first = slot
    else:
        resting(broker, place.last).next = slot
    place.last = slot


@kernel
def unlink(broker: Any, slot: int) -> None:
    """Take an order off its instrument's list; its own `next` stays, so that a walk over the list may go on."""
    order = resting(broker, slot)
    place = venue(broker, order.instrument)
    previous, current = -1, place.first
    while current >= 0 and current != slot:
        previous, current = current, resting(broker, current).next
    if current < 0:
        return
    if previous < 0:
        place.first = order.next
    else:
        resting(broker, previous).next = order.next
    if place.last == slot:
        place.last = previous
    order.id = 0


@kernel
def finish(broker: Any, slot: int, code: int, reason: int, ts_event: int, ts_known: int) -> None:
    """End an order that has not filled, and with it those that depend on it.

    Exits of an entry that never filled end with it; if it filled in part, they come alive for that part.
    """
    order = resting(broker, slot)
    order_id = order.id
    emit(broker, order.instrument, slot, order_id, code, reason, ts_event, ts_known)
    unlink(broker, slot)
    if order.sibling >= 0:
        end_sibling(broker, order.sibling, slot, reason, ts_event, ts_known)
    if order.filled == 0:
        _end_children(broker, order, order_id, ts_event, ts_known)
    else:
        activate(broker, order, order_id, ts_event, ts_known)


@kernel
def end_sibling(broker: Any, sibling_slot: int, slot: int, reason: int, ts_event: int, ts_known: int) -> None:
    """Cancel the exit in `sibling_slot`, if it is still paired with the one in `slot`."""
    sibling = resting(broker, sibling_slot)
    if sibling.id != 0 and sibling.sibling == slot:
        sibling.sibling = -1
        emit(broker, sibling.instrument, sibling_slot, sibling.id, CANCELLED, reason, ts_event, ts_known)
        unlink(broker, sibling_slot)


@kernel
def _end_children(broker: Any, entry: Any, entry_id: int, ts_event: int, ts_known: int) -> None:
    if entry.child_target < 0:
        return
    for slot in (entry.child_target, entry.child_stop):
        child = resting(broker, slot)
        # An exit that ended before its entry has left its slot to another order.
        if child.id != 0 and child.parent == entry_id:
            emit(broker, child.instrument, slot, child.id, CANCELLED, PARENT_DONE, ts_event, ts_known)
            unlink(broker, slot)


@kernel
def activate(broker: Any, entry: Any, entry_id: int, ts_event: int, ts_known: int) -> None:
    """Bring an entry's exits alive for the lots that it has filled.

    The stop may trigger within the same event, unless the entry traded at its close; the target is eligible only
    after `ts_event`.
    """
    if entry.child_target < 0:
        return
    for slot in (entry.child_target, entry.child_stop):
        child = resting(broker, slot)
        if child.id == 0 or child.parent != entry_id:
            continue
        child.active, child.remaining = 1, -entry.filled
        child.fresh = -1 if entry.entered == AT_CLOSE else ts_event
        child.entered, child.eligible = entry.entered, max(child.eligible, ts_event)
        row = emit(broker, child.instrument, slot, child.id, ACTIVATED, 0, ts_event, ts_known)
        row.event.quantity = -entry.filled


@kernel
def amend(broker: Any, slot: int, ts_known: int) -> None:
    """Let a replacement take effect; one that leaves nothing to fill cancels the order."""
    order = resting(broker, slot)
    at, order.replace_at = order.replace_at, 0
    if abs(order.next_quantity) <= abs(order.filled):
        finish(broker, slot, CANCELLED, BY_STRATEGY, at, ts_known)
        return
    order.remaining, order.limit = order.next_quantity - order.filled, order.next_limit
    if order.type != TRAILING_STOP and order.next_stop != order.stop:
        order.stop, order.triggered = order.next_stop, 0
    order.eligible = max(order.eligible, at)
    row = emit(broker, order.instrument, slot, order.id, REPLACED, 0, at, ts_known)
    row.event.quantity, row.event.price, row.event.fee = order.next_quantity, order.next_limit, order.next_stop
