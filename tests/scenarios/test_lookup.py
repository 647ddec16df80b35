import sys

import pytest

from lockstep.engine.errors import ConfigError, StrategyError
from lockstep.scenarios import lookup
from lockstep.scenarios.lookup import candidates, find_strategy, source_file

PLAIN = """
from lockstep.engine.python_strategy import Strategy


class Quiet(Strategy):
    name = "{name}"


STRATEGY = Quiet
NUMBER = 3
"""


@pytest.fixture(autouse=True)
def clean_imports():
    path = list(sys.path)
    yield
    for name in [each for each in sys.modules if each.partition(".")[0] in lookup._own]:
        del sys.modules[name]
    sys.path[:] = path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "strategy.py").write_text(PLAIN.format(name="mine"))
    return tmp_path


def test_a_module_gives_its_strategy_by_default_or_by_name(folder):
    assert find_strategy("strategy", folder).name == "mine"
    assert find_strategy("strategy:Quiet", folder).name == "mine"
    assert source_file("strategy") == folder / "strategy.py"


def test_lockstep_s_own_are_found_without_a_folder():
    assert find_strategy("lockstep.strategies.sma_cross").name == "SMA cross"


def test_a_package_of_the_user_is_found(tmp_path):
    package = tmp_path / "ideas" / "deep"
    package.mkdir(parents=True)
    (tmp_path / "ideas" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "one.py").write_text(PLAIN.format(name="deep"))
    assert find_strategy("ideas.deep.one", tmp_path).name == "deep"


def test_two_folders_may_use_the_same_module_name(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "strategy.py").write_text(PLAIN.format(name=name))
    names = [find_strategy("strategy", tmp_path / name).name for name in ("first", "second", "first")]
    assert names == ["first", "second", "first"]


def test_the_current_folder_is_looked_into(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert find_strategy("strategy").name == "mine"


def test_a_folder_cannot_hide_a_loaded_package(folder):
    (folder / "numpy.py").write_text("")
    with pytest.raises(ConfigError, match="has the name of the Python module 'numpy'; rename it"):
        find_strategy("numpy", folder)


def test_what_the_folder_does_not_have_is_told(folder):
    (folder / "strategy.py").write_text(PLAIN.format(name="x").replace("STRATEGY = Quiet", ""))
    with pytest.raises(ConfigError, match=r"has no STRATEGY; strategies it has: Quiet \(name one"):
        find_strategy("strategy", folder)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1 +\n", r"loading it failed at .*strategy\.py:1: SyntaxError"),
        ("import no_such_thing\n", r"loading it failed at .*strategy\.py:1: No module named 'no_such_thing'"),
        ("\n\n1 / 0\n", r"loading it failed at .*strategy\.py:3: ZeroDivisionError"),
    ],
)
def test_a_module_that_fails_to_load_names_its_line(folder, code, words):
    (folder / "strategy.py").write_text(code)
    with pytest.raises(StrategyError, match=words):
        find_strategy("strategy", folder)


@pytest.mark.parametrize("name", ["NUMBER", "__doc__", "Strategy.name"])
def test_what_is_no_strategy_is_refused(folder, name):
    with pytest.raises((ConfigError, StrategyError)):
        find_strategy(f"strategy:{name}", folder)


def test_candidates_are_the_module_s_strategies(folder):
    find_strategy("strategy", folder)
    assert candidates(sys.modules["strategy"]) == ["Quiet", "STRATEGY"]
