"""Orders from requests: the entry, its legs, the one that replaces another, and how the counter takes each."""

from collections.abc import Iterator
from typing import Any

from lockstep.engine.counter import Terms
from lockstep.engine.instruments import Instrument

from .orders import TIFS, TYPES, Order
from .rules import Exit, Request
from .wire import identity


def entry(
    request: Request, instrument: Instrument, number: int, lots: int, now: int, expires: int, intent: str
) -> Order:
    """Return the order that a request asks for, without its legs."""
    return Order(
        number=number, client_id=request.client_id or identity("client order", number), symbol=instrument.symbol,
        instrument=request.instrument, per_share=instrument.lots_per_unit, buys=request.buys, kind=request.kind,
        tif=request.tif, quantity=lots, limit=request.limit, stop=request.stop, trail=request.trail,
        notional=request.notional, order_class=request.order_class, extended=request.extended, intent=intent,
        submitted=now, expires_at=expires,
    )  # fmt: skip


def exits_of(order: Order, request: Request) -> Iterator[tuple[Exit, bool]]:
    """Yield the legs that a complex order needs beside itself, and whether each buys; an OCO is its own target."""
    if order.order_class == "oco":
        if request.target and request.target.limit:
            order.limit = request.target.limit
        assert request.guard is not None
        yield request.guard, order.buys
    elif order.order_class:
        yield from ((part, not order.buys) for part in (request.target, request.guard) if part is not None)


def leg(parent: Order, number: int, part: Exit, *, buys: bool) -> Order:
    """Return a leg, held until its parent has filled."""
    kind = "limit" if not part.stop else "stop_limit" if part.limit else "stop"
    return Order(
        number=number, client_id=identity("client order", number), symbol=parent.symbol, instrument=parent.instrument,
        per_share=parent.per_share, buys=buys, kind=kind, tif=parent.tif, quantity=parent.quantity, limit=part.limit,
        stop=part.stop, order_class=parent.order_class, intent="buy_to_close" if buys else "sell_to_close",
        status="held", submitted=parent.submitted, expires_at=parent.expires_at, parent=parent,
    )  # fmt: skip


def successor(order: Order, number: int, lots: int, changes: dict[str, Any], now: int, expires: int) -> Order:
    """Return the order that takes another's place; what has filled stays with it."""
    return Order(
        number=number, client_id=changes.get("client_id") or identity("client order", number), symbol=order.symbol,
        instrument=order.instrument, per_share=order.per_share, buys=order.buys, kind=order.kind,
        tif=changes.get("tif") or order.tif, quantity=lots, limit=changes.get("limit") or order.limit,
        stop=changes.get("stop") or order.stop, trail=changes.get("trail") or order.trail,
        order_class=order.order_class, extended=order.extended, intent=order.intent, submitted=now,
        expires_at=expires, replaces=order, parent=order.parent, filled=order.filled, turnover=order.turnover,
    )  # fmt: skip


def terms(order: Order) -> Terms:
    """Return an order as the counter takes it."""
    return Terms(
        order.instrument, order.sign * order.quantity, int(TYPES[order.kind]), int(TIFS[order.tif]), order.limit,
        order.stop, order.trail,
    )  # fmt: skip
