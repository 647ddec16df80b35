"""Faults that simply happen at a time: to keys, streams, the market, and the account behind the client's back."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgpack

from lockstep.engine.events import MINUTE
from lockstep.engine.instruments import MICROS

from .faults import ACTIONS, Fault
from .orders import Order
from .rules import lots_of, not_found, unprocessable
from .wire import identity, money, shares

if TYPE_CHECKING:
    from .core import Venue


def run(venue: "Venue") -> None:
    """Let every action of the script happen that is due."""
    while (fault := venue.script.take(ACTIONS)) is not None:
        DO[fault.fault](venue, fault)


def _revoke(venue: "Venue", fault: Fault) -> None:
    venue.revoked = True
    if fault.close:
        venue.updates.drop()
        venue.market.drop()


def _restore(venue: "Venue", fault: Fault) -> None:
    venue.revoked = False


def _shrink(venue: "Venue", fault: Fault) -> None:
    venue.desk.cap = None if fault.buying_power is None else round(fault.buying_power * MICROS)


def _mute(venue: "Venue", fault: Fault) -> None:
    hub = venue.updates if fault.stream == "updates" else venue.market
    if hub.connection is not None:
        hub.connection.mute(frozen=fault.frozen)


def _unmute(venue: "Venue", fault: Fault) -> None:
    hub = venue.updates if fault.stream == "updates" else venue.market
    if hub.connection is not None:
        hub.connection.unmute()


def _drop(venue: "Venue", fault: Fault) -> None:
    hub = venue.updates if fault.stream == "updates" else venue.market
    hub.drop()
    if fault.seconds:
        hub.hold(fault.seconds)


def _flood(venue: "Venue", fault: Fault) -> None:
    """Send `count` quotes at once."""
    symbol = fault.symbol or venue.recording.instruments[0].symbol
    mark = int(venue.desk.position(venue.desk.symbols[symbol])["mark"]) / MICROS
    quote = {
        "T": "q", "S": symbol, "bx": "V", "bp": mark, "bs": 1, "ax": "V", "ap": mark, "as": 1, "c": ["R"], "z": "C",
        "t": msgpack.Timestamp.from_unix_nano(venue.now),
    }  # fmt: skip
    for start in range(0, fault.count, 1000):
        venue.market.send_raw([quote] * min(1000, fault.count - start))


def _inject(venue: "Venue", fault: Fault) -> None:
    """Send any message: JSON to trade_updates, a list of them to market data."""
    if fault.stream == "updates":
        venue.updates.send_raw(fault.data)
    else:
        data = json.loads(json.dumps(fault.data))
        for message in data:
            if isinstance(message.get("t"), int):
                message["t"] = msgpack.Timestamp.from_unix_nano(message["t"])
        venue.market.send_raw(data)


def _last_fill(venue: "Venue", fault: Fault) -> tuple[Order, dict[str, str]]:
    for row in reversed(venue.desk.activities.rows):
        if row["activity_type"] == "FILL" and "execution_id" in row and fault.symbol in (None, row["symbol"]):
            return venue.desk.orders[row["order_id"]], row
    raise not_found(f"fault {fault.fault}: nothing of {fault.symbol or 'any symbol'} has filled yet")


def _bust(venue: "Venue", fault: Fault) -> None:
    """Take the last fill back: the account is as if it had not been."""
    order, fill = _last_fill(venue, fault)
    lots, price = _lots(venue, order, fill["qty"]), _micros(fill["price"])
    venue.desk.counter.correct(order.instrument, -order.sign * lots, price)
    venue.desk.activities.correction(venue.now, order, "trade_bust", lots, price)
    venue.tell("trade_bust", order, _detail(venue, order, fill, price))


def _restate(venue: "Venue", fault: Fault) -> None:
    """Give the last fill another price."""
    order, fill = _last_fill(venue, fault)
    lots, old = _lots(venue, order, fill["qty"]), _micros(fill["price"])
    new = round((fault.price or old / MICROS * 1.01) * MICROS)
    venue.desk.counter.correct(order.instrument, -order.sign * lots, old)
    venue.desk.counter.correct(order.instrument, order.sign * lots, new)
    venue.desk.activities.correction(venue.now, order, "restated", lots, new)
    venue.tell("restated", order, _detail(venue, order, fill, new))


def _lots(venue: "Venue", order: Order, quantity: str) -> int:
    return lots_of(Decimal(quantity), venue.recording.instruments[order.instrument])


def _micros(price: str) -> int:
    return int(Decimal(price) * MICROS)


def _detail(venue: "Venue", order: Order, fill: dict[str, str], price: int) -> dict[str, str]:
    held = int(venue.desk.position(order.instrument)["quantity"])
    return {
        "execution_id": identity("execution", venue.desk.executions + 1_000_000),
        "previous_execution_id": fill["execution_id"],
        "price": money(price),
        "qty": fill["qty"],
        "position_qty": shares(held, order.per_share),
    }


def _halt(venue: "Venue", fault: Fault) -> None:
    venue.halt(_symbol(venue, fault))


def _resume(venue: "Venue", fault: Fault) -> None:
    venue.halt(_symbol(venue, fault), resume=True)


def _symbol(venue: "Venue", fault: Fault) -> str:
    if fault.symbol not in venue.desk.symbols:
        raise unprocessable(f"fault {fault.fault}: symbol {fault.symbol!r} is not traded here")
    return str(fault.symbol)


def _early_close(venue: "Venue", fault: Fault) -> None:
    """Let the session at hand, or the next, close so many minutes early."""
    hours = venue.hours
    until = int(hours.sessions.close[hours.session])
    close = until - int(fault.minutes * MINUTE)
    hours.close_early(close)
    venue.timeline.close_early(close, until)


def _adjust(venue: "Venue", fault: Fault) -> None:
    """Change a position by so many shares at a price, as a transfer or a hand at the broker's would."""
    symbol = _symbol(venue, fault)
    place = venue.desk.symbols[symbol]
    lots = round((fault.quantity or 0.0) * venue.recording.instruments[place].lots_per_unit)
    price = round(fault.price * MICROS) if fault.price is not None else int(venue.desk.position(place)["mark"])
    venue.desk.counter.correct(place, lots, price)


def _fill(venue: "Venue", fault: Fault) -> None:
    """Fill an open order out of turn: all of it, or `quantity` shares."""
    for order in venue.desk.open_orders():
        if fault.symbol in (None, order.symbol) and order.status != "held":
            fill_now(venue, order, fault.quantity)
            return
    raise not_found(f"fault fill: no open order of {fault.symbol or 'any symbol'}")


def fill_now(venue: "Venue", order: Order, quantity: float | None = None) -> None:
    """Fill an order, or `quantity` shares of it, at its limit or the last price."""
    mark = int(venue.desk.position(order.instrument)["mark"])
    lots = order.remaining if quantity is None else min(round(quantity * order.per_share), order.remaining)
    venue.desk.counter.cross(order.instrument, order.sign * lots, order.limit or mark, venue.now)


DO: dict[str, Callable[["Venue", Fault], None]] = {
    "revoke_key": _revoke, "restore_key": _restore, "shrink_account": _shrink, "mute": _mute, "unmute": _unmute,
    "drop_stream": _drop, "flood": _flood, "inject": _inject, "bust": _bust, "restate": _restate, "halt": _halt,
    "resume": _resume, "early_close": _early_close, "adjust_position": _adjust, "fill": _fill,
}  # fmt: skip
