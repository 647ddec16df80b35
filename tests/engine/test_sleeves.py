"""Several strategies on one account. Sleeve 0 has 60 % of a million dollars, sleeve 1 40 %."""

from dataclasses import replace

import numpy as np
import pytest

from lockstep.engine import events as e
from lockstep.engine.arena import address
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.settings import Costs, Risk
from lockstep.engine.world import _audit, _callable

from .stage import MINUTE, Played, Tape, instrument, script, settings

STILL = (100, 101, 99, 100)
DOLLAR = 1_000_000
FREE = Costs.free()


def targets(**by_slice):
    """A script that sets targets of A: ``targets(s0=100, s2=0)``."""
    return script({int(k[1:]): (lambda s, q=q: s.target("A", q)) for k, q in by_slice.items()})


class Account(Played):
    """An account of two sleeves whose books must add up."""

    def __init__(self, tape, first, second, *, costs=None, risk=None, share=float("inf"), **options):
        conditions = settings(costs=costs, risk=risk, share=share, latency=options.pop("latency", 0))
        super().__init__(tape, [first, second], conditions=conditions, shares=[0.6, 0.4], **options)
        assert self.unbooked() == 0

    def unbooked(self):
        return _callable(_audit, 2)(address(self.world.block), 1)

    def books(self, symbol="A"):
        return [int(row.quantity) for row in self.world.books[:, self.runner.symbols.index(symbol)]]

    def spent(self):
        """What each sleeve's cash has lost, in dollars."""
        return [(int(s.initial_cash) - int(s.cash)) / 1e6 for s in self.world.sleeve_rows]

    def realised(self):
        return [int(s.realised) / 1e6 for s in self.world.sleeve_rows]


def flat(*prices):
    return Tape().flat(*prices)


def test_capital_is_shared():
    run = Account(flat(100), script({}), script({}))
    assert [int(s.initial_cash) for s in run.world.sleeve_rows] == [600_000 * DOLLAR, 400_000 * DOLLAR]


def test_targets_are_netted_into_one_order():
    """+ 100 and − 40 at 100 become one purchase of 60; the other 40 cross at its price."""
    run = Account(flat(100, 101), targets(s0=100), targets(s0=-40))
    assert run.filled() == [(60, 101.0)]
    assert run.books() == [100, -40]
    assert run.spent() == [10_100.0, -4_040.0]


def test_equal_and_opposite_targets_cross_at_the_next_price_without_an_order():
    run = Account(
        Tape().bars(STILL, (102, 103, 101, 102)), targets(s0=50), targets(s0=-50), costs=replace(FREE, commission="bps")
    )
    assert (run.filled(), len(run.decisions)) == ([], 0)
    assert run.books() == [50, -50]
    assert run.spent() == [5_100.0, -5_100.0]


def test_a_cross_overtaken_by_other_targets_does_not_happen():
    """At slice 0 the two cancel out; at slice 1, still without a price of A, the first wants nothing after all."""
    tape = Tape("AB").bar(*STILL, moves=False).bar(*STILL, symbol="B").bar(*STILL, symbol="B")
    tape.bar(*STILL, moves=False).bar(*STILL, symbol="B").bar(*STILL)
    run = Account(tape, targets(s0=50, s1=0), targets(s0=-50))
    assert run.books() == [0, -50]
    assert run.filled() == [(-50, 100.0)]


def test_a_short_fill_is_shared_in_proportion():
    """60 and 30 are wanted, 45 fill: 30 and 15; the order goes on with the rest."""
    tape = Tape().bars(STILL, (100, 101, 99, 100, 450), (100, 101, 99, 100, 1e6))
    run = Account(tape, targets(s0=60), targets(s0=30), share=0.1)
    assert run.fills["quantity"].tolist() == [45, 45]
    run = Account(Tape().bars(STILL, (100, 101, 99, 100, 450)), targets(s0=60), targets(s0=30), share=0.1)
    assert run.books() == [30, 15]


def test_shares_are_rounded_cumulatively():
    """70 and 30 wanted, 11 filled: round(7.7) = 8 and 3."""
    tape = Tape().bars(STILL, (100, 101, 99, 100, 110))
    assert Account(tape, targets(s0=70), targets(s0=30), share=0.1).books() == [8, 3]


def test_shrinkage_is_borne_in_proportion():
    """0.25 × 1 000 000 / 100 = 2 500 of 4 000."""
    run = Account(flat(100, 100), targets(s0=3000), targets(s0=1000), risk=replace(Risk.unlimited(), max_position=0.25))
    assert run.verdicts() == [(4000, 2500, "POSITION_LIMIT")]
    assert run.books() == [1875, 625]


