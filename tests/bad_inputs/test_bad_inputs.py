"""Every bad input is refused with one clear sentence and its exit code, without traceback, and nothing is written."""

import re
import shutil
import sys

import pytest

from lockstep import cli
from lockstep.data.bundled import bundled
from lockstep.data.catalog import VARIABLE, Catalog

from .cases import CASES
from .declarations import BARS, declaration

SHORT = ("--start", "2008-06-02", "--end", "2008-12-31")


@pytest.fixture(scope="session")
def catalog_root(tmp_path_factory):
    """The folder of a catalogue with bundled stocks, and with an older `mine`, which must stay."""
    root, folder = tmp_path_factory.mktemp("catalog"), tmp_path_factory.mktemp("old")
    bundled(Catalog(root), ["ohlcv-5", "skfolio-20", "sp500-index"])
    write(folder, {"bars.csv": BARS, "bars.toml": declaration()})
    given = (folder / "bars.csv", "--declaration", folder / "bars.toml", "--catalog", root)
    assert cli.main(["data", "import", "mine", *map(str, given)]) == 0
    return root


@pytest.fixture(scope="session")
def sound_run(tmp_path_factory, catalog_root):
    """A run folder as it should be."""
    runs = tmp_path_factory.mktemp("runs")
    given = ("--runs-dir", str(runs), "--catalog", str(catalog_root), "--no-report")
    assert cli.main(["backtest", "sma-cross", *SHORT, *given]) == 0
    return next(runs.iterdir())


@pytest.fixture
def home(tmp_path, monkeypatch, catalog_root):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(catalog_root))
    yield tmp_path
    sys.modules.pop("own", None)


def contents(*folders):
    """Return every path below some folders with its bytes; folders have none. Python's own caches are not ours."""
    found = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {path: path.read_bytes() if path.is_file() else None for path in found}


def write(home, files):
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_one_sentence_and_nothing_is_written(name, home, catalog_root, request, capsys):
    case = CASES[name]
    write(home, case.files)
    if case.spoil is not None:
        shutil.copytree(request.getfixturevalue("sound_run"), home / "run")
        shutil.copytree(catalog_root, home / "catalog")
        case.spoil(home)
    before = contents(home, catalog_root)
    capsys.readouterr()
    code = cli.main(list(case.arguments))
    out, err = capsys.readouterr()
    assert (code, out) == (case.code, ""), err
    assert err.startswith("lockstep: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for words in case.words:
        assert re.search(words, err), err
    assert contents(home, catalog_root) == before


def test_there_are_sixty_and_more_and_no_two_alike():
    assert len(CASES) >= 60
    inputs = {
        repr((tuple(case.arguments), sorted(case.files.items()), case.spoil and name)) for name, case in CASES.items()
    }
    assert len(inputs) == len(CASES)


def test_every_exit_code_of_a_refusal_is_among_them():
    assert {case.code for case in CASES.values()} == {2, 3, 4, 5, 6}
