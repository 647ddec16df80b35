"""Reconciliation: the account as the broker has it, next to the account as the core has it.

The same code runs at the start, after every reconnect and every minute (``alpaca-protocol`` section 4):

1. `look` asks, on a thread of its own: account, positions, open orders, orders since the last time, activities, and
   each order that is open here and not there, by its id.
2. `Reconciler.take` lets the desk hear of all of it: fills first, by the executions' own prices; then how orders stand.
3. What then still differs in two looks is drift: the broker's account is adopted, new risk is refused, and it is said.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lockstep.engine.events import MINUTE
from lockstep.engine.money import notional

from .alpaca import decode
from .alpaca.decode import Activity, BrokerOrder, Undecodable
from .alpaca.rest import MOST_ORDERS, PAGE, Kind, Outcome, Rest
from .desk import Desk
from .history import iso, patiently

OVERLAP = 10 * MINUTE
FILLS = ("FILL",)
OWN_BOOKS = ("DIV", "DIVCGL", "DIVCGS", "DIVNRA", "DIVROC", "DIVTXEX", "SPLIT", "SSP", "SSO")
"""Activities that the account books by itself, from corporate actions."""
CASH_TOLERANCE = 0.001
"""Part of equity up to which a difference in cash alone is booked without refusing new risk."""
_notional = getattr(notional, "py_func", notional)


@dataclass(frozen=True)
class Picture:
    """The broker's account at one moment; cash and equity in micros, positions in lots by instrument."""

    cash: int
    equity: int
    account: str
    positions: dict[int, tuple[int, int]]
    orders: tuple[BrokerOrder, ...]
    activities: tuple[Activity, ...]
    oddities: tuple[str, ...]
    foreign: int


@dataclass
class Cursor:
    """How far activities and orders have been read: the last activity's id, and times in ns UTC."""

    activity: str = ""
    since: int = 0


def look(rest: Rest, desk: Desk, cursor: Cursor, open_ids: Sequence[str]) -> Picture:
    """Ask the broker for everything; blocks.

    Raises
    ------
    DataError
        If the broker refuses, or cannot be reached.
    """
    odd: list[str] = []
    activities = tuple(_read_all(decode.activity, _activities(rest, cursor), odd))
    listed = patiently(rest.open_orders, "open orders")
    recent = patiently(lambda: rest.orders_after(iso(cursor.since - OVERLAP)), "orders")
    orders = {order.id: order for order in _read_all(decode.order, [*recent, *listed], odd)}
    shown = frozenset(orders) | {leg.id for order in orders.values() for leg in order.legs}
    for broker_id in open_ids:
        if broker_id not in shown:
            found = rest.order(broker_id)
            orders |= {order.id: order for order in _read_all(decode.order, [found.data], odd)} if _is(found) else {}
    account = patiently(rest.account, "account")
    positions = patiently(rest.positions, "positions")
    if len(listed) >= MOST_ORDERS:
        odd.append(f"{len(listed)} open orders: there may be more than one request shows")
    held = _positions(desk, positions, odd)
    foreign = sum(not desk.owns(str(raw.get("client_order_id", ""))) for raw in listed)
    return Picture(
        decode.micros(decode.number(account["cash"])), decode.micros(decode.number(account["equity"])),
        str(account.get("account_number") or ""), held, tuple(orders.values()), activities, tuple(odd), foreign,
    )  # fmt: skip


def _is(outcome: Outcome) -> bool:
    return outcome.kind is Kind.OK


def _activities(rest: Rest, cursor: Cursor) -> list[Any]:
    found: list[Any] = []
    token = cursor.activity
    while True:
        page = patiently(lambda token=token: rest.activities(iso(cursor.since - OVERLAP), token), "activities")
        found += page
        if len(page) < PAGE:
            return found
        token = page[-1]["id"]


def _read_all(read: Callable[[Any], Any], raws: Iterable[Any], odd: list[str]) -> list[Any]:
    found = []
    for raw in raws:
        try:
            found.append(read(raw))
        except Undecodable as error:
            odd.append(f"{error}: {str(raw)[:300]}")
    return found


def _positions(desk: Desk, listed: Sequence[Any], odd: list[str]) -> dict[int, tuple[int, int]]:
    """Return lots and average price by instrument, of the instruments that are traded."""
    numbers = {each.symbol: number for number, each in enumerate(desk.instruments)}
    found = {}
    for raw in listed:
        number = numbers.get(str(raw.get("symbol")))
        if number is None:
            continue
        try:
            size = decode.lots(decode.number(raw["qty"]), desk.instruments[number].lots_per_unit)
            price = decode.micros(decode.number(raw.get("current_price") or raw.get("avg_entry_price")))
        except Undecodable as error:
            odd.append(f"position {raw.get('symbol')}: {error}")
            continue
        sign = -1 if raw.get("side") == "short" else 1
        found[number] = (sign * abs(size), price)
    return found


