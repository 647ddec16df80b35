"""An order of the account as the body of a request: what Alpaca has a word for, in decimals that it takes."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from lockstep.engine.codes import CLS, DAY, FOK, GTC, IOC, LIMIT, MARKET, OPG, STOP, STOP_LIMIT, TRAILING_STOP

TYPES = {
    MARKET: "market", LIMIT: "limit", STOP: "stop", STOP_LIMIT: "stop_limit", TRAILING_STOP: "trailing_stop",
}  # fmt: skip
TIFS = {DAY: "day", GTC: "gtc", IOC: "ioc", FOK: "fok", OPG: "opg", CLS: "cls"}
_DOLLAR = 1_000_000
_CENT, _HUNDREDTH = 10_000, 100
SHARES = Decimal("1e-9")


def shares(lots: int, per_share: int) -> str:
    """Return lots as a decimal number of shares."""
    return _plain(Decimal(abs(lots)) / Decimal(per_share))


def price(micros: int, *, up: bool) -> str:
    """Return a price as a decimal: two places from a dollar on, four below it; what lies between goes up or down."""
    step = _CENT if micros >= _DOLLAR else _HUNDREDTH
    rounding = ROUND_CEILING if up else ROUND_FLOOR
    whole = (Decimal(micros) / step).to_integral_value(rounding) * step
    return _plain(whole / _DOLLAR)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def limit_price(micros: int, *, buys: bool) -> str:
    """Return a limit on Alpaca's grid, never worse for its owner."""
    return price(micros, up=not buys)


def stop_price(micros: int, *, buys: bool) -> str:
    """Return a stop on Alpaca's grid, never nearer than it was."""
    return price(micros, up=buys)


def simple(order: Any, per_share: int, symbol: str, coid: str, tif: int | None = None) -> dict[str, Any]:
    """Return the body of a plain order.

    Parameters
    ----------
    order : core.Order
        Its terms.
    per_share : int
        Lots that make one share.
    symbol, coid : str
        Ticker and client order id.
    tif : int or None
        Another time in force than the order's.
    """
    buys = order.quantity > 0
    body = {
        "symbol": symbol,
        "qty": shares(order.quantity, per_share),
        "side": "buy" if buys else "sell",
        "type": TYPES[order.type],
        "time_in_force": TIFS[order.tif if tif is None else tif],
        "client_order_id": coid,
    }
    if order.type in (LIMIT, STOP_LIMIT):
        body["limit_price"] = limit_price(order.limit, buys=buys)
    if order.type in (STOP, STOP_LIMIT):
        body["stop_price"] = stop_price(order.stop, buys=buys)
    if order.type == TRAILING_STOP:
        body["trail_price"] = price(order.trail, up=True)
    return body


def bracket(entry: Any, target: Any, stop: Any, per_share: int, symbol: str, coid: str) -> dict[str, Any]:
    """Return the body of an entry with its two exits, which share its time in force: that is Alpaca's rule."""
    body = simple(entry, per_share, symbol, coid)
    return {**body, "order_class": "bracket", **exits(target, stop)}


def oco(target: Any, stop: Any, per_share: int, symbol: str, coid: str) -> dict[str, Any]:
    """Return the body of two exits of which one cancels the other; the limit is the order, the stop its leg."""
    body = simple(target, per_share, symbol, coid, GTC)
    return {**body, "order_class": "oco", **exits(target, stop)}


def exits(target: Any, stop: Any) -> dict[str, Any]:
    """Return the two exits' part of a body."""
    buys = target.quantity > 0
    loss = {"stop_price": stop_price(stop.stop, buys=buys)}
    if stop.type == STOP_LIMIT:
        loss["limit_price"] = limit_price(stop.limit, buys=buys)
    return {"take_profit": {"limit_price": limit_price(target.limit, buys=buys)}, "stop_loss": loss}


def replacement(order: Any, quantity: int, limit: int, stop: int, per_share: int, coid: str) -> dict[str, Any]:
    """Return the body of a replacement: only what changes."""
    buys = order.quantity > 0
    body: dict[str, Any] = {"client_order_id": coid}
    if quantity != order.quantity:
        body["qty"] = shares(quantity, per_share)
    if limit != order.limit and limit > 0:
        body["limit_price"] = limit_price(limit, buys=buys)
    if stop != order.stop and stop > 0:
        body["stop_price"] = stop_price(stop, buys=buys)
    return body


def why_not(order: Any, per_share: int, *, paired: bool) -> str:
    """Return why Alpaca takes no such order, in words; empty where it does."""
    if order.quantity % per_share:
        if paired or order.type not in (MARKET, LIMIT) or order.tif != DAY:
            return "fractional quantities go as plain market or limit orders for the day only"
        if order.quantity < 0 and order.reduce_only == 0 and order.parent != 0:
            return "fractional shares cannot be sold short"
    if order.type in (STOP, STOP_LIMIT, TRAILING_STOP) and order.tif not in (DAY, GTC):
        return f"a {TYPES[order.type]} order is for the day or until cancelled, not {TIFS[order.tif]}"
    if paired and order.tif not in (DAY, GTC):
        return f"an order with exits is for the day or until cancelled, not {TIFS[order.tif]}"
    return ""
