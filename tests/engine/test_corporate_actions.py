"""Splits, dividends, listings: what they do to positions, cash and resting orders, by hand."""

import pytest

from lockstep.engine import events as e
from lockstep.engine.updates import FLOWS

from .stage import MINUTE, Tape, instrument, play, script

STILL = (100, 101, 99, 100)
DOLLAR = 1_000_000


def holding(quantity, *, then=(), tif="day"):
    """Buys (or sells short) at bar 1; `then` is what is proposed after slice 1."""
    return {0: lambda s: s.market("A", quantity, tif=tif), 1: lambda s: [f(s) for f in then]}


def split_tape(numerator, denominator, *later):
    """Bought at 100, marked at 100; the split comes between bars 1 and 2."""
    tape = Tape().bars(STILL, STILL).wait(1)
    return tape.add(e.SPLIT, "A", numerator=numerator, denominator=denominator).bars(*later)


def flows(run):
    return [(FLOWS[int(f["kind"])], int(f["amount"])) for f in run.flows]


# Splits


def test_split_leaves_the_value():
    run = play(split_tape(2, 1, (50, 51, 49, 50)), holding(10))
    position = run.world.positions[0]
    assert (position.quantity, position.basis, position.mark) == (20, 1000 * DOLLAR, 50 * DOLLAR)
    assert run.value == 1_000_000 * DOLLAR
    assert flows(run) == []


def test_split_pays_cash_for_a_fraction():
    """15 × 3/2 = 22.5 at 66.666667: half a share is 33.3333335, half to even; its basis is 1 500 / 45."""
    run = play(split_tape(3, 2), holding(15))
    position = run.world.positions[0]
    assert position.quantity == 22
    assert flows(run) == [("fraction", 33_333_334)]
    assert position.basis == 1500 * DOLLAR - 33_333_333
    assert position.realised == 1
    assert run.cash == (1_000_000 - 1500) * DOLLAR + 33_333_334


@pytest.mark.parametrize(("held", "left", "cash"), [(25, 2, 500), (-25, -2, -500), (5, 0, 500), (-5, 0, -500)])
def test_reverse_split(held, left, cash):
    """1 for 10: half a new share at 1 000."""
    run = play(split_tape(1, 10), holding(held))
    assert run.held() == left
    assert flows(run) == [("fraction", cash * DOLLAR)]
    assert run.value == 1_000_000 * DOLLAR
    if left == 0:
        assert run.world.positions[0].basis == 0


def resting(*orders):
    return {1: lambda s: [f(s) for f in orders]}


def test_resting_orders_are_rescaled_and_put_back_on_the_tick_to_their_disadvantage():
    """3 for 1: 95.03 / 3 = 31.6766…, 110.03 / 3 = 36.6766…"""
    run = play(
        split_tape(3, 1),
        resting(
            lambda s: s.limit("A", 10, 95.03, tif="gtc"),
            lambda s: s.limit("A", -10, 110.03, tif="gtc"),
            lambda s: s.stop("A", 10, 110.03),
            lambda s: s.stop("A", -10, 95.03),
        ),
    )
    assert [int(run.order(k)["quantity"]) for k in (1, 2, 3, 4)] == [30, -30, 30, -30]
    assert [int(run.order(k)["limit"]) for k in (1, 2)] == [31_670_000, 36_680_000]
    assert [int(run.order(k)["stop"]) for k in (3, 4)] == [36_680_000, 31_670_000]
    assert (run.world.positions[0].buys, run.world.positions[0].sells) == (60, 60)


def test_rescaled_order_fills_at_its_new_terms():
    run = play(split_tape(2, 1, (50, 51, 47.49, 48)), resting(lambda s: s.limit("A", 10, 95, tif="gtc")))
    assert run.filled() == [(20, 47.5)]


def test_partly_filled_order_is_rescaled_whole():
    tape = Tape().bars(STILL, STILL, (100, 101, 99, 100, 400)).wait(1)
    tape.add(e.SPLIT, "A", numerator=2, denominator=1).bars((50, 51, 49, 50))
    run = play(tape, {1: lambda s: s.market("A", 100, tif="gtc")}, share=0.1)
    assert run.filled() == [(40, 100.0), (120, 50.0)]
    order = run.order(1)
    assert (int(order["quantity"]), int(order["filled"])) == (200, 200)
    assert run.held() == 80 + 120


