"""What the account can bear: buying power, shares held for orders, shorts, wash trades."""

from typing import TYPE_CHECKING

from lockstep.engine.instruments import MICROS
from lockstep.engine.money import notional as worth

from .orders import Order
from .rules import Refusal, Request, forbidden, unprocessable
from .wire import money, shares

if TYPE_CHECKING:
    from .desk import Desk

SHORT_EQUITY = 2_000 * MICROS
_STOPS = ("stop", "stop_limit", "trailing_stop")


def intent(desk: "Desk", request: Request) -> str:
    """Return what an order is for, judged by the position."""
    held = int(desk.position(request.instrument)["quantity"])
    if request.buys:
        return "buy_to_close" if held < 0 else "buy_to_open"
    return "sell_to_close" if held > 0 else "sell_to_open"


def held_for_orders(desk: "Desk", instrument: int, *, buys: bool) -> int:
    """Return the lots that open orders of one side would trade; a pair of exits counts once, held exits not at all."""
    total = 0
    for order in desk.open_orders(instrument):
        paired = order.order_class == "oco" and order.parent is not None
        second = order.parent is not None and order.parent.legs[0] is not order and len(order.parent.legs) > 1
        if order.buys == buys and order.status != "held" and not paired and not second:
            total += order.remaining
    return total


def _opening(desk: "Desk", instrument: int, lots: int, *, buys: bool) -> int:
    """Return how many of an order's lots would open or enlarge a position, once the open orders have filled."""
    held = int(desk.position(instrument)["quantity"])
    closable = max(-held if buys else held, 0)
    left = max(closable - held_for_orders(desk, instrument, buys=buys), 0)
    return max(lots - left, 0)


def buying_power(desk: "Desk") -> int:
    """Return what may still be bought or sold short, in micros: equity times the multiplier, less what is used."""
    if desk.cap is not None:
        return desk.cap
    used = sum(abs(int(value)) for value in desk.counter.world.positions["value"])
    for order in desk.open_orders():
        if order.is_exit or order.status == "held":
            continue
        held = int(desk.position(order.instrument)["quantity"])
        if (held >= 0) == order.buys:
            price = order.limit or order.stop or int(desk.position(order.instrument)["mark"])
            used += worth(order.remaining, price, order.per_share)
    return max(int(desk.header.equity) * desk.multiplier - used, 0)


def check(desk: "Desk", request: Request, lots: int, mark: int) -> None:
    """Check an order against the account; a lenient desk lets positions turn round and orders cross one another.

    Raises
    ------
    Refusal
        In Alpaca's words.
    """
    symbol, held = desk.instruments[request.instrument].symbol, int(desk.position(request.instrument)["quantity"])
    if not desk.position(request.instrument)["active"]:
        raise unprocessable(f"asset {symbol} is not active")
    opening = _opening(desk, request.instrument, lots, buys=request.buys)
    turns = (held < 0) if request.buys else (held > 0)
    if opening and (request.order_class == "oco" or (turns and not desk.lenient)):
        raise _unavailable(desk, request, lots, held)
    if request.order_class in ("bracket", "oto") and opening < lots:
        raise unprocessable(f"{request.order_class} orders must be entry orders")
    if opening and not request.buys:
        _check_short(desk, request, symbol)
    if not request.order_class and not desk.lenient:
        _check_wash(desk, request)
    price = request.limit or request.stop or mark
    cost = worth(opening, price, desk.instruments[request.instrument].lots_per_unit)
    if cost > buying_power(desk):
        raise forbidden(
            "insufficient buying power", buying_power=money(buying_power(desk)),
            cost_basis=money(cost),
        )  # fmt: skip


def check_larger(desk: "Desk", order: Order, lots: int, limit: int) -> None:
    """Check that the account can bear a replacement that is larger than the order.

    Raises
    ------
    Refusal
        In Alpaca's words.
    """
    more = lots - order.quantity
    if more <= 0:
        return
    price = limit or order.stop or int(desk.position(order.instrument)["mark"])
    opening = _opening(desk, order.instrument, more, buys=order.buys)
    if worth(opening, price, order.per_share) > buying_power(desk):
        raise forbidden("insufficient buying power", buying_power=money(buying_power(desk)))


def _unavailable(desk: "Desk", request: Request, lots: int, held: int) -> Refusal:
    """Return the refusal to close more than is free; one order does not turn a position round."""
    per_share = desk.instruments[request.instrument].lots_per_unit
    reserved = min(held_for_orders(desk, request.instrument, buys=request.buys), abs(held))
    free = abs(held) - reserved if (held > 0) != request.buys else 0
    return forbidden(
        f"insufficient qty available for order (requested: {shares(lots, per_share)}, "
        f"available: {shares(free, per_share)})",
        available=shares(free, per_share),
        existing_qty=shares(held, per_share),
        held_for_orders=shares(reserved, per_share),
        symbol=desk.instruments[request.instrument].symbol,
        related_orders=[each.id for each in desk.open_orders(request.instrument) if each.buys == request.buys],
    )


def _check_short(desk: "Desk", request: Request, symbol: str) -> None:
    if not desk.instruments[request.instrument].shortable:
        raise unprocessable(f'asset "{symbol}" cannot be sold short')
    if request.quantity % desk.instruments[request.instrument].lots_per_unit or request.notional:
        raise unprocessable("fractional orders cannot be sold short")
    if int(desk.header.equity) < SHORT_EQUITY:
        raise forbidden("account not eligible to short: equity must be at least 2000")


def _check_wash(desk: "Desk", request: Request) -> None:
    """Refuse an order that could trade with an open one of the other side; legs of complex orders may."""
    for other in desk.open_orders(request.instrument):
        if other.buys == request.buys or other.order_class or other.status == "held":
            continue
        reason = ""
        if request.kind == "market" or other.kind == "market" or request.kind in _STOPS or other.kind in _STOPS:
            reason = "opposite side market/stop order exists"
        elif (request.limit >= other.limit) if request.buys else (request.limit <= other.limit):
            reason = "opposite side limit order exists"
        if reason:
            raise forbidden(
                "potential wash trade detected. use complex orders", existing_order_id=other.id, reject_reason=reason
            )