class Reconciler:
    """Lets the desk hear what the broker's account says, and adopts what still differs.

    Parameters
    ----------
    desk : Desk
        The account's orders.
    world : World
        The account.
    """

    def __init__(self, desk: Desk, world: Any) -> None:
        self.desk, self.world = desk, world
        self.cursor = Cursor()
        self.seen: set[str] = set()
        self._suspect: tuple[Any, ...] = ()

    def take(self, picture: Picture, now: int, number: int) -> None:
        """Let the desk hear of fills and orders."""
        for activity in picture.activities:
            self._activity(activity)
        for order in picture.orders:
            self.desk.absorb(order, order.updated, now=now, number=number)
            for leg in order.legs:
                self.desk.absorb(leg, leg.updated, now=now, number=number)
            self._unwanted(order, now, number)
        if picture.activities:
            self.cursor.activity = picture.activities[-1].id
        self.cursor.since = max(self.cursor.since, now)

    def _activity(self, activity: Activity) -> None:
        if activity.id in self.seen:
            return
        self.seen.add(activity.id)
        if activity.kind in FILLS:
            self._fill(activity)
        elif activity.kind not in OWN_BOOKS and activity.amount:
            numbers = {each.symbol: number for number, each in enumerate(self.desk.instruments)}
            self.desk.incoming.flow(
                numbers.get(activity.symbol, -1), decode.micros(activity.amount), activity.ts, activity.kind
            )

    def _fill(self, activity: Activity) -> None:
        ticket = self.desk.tickets.by_broker.get(activity.order_id)
        if ticket is None or activity.cumulative is None or ticket.broker_id != activity.order_id:
            return
        self.desk.incoming.execution(
            ticket, activity.cumulative, activity.price, activity.quantity, activity.ts, activity.execution
        )

    def _unwanted(self, order: BrokerOrder, now: int, number: int) -> None:
        """Cancel an order that was given up here and arrived after all."""
        ticket = self.desk.tickets.by_key.get(order.coid)
        if ticket is not None and ticket.ended and ticket.abandoned and order.status not in decode.FINAL:
            self.desk.withdraw(ticket, order.id, now, number)

    # -- drift ---------------------------------------------------------------------------------------------------

    def differences(self, picture: Picture) -> tuple[tuple[int, int, int], ...]:
        """Return instrument, lots at the broker, lots here, where they differ."""
        here = self.world.positions["quantity"]
        found = []
        for number in range(len(self.desk.instruments)):
            there = picture.positions.get(number, (0, 0))[0]
            if there != int(here[number]):
                found.append((number, there, int(here[number])))
        return tuple(found)

    def judge(self, picture: Picture, now: int, *, first: bool = False) -> str:
        """Adopt the broker's account where it has differed twice alike; return what was adopted and halts new risk.

        Parameters
        ----------
        picture : Picture
            Taken in already, when nothing was under way.
        now : int
            Exchange time, ns UTC.
        first : bool
            Whether the run begins: then whatever the broker has is simply how it begins.
        """
        moved = self.differences(picture)
        cash = picture.cash - int(self.world.header.cash)
        suspect = (moved, cash)
        if not moved and cash == 0:
            self._suspect = ()
            return ""
        if not first and self._suspect != suspect:
            self._suspect = suspect
            return ""
        self._suspect = ()
        return self._adopt(picture, moved, cash, now, first=first)

    def _adopt(
        self, picture: Picture, moved: Sequence[tuple[int, int, int]], cash: int, now: int, *, first: bool
    ) -> str:
        words = []
        for number, there, here in moved:
            instrument = self.desk.instruments[number]
            price = picture.positions.get(number, (0, 0))[1] or int(self.world.positions["mark"][number])
            paid = int(_notional(there - here, price, instrument.lots_per_unit))
            cash += paid
            self.desk.incoming.adjust(number, there - here, price, 0, now)
            unit = Decimal(instrument.lots_per_unit)
            words.append(f"{instrument.symbol} {there / unit} at the broker, {here / unit} here")
        if cash:
            self.desk.incoming.adjust(-1, 0, 0, cash, now)
        large = abs(cash) > CASH_TOLERANCE * max(abs(picture.equity), 1)
        if large:
            words.append(f"cash differs by {cash / 1e6:,.2f}")
        return "" if first else "; ".join(words)

    def state(self) -> dict[str, Any]:
        """Return what a snapshot must hold."""
        return {"activity": self.cursor.activity, "since": self.cursor.since, "seen": sorted(self.seen)[-2000:]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.cursor = Cursor(state["activity"], state["since"])
        self.seen = set(state["seen"])
