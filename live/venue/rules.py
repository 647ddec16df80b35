"""What Alpaca refuses, in Alpaca's words; the account's side of it is in `desk`."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from lockstep.engine.instruments import MICROS, Instrument

from .orders import TIFS, TYPES
from .wire import money

BAD_REQUEST, FORBIDDEN, NOT_FOUND, UNPROCESSABLE = 40010001, 40310000, 40410000, 42210000
_PENNY = 10_000
_PLACES = 9
CLASSES = ("", "simple", "bracket", "oco", "oto")


class Refusal(Exception):
    """A request that is answered with an error: HTTP status, Alpaca's code and words, and further fields."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message, **more}


def unprocessable(message: str, code: int = UNPROCESSABLE, **more: Any) -> Refusal:
    """Return the refusal of an order that makes no sense."""
    return Refusal(422, code, message, **more)


def forbidden(message: str, **more: Any) -> Refusal:
    """Return the refusal of an order that the account may not place."""
    return Refusal(403, FORBIDDEN, message, **more)


def not_found(message: str) -> Refusal:
    """Return the refusal of what there is not."""
    return Refusal(404, NOT_FOUND, message)


@dataclass(frozen=True)
class Exit:
    """One leg of a complex order: a limit, a stop or both, in micros."""

    limit: int = 0
    stop: int = 0


@dataclass(frozen=True)
class Request:
    """A well-formed order: lots unsigned, prices in micros a share on the grid."""

    instrument: int
    buys: bool
    kind: str
    tif: str
    quantity: int
    notional: int
    limit: int
    stop: int
    trail: int
    order_class: str
    extended: bool
    client_id: str
    intent: str
    target: Exit | None
    guard: Exit | None


def number(body: dict[str, Any], name: str, *, where: str = "") -> Decimal | None:
    """Return a number of the request, None where it is absent.

    Raises
    ------
    Refusal
        If it is none, or not positive.
    """
    value = body.get(name)
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise unprocessable(f"invalid {where}{name}: {value!r}", BAD_REQUEST) from None
    if not found.is_finite() or found <= 0:
        words = "qty must be > 0" if name == "qty" else f"invalid {where}{name}: must be > 0"
        raise unprocessable(words)
    return found


def on_grid(price: Decimal, instrument: Instrument, name: str) -> int:
    """Return a price in micros.

    At least two decimals' grid from a dollar on and four below; finer where the data are (adjusted prices).

    Raises
    ------
    Refusal
        If it lies between two steps.
    """
    micros = price * MICROS
    step = min(instrument.tick, _PENNY)
    if price < 1 and step == _PENNY:
        step = 100
    if micros != micros.to_integral_value() or int(micros) % step:
        raise unprocessable(
            f"invalid {name} {price.normalize():f}. sub-penny increment does not fulfill minimum pricing criteria"
        )
    return int(micros)


def _price(body: dict[str, Any], name: str, instrument: Instrument, where: str = "") -> int:
    value = number(body, name, where=where)
    return 0 if value is None else on_grid(value, instrument, where + name)


def _leg(body: dict[str, Any], name: str, instrument: Instrument) -> Exit | None:
    part = body.get(name)
    if part is None:
        return None
    if not isinstance(part, dict):
        raise unprocessable("request body format is invalid", BAD_REQUEST)
    where = f"{name}."
    return Exit(_price(part, "limit_price", instrument, where), _price(part, "stop_price", instrument, where))


def lots_of(quantity: Decimal, instrument: Instrument) -> int:
    """Return shares in lots.

    Raises
    ------
    Refusal
        If they are finer than the instrument's lots, or than nine decimals.
    """
    if quantity != quantity.quantize(Decimal(1).scaleb(-_PLACES)):
        raise unprocessable(f"invalid qty {quantity:f}: at most {_PLACES} decimal places", BAD_REQUEST)
    lots = quantity * instrument.lots_per_unit
    if lots != lots.to_integral_value():
        raise forbidden(f'asset "{instrument.symbol}" is not fractionable')
    return int(lots)


