"""An account kept with pencil and paper, and the engine's beside it: days on which much happens at once.

The numbers were written down before the engine was asked. Amounts in dollars; S is a session's close.
"""

import pytest

from lockstep.engine import events as e
from lockstep.engine.settings import Costs
from lockstep.engine.updates import FLOWS

from .stage import MINUTE, Tape, instrument, play

DOLLAR = 1_000_000
COSTS = Costs(
    commission="per_share", commission_per_share=0.005, commission_minimum=1.0, commission_maximum_pct=1.0,
    sec_fee=27.8, taf=0.000166, taf_maximum=8.30, half_spread_bps=0, impact=0, borrow_rate=0.36, margin_rate=0.072,
)  # fmt: skip
"""The usual fees; 36 % a year to borrow stock is 0.1 % a night, 7.2 % on borrowed money 0.02 % a night."""


def flat(price, volume=1e9):
    return (price, price, price, price, volume)


def flows(run):
    return [(FLOWS[int(f["kind"])], int(f["amount"]) / DOLLAR) for f in run.flows]


def dollars(amount):
    return round(amount * DOLLAR)


def test_a_long_account_through_a_weekend_a_dividend_and_a_split():
    """3 001 bought on 100 000 of cash at 50, a dividend, a weekend, a 3:2 split, and all sold.

    buy    3 001 × 50 = 150 050.00, commission 3 001 × 0.005 = 15.005      cash −50 065.005
    S      one night on 50 065.005 × 0.072 / 360 = 10.013001               cash −50 075.018001
    ex     0.10 × 3 001 = 300.10, due, paid after the weekend
    S      three nights on 50 075.018001 × 0.072 × 3 / 360 = 30.0450108006 cash −50 105.063012
    split  3 001 × 3/2 = 4 501.5: half a share at 51 / 1.5 = 34 → 17.00    cash −50 088.063012
    paid   at the next close, before interest                              + 300.10
    sell   4 501 × 34 = 153 034.00; commission 22.505; SEC 4.2543452 → 4.26; TAF 0.747166 → 0.75
    """
    tape = Tape().bars(flat(50), flat(50)).end_session(nights=1, gap=MINUTE)
    pay = tape.now + 5 * MINUTE
    tape.add(e.DIVIDEND, "A", amount=100_000_000, pay_ts=pay).bars(flat(51)).end_session(nights=3, gap=MINUTE).wait(1)
    tape.add(e.SPLIT, "A", numerator=3, denominator=2).bars(flat(34), flat(34), flat(34)).end_session(nights=1)
    run = play(
        tape,
        {0: lambda s: s.market("A", 3001), 3: lambda s: s.market("A", -4501)},
        costs=COSTS, cash=100_000.0, instruments=[instrument(tick=10_000)],
    )  # fmt: skip
    assert run.filled() == [(3001, 50.0), (-4501, 34.0)]
    assert [int(fill["commission"]) for fill in run.fills] == [15_005_000, 22_505_000]
    assert [int(fill["regulatory"]) for fill in run.fills] == [0, 5_010_000]
    assert flows(run) == [("interest", -10.013001), ("dividend", 300.1), ("interest", -30.045011), ("fraction", 17.0)]
    cash = 100_000 - 150_050 - 15.005 - 10.013001 + 300.1 - 30.045011 + 17 + 153_034 - 22.505 - 5.01
    assert run.cash == run.value == dollars(cash) == 103_218_521_988


