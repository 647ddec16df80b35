"""The account's side of order events, changes of status and corporate actions."""

from typing import Any

from .broker.desk import BORROW, FEE
from .codes import Status, Update
from .compile import kernel
from .digest import absorb
from .events import DELIST, DIVIDEND, HALT, LIST, RESUME, SPLIT
from .ledger import accrue_dividend, charge, credit_interest, pay_borrow, receive, split_position, trade
from .logs import log_fill, log_flow, log_order
from .money import notional, to_micros
from .orders import HELD, PENDING_CANCEL, PENDING_REPLACE, find
from .risk import release, reserve
from .sleeves import allocate, allocate_to, close_books, split_books, spread_cash, spread_dividend
from .tables import open_slot, order_in, position

FLOW_DIVIDEND, FLOW_BORROW, FLOW_INTEREST, FLOW_FRACTION, FLOW_TERMINAL, FLOW_ADJUSTMENT = 0, 1, 2, 3, 4, 5
FLOWS = ("dividend", "borrow", "interest", "fraction", "terminal", "adjustment")

_ACCEPTED, _FILL, _REPLACED = int(Update.ACCEPTED), int(Update.FILL), int(Update.REPLACED)
_CANCELLED, _EXPIRED, _REJECTED = int(Update.CANCELLED), int(Update.EXPIRED), int(Update.REJECTED)
_ACTIVATED, _RESCALED, _CASH_FLOW = int(Update.ACTIVATED), int(Update.RESCALED), int(Update.CASH_FLOW)
_ADJUSTED = int(Update.ADJUSTED)
_CANCEL_REJECTED, _REPLACE_REJECTED = int(Update.CANCEL_REJECTED), int(Update.REPLACE_REJECTED)
_IS_SUBMITTED, _IS_ACCEPTED, _IS_PARTIAL = int(Status.SUBMITTED), int(Status.ACCEPTED), int(Status.PARTIAL)
_IS_FILLED, _IS_CANCELLED, _IS_EXPIRED, _IS_REJECTED = (
    int(Status.FILLED),
    int(Status.CANCELLED),
    int(Status.EXPIRED),
    int(Status.REJECTED),
)


@kernel
def close_order(world: Any, out: Any, order: Any, status: int, reason: int) -> None:
    """End an order: nothing of it rests any longer, its row is logged, its slot is free."""
    order.status, order.reason, order.done = status, reason, world.now
    reserve(world, order, -order.reserved)
    position(world, order.instrument).open_orders -= 1
    kept = 0
    for k in range(world.n_open):
        slot = open_slot(world, k).slot
        if slot != order.slot:
            open_slot(world, kept).slot = slot
            kept += 1
    world.n_open = kept
    log_order(out, world, order)
    release(world, order)


@kernel
def _apply_fill(world: Any, out: Any, order: Any, event: Any, note: Any) -> None:
    instrument, quantity = order.instrument, event.quantity
    held = position(world, instrument)
    realised = trade(world, held, quantity, event.price)
    charge(world, held, event.fee)
    world.count_fills += 1
    order.filled += quantity
    order.turnover += notional(abs(quantity), event.price, held.lots)
    reserve(world, order, -min(abs(quantity), order.reserved))
    if world.n_sleeves > 1:
        if order.sleeve >= 0:
            allocate_to(world, order.sleeve, instrument, quantity, event.price, event.fee)
        else:
            allocate(world, instrument, quantity, event.price, event.fee)
    log_fill(out, event, note, instrument, order.sleeve, quantity, realised, held.quantity)
    absorb(world, order.id, quantity, event.price, event.fee)
    absorb(world, event.ts_event, event.ts_available, realised, world.cash)
    if order.status != PENDING_CANCEL and order.status != PENDING_REPLACE:
        order.status = _IS_PARTIAL
    if abs(order.filled) >= abs(order.quantity):
        close_order(world, out, order, _IS_FILLED, order.reason)


@kernel
def _stand(order: Any) -> None:
    """Let an order stand as it is again, its request answered."""
    order.status = _IS_PARTIAL if order.filled != 0 else _IS_ACCEPTED


@kernel
def _resize(world: Any, order: Any, remaining: int, limit: int, stop: int) -> None:
    """Give an open order new terms; `remaining` is what is left of it, signed. Exits of an open entry do not rest."""
    reserve(world, order, -order.reserved)
    order.quantity = order.filled + remaining
    order.limit, order.stop = limit, stop
    if order.parent != 0 and find(world, order.parent) >= 0:
        order.status = HELD if order.status == PENDING_REPLACE else order.status
        return
    if order.status == HELD:
        _stand(order)
    reserve(world, order, abs(remaining))


@kernel
def _apply_flow(world: Any, out: Any, event: Any) -> None:
    if event.reason == BORROW:
        pay_borrow(world, position(world, event.instrument), event.fee)
        if world.n_sleeves > 1:
            spread_cash(world, event.instrument, -event.fee)
        log_flow(out, world, event.instrument, FLOW_BORROW, -event.fee)
    elif event.reason == FEE:
        # What a broker outside charges apart from the fill.
        charge(world, position(world, event.instrument), event.fee)
        if world.n_sleeves > 1:
            spread_cash(world, event.instrument, -event.fee)
    else:
        credit_interest(world, event.fee)
        if world.n_sleeves > 1:
            spread_cash(world, -1, event.fee)
        log_flow(out, world, -1, FLOW_INTEREST, event.fee)
    absorb(world, event.reason, event.instrument, event.fee, event.ts_event)