def test_order_smaller_than_a_new_lot_is_cancelled():
    run = play(split_tape(1, 10), resting(lambda s: s.limit("A", 5, 95, tif="gtc")))
    assert run.ended(1) == ("CANCELLED", "SPLIT")


def test_limit_below_the_first_tick_is_cancelled():
    tape = Tape().flat(0.02, 0.02).wait(1).add(e.SPLIT, "A", numerator=2, denominator=1)
    run = play(tape, {0: lambda s: s.limit("A", 10, 0.01, tif="gtc")})
    assert run.ended(1) == ("CANCELLED", "SPLIT")


def test_orders_are_cancelled_on_a_split_if_the_scenario_says_so():
    run = play(split_tape(2, 1), resting(lambda s: s.limit("A", 5, 95, tif="gtc")), cancel_on_split=True)
    assert run.ended(1) == ("CANCELLED", "SPLIT")


def test_exits_follow_a_split():
    """Bracket entered at 100; target 110 and stop 95 become 55 and 47.50 for twice the lots."""
    tape = split_tape(2, 1, (50, 51, 47, 48))
    run = play(tape, {0: lambda s: s.bracket("A", 10, target=110, stop=95)})
    assert run.filled() == [(10, 100.0), (-20, 47.5)]
    assert run.held() == 0


def test_exits_held_back_follow_a_split_and_still_do_not_rest():
    tape = split_tape(2, 1, STILL, (50, 51, 48, 50), (50, 56, 49, 50))
    run = play(tape, {1: lambda s: s.bracket("A", 10, limit=98, target=110, stop=95, tif="gtc")})
    assert run.filled() == [(20, 49.0), (-20, 55.0)]
    run = play(split_tape(2, 1), {1: lambda s: s.bracket("A", 10, limit=98, target=110, stop=95, tif="gtc")})
    assert (run.world.positions[0].buys, run.world.positions[0].sells) == (20, 0)
    assert run.ended(3)[0] == "HELD"


def test_exits_of_a_short_after_a_reverse_split_close_no_more_than_is_held():
    """15 short of 20 fill, then 1 for 10: one share is left short, and the exits cover one, not two."""
    tape = Tape().bars(STILL, (100, 101, 99, 100, 150)).wait(1).add(e.SPLIT, "A", numerator=1, denominator=10)
    tape.flat(1000, volume=0).end_session(gap=MINUTE).bars((1100, 1101, 1099, 1100))
    run = play(tape, {0: lambda s: s.bracket("A", -20, target=90, stop=105)}, share=0.1)
    assert run.filled() == [(-15, 100.0), (1, 1100.0)]
    assert run.held() == 0


def test_trailing_stop_follows_a_split():
    """Trails the mark of 100 by 5; after 2 for 1 it trails the high of 51 by 2.50."""
    run = play(split_tape(2, 1, (50, 51, 49, 51), (51, 52, 48, 50)), resting(lambda s: s.trailing_stop("A", -10, 5)))
    assert run.filled() == [(-20, 48.5)]


def test_replacement_on_its_way_is_rescaled_too():
    actions = {1: lambda s: s.limit("A", 10, 95, tif="gtc"), 2: lambda s: s.replace(1, limit=96)}
    tape = Tape().bars(STILL, STILL, STILL).wait(1).add(e.SPLIT, "A", numerator=2, denominator=1).wait(9)
    tape.bars((50, 51, 47, 48))
    run = play(tape, actions, latency=5)
    assert run.filled() == [(20, 48.0)]


def test_strategies_see_forward_adjusted_prices_and_orders_raw_ones():
    seen = []

    class Watcher(script({})):
        def on_bar(self, bar):
            seen.append((bar.open, bar.close, bar.volume, self.raw("A", bar.close), self.mark("A")))

    from .stage import Played

    tape = Tape().bar(100, 101, 99, 100, 1000).wait(1)
    tape.add(e.SPLIT, "A", numerator=4, denominator=1).bar(25, 26, 24, 25.5, 4000)
    Played(tape, [Watcher])
    assert seen == [(100, 100, 1000, 100, 100), (100, 102, 1000, 25.5, 25.5)]


# Dividends


def dividend(per_share, pay_ts=0):
    return {"amount": round(per_share * 1e9), "pay_ts": pay_ts}


def dividend_tape(per_share, pay_ts=0):
    return Tape().bars(STILL, STILL).wait(1).add(e.DIVIDEND, "A", **dividend(per_share, pay_ts))


