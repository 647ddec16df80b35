"""Leaks put into Lockstep's own code are caught; a few here, all of them in the nightly profile and by the command."""

import re
from pathlib import Path

import pytest
from hypothesis import settings

from lockstep.engine.errors import ConfigError
from lockstep.research.leaks.mutants import AUDIT, Mutant, fault_of, load_mutants, open_bench
from lockstep.research.leaks.overlay import PROJECT, Overlay, standing
from lockstep.research.leaks.suite import PROPERTIES, Options
from lockstep.research.leaks.verdict import Verdict

DOCS = Path(__file__).resolve().parents[2] / "docs" / "leakage-mutants.md"
NIGHTLY = settings.get_current_profile_name() == "nightly"
MUTANTS = load_mutants()
TRIED = [mutant for mutant in MUTANTS if mutant.quick or NIGHTLY]
LEAK = Mutant(name="m", edits=(), reason="", target="t", failed=["truncation"], stage=["output"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with open_bench(tmp_path_factory.mktemp("bench"), Options(seconds=120.0, cuts=8, localised=False)) as opened:
        yield opened


def test_there_are_enough_of_them_all_over_the_project():
    assert len(MUTANTS) >= 40
    files = {edit.file for mutant in MUTANTS for edit in mutant.edits}
    assert {file.partition("/")[0] for file in files} >= {"engine", "strategies", "data", "scenarios", "research"}
    assert len(files) >= 15


def test_each_says_by_which_property_it_is_caught():
    for mutant in MUTANTS:
        assert mutant.audit or mutant.failed or mutant.expected == "nondeterministic", mutant.name
        assert set(mutant.failed) <= {*PROPERTIES.values(), "fill ledger", "field variant"}, mutant.name
        assert mutant.reason, mutant.name


def test_a_text_that_stands_no_longer_in_the_project_is_an_error():
    with pytest.raises(ConfigError, match=r"data/adjust.py: 'no such text' stands there 0 times, expected once"):
        standing("data/adjust.py", "no such text")


def test_a_change_is_undone(tmp_path):
    overlay = Overlay(tmp_path)
    copy, original = overlay.root / "data" / "adjust.py", (PROJECT / "data" / "adjust.py").read_text()
    with overlay.changed(("data/adjust.py", "import numpy as np\n", "import numpy\n")):
        assert copy.read_text() == original.replace("import numpy as np\n", "import numpy\n")
    assert copy.read_text() == original


def judged(verdict, **given):
    found = Verdict("t")
    for name, value in {"verdict": verdict, **given}.items():
        setattr(found, name, value)
    return found


def test_what_is_not_caught_for_its_reason_is_a_fault():
    assert not fault_of(LEAK, judged("leak", failed="truncation", stage="output"))
    assert "property 'extension'" in fault_of(LEAK, judged("leak", failed="extension", stage="output"))
    assert "stage 'data'" in fault_of(LEAK, judged("leak", failed="truncation", stage="data"))
    for verdict in ("clean", "vacuous", "nondeterministic", "error"):
        assert f"{verdict}, expected leak" in fault_of(LEAK, judged(verdict))


def test_of_all_crashes_only_the_audit_counts():
    audited = LEAK.model_copy(update={"audit": True})
    assert not fault_of(audited, judged("error", reason=f"{AUDIT}: Job 'x' reads ahead"))
    assert fault_of(audited, judged("error", reason="IndexError: out of bounds"))
    assert fault_of(LEAK, judged("error", reason="IndexError: out of bounds"))


def test_the_docs_list_them_all_as_caught():
    rows = re.findall(r"^\| `([^`]+)` \|.*\| (\w+) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(mutant.name, "caught") for mutant in MUTANTS]


@pytest.mark.slow
def test_the_targets_are_clean_without_them(bench):
    assert [trial.as_line() for trial in bench.unchanged(TRIED) if trial.fault] == []


@pytest.mark.parametrize("mutant", [pytest.param(mutant, marks=pytest.mark.slow, id=mutant.name) for mutant in TRIED])
def test_a_mutant_is_caught(mutant, bench):
    assert bench.tried(mutant).fault == ""
