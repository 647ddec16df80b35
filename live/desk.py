"""The desk: from the account's outbox to requests, and from what the broker says to order events.

It knows no clock, file or connection: it is told things and answers with rows and requests, so that recovery can tell
it the same things again.

Outwards, `take` turns messages into requests; what cannot be sent is refused at once, by an order event. Inwards,
`answer` takes what became of a request and `absorb` how an order stands, from the stream or a lookup alike. Only what
is new becomes rows: growth of the filled quantity, a first acceptance, an end. So the same thing may be told any number
of times, in any order.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from lockstep.engine.codes import Reason, Update
from lockstep.engine.instruments import Instrument
from lockstep.engine.orders import CANCEL, SUBMIT, TARGET_EXIT

from .alpaca import orders
from .alpaca.decode import BrokerOrder
from .core import Message
from .incoming import Incoming
from .tickets import BRACKET, LEG, OCO, SIMPLE, Ticket, Tickets


class Request(NamedTuple):
    """What is asked of the broker: ``submit``, ``cancel`` or ``replace``; `ts` is when it was decided, ns UTC."""

    key: str
    action: str
    order_id: int
    body: dict[str, Any]
    ts: int
    number: int


class Answer(NamedTuple):
    """What became of a request.

    `outcome` is ``landed`` (`order` says how it stands), ``refused`` (the broker will not have it), ``abandoned`` (it
    never arrived and is too old to be sent again) or ``unsure`` (nobody knows yet).
    """

    key: str
    outcome: str
    order: BrokerOrder | None
    detail: str
    sent: int
    answered: int


class Desk:
    """The account's orders at the broker.

    Parameters
    ----------
    run : str
        Prefix of client order ids: tells this run's orders from all others.
    instruments : sequence of Instrument
        In canonical order.
    """

    def __init__(self, run: str, instruments: Sequence[Instrument]) -> None:
        self.run, self.instruments = run, tuple(instruments)
        self.tickets = Tickets()
        self.incoming = Incoming(self.tickets, self.instruments)
        self.halted: list[bool] = [False] * len(self.instruments)
        self.requests: list[Request] = []
        self.known: Callable[[str], bool] = lambda key: False
        """Whether an intent of this key stood in the journal when the run was brought back; recovery sets it."""
        self.known_ids: dict[int, str] = {}
        """Broker's ids by order, as the journal holds them; recovery sets it."""

    def key(self, order_id: int, suffix: str = "") -> str:
        """Return the client order id of an order, or of a request about it."""
        return f"ls-{self.run}-{order_id}{suffix}"

    def owns(self, coid: str) -> bool:
        """Return whether a client order id is this run's."""
        return coid.startswith(f"ls-{self.run}-")

    # -- outwards ------------------------------------------------------------------------------------------------

    def take(self, messages: Sequence[Message]) -> None:
        """Turn messages of the account's outbox into requests."""
        submitted = {m.order.slot: m.order for m in messages if m.action == SUBMIT}
        for message in messages:
            if message.action == SUBMIT:
                self._submit(message, submitted)
            else:
                ticket = self.tickets.get(message.order.id)
                if ticket is None or ticket.ended:
                    continue
                if message.action == CANCEL:
                    self.cancel(ticket, "strategy", message.ts, message.number)
                else:
                    self._replace(ticket, message)

    def _submit(self, message: Message, submitted: dict[int, Any]) -> None:
        order = message.order
        ticket = Ticket(
            order.id, order.slot, order.instrument, order.type, order.tif, order.quantity, order.limit, order.stop,
            order.trail, order.submitted, parent=order.parent, alive=order.parent == 0,
        )  # fmt: skip
        sibling = submitted.get(order.sibling) if order.sibling >= 0 else None
        ticket.sibling = sibling.id if sibling is not None else 0
        if order.id in self.known_ids:
            self.tickets.bind(ticket, self.known_ids[order.id])
        if order.parent or (sibling is not None and order.exit != TARGET_EXIT):
            ticket.form = LEG
            self.tickets.add(ticket)
            return
        body, words = self._body(ticket, order, sibling, submitted)
        self.tickets.add(ticket)
        if self.halted[order.instrument] and order.reduce_only == 0:
            self.incoming.refuse(ticket, Reason.HALTED)
        elif words:
            self.incoming.refuse(ticket, Reason.BROKER, words)
        else:
            self._ask(ticket.key, "submit", ticket.order_id, body, message.ts, message.number)

    def _body(self, ticket: Ticket, order: Any, sibling: Any, submitted: dict[int, Any]) -> tuple[dict[str, Any], str]:
        """Return the body of a submission, and why it cannot be sent, if it cannot."""
        instrument = self.instruments[order.instrument]
        unit, symbol = instrument.lots_per_unit, instrument.symbol
        ticket.key = self.key(order.id)
        if order.child_target >= 0:
            target, stop = submitted[order.child_target], submitted[order.child_stop]
            ticket.form, ticket.target, ticket.guard = BRACKET, target.id, stop.id
            body = orders.bracket(order, target, stop, unit, symbol, ticket.key)
        elif sibling is not None:
            ticket.form = OCO
            body = orders.oco(order, sibling, unit, symbol, ticket.key)
        else:
            body = orders.simple(order, unit, symbol, ticket.key)
        return body, orders.why_not(order, unit, paired=ticket.form != SIMPLE)

    def cancel(self, ticket: Ticket, why: str, ts: int, number: int) -> None:
        """Ask for an order's cancellation, as soon as the broker is known to have it."""
        ticket.cancel = ticket.cancel or why
        if not ticket.broker_id:
            ticket.cancel_waits = True
            return
        ticket.cancel_waits = False
        ticket.cancels += 1
        key = self.key(ticket.order_id, f"-c{ticket.cancels}")
        self._ask(key, "cancel", ticket.order_id, {"id": ticket.broker_id}, ts, number)

    def _replace(self, ticket: Ticket, message: Message) -> None:
        ticket.terms = (message.quantity, message.limit, message.stop)
        if not ticket.broker_id or not ticket.accepted:
            ticket.terms_wait = True
            return
        self._send_terms(ticket, message.ts, message.number)

    def _send_terms(self, ticket: Ticket, ts: int, number: int) -> None:
        assert ticket.terms is not None
        ticket.terms_wait = False
        ticket.replaces += 1
        key = self.key(ticket.order_id, f"-r{ticket.replaces}")
        unit = self.instruments[ticket.instrument].lots_per_unit
        body = orders.replacement(ticket, *ticket.terms, unit, key)
        self._ask(key, "replace", ticket.order_id, {"id": ticket.broker_id, **body}, ts, number)

    def _ask(self, key: str, action: str, order_id: int, body: dict[str, Any], ts: int, number: int) -> None:
        if not self.known(key):
            self.requests.append(Request(key, action, order_id, body, ts, number))

    def take_requests(self) -> list[Request]:
        """Return the requests that came up since the last call, cancellations first."""
        taken, self.requests = self.requests, []
        return sorted(taken, key=lambda request: request.action != "cancel")

    def withdraw(self, ticket: Ticket, broker_id: str, ts: int, number: int) -> None:
        """Ask for the cancellation of an order that was given up here and is at the broker all the same."""
        ticket.cancels += 1
        key = self.key(ticket.order_id, f"-c{ticket.cancels}")
        self._ask(key, "cancel", ticket.order_id, {"id": broker_id}, ts, number)

    # -- inwards -------------------------------------------------------------------------------------------------

    def answer(self, answer: Answer, now: int, number: int) -> None:
        """Take what became of a request."""
        ticket = self._asked(answer.key)
        if ticket is None:
            return
        if answer.order is not None:
            self.absorb(answer.order, answer.order.updated or now, key=answer.key, now=now, number=number)
        if answer.outcome in ("refused", "abandoned"):
            self._failed(ticket, answer)

    def _failed(self, ticket: Ticket, answer: Answer) -> None:
        suffix = answer.key.removeprefix(self.key(ticket.order_id))
        if suffix.startswith("-c"):
            self.incoming.doubt(ticket, Update.CANCEL_REJECTED)
        elif suffix.startswith("-r"):
            self.incoming.say(ticket, Update.REPLACE_REJECTED, Reason.BROKER)
        elif answer.outcome == "abandoned":
            ticket.abandoned = True
            self.incoming.refuse(ticket, Reason.STALE, answer.detail)
        else:
            self.incoming.refuse(ticket, Reason.BROKER, answer.detail)

    def _asked(self, key: str) -> Ticket | None:
        number = self.order_of(key)
        return self.tickets.get(number) if number else None

    def order_of(self, key: str) -> int:
        """Return the order that a key is about; 0 where it is none of this run's."""
        part = key.removeprefix(f"ls-{self.run}-").partition("-")[0]
        return int(part) if self.owns(key) and part.isdigit() else 0

    def absorb(
        self, order: BrokerOrder, ts: int, *, now: int, number: int, key: str = "", event: str = "",
        price: Any = None, quantity: Any = None, execution: str = "", previous: str = "",
    ) -> bool:  # fmt: skip
        """Take how an order stands; return whether it is one of the account's.

        Parameters
        ----------
        order : BrokerOrder
            As the broker tells it.
        ts : int
            When it happened, ns UTC.
        now, number : int
            Exchange time and number of the next row, for requests that come of it.
        key : str
            Key of the request that it answers, if it does.
        event : str
            Name of the event that told it, if one did.
        price, quantity, execution, previous : Decimal, Decimal, str, str
            The execution that it tells of, if it does, and the one that this corrects.
        """
        ticket = self._match(order, key)
        if ticket is None:
            return False
        self.incoming.absorb(ticket, order, ts, event, price, quantity, execution, previous)
        self._follow_up(ticket, now, number)
        return True

    def _match(self, order: BrokerOrder, key: str) -> Ticket | None:
        tickets = self.tickets
        found = tickets.by_broker.get(order.id) or tickets.by_broker.get(order.replaces)
        if found is None:
            found = self._asked(order.coid) or (self._asked(key) if key else None)
        if found is None:
            return None
        if order.id not in tickets.by_broker:
            self._introduce(found, order)
        self._introduce_legs(found, order)
        return found

    def _introduce(self, ticket: Ticket, order: BrokerOrder) -> None:
        """Note a broker's id that was not known: of the order itself, or of what is to replace it."""
        if not ticket.broker_id or ticket.orphan:
            self.tickets.bind(ticket, order.id)
            ticket.orphan = False
        else:
            self.tickets.by_broker[order.id] = ticket
            ticket.next_id = order.id
        self.incoming.bound.append((ticket.key or self.key(ticket.order_id), order.id, ticket.order_id))

    def _introduce_legs(self, ticket: Ticket, order: BrokerOrder) -> None:
        for leg in order.legs:
            exits = self.tickets.children(ticket) or [self.tickets.get(ticket.sibling)]
            found = next(
                (t for t in exits if t is not None and (t.stop > 0 or t.trail > 0) == (leg.stop is not None)), None
            )
            if found is not None and leg.id not in self.tickets.by_broker:
                self._introduce(found, leg)

    def _follow_up(self, ticket: Ticket, now: int, number: int) -> None:
        """Ask for what had to wait until the broker had the order."""
        if ticket.ended:
            self._rescue(ticket, now, number)
            return
        if ticket.cancel_waits and ticket.broker_id:
            self.cancel(ticket, ticket.cancel, now, number)
        if ticket.terms_wait and ticket.terms is not None and ticket.broker_id and ticket.accepted:
            self._send_terms(ticket, now, number)

    def _rescue(self, ticket: Ticket, now: int, number: int) -> None:
        """Put two exits anew that the broker has ended although they have something to close.

        Exits last until they are cancelled, but the legs of an entry for the day end with the day, and those of an
        entry that was cancelled after it had filled in part end with it.
        """
        entry = self.tickets.get(ticket.parent) if ticket.parent else None
        exits = self.tickets.children(entry) if entry is not None else []
        if len(exits) != 2 or not all(each.orphan for each in exits):
            return
        target, stop = exits
        for each, form in ((target, OCO), (stop, LEG)):
            remaining = each.remaining if each.alive else -entry.filled  # type: ignore[union-attr]
            each.ended, each.form, each.sibling = False, form, (stop if each is target else target).order_id
            each.accepted, each.parent = False, 0
            each.base, each.base_paid = each.filled, each.paid
            if not each.alive:
                self.incoming.say(each, Update.ACTIVATED, quantity=remaining)
        target.key = self.key(target.order_id)
        self.tickets.by_key[target.key] = target
        instrument = self.instruments[target.instrument]
        left = replace(target, quantity=target.remaining)
        body = orders.oco(left, stop, instrument.lots_per_unit, instrument.symbol, target.key)
        self._ask(target.key, "submit", target.order_id, body, now, number)

    def observe(self, order_id: int, code: int, quantity: int, price: int, fee: int) -> None:
        """Take over an order event that the journal holds; recovery calls this in place of `absorb`."""
        ticket = self.tickets.get(order_id)
        if ticket is not None:
            ticket.apply(code, quantity, price, fee)

    def adopt(self, broker_id: str, order_id: int) -> None:
        """Take over a broker's id that the journal holds."""
        ticket = self.tickets.get(order_id)
        if ticket is None or broker_id in self.tickets.by_broker:
            return
        if not ticket.broker_id:
            self.tickets.bind(ticket, broker_id)
        else:
            self.tickets.by_broker[broker_id] = ticket
            ticket.next_id = broker_id

    def remember(self, keys: Collection[str]) -> None:
        """Take over the keys of all requests that the journal holds, once its rows are applied.

        Requests that answers brought about have no rows: what they counted and waited for is known by their keys alone.
        """
        self.known = frozenset(keys).__contains__
        for key in keys:
            ticket = self._asked(key)
            suffix = key.removeprefix(self.key(ticket.order_id)) if ticket is not None else ""
            if ticket is None or not suffix:
                continue
            count = int(suffix[2:])
            if suffix.startswith("-c") and count > ticket.cancels:
                ticket.cancels, ticket.cancel_waits = count, False
            elif suffix.startswith("-r") and count > ticket.replaces:
                ticket.replaces, ticket.terms_wait = count, False

    def keys(self) -> Iterable[str]:
        """Return the client order ids of open orders that the broker may have."""
        return [ticket.key for ticket in self.tickets.open() if ticket.key]
