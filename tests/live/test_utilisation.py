"""What is used of the limits is what the risk stage itself compares with them."""

import pytest

from lockstep.engine.codes import Reason
from lockstep.engine.instruments import Instrument
from lockstep.engine.settings import Account, Costs, Execution, Risk, Settings
from lockstep.engine.world import Sleeve, World
from lockstep.live.utilisation import utilisation

from ..engine.stage import Played, Tape, script, settings

SECOND = 1_000_000_000
INSTRUMENTS = (
    Instrument("A", "A", sector="Energy"),
    Instrument("B", "B", sector="Energy"),
    Instrument("C", "C", lots_per_unit=1_000_000),
)


@pytest.fixture
def account():
    return World(INSTRUMENTS, [Sleeve(script({}))], Settings(Account(1_000_000.0), Costs.free(), Execution(), Risk()))


def hold(account, symbol, lots, mark, buys=0, sells=0):
    row = account.positions["ABC".index(symbol)]
    row.quantity, row.mark, row.buys, row.sells = lots, round(mark * 1e6), buys, sells


def used(account, now=0):
    return {each.name: (each.used, each.limit, each.where) for each in utilisation(account, now)}


def test_nothing_held_uses_nothing(account):
    assert used(account) == {
        "max_gross": (0.0, 1.5, ""),
        "max_position": (0.0, 0.25, ""),
        "max_sector": (0.0, 0.5, ""),
        "max_daily_loss": (0.0, 0.02, ""),
        "max_orders_per_second": (0.0, 1000.0, ""),
    }


def test_resting_orders_count_as_filled_and_lots_as_shares(account):
    hold(account, "A", 1000, 50.0, buys=1000, sells=500)
    hold(account, "B", -500, 100.0, sells=200)
    hold(account, "C", 1_500_000, 20_000.0)
    found = used(account)
    assert found["max_position"] == (pytest.approx(0.10), 0.25, "A")
    assert found["max_sector"] == (pytest.approx(0.17), 0.5, "Energy")
    assert found["max_gross"][0] == pytest.approx(0.20)


def test_the_days_loss_and_the_rate_of_this_second(account):
    account.header.equity = 985_000 * 10**6
    account.header.rate_second, account.header.rate_count = 7, 12
    assert used(account, 7 * SECOND + 5)["max_daily_loss"][0] == pytest.approx(0.015)
    assert used(account, 7 * SECOND + 5)["max_orders_per_second"][0] == 12
    assert used(account, 8 * SECOND)["max_orders_per_second"][0] == 0


def test_without_equity_there_is_no_measure(account):
    account.header.equity = 0
    assert utilisation(account, 0) == ()


def test_an_order_that_risk_cut_uses_its_limit_up():
    """Two orders, the first cut by the limit of a position, the second by that of a sector: both rest unfilled."""
    sectors = [Instrument(symbol, symbol, sector="Energy") for symbol in "AB"]
    risk = Risk(max_position=0.15, max_sector=0.20, max_order=1.0, max_gross=1.0)
    tape = Tape("AB")
    for price in (100.0, 100.0):
        tape.bar(price, price, price, price, symbol="A", moves=False).bar(price, price, price, price, symbol="B")
    orders = {0: lambda s: (s.limit("A", 1900, 90.0), s.limit("B", 1400, 90.0))}
    played = Played(tape, [script(orders)], sectors, settings(risk=risk))
    assert [Reason(int(code)) for code in played.decisions["code"]] == [Reason.POSITION_LIMIT, Reason.SECTOR_LIMIT]
    assert played.decisions["approved"].tolist() == [1500, 500]
    found = used(played.world)
    assert found["max_position"] == (pytest.approx(0.15), 0.15, "A")
    assert found["max_sector"] == (pytest.approx(0.20), 0.20, "Energy")
    assert found["max_gross"] == (pytest.approx(0.20), 1.0, "")