def test_a_short_account_over_a_weekend_with_a_dividend_and_a_reverse_split():
    """1 005 sold short at 40; the weekend; 0.25 owed a share; 1:10 makes 100.5 of them; bought back at 390.

    sell   1 005 × 40 = 40 200.00; commission 5.025; SEC 1.11756 → 1.12; TAF 0.16683 → 0.17
    S      three nights of borrowing 40 200 × 0.36 × 3 / 360 = 120.60
    ex     owes 0.25 × 1 005 = 251.25 at once
    split  −100.5: half a share bought at 400 → −200.00
    buy    100 × 390 = 39 000.00; commission 0.50, at least 1.00
    """
    tape = Tape().bars(flat(40), flat(40)).end_session(nights=3, gap=MINUTE).wait(1)
    tape.add(e.DIVIDEND, "A", amount=250_000_000).add(e.SPLIT, "A", numerator=1, denominator=10)
    tape.bars(flat(390), flat(390))
    run = play(tape, {0: lambda s: s.market("A", -1005), 2: lambda s: s.market("A", 100)}, costs=COSTS, cash=100_000.0)
    assert run.filled() == [(-1005, 40.0), (100, 390.0)]
    assert [int(fill["fee"]) for fill in run.fills] == [dollars(5.025 + 1.12 + 0.17), dollars(1)]
    assert flows(run) == [("borrow", -120.6), ("dividend", -251.25), ("fraction", -200.0)]
    assert run.cash == dollars(100_000 + 40_200 - 6.315 - 120.6 - 251.25 - 200 - 39_000 - 1)
    assert run.held() == 0
    position = run.world.positions[0]
    assert position.realised == dollars(40_200 - 200 - 39_000)
    assert position.basis == 0


def test_an_order_that_turns_the_position_closes_the_old_and_opens_the_new():
    """10 bought at 100, 25 sold at 110: 100 earned on ten, fifteen short at 110; covered at 104: 90 more."""
    tape = Tape().flat(100, 100, 110, 104)
    actions = {0: lambda s: s.market("A", 10), 1: lambda s: s.market("A", -25), 2: lambda s: s.market("A", 15)}
    run = play(tape, actions)
    assert [int(fill["realised"]) / DOLLAR for fill in run.fills] == [0, 100, 90]
    assert run.cash == dollars(1_000_190)


def test_the_average_cost_is_that_of_all_purchases():
    """10 at 100 and 30 at 120 cost 4 600, 115 each; 20 sold at 130 earn 300, the other 20 at 90 lose 500."""
    tape = Tape().flat(100, 100, 120, 130, 90)
    actions = {
        0: lambda s: s.market("A", 10), 1: lambda s: s.market("A", 30),
        2: lambda s: s.market("A", -20), 3: lambda s: s.market("A", -20),
    }  # fmt: skip
    run = play(tape, actions)
    assert [int(fill["realised"]) / DOLLAR for fill in run.fills] == [0, 0, 300, -500]


def test_a_market_order_on_its_way_is_rescaled_by_a_split_overnight():
    """Decided at the close for 15 at 100; 2:1 overnight: 30 at 50."""
    tape = Tape().flat(100).wait(1).add(e.SPLIT, "A", numerator=2, denominator=1).flat(50, 50)
    run = play(tape, {0: lambda s: s.market("A", 15)})
    assert run.filled() == [(30, 50.0)]
    assert run.cash == dollars(1_000_000 - 1_500)


def test_a_dividend_is_for_those_who_held_before_the_ex_date():
    """Bought at the open of the ex-date: nothing. Sold there: still due."""
    tape = Tape().flat(100, 100).wait(1).add(e.DIVIDEND, "A", amount=500_000_000).flat(100, 100)
    assert flows(play(tape, {1: lambda s: s.market("A", 100)})) == []
    run = play(tape, {0: lambda s: s.market("A", 100), 1: lambda s: s.market("A", -100)})
    assert (flows(run), run.held()) == ([("dividend", 50.0)], 0)


@pytest.mark.parametrize(("terminal", "earned"), [(0.0, 1000), (130.0, -300)])
def test_a_short_is_closed_at_the_terminal_value(terminal, earned):
    tape = Tape("AB").bar(*flat(100), moves=False).bar(*flat(1), symbol="B")
    tape.bar(*flat(100), moves=False).bar(*flat(1), symbol="B").wait(1)
    tape.add(e.DELIST, "A", terminal=terminal).bar(*flat(1), symbol="B")
    run = play(tape, {0: lambda s: s.market("A", -10)})
    assert run.filled() == [(-10, 100.0)]
    assert (run.held(), run.cash) == (0, dollars(1_000_000 + earned))


