"""Every case of the corpora is declared, is where it belongs, and expects what its folder says."""

from pathlib import Path

import pytest

from lockstep.research.leaks.beyond import BEYOND
from lockstep.research.leaks.corpus import ROOT, TABLES, load_cases
from lockstep.research.leaks.suite import PROPERTIES
from lockstep.research.leaks.wording import CLOCK, LEDGER

KNOWN = {*PROPERTIES.values(), *BEYOND, CLOCK, LEDGER}
OTHERWISE_CALLED = {"registry as-of"}
"""Properties that a case may expect and that show under another name: what a registry holds is a file or a dataset."""


@pytest.mark.parametrize("table", TABLES)
def test_each_module_has_its_case(table):
    modules = {path.with_suffix("").relative_to(ROOT / table) for path in (ROOT / table).glob("*/*.py")}
    cases = {Path(case.folder.name) / case.name for case in load_cases(table)}
    assert modules == cases


@pytest.mark.parametrize("table", TABLES)
def test_expectations_go_with_the_folder(table):
    for case in load_cases(table):
        assert (case.freqtrade is not None) == (table == "freqtrade"), case.name
        assert case.expected == ("leak" if case.planted else "clean"), case.name
        assert set(case.failed) <= KNOWN | OTHERWISE_CALLED, case.name
        assert not case.scenario or (case.folder / case.scenario).is_file(), case.name


def test_the_acceptance_corpus_is_whole():
    planted = [case.planted for case in load_cases()]
    assert (sum(planted), len(planted) - sum(planted)) == (24, 12)