def test_fees_are_borne_by_the_fills_side_in_proportion_to_its_lots():
    """A purchase of 300 at 1 cent a share costs 3.00: 2.00 and 1.00."""
    costs = replace(FREE, commission="per_share", commission_per_share=0.01)
    run = Account(flat(100, 100), targets(s0=200), targets(s0=100), costs=costs)
    assert [int(s.fees) for s in run.world.sleeve_rows] == [2 * DOLLAR, DOLLAR]
    run = Account(flat(100, 100), targets(s0=200), targets(s0=-100), costs=costs)
    assert [int(s.fees) for s in run.world.sleeve_rows] == [DOLLAR, 0]


def test_realised_profit_is_each_sleeves_own():
    """Both buy 100 at 100; at 110 the first sells, at 90 the second."""
    run = Account(flat(100, 100, 110, 90), targets(s0=100, s1=0), targets(s0=100, s2=0))
    assert run.filled() == [(200, 100.0), (-100, 110.0), (-100, 90.0)]
    assert run.realised() == [1000.0, -1000.0]
    assert run.books() == [0, 0]


def test_crosses_realise_in_the_sleeves_and_not_in_the_account():
    run = Account(flat(100, 100, 110, 110), targets(s0=100, s1=0), targets(s1=100))
    assert run.realised() == [1000.0, 0.0]
    assert int(run.world.header.realised) == 0
    assert run.filled() == [(100, 100.0)]


def test_billionths_of_shares_add_up_to_the_micro():
    """Each sleeve's part alone would be rounded; together they must pay what the account paid."""
    run = Account(
        Tape().flat(100.000001, 100.000001, 99.999999),
        targets(s0=333_333_333, s1=111_111_111),
        targets(s0=333_333_334, s1=222_222_223),
        instruments=[instrument(tick=1, lots_per_unit=10**9)],
    )
    assert sum(run.books()) == 333_333_334
    assert sum(int(s.cash) for s in run.world.sleeve_rows) == run.cash


# Rules


def test_sleeves_may_not_send_plain_orders():
    run = Account(flat(100, 100), script({0: lambda s: (s.market("A", 10), s.limit("A", 10, 90))}), script({}))
    assert run.verdicts() == [(10, 0, "SLEEVE_RULE")] * 2


def with_exits(**by_slice):
    """Long 100 from slice 0 on, with a stop at 95 and a target at 110 from slice 1 on."""
    actions = {0: lambda s: s.target("A", 100), 1: lambda s: s.oco("A", 100, target=110, stop=95)}
    return script(actions | {int(k[1:]): f for k, f in by_slice.items()})


def test_protective_exits_are_the_sleeves_own():
    """Both are long; the first sleeve's stop sells its 100 and none of the other's."""
    tape = Tape().bars(STILL, STILL, (96, 97, 94, 95), (95, 96, 94, 95))
    run = Account(tape, with_exits(), targets(s0=30))
    assert run.filled() == [(130, 100.0), (-100, 95.0)]
    assert run.books() == [0, 30]
    assert run.realised() == [-500.0, 0.0]


def test_a_stopped_sleeve_does_not_buy_back_what_it_once_wanted():
    tape = Tape().bars(STILL, STILL, (96, 97, 94, 95), (95, 96, 94, 95), (95, 96, 94, 95))
    run = Account(tape, with_exits(), targets(s0=30, s3=40))
    assert run.filled()[-1] == (10, 95.0)
    assert run.books() == [0, 40]


def test_exits_are_judged_by_the_sleeves_book_and_not_the_accounts_balance():
    """Long 100 and short 100 cancel out on the account; the long sleeve may still protect its own."""
    run = Account(flat(100, 100, 100), with_exits(), targets(s0=-100))
    assert [v[1] for v in run.verdicts()] == [-100, -100]
    run = Account(flat(100, 100, 100), script({1: lambda s: s.oco("A", 10, target=110, stop=95)}), targets(s0=100))
    assert [v[1:] for v in run.verdicts()][1:] == [(0, "REDUCE_ONLY"), (0, "GROUP")]


def test_exits_do_not_count_as_what_targets_have_on_the_way():
    run = Account(flat(100, 100, 100, 100, 100), with_exits(s2=lambda s: s.target("A", 100)), targets(s2=10))
    assert run.fills["quantity"].tolist() == [100, 10]


