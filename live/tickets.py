"""Tickets: what the session knows of each of the account's orders at the broker."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lockstep.engine.codes import Update

_FILL, _ACCEPTED, _REPLACED, _ACTIVATED = (
    int(code) for code in (Update.FILL, Update.ACCEPTED, Update.REPLACED, Update.ACTIVATED)
)
_ENDS = (int(Update.CANCELLED), int(Update.EXPIRED), int(Update.REJECTED))
_CANCEL_REJECTED, _REPLACE_REJECTED = int(Update.CANCEL_REJECTED), int(Update.REPLACE_REJECTED)
MOST_EXECUTIONS = 20_000
SIMPLE, BRACKET, OCO, LEG = "simple", "bracket", "oco", "leg"


@dataclass(slots=True)
class Ticket:
    """One order of the account; lots signed like the order, prices in micros.

    Parameters
    ----------
    form : str
        How it stands at the broker: by itself, as the entry of a bracket, as the first of two exits, or as a leg.
    key : str
        Client order id of its submission; empty for a leg.
    broker_id : str
        The broker's id of the order that stands for it now; a replacement has a new one.
    paid : int
        Lots × price of all that has filled, unsigned.
    base, base_paid : int
        What had filled when the order was replaced, if the broker counts the new one from zero.
    alive : bool
        Whether it may fill: exits wait for their entry.
    cancel : str
        Why its cancellation was asked for: ``strategy`` or ``wash``; empty if it was not.
    orphan : bool
        Whether the broker ended this exit although it has something to close.
    """

    order_id: int
    slot: int
    instrument: int
    type: int
    tif: int
    quantity: int
    limit: int
    stop: int
    trail: int
    submitted: int
    form: str = SIMPLE
    key: str = ""
    broker_id: str = ""
    parent: int = 0
    sibling: int = 0
    target: int = 0
    guard: int = 0
    filled: int = 0
    paid: int = 0
    base: int = 0
    base_paid: int = 0
    accepted: bool = False
    alive: bool = True
    ended: bool = False
    cancel: str = ""
    cancel_waits: bool = False
    cancels: int = 0
    replaces: int = 0
    terms: tuple[int, int, int] | None = None
    terms_wait: bool = False
    next_id: str = ""
    orphan: bool = False
    abandoned: bool = False

    @property
    def sign(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return 1 if self.quantity > 0 else -1

    @property
    def remaining(self) -> int:
        """Lots that have not filled, signed."""
        return self.quantity - self.filled

    def apply(self, code: int, quantity: int, price: int, stop: int) -> None:
        """Take over what an order event that is going to the account says of this order."""
        if code == _FILL:
            self.filled += quantity
            self.paid += abs(quantity) * price
            self.alive = True
            self.ended = self.ended or abs(self.filled) >= abs(self.quantity)
        elif code in _ENDS:
            self.ended = True
        elif code == _ACCEPTED:
            self.accepted = True
        elif code == _REPLACED:
            self.quantity, self.limit = quantity, price
            self.stop, self.terms = stop or self.stop, None
        elif code == _ACTIVATED:
            self.quantity, self.alive = self.filled + quantity, True
        elif code == _CANCEL_REJECTED:
            self.cancel = ""
        elif code == _REPLACE_REJECTED:
            self.terms, self.next_id = None, ""


class Tickets:
    """All tickets, found by the account's id, by client order id, or by the broker's id."""

    def __init__(self) -> None:
        self.by_id: dict[int, Ticket] = {}
        self.by_key: dict[str, Ticket] = {}
        self.by_broker: dict[str, Ticket] = {}
        self.executions: dict[str, tuple[int, int, int]] = {}
        """Executions that were booked: instrument, lots (signed), price; a bust or correction names one."""

    def add(self, ticket: Ticket) -> Ticket:
        """Keep a new ticket."""
        self.by_id[ticket.order_id] = ticket
        if ticket.key:
            self.by_key[ticket.key] = ticket
        return ticket

    def bind(self, ticket: Ticket, broker_id: str) -> None:
        """Note the broker's id of a ticket's order."""
        ticket.broker_id = broker_id
        self.by_broker[broker_id] = ticket

    def get(self, order_id: int) -> Ticket | None:
        """Return a ticket by the account's id."""
        return self.by_id.get(order_id)

    def open(self) -> list[Ticket]:
        """Return the tickets that have not ended, oldest first."""
        return [ticket for ticket in self.by_id.values() if not ticket.ended]

    def children(self, ticket: Ticket) -> list[Ticket]:
        """Return the exits of an entry."""
        found = (self.by_id.get(number) for number in (ticket.target, ticket.guard) if number)
        return [each for each in found if each is not None]

    def forget(self, before: int) -> None:
        """Forget what has ended and was submitted before a time (ns UTC): nothing of it is told any more."""
        needed = {number for t in self.by_id.values() if not t.ended for number in (t.parent, t.sibling)}
        old = [t for t in self.by_id.values() if t.ended and t.submitted < before and t.order_id not in needed]
        gone = frozenset(t.order_id for t in old)
        for ticket in old:
            del self.by_id[ticket.order_id]
        self.by_key = {key: t for key, t in self.by_key.items() if t.order_id not in gone}
        self.by_broker = {key: t for key, t in self.by_broker.items() if t.order_id not in gone}
        while len(self.executions) > MOST_EXECUTIONS:
            del self.executions[next(iter(self.executions))]

    def state(self) -> dict[str, Any]:
        """Return what a snapshot must hold."""
        return {
            "tickets": [asdict(ticket) for ticket in self.by_id.values()],
            "broker": {key: ticket.order_id for key, ticket in self.by_broker.items()},
            "executions": {key: list(value) for key, value in self.executions.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.by_id.clear()
        self.by_key.clear()
        for fields in state["tickets"]:
            terms = fields["terms"]
            self.add(Ticket(**{**fields, "terms": tuple(terms) if terms else None}))
        self.by_broker = {key: self.by_id[number] for key, number in state["broker"].items()}
        self.executions = {key: (v[0], v[1], v[2]) for key, v in state["executions"].items()}


def shares_out(lots: int, total: int) -> Iterable[tuple[int, int]]:
    """Return fills ``(lots, price)`` that together cost exactly `total` (lots × micros): one, or two a micro apart."""
    price, rest = divmod(total, lots)
    if lots > rest:
        yield lots - rest, price
    if rest:
        yield rest, price + 1