def _choice(body: dict[str, Any], name: str, allowed: Any, default: str = "") -> str:
    value = str(body.get(name) or default).lower()
    if value not in allowed:
        raise unprocessable(f"invalid {name}: {value!r}" if value else f"{name} is required", BAD_REQUEST)
    return value


def parse(body: Any, find: Any) -> Request:
    """Return the order that a request's body asks for.

    Parameters
    ----------
    body : object
        The JSON, floats as Decimal.
    find : callable
        From a symbol to its number and instrument; None where there is none.

    Raises
    ------
    Refusal
        In Alpaca's words, where the order is none whatever the account.
    """
    if not isinstance(body, dict):
        raise unprocessable("request body format is invalid", BAD_REQUEST)
    symbol = str(body.get("symbol") or "")
    if not symbol:
        raise unprocessable("symbol is required", BAD_REQUEST)
    found = find(symbol)
    if found is None:
        raise unprocessable(f'could not find asset "{symbol}"')
    place, instrument = found
    side = _choice(body, "side", ("buy", "sell"))
    kind = _choice(body, "type", TYPES)
    tif = _choice(body, "time_in_force", TIFS)
    order_class = _choice(body, "order_class", CLASSES, "")
    quantity, notional = _size(body, instrument)
    request = Request(
        instrument=place, buys=side == "buy", kind=kind, tif=tif, quantity=quantity, notional=notional,
        limit=_price(body, "limit_price", instrument), stop=_price(body, "stop_price", instrument),
        trail=_trail(body), order_class="" if order_class == "simple" else order_class,
        extended=str(body.get("extended_hours")).lower() == "true", client_id=_client_id(body),
        intent=str(body.get("position_intent") or ""),
        target=_leg(body, "take_profit", instrument), guard=_leg(body, "stop_loss", instrument),
    )  # fmt: skip
    _check_prices(request)
    _check_time(request)
    _check_fraction(request, instrument)
    _check_class(request)
    return request


def _size(body: dict[str, Any], instrument: Instrument) -> tuple[int, int]:
    quantity, notional = number(body, "qty"), number(body, "notional")
    if quantity is None and notional is None:
        raise unprocessable("qty or notional is required", BAD_REQUEST)
    if quantity is not None and notional is not None:
        raise unprocessable("only one of qty or notional is accepted", BAD_REQUEST)
    if notional is not None:
        if notional < 1:
            raise forbidden("cost basis must be >= minimal amount of order 1")
        if notional != notional.quantize(Decimal("0.01")):
            raise unprocessable("notional value must be limited to 2 decimal places")
        if instrument.lots_per_unit == 1:
            raise forbidden(f'asset "{instrument.symbol}" is not fractionable')
        return 0, int(notional * MICROS)
    assert quantity is not None
    return lots_of(quantity, instrument), 0


def _trail(body: dict[str, Any]) -> int:
    if number(body, "trail_percent") is not None:
        raise unprocessable("trail_percent is not simulated by the local venue; use trail_price")
    price = number(body, "trail_price")
    return 0 if price is None else int(price * MICROS)


def _client_id(body: dict[str, Any]) -> str:
    found = str(body.get("client_order_id") or "")
    if len(found) > 128:
        raise unprocessable("client_order_id must be no more than 128 characters", BAD_REQUEST)
    return found


def _check_prices(request: Request) -> None:
    kind = request.kind
    if kind in ("limit", "stop_limit") and not request.limit and request.order_class != "oco":
        raise unprocessable("limit orders require a limit price", BAD_REQUEST)
    if kind in ("stop", "stop_limit") and not request.stop:
        raise unprocessable("stop orders require a stop price", BAD_REQUEST)
    if kind == "trailing_stop" and not request.trail:
        raise unprocessable("trailing stop orders must specify one of trail_price or trail_percent", BAD_REQUEST)
    if kind in ("market", "stop", "trailing_stop") and request.limit:
        raise unprocessable(f"{kind.replace('_', ' ')} orders must not have a limit price", BAD_REQUEST)
    if kind in ("market", "limit", "trailing_stop") and request.stop:
        raise unprocessable(f"{kind.replace('_', ' ')} orders must not have a stop price", BAD_REQUEST)


