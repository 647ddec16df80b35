"""A leak verdict is found again by what was checked, and by nothing else."""

import json

import pytest

from lockstep.data.catalog import Catalog
from lockstep.engine import fingerprint
from lockstep.scenarios.leak_checks import keep_check, last_check
from lockstep.scenarios.loading import load
from lockstep.scenarios.run import run_scenario

STRATEGY = """
from lockstep.engine.python_strategy import Strategy

class Once(Strategy):
    def on_bar(self, bar):
        if self.position(bar.symbol) == 0:
            self.target(bar.symbol, 1)

STRATEGY = Once
"""
SCENARIO = """
title = "Once"
[data]
dataset = "ohlcv-5"
start = "2008-01-02"
end = "2008-03-31"
[strategy]
use = "once_only"
"""
SAID = {"verdict": "clean", "reason": "nothing", "decisions": 5, "cuts": 2, "runs": 6}


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "once_only.py").write_text(STRATEGY)
    (tmp_path / "once.toml").write_text(SCENARIO)
    return tmp_path / "once.toml"


def test_a_check_belongs_to_the_scenario_and_its_code(scenario, tmp_path):
    catalog = Catalog(tmp_path / "catalog")
    assert last_check(catalog, load(str(scenario))) is None
    keep_check(catalog, load(str(scenario)), SAID)
    assert last_check(catalog, load(str(scenario))) == SAID
    assert catalog.names() == []
    assert last_check(catalog, load(str(scenario), ["title=Other words"])) == SAID
    assert last_check(catalog, load(str(scenario), ["costs.half_spread_bps=3.0"])) is None
    (tmp_path / "once_only.py").write_text(STRATEGY + "# edited\n")
    assert last_check(catalog, load(str(scenario))) is None


def test_a_check_of_another_engine_does_not_count(scenario, tmp_path, monkeypatch):
    catalog = Catalog(tmp_path / "catalog")
    keep_check(catalog, load(str(scenario)), SAID)
    monkeypatch.setitem(fingerprint._first_seen, fingerprint.ENGINE, "another")
    assert last_check(catalog, load(str(scenario))) is None


def test_a_check_on_other_data_names_them(scenario, tmp_path):
    catalog, source = Catalog(tmp_path / "catalog"), load(str(scenario))
    first = run_scenario(source, catalog, tmp_path / "runs").manifest["data"][0]
    keep_check(catalog, source, {**SAID, "data": {first["dataset"]: first["hash"]}})
    assert "data_changed" not in last_check(catalog, source)
    keep_check(catalog, source, {**SAID, "data": {first["dataset"]: "of yesterday"}})
    assert last_check(catalog, source)["data_changed"] == [first["dataset"]]


def test_a_run_s_manifest_holds_the_verdict(scenario, tmp_path):
    catalog, source = Catalog(tmp_path / "catalog"), load(str(scenario))
    never = run_scenario(source, catalog, tmp_path / "runs")
    assert never.manifest["leak_check"] is None
    keep_check(catalog, source, SAID)
    checked = run_scenario(source, catalog, tmp_path / "runs")
    assert json.loads((checked.path / "manifest.json").read_text())["leak_check"] == SAID
    assert checked.outcome.digest == never.outcome.digest
