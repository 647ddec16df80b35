"""Every case of the corpora is declared, is where it belongs, and expects what its folder says."""

from pathlib import Path

import pytest

from lockstep.research.leaks.beyond import BEYOND
from lockstep.research.leaks.corpus import ROOT, TABLES, load_cases
from lockstep.research.leaks.suite import PROPERTIES
from lockstep.research.leaks.wording import CLOCK, LEDGER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "leakage-corpus.md"
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


def cells_of_page():
    """Cells of the rows of docs/leakage-corpus.md, by table and case."""
    found, table = {}, "corpus"
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        table = "freqtrade" if line.startswith("## Beside") else table
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[table, cells[0].strip("`")] = cells
    return found


def test_the_page_tells_what_is_expected():
    cells = cells_of_page()
    cases = {(table, case.name): case for table in ("corpus", "freqtrade") for case in load_cases(table)}
    assert cells.keys() == cases.keys()
    for (table, name), case in cases.items():
        assert cells[table, name][2] == case.expected, name
        if case.peek_events is not None:
            assert cells[table, name][3] == str(case.peek_events), name
        if table == "freqtrade":
            assert tuple(cells[table, name][-2:]) == case.freqtrade, name
        else:
            assert cells[table, name][1] == case.reason, name