def _check_time(request: Request) -> None:
    tif, kind = request.tif, request.kind
    if tif in ("opg", "cls") and kind not in ("market", "limit"):
        raise unprocessable(f"{tif} orders must be market or limit orders")
    if tif in ("ioc", "fok") and kind not in ("market", "limit"):
        raise unprocessable(f"{tif} orders must be market or limit orders")
    if kind == "trailing_stop" and tif not in ("day", "gtc"):
        raise unprocessable("trailing stop orders must be DAY or GTC orders")
    if request.extended and (kind != "limit" or tif != "day"):
        raise unprocessable("extended hours order must be DAY limit orders")


def _check_fraction(request: Request, instrument: Instrument) -> None:
    if not request.notional and request.quantity % instrument.lots_per_unit == 0:
        return
    if request.tif != "day":
        raise unprocessable("fractional orders must be DAY orders")
    if request.order_class:
        raise unprocessable("fractional orders must be simple orders")


def _check_class(request: Request) -> None:
    target, guard, order_class = request.target, request.guard, request.order_class
    if not order_class:
        if target or guard:
            raise unprocessable("take_profit and stop_loss need an order_class", BAD_REQUEST)
        return
    if request.tif not in ("day", "gtc"):
        raise unprocessable(f"{order_class} orders must be DAY or GTC orders")
    if request.extended:
        raise unprocessable("complex orders not supported for extended hours trading")
    if order_class == "bracket" and request.kind not in ("market", "limit"):
        raise unprocessable("bracket orders must be entry orders")
    if order_class == "oco" and request.kind != "limit":
        raise unprocessable("oco orders must be limit orders")
    if order_class == "oto" and bool(target) == bool(guard):
        raise unprocessable("oto orders require either take_profit or stop_loss")
    if order_class in ("bracket", "oco"):
        if not guard or not guard.stop:
            raise unprocessable(f"{order_class} orders require stop_loss.stop_price")
        if not (target and target.limit) and not (order_class == "oco" and request.limit):
            raise unprocessable(f"{order_class} orders require take_profit.limit_price")
    if order_class == "oto" and not ((target and target.limit) or (guard and guard.stop)):
        raise unprocessable("oto orders require take_profit.limit_price or stop_loss.stop_price")


def check_exits(request: Request, base: int) -> None:
    """Check that a bracket's exits lie on either side of its entry, at least a cent away.

    Parameters
    ----------
    request : Request
        Of class bracket, oco or oto.
    base : int
        The limit, or the last price, in micros.

    Raises
    ------
    Refusal
        With `base_price`.
    """
    target = request.target.limit if request.target else 0
    stop = request.guard.stop if request.guard else 0
    if request.order_class == "oco":
        target, sells = target or request.limit, not request.buys
        if (target <= stop) if sells else (target >= stop):
            sign = ">" if sells else "<"
            raise unprocessable(f"take_profit.limit_price must be {sign} stop_loss.stop_price")
        return
    more: dict[str, Any] = {"base_price": money(base)}
    if request.buys:
        if target and target < base + _PENNY:
            raise unprocessable("take_profit.limit_price must be >= base_price + 0.01", **more)
        if stop and stop > base - _PENNY:
            raise unprocessable("stop_loss.stop_price must be <= base_price - 0.01", **more)
        return
    if target and target > base - _PENNY:
        raise unprocessable("take_profit.limit_price must be <= base_price - 0.01", **more)
    if stop and stop < base + _PENNY:
        raise unprocessable("stop_loss.stop_price must be >= base_price + 0.01", **more)
