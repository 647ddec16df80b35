"""What the broker says of the account's orders, turned into order events: each thing once, whatever the order.

Alpaca leaves unsaid what the engine's own broker says: that exits come alive with their entry's fill, and that one exit
shrinks with the other. It is said here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from lockstep.engine.broker.desk import FEE, INTEREST
from lockstep.engine.codes import CLS, FOK, IOC, OPG, TRAILING_STOP, Reason, Update
from lockstep.engine.instruments import Instrument

from .alpaca.decode import BrokerOrder, lots, micros
from .tickets import LEG, Ticket, Tickets, shares_out

_ALIVE = ("new", "accepted", "partially_filled", "filled", "pending_new", "stopped", "calculated", "suspended")
_REASONS = {"strategy": Reason.BY_STRATEGY, "wash": Reason.BY_STRATEGY}


class Said(NamedTuple):
    """An order event to be: fields of the row."""

    instrument: int
    ts: int
    order_id: int
    slot: int
    code: int
    reason: int
    quantity: int
    price: int
    fee: int
    filled: int


class Incoming:
    """Turns how orders stand into order events.

    Parameters
    ----------
    tickets : Tickets
        What is known of them.
    instruments : sequence of Instrument
        In canonical order.
    """

    def __init__(self, tickets: Tickets, instruments: Sequence[Instrument]) -> None:
        self.tickets, self.instruments = tickets, instruments
        self.said: list[Said] = []
        self.bound: list[tuple[str, str, int]] = []
        """Broker's ids that were learned: key, id, order."""
        self.doubtful: dict[str, int] = {}
        """Broker's ids of orders that must be looked up, with the code to say if nothing has happened to them."""
        self.alerts: list[str] = []
        """What somebody should hear of: refused orders, fills taken back."""
        self._ts = 0

    def take(self) -> list[Said]:
        """Return the order events that came up since the last call."""
        taken, self.said = self.said, []
        return taken

    def take_bound(self) -> list[tuple[str, str, int]]:
        """Return the broker's ids learned since the last call."""
        taken, self.bound = self.bound, []
        return taken

    def take_alerts(self) -> list[str]:
        """Return what came up since the last call that somebody should hear of."""
        taken, self.alerts = self.alerts, []
        return taken

    def say(
        self,
        ticket: Ticket,
        code: int,
        reason: int = 0,
        *,
        quantity: int = 0,
        price: int = 0,
        fee: int = 0,
        ts: int = 0,
    ) -> None:
        """Say one thing of an order; what is known of it follows at once."""
        ticket.apply(int(code), quantity, price, fee)
        when = ts or self._ts or ticket.submitted
        self.said.append(
            Said(
                ticket.instrument, when, ticket.order_id, ticket.slot, int(code), int(reason), quantity, price, fee,
                ticket.filled,
            )
        )  # fmt: skip

    def adjust(self, instrument: int, quantity: int, price: int, cash: int, ts: int) -> None:
        """Say that the broker's account differs by lots at a price, or by an amount of cash (micros)."""
        self.said.append(
            Said(instrument, ts, 0, -1, int(Update.ADJUSTED), int(Reason.BROKER), quantity, price, cash, 0)
        )

    def flow(self, instrument: int, amount: int, ts: int, kind: str) -> None:
        """Say that the broker has paid or charged something: fees, interest, transfers; in micros."""
        reason = {"FEE": FEE, "INT": INTEREST, "MEM": INTEREST}.get(kind, 0)
        if reason == 0 or (reason == FEE and instrument < 0):
            self.adjust(instrument, 0, 0, amount, ts)
            return
        # A fee is positive where it is paid, interest where it is received.
        value = -amount if reason == FEE else amount
        self.said.append(Said(instrument, ts, 0, -1, int(Update.CASH_FLOW), reason, 0, 0, value, 0))

    def execution(self, ticket: Ticket, cumulative: Any, price: Any, quantity: Any, ts: int, execution: str) -> None:
        """Say that an execution has happened, told by an activity, unless it is known."""
        unit = self.instruments[ticket.instrument].lots_per_unit
        known, size = abs(ticket.filled - ticket.base), lots(quantity, unit)
        if execution in self.tickets.executions or lots(cumulative, unit) != known + size:
            return
        self._ts = ts
        if execution:
            self.tickets.executions[execution] = (ticket.instrument, ticket.sign * size, micros(price))
        self._book(ticket, [(size, micros(price))])

    def refuse(self, ticket: Ticket, reason: Reason, words: str = "") -> None:
        """End an order that the broker never took, and what depends on it."""
        if ticket.ended:
            return
        code = Update.REJECTED if reason == Reason.BROKER else Update.CANCELLED
        self.say(ticket, code, reason, ts=ticket.submitted)
        self._end_children(ticket)
        other = self.tickets.get(ticket.sibling)
        if other is not None and other.form == LEG and not other.ended:
            self.say(other, Update.CANCELLED, Reason.OTHER_EXIT, ts=ticket.submitted)
        if words:
            self.alerts.append(f"{self.instruments[ticket.instrument].symbol} order {ticket.order_id}: {words}")

    def doubt(self, ticket: Ticket, code: int) -> None:
        """Have an order looked up before it is said that a request about it failed."""
        if ticket.broker_id and not ticket.ended:
            self.doubtful[ticket.broker_id] = int(code)

    def absorb(
        self, ticket: Ticket, order: BrokerOrder, ts: int, event: str, price: Any, quantity: Any, execution: str,
        previous: str = "",
    ) -> None:  # fmt: skip
        """Say what is new in how an order stands; see `Desk.absorb`."""
        self._ts = ts
        if event in ("trade_bust", "restated") and execution:
            self._correct(ticket, event, price, quantity, execution, previous)
            return
        if order.id == ticket.next_id and order.status != "rejected":
            self._replaced(ticket, order)
        if order.id != ticket.broker_id:
            if order.id == ticket.next_id and order.status == "rejected":
                self._rejected_replacement(ticket)
            return
        self._grow(ticket, order, price, quantity, execution)
        if ticket.ended:
            return
        self._stand(ticket, order)
        if event == "order_cancel_rejected" and ticket.cancel:
            self.say(ticket, Update.CANCEL_REJECTED, Reason.BROKER)
        elif event == "order_replace_rejected" and ticket.terms is not None:
            self.say(ticket, Update.REPLACE_REJECTED, Reason.BROKER)

    def _stand(self, ticket: Ticket, order: BrokerOrder) -> None:
        status = order.status
        if status in _ALIVE:
            self._live(ticket, order)
        elif status == "replaced":
            if order.replaced_by:
                self.tickets.by_broker.setdefault(order.replaced_by, ticket)
                ticket.next_id = order.replaced_by
            self.doubtful.setdefault(ticket.next_id, 0)
        elif status in ("canceled", "expired", "rejected"):
            self._end(ticket, status)

    def _live(self, ticket: Ticket, order: BrokerOrder) -> None:
        unit = self.instruments[ticket.instrument].lots_per_unit
        if not ticket.alive and order.status in ("new", "partially_filled"):
            size = lots(order.quantity, unit) or abs(ticket.quantity)
            self.say(ticket, Update.ACTIVATED, quantity=ticket.sign * size)
        if not ticket.accepted and order.status != "pending_new":
            self.say(ticket, Update.ACCEPTED)
        size = lots(order.quantity, unit)
        if size and ticket.alive and ticket.terms is None and size != abs(ticket.quantity) - ticket.base * ticket.sign:
            self._terms(ticket, ticket.sign * size + ticket.base, order, Reason.BROKER)

    def _terms(self, ticket: Ticket, quantity: int, order: BrokerOrder, reason: int) -> None:
        """Say that an order has new terms."""
        limit = micros(order.limit) if ticket.limit else 0
        stop = micros(order.stop) if ticket.stop and ticket.type != TRAILING_STOP else 0
        if abs(quantity) > abs(ticket.filled):
            self.say(ticket, Update.REPLACED, reason, quantity=quantity, price=limit, fee=stop)

    def _replaced(self, ticket: Ticket, order: BrokerOrder) -> None:
        """Let the order that stands in the place of another one take it over."""
        unit = self.instruments[ticket.instrument].lots_per_unit
        if order.status in ("pending_new", "pending_replace", "accepted"):
            return  # the old order stands until the new one does
        carried = lots(order.filled, unit) >= abs(ticket.filled)
        ticket.base, ticket.base_paid = (0, 0) if carried else (ticket.filled, ticket.paid)
        self.tickets.bind(ticket, order.id)
        ticket.next_id = ""
        if ticket.terms is not None:
            quantity, limit, stop = ticket.terms
            self.say(ticket, Update.REPLACED, quantity=quantity, price=limit, fee=stop)
        else:
            self._terms(ticket, ticket.sign * lots(order.quantity, unit) + ticket.base, order, Reason.BROKER)

    def _rejected_replacement(self, ticket: Ticket) -> None:
        if not ticket.ended and ticket.terms is not None:
            self.say(ticket, Update.REPLACE_REJECTED, Reason.BROKER)
        ticket.next_id = ""

    def _grow(self, ticket: Ticket, order: BrokerOrder, price: Any, quantity: Any, execution: str) -> None:
        """Say that more of an order has filled, if it has."""
        unit = self.instruments[ticket.instrument].lots_per_unit
        known = abs(ticket.filled - ticket.base)
        new = lots(order.filled, unit) - known
        if new <= 0:
            return
        if price is not None and quantity is not None and lots(quantity, unit) == new:
            parts = [(new, micros(price))]
        else:
            total = round((order.average or 0) * 1_000_000 * (known + new)) - (ticket.paid - ticket.base_paid)
            parts = list(shares_out(new, max(total, new)))
        if execution:
            self.tickets.executions[execution] = (ticket.instrument, ticket.sign * new, parts[0][1])
        self._book(ticket, parts)

    def _book(self, ticket: Ticket, parts: list[tuple[int, int]]) -> None:
        for size, each in parts:
            if ticket.ended:
                # The account has closed this order already; what it still brought is booked without one.
                self.adjust(ticket.instrument, ticket.sign * size, each, 0, self._ts)
                ticket.filled += ticket.sign * size
                ticket.paid += size * each
                self.alerts.append(f"order {ticket.order_id} filled {size} lots after its end")
                continue
            if not ticket.alive:
                self.say(ticket, Update.ACTIVATED, quantity=ticket.quantity)
            self.say(ticket, Update.FILL, quantity=ticket.sign * size, price=each)
        if ticket.ended:
            self._activate_children(ticket)
        self._shrink_sibling(ticket)

    def _activate_children(self, ticket: Ticket) -> None:
        for child in self.tickets.children(ticket):
            if not child.ended and not child.alive:
                self.say(child, Update.ACTIVATED, quantity=-ticket.filled)

    def _shrink_sibling(self, ticket: Ticket) -> None:
        other = self.tickets.get(ticket.sibling)
        if other is None or other.ended or ticket.ended or abs(other.remaining) <= abs(ticket.remaining):
            return
        stop = other.stop if other.type != TRAILING_STOP else 0
        quantity = other.filled + ticket.remaining
        self.say(other, Update.REPLACED, Reason.OTHER_EXIT, quantity=quantity, price=other.limit, fee=stop)

    def _end(self, ticket: Ticket, status: str) -> None:
        entry = self.tickets.get(ticket.parent) if ticket.parent else None
        entered = entry is not None and entry.ended and entry.filled != 0
        if entered and ticket.form == LEG and not ticket.cancel and not self._other_ended(ticket):
            # Not told to the account: its exits come anew, see `Desk._rescue`.
            ticket.orphan = ticket.ended = True
            return
        codes = {"canceled": Update.CANCELLED, "expired": Update.EXPIRED, "rejected": Update.REJECTED}
        self.say(ticket, codes[status], self._reason(ticket, status, entry))
        if not ticket.filled:
            self._end_children(ticket)

    def _other_ended(self, ticket: Ticket) -> bool:
        """Return whether the other exit has done its work, or was to be cancelled."""
        other = self.tickets.get(ticket.sibling)
        return other is not None and ((other.ended and not other.orphan) or other.cancel != "")

    def _reason(self, ticket: Ticket, status: str, entry: Ticket | None) -> int:
        other = self.tickets.get(ticket.sibling)
        if status == "rejected":
            return Reason.BROKER
        if ticket.cancel:
            return _REASONS[ticket.cancel]
        if other is not None and (other.filled or other.cancel):
            return Reason.OTHER_EXIT if other.filled else Reason.BY_STRATEGY
        if entry is not None and entry.ended and not entry.filled:
            return Reason.PARENT_DONE
        if ticket.tif in (OPG, CLS):
            return Reason.AUCTION_PASSED
        if status == "expired":
            return Reason.SESSION_END
        return {IOC: Reason.IMMEDIATE, FOK: Reason.FILL_OR_KILL}.get(ticket.tif, Reason.BROKER)

    def _end_children(self, ticket: Ticket) -> None:
        for child in self.tickets.children(ticket):
            if not child.ended:
                self.say(child, Update.CANCELLED, Reason.PARENT_DONE)

    def _correct(self, ticket: Ticket, event: str, price: Any, quantity: Any, execution: str, previous: str) -> None:
        """Take a fill back, or give it another price."""
        unit = self.instruments[ticket.instrument].lots_per_unit
        if execution in self.tickets.executions:
            return  # told again
        size = ticket.sign * lots(quantity, unit)
        known = self.tickets.executions.get(previous)
        old = known[2] if known else micros(price)
        self.adjust(ticket.instrument, -size, old, 0, self._ts)
        if event == "restated":
            self.adjust(ticket.instrument, size, micros(price), 0, self._ts)
        self.tickets.executions[execution] = (ticket.instrument, size, micros(price))
        symbol = self.instruments[ticket.instrument].symbol
        self.alerts.append(f"{symbol}: the broker {'took back' if event == 'trade_bust' else 'corrected'} a fill")