def test_a_sleeve_cancels_only_its_own():
    said = []
    run = Account(
        flat(*[100] * 5),
        with_exits(),
        script({2: lambda s: said.extend([s.cancel_all(), s.cancel(3), s.replace(3, stop=96)])}),
    )
    assert said == [0, False, False]
    assert run.world.positions[0].open_orders == 2


def test_targets_set_before_the_slice_are_netted_at_its_end():
    """The first sleeve asks at the bar of A, the second at the slice, after the bar of B: still one order."""

    class AtBar(Strategy):
        def on_bar(self, bar):
            if bar.symbol == "A" and bar.ts == MINUTE:
                self.target("A", 100)

    tape = Tape("AB").bar(*STILL, moves=False).bar(*STILL, symbol="B").bar(*STILL, moves=False).bar(*STILL, symbol="B")
    run = Account(tape, AtBar, targets(s0=-40))
    assert run.verdicts() == [(60, 60, "NONE")]


# Corporate actions


def test_dividends_go_to_who_is_long_and_come_from_who_is_short():
    """The account holds 60: it receives 30.00; the long sleeve 50.00, of which the short one pays 20.00."""
    tape = flat(100, 100).wait(1).add(e.DIVIDEND, "A", amount=500_000_000, pay_ts=0)
    run = Account(tape, targets(s0=100), targets(s0=-40))
    assert run.spent() == [10_000 - 50.0, -4_000 + 20.0]
    run = Account(tape, targets(s0=50), targets(s0=-50))
    assert run.spent() == [5_000 - 25.0, -5_000 + 25.0]
    assert len(run.flows) == 0


@pytest.mark.parametrize(
    ("first", "second", "books"),
    [(15, 10, [1, 1]), (7, 6, [0, 1]), (15, -15, [1, -1]), (16, -8, [1, -1]), (3, 2, [0, 0]), (-17, -8, [-1, -1])],
)
def test_reverse_split_divides_whole_lots_and_pays_for_fractions(first, second, books):
    """1 for 10 at 100: a new share is worth 1 000, and nobody gains or loses by the split."""
    tape = flat(100, 100).wait(1).add(e.SPLIT, "A", numerator=1, denominator=10)
    run = Account(tape, targets(s0=first), targets(s0=second))
    assert run.books() == books
    held = int(run.world.positions[0].quantity)
    assert (sum(run.books()), int((first + second) / 10)) == (held, held)
    for k in range(2):
        worth = run.books()[k] * 1000 - run.spent()[k]
        assert worth == 0


def test_split_multiplies_targets_too():
    tape = flat(100, 100).wait(1).add(e.SPLIT, "A", numerator=2, denominator=1).flat(50, 50, 50)
    run = Account(tape, targets(s0=100), targets(s2=10))
    assert run.filled() == [(100, 100.0), (10, 50.0)]
    assert run.books() == [200, 10]


def test_delisting_closes_every_book():
    tape = flat(100, 100).wait(1).add(e.DELIST, "A", terminal=30.0).wait(1).add(e.TIMER)
    run = Account(tape, targets(s0=100), targets(s0=-40))
    assert run.books() == [0, 0]
    assert run.realised() == [-7000.0, 2800.0]


def test_borrow_and_interest_are_shared():
    """Short 60 on balance: 60 × 100 × 36 % / 360 = 6.00, by signed lots: 100 short pay 10.00, 40 long receive 4.00."""
    tape = flat(100, 100).end_session(nights=1)
    run = Account(tape, targets(s0=-100), targets(s0=40), costs=replace(FREE, borrow_rate=0.36))
    assert run.spent() == [-10_000 + 10.0, 4_000 - 4.0]
    run = Account(flat(100).end_session(nights=1), script({}), script({}), costs=replace(FREE, cash_rate=0.036))
    assert run.spent() == [-60.0, -40.0]


def test_sleeves_log_adds_up_to_the_account():
    tape = flat(100, 100, 110).end_session(gap=MINUTE).flat(90, 95).end_session()
    run = Account(tape, targets(s0=100, s3=20), targets(s0=-40, s2=60))
    by_session = run.sleeves["equity"].reshape(-1, 2).sum(axis=1)
    at_close = run.equity["equity"][np.isin(run.equity["ts"], run.sleeves["ts"])]
    assert by_session.tolist() == at_close.tolist()


def test_equity_and_position_are_the_sleeves_own():
    seen = []

    class Watcher(script({0: lambda s: s.target("A", 100)})):
        def on_bar(self, bar):
            seen.append((self.position("A"), self.equity))

    Account(flat(100, 100, 110), Watcher, targets(s0=-40))
    assert seen == [(0, 600_000.0), (100, 600_000.0), (100, 601_000.0)]
