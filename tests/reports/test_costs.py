import dataclasses

import numpy as np
import pytest

from lockstep.reports import load, statistics
from lockstep.reports.costs import capacity, costs, turnover


@pytest.fixture(scope="module")
def run(run_folder):
    return load(run_folder)


def test_costs_are_the_fills_and_flows_they_come_from(run, fabric):
    frame = costs(run)
    fills = fabric.rows["fills"]
    assert frame.loc["commission", "amount"] == pytest.approx(sum(row[8] for row in fills) / 1e6)
    assert frame.loc["regulatory", "amount"] == pytest.approx(sum(row[9] for row in fills) / 1e6)
    assert frame.loc["impact", "amount"] == pytest.approx(sum(row[11] for row in fills) / 1e6)
    borrow = -sum(row[3] for row in fabric.rows["flows"] if row[2] == "borrow") / 1e6
    assert frame.loc["borrow", "amount"] == pytest.approx(borrow)
    assert frame.loc["other_fees", "amount"] == 0.0
    assert frame["amount"].iloc[:-1].sum() == pytest.approx(frame.loc["total", "amount"])
    assert frame["share"].iloc[:-1].sum() == pytest.approx(1.0)


def test_dividends_paid_are_no_cost(run):
    assert (run.flows["kind"] == "dividend_paid").any()
    assert "dividend_paid" not in costs(run).index


def test_turnover_by_hand(run):
    traded = sum(
        abs(quantity * price) for quantity, price in zip(run.fills["quantity"], run.fills["price"], strict=True)
    )
    years = len(run.sessions) / 252
    assert turnover(run) == pytest.approx(traded / 2 / run.sessions["equity"].mean() / years)


def test_capacity_is_where_the_square_root_law_says(run):
    found = capacity(run)
    scale = np.linspace(0, found.limit / run.initial_cash, 2_000_001)
    profit = scale * found.before - scale**1.5 * found.impact
    assert found.before - found.impact == pytest.approx(statistics(run)["final_equity"] - run.initial_cash)
    assert scale[profit.argmax()] * run.initial_cash == pytest.approx(found.best, rel=1e-4)
    assert profit[-1] == pytest.approx(0.0, abs=1e-6 * profit.max())
    assert found.reason == ""


def test_capacity_says_when_it_cannot_be_known(run):
    free = dataclasses.replace(run, fills=run.fills.assign(impact_cost=0.0))
    assert "No fill carries an impact cost" in capacity(free).reason
    assert np.isnan(capacity(free).best)
    idle = dataclasses.replace(run, fills=run.fills.iloc[:0])
    assert capacity(idle).reason == "The run has no fills."
    lost = dataclasses.replace(run, equity=run.equity.assign(equity=run.equity["equity"] / 3))
    assert "lost money even before impact" in capacity(lost).reason


def test_capacity_tells_how_many_orders_the_volume_cap_cut(run):
    filled = run.orders[run.orders["filled"] != 0]
    assert capacity(run).capped == pytest.approx((filled["reason"] == "volume_cap").mean())


def test_a_run_without_trades_costs_nothing(run):
    idle = dataclasses.replace(run, fills=run.fills.iloc[:0], flows=run.flows.iloc[:0])
    frame = costs(idle)
    assert frame.loc["total", "amount"] == 0.0
    assert frame["bps"].isna().all()
    assert turnover(idle) == 0.0
