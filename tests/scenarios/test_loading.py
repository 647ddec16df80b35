import pytest

from lockstep.engine.errors import ConfigError
from lockstep.scenarios.explain import line_of
from lockstep.scenarios.loading import BUNDLED, apply_override, bundled_names, find, load, validate

TEXT = """# a comment with [brackets]
[data]
dataset = "ohlcv-5"

[[sleeves]]
use = "a.b"
share = 0.5

[[sleeves]]
use = "a.c"
share = 0.5
  [sleeves.parameters]
  fast = 3

[execution]
"delay" = "1s"
"""


@pytest.fixture
def scenario_file(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('[data]\ndataset = "ohlcv-5"\n[strategy]\nuse = "a.b"\n')
    return file


def test_every_bundled_scenario_is_sound():
    assert "sma-cross" in bundled_names()
    for name in bundled_names():
        source = load(name)
        assert source.scenario.name == name
        assert source.scenario.title
        assert source.scenario.description
        assert source.folder is None


def test_a_file_s_name_is_the_scenario_s(scenario_file):
    source = load(str(scenario_file))
    assert source.scenario.name == "own"
    assert source.folder == scenario_file.parent


def test_a_folder_stands_for_the_file_of_its_name(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.toml").write_text('[data]\ndataset = "d"\n[strategy]\nuse = "strategy"\n')
    assert find(str(folder)) == folder / "mine.toml"
    monkeypatch.chdir(folder)
    assert find(".").samefile(folder / "mine.toml")


def test_a_bundled_name_goes_before_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sma-cross").mkdir()
    (tmp_path / "sma-cross" / "sma-cross.toml").write_text("")
    assert find("sma-cross").parent == BUNDLED


def test_overrides_reach_tables_lists_and_new_keys(scenario_file):
    source = load(
        str(scenario_file),
        ["risk.max_gross=0.5", "data.symbols=['IBM']", "title=A better name", "strategy.parameters.fast=3"],
        start="2008-01-02",
        end=None,
    )
    found = source.scenario
    assert found.risk.max_gross == 0.5
    assert found.data.symbols == ["IBM"]
    assert found.title == "A better name"
    assert found.strategy.parameters == {"fast": 3}
    assert (found.data.start, found.data.end) == ("2008-01-02", None)


def test_an_override_reaches_an_entry_of_a_list():
    table = {"sleeves": [{"share": 1.0}, {"share": 1.0}]}
    apply_override(table, "sleeves.1.share=0.25")
    assert table["sleeves"] == [{"share": 1.0}, {"share": 0.25}]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("risk.max_gross", "expected key=value"),
        ("=3", "expected key=value"),
        ("risk..kill=true", "expected key=value"),
        ("data.dataset.x=1", "is no table"),
        ("shocks.0.size=1", "counted from 0"),
        ("shocks=x", "expected a list"),
        ("shocks.size=1", "is a list"),
    ],
)
def test_an_override_that_fits_nothing_is_refused(override, words):
    table = {"data": {"dataset": "d"}, "shocks": [], "strategy": {"use": "a.b"}, "name": "x"}

    def override_and_validate():
        apply_override(table, override)
        validate(table, "x")

    with pytest.raises(ConfigError, match=words):
        override_and_validate()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("data",), 2),
        (("data", "dataset"), 3),
        (("sleeves", 0, "use"), 6),
        (("sleeves", 1, "share"), 11),
        (("sleeves", 1, "parameters", "fast"), 13),
        (("execution", "delay"), 16),
        (("sleeves", 1, "nothing"), 9),
        (("risk", "kill"), 0),
    ],
)
def test_the_line_of_a_key_is_found(path, line):
    assert line_of(TEXT, path) == line


def test_members_come_from_a_file_beside_the_scenario(scenario_file):
    (scenario_file.parent / "members.csv").write_text("symbol,start,end\nIBM,2008-01-01,\nAAPL,2008-02-01,2008-03-01\n")
    scenario_file.write_text(scenario_file.read_text() + '[universe]\nfile = "members.csv"\n')
    members = load(str(scenario_file)).scenario.universe.members
    assert [(spell.symbol, spell.end) for spell in members] == [("IBM", None), ("AAPL", "2008-03-01")]


def test_a_file_of_members_with_other_columns_is_refused(scenario_file):
    (scenario_file.parent / "members.csv").write_text("ticker,from,to\n")
    scenario_file.write_text(scenario_file.read_text() + '[universe]\nfile = "members.csv"\n')
    with pytest.raises(ConfigError, match="expected symbol,start,end"):
        load(str(scenario_file))
