"""What a fill and a night cost, against hand computation. Amounts in micro-dollars."""

from dataclasses import replace

import pytest

from lockstep.engine.settings import Costs

from .stage import MINUTE, Tape, instrument, play

DOLLAR, CENT = 1_000_000, 10_000
FREE = Costs.free()
PER_SHARE = replace(
    FREE, commission="per_share", commission_per_share=0.005, commission_minimum=1.0, commission_maximum_pct=1.0
)


def flat(price):
    return (price, price, price, price)


def traded(price, quantity, costs, volume=1e12, **options):
    """Fills of one market order at a price."""
    tape = Tape().bars(flat(price), (*flat(price), volume), flat(price))
    options = {"cash": 1e9, "instruments": [instrument(tick=1)]} | options
    return play(tape, {0: lambda s: s.market("A", quantity)}, costs=costs, **options)


@pytest.mark.parametrize(
    ("price", "quantity", "fee"),
    [
        (50, 100, DOLLAR),  # 0.50, at least 1.00
        (50, 1000, 5 * DOLLAR),
        (50, -1000, 5 * DOLLAR),
        (1, 10, 10 * CENT),  # at most 1 % of 10.00, which is below the minimum
        (50, 333, 1_665_000),
    ],
)
def test_commission_per_share(price, quantity, fee):
    assert traded(price, quantity, PER_SHARE).fills["commission"].tolist() == [fee]


def test_commission_minimum_is_due_once_an_order():
    """150 shares cost 0.75: the first fill pays the minimum, the second its own."""
    run = traded(50, 300, PER_SHARE, volume=1500, share=0.1)
    assert run.fills["quantity"].tolist() == [150, 150]
    assert run.fills["commission"].tolist() == [DOLLAR, 750_000]


@pytest.mark.parametrize(
    ("price", "quantity", "fee"),
    [
        (123.45, 7, 86_415),  # 864.15 dollars × 1 bp
        (0.005, 1, 0),  # 0.5 micros: half to even
        (0.005, 3, 2),  # 1.5 micros
        (0.005, 5, 2),  # 2.5 micros
        (0.015001, 1, 2),  # 1.5001 micros
    ],
)
def test_commission_in_basis_points_is_rounded_half_even(price, quantity, fee):
    costs = replace(FREE, commission="bps", commission_bps=1.0)
    assert traded(price, quantity, costs).fills["commission"].tolist() == [fee]


@pytest.mark.parametrize(
    ("price", "quantity", "cents"),
    [
        (100, -10_000, 2780),  # a million dollars at 27.80: to the cent, no cent more
        (100, -500, 139),
        (12_345.67, -1, 35),  # 0.3432…
        (100, -1, 1),
        (100, 10_000, 0),  # purchases are free
    ],
)
def test_sec_fee_is_rounded_up_to_the_cent(price, quantity, cents):
    assert traded(price, quantity, replace(FREE, sec_fee=27.8)).fills["regulatory"].tolist() == [cents * CENT]


@pytest.mark.parametrize(
    ("quantity", "cents"), [(-1000, 17), (-10_000, 166), (-49_999, 830), (-60_000, 830), (-1, 1), (1000, 0)]
)
def test_taf_is_rounded_up_to_the_cent_and_capped(quantity, cents):
    """0.000166 a share, at most 8.30."""
    costs = replace(FREE, taf=0.000166, taf_maximum=8.30)
    assert traded(10, quantity, costs).fills["regulatory"].tolist() == [cents * CENT]


def test_fees_of_fractional_lots():
    """2.5 shares at 100: SEC 27.8 / 1e6 × 250 = 0.00695 → 0.01; TAF 2.5 × 0.000166 → 0.01; commission 1.00."""
    costs = replace(PER_SHARE, sec_fee=27.8, taf=0.000166, taf_maximum=8.3)
    run = traded(100, -2_500_000_000, costs, instruments=[instrument(tick=1, lots_per_unit=10**9)])
    assert run.fills["regulatory"].tolist() == [2 * CENT]
    assert run.fills["commission"].tolist() == [DOLLAR]
    assert run.fills["fee"].tolist() == [DOLLAR + 2 * CENT]


@pytest.mark.parametrize(
    ("price", "quantity", "tick", "paid"),
    [
        (100, 10, 10_000, 100.01),
        (100, -10, 10_000, 99.99),
        (50, 10, 10_000, 50.01),  # 50.005: the next worse tick
        (50, -10, 10_000, 49.99),
        (50, 10, 1, 50.005),
        (50, -10, 1, 49.995),
    ],
)
def test_takers_pay_half_the_spread(price, quantity, tick, paid):
    run = traded(price, quantity, replace(FREE, half_spread_bps=1.0), instruments=[instrument(tick=tick)])
    assert run.filled() == [(quantity, paid)]
    assert run.fills["spread"].tolist() == [round(abs(paid - price) * 10 * 1e6)]
    assert run.fills["impact"].tolist() == [0]


def test_resting_limits_and_quotes_pay_no_spread():
    costs = replace(FREE, half_spread_bps=10.0)
    run = play(Tape().bars(flat(100), (100, 101, 98, 99)), {0: lambda s: s.limit("A", 10, 99)}, costs=costs)
    assert run.filled() == [(10, 99.0)]
    run = play(Tape().quote(99, 101).quote(99, 101), {0: lambda s: s.market("A", 10)}, costs=costs)
    assert run.filled() == [(10, 101.0)]


def test_limit_that_takes_at_the_open_pays_the_spread_but_never_beyond_its_limit():
    costs = replace(FREE, half_spread_bps=10.0)
    tape = Tape().bars(flat(100), (98, 101, 97, 99))
    assert play(tape, {0: lambda s: s.limit("A", 10, 99)}, costs=costs).filled() == [(10, 98.1)]  # 98.098
    assert play(tape, {0: lambda s: s.limit("A", 10, 98.05)}, costs=costs).filled() == [(10, 98.05)]


