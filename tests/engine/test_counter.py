"""Orders from outside any strategy: through the same step, matching and ledger as any other."""

import pytest

from lockstep.engine import events as e
from lockstep.engine.codes import DAY, GTC, LIMIT, MARKET, STOP, TRAILING_STOP, Reason, Update
from lockstep.engine.counter import Counter, Terms

from .stage import MINUTE, Tape, instrument, settings


@pytest.fixture
def heard():
    return []


@pytest.fixture
def counter(heard):
    made = Counter([instrument("A"), instrument("B")], settings(), heard.append)
    drive(made, Tape("AB").bar(10, 11, 9, 10))
    return made


def drive(counter, tape):
    rows = e.join(*tape.rows)
    counter.drive(rows, 0, len(rows))


def later(minutes=1):
    return Tape("AB", start=minutes * MINUTE)


def told(heard):
    return [(Update(each.code).name, each.order_id, each.quantity, each.price) for each in heard]


def held(counter, place=0):
    return int(counter.world.positions[place]["quantity"])


def test_an_order_is_taken_at_once_and_meets_the_next_open(counter, heard):
    assert counter.place([Terms(0, 5, MARKET, DAY)]) == 1
    assert heard == []
    counter.settle(MINUTE)
    assert told(heard) == [("ACCEPTED", 1, 0, 0)]
    drive(counter, later().bar(10.5, 11, 10, 10.7))
    assert told(heard)[1:] == [("FILL", 1, 5, 10_500_000)]
    assert (heard[-1].happened, heard[-1].known) == (MINUTE, 2 * MINUTE)
    assert int(counter.world.header.cash) == 1_000_000_000_000 - 5 * 10_500_000


def test_what_the_account_refuses_is_noted(counter, heard):
    number = counter.place([Terms(1, 5, MARKET, DAY)])
    counter.settle(MINUTE)
    assert (heard, counter.refused) == ([], {number: Reason.NO_PRICE})


def test_an_entry_with_exits(counter, heard):
    exits = [Terms(0, -5, LIMIT, GTC, limit=12_000_000), Terms(0, -5, STOP, GTC, stop=9_000_000)]
    assert counter.place([Terms(0, 5, MARKET, GTC), *exits]) == 1
    counter.settle(MINUTE)
    drive(counter, later().bar(10, 11, 9.5, 10))
    drive(counter, later(2).bar(11, 12.5, 11, 12))
    assert told(heard)[3:] == [
        ("FILL", 1, 5, 10_000_000), ("ACTIVATED", 2, -5, 0), ("ACTIVATED", 3, -5, 0),
        ("FILL", 2, -5, 12_000_000), ("CANCELLED", 3, 0, 0),
    ]  # fmt: skip
    assert held(counter) == 0


def test_two_exits_are_not_shrunk_to_the_position(counter, heard):
    counter.place([Terms(0, -5, LIMIT, GTC, limit=12_000_000), Terms(0, -5, STOP, GTC, stop=9_000_000)])
    counter.settle(MINUTE)
    drive(counter, later().bar(10, 12.5, 9.5, 10))
    assert told(heard)[2:] == [("FILL", 1, -5, 12_000_000), ("CANCELLED", 2, 0, 0)]
    assert held(counter) == -5


def test_a_change_may_enlarge(counter, heard):
    number = counter.place([Terms(0, 5, LIMIT, GTC, limit=9_000_000)])
    counter.settle(MINUTE)
    assert counter.change(number, 8, 9_500_000, 0, 0, DAY)
    assert not counter.change(number, 9, 9_500_000, 0, 0, DAY)  # one change at a time
    counter.settle(MINUTE)
    drive(counter, later().bar(10, 10, 9, 10))
    assert told(heard)[1:] == [("REPLACED", 1, 8, 9_500_000), ("FILL", 1, 8, 9_500_000)]
    assert not counter.change(number, 9, 9_500_000, 0, 0, DAY)


def test_a_trailing_stop_can_be_drawn_closer(counter):
    number = counter.place([Terms(0, -5, TRAILING_STOP, GTC, trail=3_000_000)])
    counter.settle(MINUTE)
    assert counter.resting_price(number) == (7_000_000, 10_000_000)
    counter.change(number, -5, 0, 7_000_000, 1_000_000, GTC)
    counter.settle(MINUTE)
    assert counter.resting_price(number) == (9_000_000, 10_000_000)
    assert counter.resting_price(99) == (0, 0)


def test_a_cancellation(counter, heard):
    number = counter.place([Terms(0, 5, LIMIT, GTC, limit=9_000_000)])
    counter.settle(MINUTE)
    assert counter.cancel(number)
    counter.settle(MINUTE)
    assert told(heard)[1:] == [("CANCELLED", 1, 0, 0)]
    assert not counter.cancel(number)


def test_a_cross_fills_as_much_as_it_says_and_marks_nothing(counter, heard):
    counter.place([Terms(0, 5, LIMIT, GTC, limit=9_000_000)])
    counter.settle(MINUTE)
    counter.cross(0, 3, 9_000_000, MINUTE)
    assert told(heard)[1:] == [("FILL", 1, 3, 9_000_000)]
    assert (held(counter), int(counter.world.positions[0]["mark"])) == (3, 10_000_000)


def test_a_correction_keeps_the_ledger_balanced(counter):
    counter.correct(0, 10, 10_000_000, fee=1_000_000)
    assert (held(counter), int(counter.world.header.equity)) == (10, 999_999_000_000)
    counter.correct(0, -10, 10_000_000)
    assert int(counter.world.header.cash) == 999_999_000_000
    counter.world.check()


def test_there_is_no_room_for_any_number_of_orders():
    made = Counter([instrument("A")], settings(max_orders=8), lambda report: None)
    drive(made, Tape("A").bar(10, 11, 9, 10))
    for _ in range(8):
        assert made.place([Terms(0, 1, LIMIT, GTC, limit=1_000_000)])
        made.settle(MINUTE)
    assert made.place([Terms(0, 1, LIMIT, GTC, limit=1_000_000)]) == 0