@pytest.mark.parametrize(("quantity", "amount"), [(100, 50), (-100, -50)])
def test_dividend_without_a_pay_date_is_cash_on_the_ex_date(quantity, amount):
    run = play(dividend_tape(0.5), holding(quantity))
    assert flows(run) == [("dividend", amount * DOLLAR)]
    assert run.cash == (1_000_000 - 100 * quantity + amount) * DOLLAR
    assert run.world.positions[0].dividends == amount * DOLLAR


def test_dividend_is_rounded_half_even():
    """3 × 0.0000005 dollars is 1.5 micros."""
    assert flows(play(dividend_tape(5e-7), holding(3))) == [("dividend", 2)]


def test_dividend_is_receivable_until_it_is_paid():
    """Ex after bar 1, paid at minute 4: equity counts it at once, cash at the close of that session."""
    tape = dividend_tape(0.5, 4 * MINUTE).bars(STILL).end_session(gap=MINUTE).bars(STILL, STILL).end_session()
    run = play(tape, holding(100))
    assert [int(x) - 990_000 * DOLLAR for x in run.equity["cash"]][1:] == [0, 0, 0, 50 * DOLLAR]
    assert [int(x) - 1_000_000 * DOLLAR for x in run.equity["equity"]][1:] == [0] + [50 * DOLLAR] * 3
    assert run.world.header.receivable == 0


def test_no_dividend_without_a_position():
    assert flows(play(dividend_tape(0.5), {})) == []


@pytest.mark.parametrize(("adjust", "seen"), [(False, 100.0), (True, 100 * 100 / 98)])
def test_dividends_adjust_prices_by_choice(adjust, seen):
    closes = []

    class Watcher(script({})):
        def on_bar(self, bar):
            closes.append(bar.close)

    from .stage import Played

    Played(dividend_tape(2.0).bars(STILL), [Watcher], dividends_adjust=adjust)
    assert closes[-1] == seen


# Listings


@pytest.mark.parametrize(("terminal", "price"), [(12.5, 12.5), (float("nan"), 100), (0.0, 0.0)])
def test_delisting_closes_at_the_terminal_value(terminal, price):
    tape = Tape().bars(STILL, STILL).wait(1).add(e.DELIST, "A", terminal=terminal)
    run = play(tape, holding(10))
    assert run.held() == 0
    assert run.cash == round((1_000_000 - 1000 + 10 * price) * DOLLAR)
    assert run.world.positions[0].realised == round((price - 100) * 10 * DOLLAR)
    assert flows(run) == ([("terminal", round(10 * price) * DOLLAR)] if price else [])


def test_delisting_cancels_what_rests_and_refuses_what_comes():
    tape = Tape("AB").bar(*STILL, moves=False).bar(*STILL, symbol="B").wait(1)
    tape.add(e.DELIST, "A", terminal=50.0).bar(*STILL, symbol="B").bar(*STILL, symbol="B")
    actions = {
        0: lambda s: s.bracket("A", 10, limit=95, target=120, stop=90, tif="gtc"),
        1: lambda s: s.market("A", 10),
    }
    run = play(tape, actions)
    assert [run.ended(k) for k in (1, 2, 3)] == [("CANCELLED", "DELISTED"), *[("CANCELLED", "PARENT_DONE")] * 2]
    assert run.verdicts()[-1] == (10, 0, "NOT_LISTED")


def test_listing_again_allows_orders_again():
    tape = Tape().bars(STILL).wait(1).add(e.DELIST, "A", terminal=50.0).wait(1).add(e.LIST, "A").bars(STILL, STILL)
    run = play(tape, {1: lambda s: s.market("A", 10)})
    assert run.filled() == [(10, 100.0)]


def test_an_instrument_before_its_first_price_has_none():
    tape = Tape("AB").bar(*STILL, moves=False).bars(STILL)
    run = play(tape, {0: lambda s: s.market("B", 10)}, instruments=[instrument("A"), instrument("B")])
    assert run.verdicts() == [(10, 0, "NO_PRICE")]


def test_renaming_changes_nothing():
    actions = holding(10, then=[lambda s: s.limit("A", 5, 95, tif="gtc")])
    plain = play(Tape().bars(STILL, STILL).wait(1).bars(STILL, (96, 97, 94, 95)), actions)
    renamed = play(Tape().bars(STILL, STILL).wait(1).add(e.RENAME, "A").bars(STILL, (96, 97, 94, 95)), actions)
    assert renamed.filled() == plain.filled() == [(10, 100.0), (5, 95.0)]
