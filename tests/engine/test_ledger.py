"""The ledger: average cost, exact cash, and refusal to overflow."""

import pytest

from lockstep.engine.errors import EngineError

from .stage import Tape, instrument, play

MICRO = [instrument(tick=1)]


def trades(*pairs, **options):
    """Fills of market orders: (price at which the next bar opens, quantity)."""
    tape = Tape().flat(pairs[0][0])
    actions = {}
    for k, (price, quantity) in enumerate(pairs):
        tape.flat(price)
        actions[k] = lambda s, q=quantity: s.market("A", q)
    return play(tape, actions, **({"instruments": MICRO} | options))


def dollars(run, name):
    return [int(x) / 1e6 for x in run.fills[name]]


def test_average_cost():
    """10 @ 100 and 10 @ 110 cost 2 100; 5 @ 120 earn 600 − 525; 25 @ 90 close 15 for 1 350 − 1 575, open 10 short."""
    run = trades((100, 10), (110, 10), (120, -5), (90, -25))
    assert dollars(run, "realised") == [0, 0, 75, -225]
    assert run.fills["position_after"].tolist() == [10, 20, 15, -10]
    position = run.world.positions[0]
    assert (position.quantity, position.basis, position.value) == (-10, -900_000_000, -900_000_000)
    assert run.cash == 1_000_000_000_000 - 1_000_000_000 - 1_100_000_000 + 600_000_000 + 2_250_000_000


def test_short_and_back():
    """Short 10 @ 100, cover 4 @ 90: + 40; through zero at 110: 6 lose 60, 4 are long."""
    run = trades((100, -10), (90, 4), (110, 10))
    assert dollars(run, "realised") == [0, 40, -60]
    assert run.world.positions[0].basis == 440_000_000


def test_basis_that_does_not_divide_is_released_to_the_last_micro():
    """2 @ 1 micro and 1 @ 3 micros: a basis of 5 over 3 lots is released as 2 (5/3), 2 (3/2, half to even) and 1."""
    run = trades((1e-6, 2), (3e-6, 1), (2e-6, -1), (2e-6, -1), (2e-6, -1))
    assert run.fills["realised"].tolist() == [0, 0, 2 - 2, 2 - 2, 2 - 1]
    assert run.world.positions[0].basis == 0


def test_fractional_lots_beyond_64_bits():
    """100 shares are 1e11 lots; at 100 dollars their product is 1e19. Twice bought, once sold short."""
    lots = 100 * 10**9
    run = trades((100, lots), (101, lots), (102, -3 * lots), instruments=[instrument(tick=1, lots_per_unit=10**9)])
    assert dollars(run, "realised") == [0, 0, 2 * 10_200 - 20_100]
    assert run.cash == 1_000_000_000_000 - 10_000_000_000 - 10_100_000_000 + 30_600_000_000
    assert run.world.positions[0].quantity == -lots


def test_cash_flows_are_rounded_half_even_once():
    """1 lot of 1e-9 shares at 500 dollars is 0.5 micros, at 1 500 dollars 1.5."""
    fraction = [instrument(tick=1, lots_per_unit=10**9)]
    run = trades((500, 1), (1500, 1), instruments=fraction)
    assert run.cash == 1_000_000_000_000 - 0 - 2


def test_equity_is_cash_and_value_at_every_slice():
    run = trades((100, 10), (110, 10), (120, -5))
    assert run.equity["equity"].tolist() == [10**12, 10**12, 10**12 + 100_000_000, 10**12 + 300_000_000]
    assert run.equity["gross"].tolist() == [0, 1_000_000_000, 2_200_000_000, 1_800_000_000]


def test_value_beyond_all_money_stops_the_run():
    with pytest.raises(EngineError, match=r"exceeded 4,000,000,000,000 dollars"):
        play(Tape().flat(1, 1, 1e8), {0: lambda s: s.market("A", 10**9)}, cash=1e12)


def test_cash_flow_beyond_all_money_stops_the_run():
    """The order is worth 1e11 dollars when it is judged and 1e15 when it fills."""
    with pytest.raises(EngineError, match="exceeded"):
        play(Tape().flat(1, 1e4), {0: lambda s: s.market("A", 10**11)}, cash=1e12)


def test_split_beyond_all_lots_stops_the_run():
    from lockstep.engine.events import SPLIT

    tape = Tape().flat(1e-6, 1e-6).wait(1).add(SPLIT, "A", numerator=1000, denominator=1).flat(1e-6)
    with pytest.raises(EngineError, match="exceeded"):
        play(tape, {0: lambda s: s.market("A", 10**17)}, cash=1e12, instruments=MICRO)


@pytest.mark.parametrize("quantity", [4 * 10**18, 9 * 10**18, -(2**63) + 1])
def test_order_worth_more_than_all_money_is_refused(quantity):
    run = play(Tape().flat(100, 100), {0: lambda s: s.market("A", quantity)})
    assert run.verdicts() == [(quantity, 0, "INVALID")]
    run = play(
        Tape().flat(100, 100), {0: lambda s: s.market("A", quantity)}, instruments=[instrument(lots_per_unit=10**9)]
    )
    assert run.verdicts() == [(quantity, 0, "INVALID")] or abs(quantity) == 4 * 10**18
