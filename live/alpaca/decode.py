"""From what Alpaca sends to records: orders, trade updates, activities; nothing is guessed.

The SDK's models drop what they do not know (an unknown status loses the whole event), so its clients are asked for raw
data and this module reads them. What cannot be read raises `Undecodable`; the caller puts it aside and asks by REST.
"""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from lockstep.engine.events import SECOND

FINAL = ("filled", "canceled", "expired", "replaced", "rejected")
STATUSES = (
    *FINAL, "new", "accepted", "accepted_for_bidding", "pending_new", "partially_filled", "done_for_day",
    "pending_cancel", "pending_replace", "pending_review", "stopped", "suspended", "calculated", "held",
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLION = Decimal(1_000_000)


class Undecodable(Exception):
    """What came in says something that this version does not understand."""


class BrokerOrder(NamedTuple):
    """An order as the broker has it; quantities in shares, prices in dollars, `None` where there is none."""

    id: str
    coid: str
    symbol: str
    status: str
    side: str
    type: str
    tif: str
    order_class: str
    quantity: Decimal | None
    filled: Decimal
    average: Decimal | None
    limit: Decimal | None
    stop: Decimal | None
    trail: Decimal | None
    replaced_by: str
    replaces: str
    updated: int
    submitted: int
    legs: tuple[Any, ...]


class TradeUpdate(NamedTuple):
    """One event of the trade_updates stream; `price` and `quantity` are those of one execution, if it is one."""

    event: str
    ts: int
    order: BrokerOrder
    price: Decimal | None
    quantity: Decimal | None
    execution: str
    previous: str


class Activity(NamedTuple):
    """One account activity; `amount` is what it did to the cash, for what is no fill."""

    id: str
    kind: str
    symbol: str
    ts: int
    order_id: str
    side: str
    price: Decimal | None
    quantity: Decimal | None
    cumulative: Decimal | None
    amount: Decimal | None
    execution: str


def nanoseconds(text: Any) -> int:
    """Return ns UTC of an RFC 3339 instant.

    Raises
    ------
    Undecodable
        If it is none.
    """
    if not isinstance(text, str) or len(text) < 19:
        raise Undecodable(f"time {text!r}")
    head, tail = text[:19], text[19:]
    digits, place = "", 0
    if tail.startswith("."):
        place = 1
        while place < len(tail) and tail[place].isdigit():
            place += 1
        digits = tail[1:place]
    zone = tail[place:].replace("Z", "+00:00").replace("z", "+00:00")
    try:
        moment = datetime.fromisoformat(head + zone)
    except ValueError as error:
        raise Undecodable(f"time {text!r}") from error
    if moment.tzinfo is None:
        raise Undecodable(f"time {text!r} without a zone")
    return int((moment - _EPOCH).total_seconds()) * SECOND + int((digits + "0" * 9)[:9])


def number(value: Any) -> Decimal | None:
    """Return a decimal, `None` for nothing.

    Raises
    ------
    Undecodable
        If it is no finite number.
    """
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise Undecodable(f"number {value!r}") from error
    if not found.is_finite():
        raise Undecodable(f"number {value!r}")
    return found


def lots(quantity: Decimal | None, per_share: int) -> int:
    """Return shares as lots.

    Raises
    ------
    Undecodable
        If they are no whole number of lots.
    """
    exact = (quantity or Decimal(0)) * per_share
    if exact != int(exact):
        raise Undecodable(f"quantity {quantity} is no whole number of lots of 1/{per_share} share")
    return int(exact)


def micros(amount: Decimal | None) -> int:
    """Return dollars as micro-dollars, rounded half-even."""
    return int(((amount or Decimal(0)) * _MILLION).to_integral_value())


def order(raw: Any) -> BrokerOrder:
    """Read an order.

    Raises
    ------
    Undecodable
        If something that must be there is missing or unknown.
    """
    if not isinstance(raw, dict) or not raw.get("id"):
        raise Undecodable("an order without an id")
    status = raw.get("status")
    if status not in STATUSES:
        raise Undecodable(f"order status {status!r}")
    return BrokerOrder(
        str(raw["id"]), str(raw.get("client_order_id") or ""), str(raw.get("symbol") or ""), str(status),
        str(raw.get("side") or ""), str(raw.get("type") or raw.get("order_type") or ""),
        str(raw.get("time_in_force") or ""), str(raw.get("order_class") or ""),
        number(raw.get("qty")), number(raw.get("filled_qty")) or Decimal(0), number(raw.get("filled_avg_price")),
        number(raw.get("limit_price")), number(raw.get("stop_price")), number(raw.get("trail_price")),
        str(raw.get("replaced_by") or ""), str(raw.get("replaces") or ""),
        _time(raw, "updated_at"), _time(raw, "submitted_at"),
        tuple(order(leg) for leg in raw.get("legs") or ()),
    )  # fmt: skip


def _time(raw: dict[str, Any], name: str) -> int:
    return nanoseconds(raw[name]) if raw.get(name) else 0


def trade_update(raw: Any) -> TradeUpdate:
    """Read what the trade_updates stream sent, the envelope included.

    Raises
    ------
    Undecodable
        If it is no trade update that makes sense.
    """
    data = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(data, dict) or not data.get("event"):
        raise Undecodable("a trade update without data or event")
    found = order(data.get("order"))
    ts = nanoseconds(data["timestamp"]) if data.get("timestamp") else found.updated
    return TradeUpdate(
        str(data["event"]), ts, found, number(data.get("price")), number(data.get("qty")),
        str(data.get("execution_id") or ""), str(data.get("previous_execution_id") or ""),
    )  # fmt: skip


def activity(raw: Any) -> Activity:
    """Read an account activity.

    Raises
    ------
    Undecodable
        If it has no id or kind.
    """
    if not isinstance(raw, dict) or not raw.get("id") or not raw.get("activity_type"):
        raise Undecodable("an activity without id or kind")
    ts = nanoseconds(raw["transaction_time"]) if raw.get("transaction_time") else _midnight(raw.get("date"))
    return Activity(
        str(raw["id"]), str(raw["activity_type"]), str(raw.get("symbol") or ""), ts, str(raw.get("order_id") or ""),
        str(raw.get("side") or ""), number(raw.get("price")), number(raw.get("qty")), number(raw.get("cum_qty")),
        number(raw.get("net_amount")), str(raw.get("execution_id") or ""),
    )  # fmt: skip


def _midnight(date: Any) -> int:
    return nanoseconds(f"{str(date)[:10]}T00:00:00Z") if date else 0
