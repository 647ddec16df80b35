"""Reports on runs of the engine itself: what the ledger kept and what they reckon agree to the last micro."""

import json

import pytest

from lockstep.data.bundled import bundled
from lockstep.data.catalog import Catalog
from lockstep.reports import attribution, load, render, statistics, trades
from lockstep.reports.activity import unfilled
from lockstep.reports.contributions import RESIDUAL
from lockstep.scenarios.loading import Source, validate
from lockstep.scenarios.run import run_scenario

SMA = {"use": "lockstep.strategies.sma_cross", "parameters": {"fast": 5, "slow": 20, "weight": 0.5}}
LIBERAL = {"max_position": 0.6, "max_sector": 5.0, "max_gross": 1.8, "max_order": 0.6}
SCENARIOS = {
    "one": {"data": {"dataset": "ohlcv-5", "start": "2004-01-02", "end": "2006-12-29"}, "strategy": SMA},
    "sleeves": {
        "data": {"dataset": "ohlcv-5", "start": "2004-01-02", "end": "2007-12-31"},
        "risk": LIBERAL,
        "sleeves": [
            {**SMA, "name": "fast", "share": 0.55},
            {"use": SMA["use"], "name": "slow", "share": 0.3, "parameters": {"fast": 20, "slow": 80, "weight": 0.7}},
        ],
    },
    "delisted": {"data": {"dataset": "synthetic-daily"}, "risk": LIBERAL, "strategy": SMA},
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    found = Catalog(tmp_path_factory.mktemp("catalog"))
    bundled(found, ["ohlcv-5", "synthetic-daily"])
    return found


@pytest.fixture(scope="module", params=SCENARIOS)
def run(request, catalog, tmp_path_factory):
    scenario = validate({"name": request.param, **SCENARIOS[request.param]}, "trial.toml")
    return load(run_scenario(Source(scenario), catalog, tmp_path_factory.mktemp("runs")).path)


def test_every_part_adds_up_to_the_account(run):
    profit = run.manifest["final_equity"] - run.manifest["initial_cash"]
    for by in ("symbol", "sleeve"):
        frame = attribution(run, by)
        assert frame.loc[RESIDUAL, "pnl"] == 0.0
        assert round(frame["pnl"].sum() * 1e6) == profit


def test_trades_reconcile_with_the_ledger(run):
    closed = trades(run)
    assert len(closed) > 20
    assert (closed["reason"] == "terminal").sum() == (run.flows["kind"] == "terminal").sum()
    assert (closed["reason"] == "terminal").any() == (run.manifest["scenario"] == "delisted")
    realised = run.marks.groupby("symbol")["realised"].last()
    fractions = run.flows.loc[run.flows["kind"] == "fraction", "amount"].abs().sum()
    assert closed["gross"].sum() == pytest.approx(realised.sum(), abs=1e-4 + fractions)


def test_fees_are_the_ledger_s(run):
    assert run.fills["fee"].sum() == pytest.approx(run.marks.groupby("symbol")["fees"].last().sum(), abs=1e-6)


def test_statistics_agree_with_the_manifest(run):
    stats, counts = statistics(run), run.manifest["counts"]
    assert stats["final_equity"] == run.manifest["final_equity"] / 1e6
    assert stats["sessions"] == counts["sessions"]
    assert len(run.fills) == counts["fills"]
    assert unfilled(run).set_index("reason")["count"].to_dict() == run.manifest["unfilled"]


def test_the_report_is_written(run):
    page = render(run).read_text(encoding="utf-8")
    assert run.manifest["digest"] in page
    assert "Books do not balance" not in page
    assert json.dumps(run.manifest["scenario"]).strip('"') in page
