import json
import shutil
import sys

import pytest

from lockstep.data.bundled import bundled
from lockstep.data.catalog import Catalog
from lockstep.engine.errors import ConfigError, DataError, VerifyError
from lockstep.scenarios import provenance
from lockstep.scenarios.loading import Source
from lockstep.scenarios.run import run_scenario
from lockstep.scenarios.verify import verify

SHOCK = {"kind": "missing", "rate": 0.1, "start": "2008-10-01", "end": "2008-12-31"}


@pytest.fixture
def run(make, catalog, tmp_path):
    scenario = make(shocks=[SHOCK], seed=5, risk__max_gross="unlimited", execution__grace="0s")
    return run_scenario(Source(scenario), catalog, tmp_path / "runs").path


def edit(run, **changes):
    file = run / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest.update(changes)
    file.write_text(json.dumps(manifest))
    return manifest


def test_a_run_gives_the_same_digest_again(run, catalog):
    found = verify(run, catalog)
    assert found.run == run.name
    assert found.differences == []


def test_nothing_is_written(run, catalog):
    before = sorted((file.name, file.stat().st_mtime_ns) for file in run.iterdir())
    verify(run, catalog)
    assert sorted((file.name, file.stat().st_mtime_ns) for file in run.iterdir()) == before
    assert [each.name for each in run.parent.iterdir()] == [run.name]


def test_another_digest_without_another_cause_is_a_defect(run, catalog):
    edit(run, digest="0" * 32)
    with pytest.raises(VerifyError, match=r"recorded 0{32}; nothing else differs, so this is a defect") as caught:
        verify(run, catalog)
    assert caught.value.exit_code == 6


def test_other_data_are_named_first(run, catalog, monkeypatch):
    manifest = edit(run, digest="0" * 32)
    manifest["data"][0]["hash"] = "f" * 64
    edit(run, data=manifest["data"], versions={"python": "2.7"})
    with pytest.raises(VerifyError, match=r"; the data differ: dataset 'ohlcv-5' has hash \w+, recorded f{64}$"):
        verify(run, catalog)


def test_other_code_is_named_before_versions(run, catalog, monkeypatch):
    edit(run, digest="0" * 32, versions={"python": "2.7"})
    monkeypatch.setattr(provenance, "code", lambda scenario: {"lockstep.engine": "another"})
    with pytest.raises(VerifyError, match=r"; the code of lockstep\.engine differs: 'another', recorded"):
        verify(run, catalog)


def test_other_versions_are_named(run, catalog):
    manifest = edit(run)
    edit(run, digest="0" * 32, versions={**manifest["versions"], "numba": "0.1"})
    with pytest.raises(VerifyError, match=r"; the version of numba differs: '[\d.]+', recorded '0.1'"):
        verify(run, catalog)


def test_another_configuration_gives_another_digest(run, catalog):
    manifest = edit(run)
    manifest["config"]["strategy"]["parameters"]["fast"] = 7
    edit(run, config=manifest["config"])
    with pytest.raises(VerifyError, match="digest"):
        verify(run, catalog)


def test_what_differs_without_consequence_is_told(run, catalog):
    edit(run, git={"commit": "a" * 40, "dirty": False})
    assert any("git commit differs" in each for each in verify(run, catalog).differences)


@pytest.mark.parametrize("change", [{"final_equity": 1}, {"counts": {}}])
def test_an_edited_result_is_found(run, catalog, change):
    edit(run, **change)
    with pytest.raises(VerifyError, match="the manifest was edited"):
        verify(run, catalog)


def test_a_run_whose_data_are_gone_is_refused(run, tmp_path):
    manifest = edit(run)
    manifest["config"]["data"]["dataset"] = "mine"
    edit(run, config=manifest["config"])
    with pytest.raises(DataError, match="'mine' is not in the catalogue"):
        verify(run, Catalog(tmp_path / "other"))


def test_a_strategy_beside_the_scenario_is_found_again(make, catalog, tmp_path):
    (tmp_path / "still.py").write_text(
        "from lockstep.engine.python_strategy import Strategy\n\n\nclass Still(Strategy):\n    name = 'still'\n\n\n"
        "STRATEGY = Still\n"
    )
    source = Source(make(strategy={"use": "still"}), tmp_path / "trial.toml")
    path = run_scenario(source, catalog, tmp_path / "runs").path
    assert verify(path, catalog).differences == []
    (tmp_path / "still.py").unlink()
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    del sys.modules["still"]
    with pytest.raises(ConfigError, match="there is no module 'still'"):
        verify(path, catalog)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is damaged"),
        ("[]", "schema 'list', expected 1"),
        ('{"schema": 2}', "schema 2, expected 1"),
        ('{"schema": 1}', "it has no 'run'"),
    ],
)
def test_a_damaged_manifest_is_refused(run, catalog, text, words):
    (run / "manifest.json").write_text(text)
    with pytest.raises(ConfigError, match=words):
        verify(run, catalog)


def test_what_is_no_run_folder_is_refused(tmp_path, catalog):
    with pytest.raises(ConfigError, match="is no run folder"):
        verify(tmp_path, catalog)


def test_the_catalogue_may_lie_elsewhere(run, tmp_path):
    other = Catalog(tmp_path / "again")
    bundled(other, ["ohlcv-5"])
    assert verify(run, other).differences == []
