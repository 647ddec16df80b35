"""The desk: what is asked of the broker is asked once, also by a session that was brought back."""

from decimal import Decimal

import pytest

from lockstep.engine.codes import GTC, LIMIT
from lockstep.engine.instruments import Instrument
from lockstep.live.alpaca.decode import BrokerOrder
from lockstep.live.desk import Desk
from lockstep.live.tickets import Ticket

NOW = 1_000


@pytest.fixture
def desk():
    """A desk with one limit order that was submitted and of which the broker has said nothing yet."""
    desk = Desk("run", (Instrument("AAA", "AAA"),))
    desk.tickets.add(Ticket(7, 0, 0, LIMIT, GTC, 10, 100_000_000, 0, 0, NOW, key=desk.key(7)))
    return desk


def told(status="new"):
    """How the broker says that the order stands."""
    one = Decimal(1)
    return BrokerOrder(
        "b-1", "ls-run-7", "AAA", status, "buy", "limit", "gtc", "simple", 10 * one, 0 * one, None, 100 * one, None,
        None, "", "", NOW, NOW, (),
    )  # fmt: skip


def asked(desk):
    return [(request.action, request.key) for request in desk.take_requests()]


def test_a_cancellation_waits_until_the_broker_has_the_order(desk):
    ticket = desk.tickets.get(7)
    desk.cancel(ticket, "strategy", NOW, 1)
    assert asked(desk) == []
    desk.absorb(told(), NOW, now=NOW, number=2)
    assert asked(desk) == [("cancel", "ls-run-7-c1")]
    desk.absorb(told(), NOW, now=NOW, number=3)
    assert asked(desk) == []


def test_what_the_journal_holds_is_not_asked_again(desk):
    """Killed after the intention of a cancellation that an answer brought about, of which no row tells."""
    ticket = desk.tickets.get(7)
    desk.cancel(ticket, "strategy", NOW, 1)
    ticket.terms, ticket.terms_wait = (10, 99_000_000, 0), True
    desk.remember(["ls-run-7", "ls-run-7-c1", "ls-run-7-r2", "ls-run-8-c5"])
    desk.absorb(told(), NOW, now=NOW, number=2)
    assert asked(desk) == []


def test_what_comes_after_is_counted_on(desk):
    ticket = desk.tickets.get(7)
    desk.remember(["ls-run-7", "ls-run-7-c2"])
    desk.absorb(told(), NOW, now=NOW, number=2)
    desk.cancel(ticket, "strategy", NOW, 3)
    assert asked(desk) == [("cancel", "ls-run-7-c3")]