def test_stops_pay_the_spread():
    costs = replace(FREE, half_spread_bps=10.0)
    tape = Tape().bars(flat(100), (100, 101, 94, 96))
    assert play(tape, {0: lambda s: s.stop("A", -10, 95)}, costs=costs).filled() == [(-10, 94.9)]  # 94.905


def sessions(*rows):
    """One bar a session: (price, volume), a minute apart."""
    tape = Tape()
    for price, volume in rows:
        tape.bar(*flat(price), volume).end_session(gap=MINUTE)
    return tape


def test_impact_is_the_square_root_law():
    """Volatility 2 % a day (100 → 102), volume a million: 1 × 0.02 × sqrt(10 000 / 1e6) × 102 = 0.204."""
    tape = sessions((100, 1e6), (102, 1e6), (102, 1e6))
    run = play(
        tape,
        {1: lambda s: s.market("A", 10_000)},
        costs=replace(FREE, impact=1.0),
        instruments=[instrument(tick=1)],
        cash=1e9,
    )
    assert run.filled() == [(10_000, 102.204)]
    assert run.fills["impact"].tolist() == [2040 * DOLLAR]
    assert run.fills["spread"].tolist() == [0]


def test_impact_follows_running_averages_of_past_sessions():
    """After a quiet third session: variance 4e-4 × 19/21, volume 1e6 + 2/21 × 1e6."""
    tape = sessions((100, 1e6), (102, 1e6), (102, 2e6), (102, 1e6))
    run = play(
        tape,
        {2: lambda s: s.market("A", -10_000)},
        costs=replace(FREE, impact=1.0),
        instruments=[instrument(tick=1)],
        cash=1e9,
    )
    push = (4e-4 * 19 / 21 * 10_000 / (1e6 + 2e6 / 21)) ** 0.5 * 102
    assert run.fills["price"].tolist() == [int((102 - push) * 1e6)]


def test_no_impact_before_there_is_a_volatility():
    tape = sessions((100, 1e6), (102, 1e6))
    run = play(tape, {0: lambda s: s.market("A", 10_000)}, costs=replace(FREE, impact=1.0), cash=1e9)
    assert run.filled() == [(10_000, 102.0)]


def test_spread_and_impact_are_told_apart():
    tape = sessions((100, 1e6), (102, 1e6), (102, 1e6))
    costs = replace(FREE, impact=1.0, half_spread_bps=10.0)
    run = play(tape, {1: lambda s: s.market("A", 10_000)}, costs=costs, instruments=[instrument(tick=1)], cash=1e9)
    assert run.filled() == [(10_000, 102.306)]
    assert (run.fills["spread"].tolist(), run.fills["impact"].tolist()) == ([1020 * DOLLAR], [2040 * DOLLAR])


def flows(run):
    return [(int(f["kind"]), int(f["amount"])) for f in run.flows]


def test_borrow_fee():
    """5 000 dollars short over three nights at 36 % a year, act/360: 15.00."""
    tape = Tape().bars(flat(50), flat(50)).end_session(nights=3)
    run = play(tape, {0: lambda s: s.market("A", -100)}, costs=replace(FREE, borrow_rate=0.36))
    assert flows(run) == [(1, -15 * DOLLAR)]
    assert run.cash == 1_000_000 * DOLLAR + 5000 * DOLLAR - 15 * DOLLAR
    assert run.marks["borrow"].tolist() == [15 * DOLLAR]


def test_longs_pay_no_borrow_fee():
    tape = Tape().bars(flat(50), flat(50)).end_session(nights=3)
    assert flows(play(tape, {0: lambda s: s.market("A", 100)}, costs=replace(FREE, borrow_rate=0.36))) == []


def test_margin_interest():
    """200 000 of stock on 100 000 of cash: 100 000 borrowed over a night at 7.2 %: 20.00."""
    tape = Tape().bars(flat(50), flat(50)).end_session(nights=1)
    run = play(tape, {0: lambda s: s.market("A", 4000)}, costs=replace(FREE, margin_rate=0.072), cash=100_000)
    assert flows(run) == [(2, -20 * DOLLAR)]


def test_interest_on_cash():
    tape = Tape().bars(flat(50)).end_session(nights=2)
    assert flows(play(tape, {}, costs=replace(FREE, cash_rate=0.036), cash=100_000)) == [(2, 20 * DOLLAR)]


def test_fees_are_part_of_the_account():
    costs = replace(PER_SHARE, sec_fee=27.8, taf=0.000166, taf_maximum=8.3, half_spread_bps=1.0)
    tape = Tape().bars(flat(100), flat(100), flat(100))
    run = play(tape, {0: lambda s: s.market("A", 1000), 1: lambda s: s.market("A", -1000)}, costs=costs)
    # Buys at 100.01, sells at 99.99: 20.00; commission 2 × 5.00; SEC 2.779722 → 2.78; TAF 0.166 → 0.17.
    assert run.cash == 1_000_000 * DOLLAR - (20 + 10) * DOLLAR - 295 * CENT
    assert run.value == run.cash
    assert (run.fills["fee"] == run.fills["commission"] + run.fills["regulatory"]).all()


def test_close_only_bars_track_volatility_for_impact():
    tape = Tape()
    for price in (100, 102, 102):
        tape.close(price).end_session()
    run = play(tape, {1: lambda s: s.market("A", 100)}, costs=replace(FREE, impact=1.0))
    assert run.filled() == [(100, 102.0)]  # no volume is known, so none is assumed