def test_a_dividend_stays_due_after_its_share_is_gone():
    """Ex at 0.50, sold the same day, delisted the next, paid later: cash grows by 50 at the close of the pay day."""
    tape = Tape("AB").bar(*flat(100), moves=False).bar(*flat(1), symbol="B")
    tape.bar(*flat(100), moves=False).bar(*flat(1), symbol="B").end_session(gap=MINUTE)
    pay = tape.now + 4 * MINUTE
    tape.add(e.DIVIDEND, "A", amount=500_000_000, pay_ts=pay).bar(*flat(100), moves=False).bar(*flat(1), symbol="B")
    tape.end_session(gap=MINUTE).add(e.DELIST, "A", terminal=100.0)
    tape.bar(*flat(1), symbol="B").end_session(gap=MINUTE).bar(*flat(1), symbol="B").end_session()
    run = play(tape, {0: lambda s: s.market("A", 100)})
    assert flows(run) == [("dividend", 50.0), ("terminal", 10_000.0)]
    assert run.cash == run.value == dollars(1_000_050)
    assert run.world.header.receivable == 0


def test_a_large_order_takes_three_bars_and_its_minimum_once():
    """Two hundred of 100 at a tenth of 1 000, 1 500 and 9 000: 100, 150, 50; commission 1.00, 0.75, 0.25."""
    tape = Tape().bars(flat(10), flat(10, 1000), flat(11, 1500), flat(12, 9000))
    run = play(tape, {0: lambda s: s.market("A", 300, tif="gtc")}, costs=COSTS, share=0.1)
    assert run.filled() == [(100, 10.0), (150, 11.0), (50, 12.0)]
    assert [int(fill["commission"]) / DOLLAR for fill in run.fills] == [1.0, 0.75, 0.25]
    assert run.cash == dollars(1_000_000 - 1_000 - 1_650 - 600 - 2)


def test_exits_of_which_one_fills_in_part():
    """200 held; target 110 for 200 gets 100 of a thin bar; the stop then covers the other 100, no more."""
    tape = Tape().bars(flat(100), flat(100), (109, 112, 108, 109, 1000), (100, 100, 90, 92))
    actions = {0: lambda s: s.market("A", 200), 1: lambda s: s.oco("A", 200, target=110, stop=95)}
    run = play(tape, actions, share=0.1)
    assert run.filled() == [(200, 100.0), (-100, 110.0), (-100, 95.0)]
    assert run.held() == 0


@pytest.mark.parametrize(
    ("bar", "filled"),
    [
        ((100, 111, 94, 100), [(10, 100.0), (-10, 95.0)]),  # both within the entry's bar: the stop, never the target
        ((100, 111, 99, 100), [(10, 100.0)]),  # the target alone: not in the entry's bar
        ((100, 101, 94, 100), [(10, 100.0), (-10, 95.0)]),  # the stop alone
        ((93, 111, 92, 100), [(10, 93.0), (-10, 93.0)]),  # opened below the stop: out at the open at once
    ],
)
def test_a_bracket_in_one_bar(bar, filled):
    run = play(Tape().bars(flat(100), bar), {0: lambda s: s.bracket("A", 10, target=110, stop=95)})
    assert run.filled() == filled


def test_a_trailing_stop_follows_the_highest_price_seen_before_the_bar():
    """Trails 100 by 5 from 100: 95; a bar up to 108 raises it to 103; the next opens at 106, falls to 102: 103."""
    tape = Tape().bars(flat(100), flat(100), (100, 108, 100, 107), (106, 106, 102, 105))
    actions = {0: lambda s: s.market("A", 10), 1: lambda s: s.trailing_stop("A", -10, 5, tif="gtc")}
    run = play(tape, actions)
    assert run.filled() == [(10, 100.0), (-10, 103.0)]


def test_a_trailing_stop_that_gaps_fills_at_the_open():
    tape = Tape().bars(flat(100), flat(100), (100, 108, 100, 107), (98, 99, 97, 98))
    actions = {0: lambda s: s.market("A", 10), 1: lambda s: s.trailing_stop("A", -10, 5, tif="gtc")}
    assert play(tape, actions).filled() == [(10, 100.0), (-10, 98.0)]
