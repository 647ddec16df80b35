"""Whole runs on real bars: what is left, and that nothing but the scenario and the data decides it."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from lockstep.engine.errors import ConfigError, StrategyError
from lockstep.scenarios.loading import Source, load
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.run import execute, run_scenario

DIGEST = """
import sys
from lockstep.data.catalog import Catalog
from lockstep.scenarios.loading import load
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.run import execute
plan = make_plan(load(sys.argv[1]).scenario, Catalog(sys.argv[2]))
print(execute(plan, lambda name, rows: None).digest)
"""
TOML = """
[data]
dataset = "ohlcv-5"
start = "2008-06-02"
end = "2009-06-30"
[strategy]
use = "lockstep.strategies.sma_cross"
parameters = {fast = 5, slow = 20, weight = 0.2}
"""


@pytest.fixture(scope="module")
def result(catalog, tmp_path_factory):
    file = tmp_path_factory.mktemp("scenario") / "trial.toml"
    file.write_text(TOML)
    source = Source(load(str(file)).scenario)
    return run_scenario(source, catalog, tmp_path_factory.mktemp("runs"), command="lockstep backtest trial")


def run(scenario, catalog, **options):
    pieces = {}
    plan = make_plan(scenario, catalog, **options)
    outcome = execute(plan, lambda name, rows: pieces.setdefault(name, []).append(rows))
    return outcome, {
        name: np.concatenate([rows.column(0).to_numpy() for rows in parts]) for name, parts in pieces.items()
    }


def table(result, name):
    return pq.read_table(result.path / f"{name}.parquet").to_pandas()


def test_the_manifest_says_everything(result):
    manifest = json.loads((result.path / "manifest.json").read_text())
    assert manifest == result.manifest
    assert manifest["run"] == result.path.name == f"trial-{manifest['digest'][:12]}-1"
    assert manifest["command"] == "lockstep backtest trial"
    assert manifest["config"]["data"]["dataset"] == "ohlcv-5"
    assert manifest["start"] == "2008-06-02T04:00:00+00:00"
    assert manifest["end"] == "2009-06-30T20:00:00+00:00"
    assert (manifest["calendar"], manifest["periods_per_year"]) == ("XNYS", 252)
    assert [each["symbol"] for each in manifest["instruments"]] == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert manifest["sleeves"][0]["parameters"] == {"fast": 5, "slow": 20, "weight": 0.2}
    assert manifest["data"][0]["survivorship"]
    assert manifest["leak_check"] is None
    assert set(manifest["code"]) == {"lockstep.engine"}


def test_counts_equal_the_tables(result):
    counts = result.outcome.counts
    assert counts["fills"] == len(table(result, "fills")) > 20
    assert counts["orders"] == (table(result, "orders")["status"] != "refused").sum()
    assert counts["decisions"] == len(table(result, "decisions"))
    assert counts["refused"] == (table(result, "decisions")["verdict"] == "refused").sum()
    assert counts["sessions"] == len(table(result, "sleeves")) == 273
    assert counts["slices"] == len(table(result, "equity"))


def test_equity_is_the_ledger_s(result):
    equity = table(result, "equity")
    assert equity["equity"].iloc[-1] == result.outcome.final_equity
    assert (equity["equity"] == equity["cash"] + equity["net"]).all()
    assert (equity["gross"] >= equity["net"].abs()).all()
    marks = table(result, "marks")
    assert (marks.groupby("ts")["value"].sum().to_numpy() == equity["net"].to_numpy()).all()


def test_positions_are_the_sum_of_fills(result):
    fills, marks = table(result, "fills"), table(result, "marks")
    held = marks[marks["ts"] == marks["ts"].max()].set_index("symbol")["quantity"]
    bought = fills.groupby("symbol")["quantity"].sum()
    assert (held.reindex(bought.index) == bought).all()


def test_no_order_fills_at_or_before_its_decision(result):
    fills = table(result, "fills").merge(table(result, "orders")[["order_id", "ts_submitted"]], on="order_id")
    assert (fills["ts"] > fills["ts_submitted"]).all()


def test_nothing_is_traded_during_the_warm_up(result):
    assert table(result, "decisions")["ts"].min().isoformat() >= "2008-06-02"
    assert table(result, "equity")["ts"].min().isoformat()[:10] == "2008-06-02"
    assert table(result, "events")["ts"].min().isoformat()[:10] == "2008-05-02"  # 20 sessions earlier


def test_the_benchmark_has_a_value_for_each_session(result):
    assert len(table(result, "benchmark")) == 273


def test_every_unfilled_order_has_a_reason(make, catalog):
    outcome, _ = run(make(execution__volume_share=1e-5, strategy__parameters={"fast": 5, "slow": 20}), catalog)
    assert sum(outcome.unfilled.values()) > 10
    assert all(outcome.unfilled)


def test_the_same_scenario_gives_the_same_digest(make, catalog, result):
    assert run(make(), catalog)[0].digest == result.outcome.digest


@pytest.mark.parametrize("rows", [1, 17, 1000])
def test_batches_do_not_matter(make, catalog, result, rows):
    outcome, tables = run(make(), catalog, batch_rows=rows)
    assert outcome.digest == result.outcome.digest
    assert outcome.counts == result.outcome.counts
    assert len(tables["equity"]) == result.outcome.counts["slices"]


@pytest.mark.parametrize("symbols", [["MSFT", "IBM", "AAPL"], ["AAPL", "MSFT", "IBM", "IBM"]])
def test_the_order_of_symbols_does_not_matter(make, catalog, symbols):
    assert run(make(data__symbols=symbols), catalog)[0].digest == (
        run(make(data__symbols=["AAPL", "IBM", "MSFT"]), catalog)[0].digest
    )


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_the_hash_seed_does_not_matter(tmp_path, catalog, result, seed):
    file = tmp_path / "trial.toml"
    file.write_text(TOML)
    done = subprocess.run(
        [sys.executable, "-c", DIGEST, str(file), catalog.storage.url],
        env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == result.outcome.digest


@pytest.mark.parametrize(
    "change",
    [
        {"strategy__parameters": {"fast": 6, "slow": 20}},
        {"costs__half_spread_bps": 2.0},
        {"account__cash": 2e6},
        {"execution__latency": "1d"},
        {"risk__max_position": 0.1},
        {"shocks": [{"kind": "gap", "at": "2008-10-06", "size": -0.1}]},
        {"data__end": "2009-06-29"},
        {"execution__delay": "1s"},
    ],
)
def test_what_matters_changes_the_digest(make, catalog, result, change):
    assert run(make(**change), catalog)[0].digest != result.outcome.digest


@pytest.mark.parametrize(
    "change",
    [{"title": "another"}, {"report__equity_slices": 10}, {"benchmark__kind": "none"}, {"live": {"grace": "3s"}}],
)
def test_what_does_not_matter_leaves_it(make, catalog, result, change):
    assert run(make(**change), catalog)[0].digest == result.outcome.digest


@pytest.mark.parametrize("rows", [1, 65_536])
def test_beyond_the_limit_equity_is_kept_per_session(make, catalog, rows):
    whole = run(make(), catalog)[1]
    thin = run(make(report__equity_slices=10), catalog, batch_rows=rows)[1]
    none = run(make(report__equity_slices=0), catalog, batch_rows=rows)[1]
    assert np.array_equal(np.unique(thin["equity"]), np.unique(whole["equity"]))  # daily bars: a slice a session
    assert np.array_equal(none["equity"], none["sleeves"])


def test_warm_up_comes_out_of_the_data_where_they_begin_too_late(make, catalog):
    plan = make_plan(make(data={"dataset": "ohlcv-5", "start": "2000-03-02", "end": "2000-12-29"}), catalog)
    assert plan.warnings == [
        "Trading begins on 2000-03-29, not 2000-03-02: the data begin too late for 20 sessions of warm-up."
    ]
    assert plan.window.replay_from < plan.window.trade_from


def test_without_start_everything_but_the_warm_up_is_traded(make, catalog):
    plan = make_plan(make(data={"dataset": "ohlcv-5", "warmup": 3}), catalog)
    assert str(np.datetime64(plan.window.trade_from, "ns"))[:10] == "2000-03-06"
    assert plan.warnings == []


def test_sleeves_are_named_in_the_tables(make, catalog, tmp_path, tables):
    strategy = tables.pop("strategy")
    slow = {**strategy["parameters"], "slow": 60}
    sleeves = [
        strategy | {"name": "quick", "share": 0.5},
        strategy | {"name": "slow", "share": 0.5, "parameters": slow},
    ]
    found = run_scenario(Source(make(sleeves=sleeves)), catalog, tmp_path)
    assert set(table(found, "sleeves")["sleeve"]) == {"quick", "slow"}
    last = table(found, "sleeves").groupby("sleeve")["equity"].last()
    assert last.sum() == found.outcome.final_equity


PLAIN = """
from lockstep.engine.parameters import Integer
from lockstep.engine.python_strategy import Strategy