@kernel
def _adjust(world: Any, out: Any, event: Any) -> None:
    """Adopt what a broker outside says: lots bought or sold at a price, without an order, then an amount of cash.

    With several sleeves the lots go by the rule of netted fills, the cash by capital.
    """
    instrument, quantity = event.instrument, event.quantity
    if instrument >= 0 and quantity != 0:
        trade(world, position(world, instrument), quantity, event.price)
        if world.n_sleeves > 1:
            allocate(world, instrument, quantity, event.price, 0)
    if event.fee != 0:
        if receive(world, event.fee):
            world.other += event.fee
        if world.n_sleeves > 1:
            spread_cash(world, -1, event.fee)
        log_flow(out, world, instrument, FLOW_ADJUSTMENT, event.fee)
    absorb(world, instrument, quantity, event.price, event.fee)


@kernel
def apply_update(world: Any, out: Any, event: Any, note: Any) -> int:
    """Apply one order event, whoever made it; return the sleeve whose order it is, or -1.

    Events of orders that are not open (unknown, already ended) change nothing.
    """
    if event.code == _CASH_FLOW:
        _apply_flow(world, out, event)
        return -1
    if event.code == _ADJUSTED:
        _adjust(world, out, event)
        return -1
    slot = event.slot
    if not 0 <= slot < world.n_slots or order_in(world, slot).id != event.order_id or order_in(world, slot).status == 0:
        slot = find(world, event.order_id)
    if slot < 0:
        return -1
    order = order_in(world, slot)
    sleeve, code = order.sleeve, event.code
    if code == _FILL:
        _apply_fill(world, out, order, event, note)
        return sleeve
    if code == _ACCEPTED:
        # Not in the digest: brokers differ in whether and when they acknowledge, and nothing is decided by it.
        if order.status == _IS_SUBMITTED:
            order.status = _IS_ACCEPTED
        return sleeve
    absorb(world, order.id, code, event.reason, event.ts_event)
    if code == _ACTIVATED:
        _resize(world, order, event.quantity, order.limit, order.stop)
    elif code == _REPLACED:
        _resize(world, order, event.quantity - order.filled, event.price, event.fee)
        if order.status == PENDING_REPLACE and event.reason == 0:
            _stand(order)
    elif code == _RESCALED:
        order.filled = event.filled
        _resize(world, order, event.quantity, event.price, event.fee)
    elif code == _CANCELLED:
        close_order(world, out, order, _IS_CANCELLED, event.reason)
    elif code == _EXPIRED:
        close_order(world, out, order, _IS_EXPIRED, event.reason)
    elif code == _REJECTED:
        close_order(world, out, order, _IS_REJECTED, event.reason)
    elif code == _CANCEL_REJECTED or code == _REPLACE_REJECTED:
        _stand(order)
    return sleeve


@kernel
def _split(world: Any, out: Any, held: Any, event: Any) -> None:
    ratio = event.numerator / event.denominator
    held.factor *= ratio
    held.split_factor *= ratio
    cash = split_position(world, held, event.numerator, event.denominator)
    if world.n_sleeves > 1:
        split_books(world, event.instrument, event.numerator, event.denominator)
    log_flow(out, world, event.instrument, FLOW_FRACTION, cash)


@kernel
def _dividend(world: Any, out: Any, held: Any, event: Any) -> None:
    price = held.mark * 1000.0
    if world.dividends_adjust and price > event.amount:
        held.factor *= price / (price - event.amount)
    if world.n_sleeves > 1:
        spread_dividend(world, event.instrument, event.amount)
    if held.quantity == 0:
        return
    amount = accrue_dividend(world, held, event.instrument, event.amount, event.pay_ts)
    log_flow(out, world, event.instrument, FLOW_DIVIDEND, amount)


@kernel
def _delist(world: Any, out: Any, held: Any, event: Any) -> None:
    """Close what is held at the terminal price, or at the last mark where none is given."""
    price = to_micros(event.terminal) if event.terminal >= 0.0 else held.mark
    quantity = held.quantity
    if quantity != 0:
        trade(world, held, -quantity, price)
        log_flow(out, world, event.instrument, FLOW_TERMINAL, notional(quantity, price, held.lots))
    if world.n_sleeves > 1:
        close_books(world, event.instrument, price)
    held.active, held.crosses = 0, 0


@kernel
def apply_status(world: Any, out: Any, event: Any) -> None:
    """Apply a corporate action or a change of status to the account."""
    if event.instrument < 0:
        return
    held = position(world, event.instrument)
    absorb(world, event.kind, event.instrument, event.numerator, event.denominator)
    if event.kind == SPLIT:
        _split(world, out, held, event)
    elif event.kind == DIVIDEND:
        _dividend(world, out, held, event)
    elif event.kind == LIST:
        held.active = 1
    elif event.kind == DELIST:
        _delist(world, out, held, event)
    elif event.kind == HALT:
        held.halted = 1
    elif event.kind == RESUME:
        held.halted = 0