class Turns(Strategy):
    name = "turns"
    parameters = {"every": Integer(5, 1, 100)}
    series = ("closes",)

    def start(self):
        self.seen = 0

    def on_bar(self, bar):
        self.seen += 1
        self.record("closes", bar.close)
        if self.seen % self.every == 0:
            self.target(bar.symbol, 100 if self.position(bar.symbol) == 0 else 0)
        BODY


STRATEGY = Turns
"""


@pytest.fixture
def plain(tmp_path, make, catalog):
    def build(body="pass"):
        (tmp_path / "turns_strategy.py").write_text(PLAIN.replace("BODY", body))
        scenario = make(strategy={"use": "turns_strategy"}, data__symbols=["IBM"])
        return run_scenario(Source(scenario, tmp_path / "trial.toml"), catalog, tmp_path / "runs")

    return build


def test_a_strategy_in_plain_python_beside_the_scenario_runs(plain):
    found = plain()
    assert found.outcome.counts["fills"] > 20
    series = table(found, "series")
    assert set(series["name"]) == {"closes"}
    assert len(series) == 273
    assert "turns_strategy" in found.manifest["code"]


def test_a_strategy_that_raises_leaves_no_run(plain, tmp_path):
    with pytest.raises(StrategyError, match="ZeroDivisionError: division by zero"):
        plain("1 / 0")
    assert not (tmp_path / "runs").exists()


def test_a_damaged_scenario_object_is_not_run(catalog, make, tmp_path):
    with pytest.raises(ConfigError, match="no module"):
        run_scenario(Source(make(strategy__use="nothing_here")), catalog, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
