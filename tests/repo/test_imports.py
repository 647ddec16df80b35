"""Imports go one way. Function-local imports and literal ``import_module`` calls count like any other."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = {
    "engine": set(),
    "strategies": {"engine"},
    "data": {"engine"},
    "scenarios": {"engine", "data"},
    "reports": {"engine"},
    "research": {"engine", "strategies", "data", "scenarios", "reports"},
    "live": {"engine", "strategies", "data", "scenarios", "reports"},
}
THIRD_PARTY = {
    "engine": {"numpy", "numba", "llvmlite"},  # llvmlite is numba's own code generator
    "reports": {"numpy", "pandas", "pyarrow", "plotly", "jinja2"},
}


def imported_names(tree, package):
    """Yield ``(line, dotted name)`` of everything that a module of ``package`` imports, relative names resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*anchor, base]).rstrip(".")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def violations(source, room, package):
    for line, name in imported_names(ast.parse(source), package):
        top, _, rest = name.partition(".")
        if top == "lockstep":
            target = rest.partition(".")[0]
            if target != room and target not in ALLOWED[room] and target != "__version__":
                yield f"{line}: {room} imports {name}"
        elif top not in sys.stdlib_module_names and top not in THIRD_PARTY.get(room, {top}):
            yield f"{line}: {room} imports {name}, allowed are {sorted(THIRD_PARTY[room])}"


def modules(room):
    return sorted((ROOT / room).rglob("*.py"))


def package_of(path):
    return ".".join(("lockstep", *path.relative_to(ROOT).parent.parts))


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_go_one_way(room):
    found = []
    for path in modules(room):
        found += [f"{path.relative_to(ROOT)}:{each}" for each in violations(path.read_text(), room, package_of(path))]
    assert modules(room)
    assert not found, "\n".join(found)


def test_every_room_is_ruled():
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert rooms == set(ALLOWED)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("engine", "import pandas"),
        ("engine", "def f():\n    from scipy import stats"),
        ("engine", "from lockstep.data import catalogue"),
        ("engine", "from lockstep import run"),
        ("engine", "from .. import data"),
        ("engine", "import lockstep.strategies.sma as sma"),
        ("strategies", "import importlib\nimportlib.import_module('lockstep.research.labels')"),
        ("data", "if TYPE_CHECKING:\n    from lockstep.scenarios import schema"),
        ("scenarios", "from lockstep.reports.html import build"),
        ("reports", "import duckdb"),
        ("live", "from lockstep import research"),
        ("research", "from lockstep.cli import app"),
    ],
)
def test_a_planted_violation_is_found(room, source):
    assert list(violations(source, room, f"lockstep.{room}"))


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("engine", "import math, numpy as np\nfrom numba import njit\nfrom .errors import LockstepError"),
        ("strategies", "from lockstep.engine.features import sma"),
        ("reports", "from lockstep import __version__\nfrom lockstep.engine.errors import DataError"),
        ("live", "from lockstep.scenarios import runner"),
    ],
)
def test_lawful_imports_pass(room, source):
    assert not list(violations(source, room, f"lockstep.{room}"))


def test_the_engine_loads_neither_pandas_nor_torch():
    code = (
        "import sys, pkgutil, importlib, lockstep.engine as engine\n"
        "for each in pkgutil.walk_packages(engine.__path__, 'lockstep.engine.'): importlib.import_module(each.name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"pandas", "torch", "pyarrow", "duckdb", "sklearn", "plotly", "pydantic"}


def test_what_the_core_rooms_import_at_load_is_a_core_dependency():
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    declared = {name.split(">")[0].split("=")[0].strip() for name in core}
    undeclared = []
    for path in [ROOT / "cli.py", *(p for room in ALLOWED if room not in {"research", "live"} for p in modules(room))]:
        body = ast.Module(ast.parse(path.read_text()).body, [])
        body.body = [node for node in body.body if isinstance(node, ast.Import | ast.ImportFrom)]
        tops = {name.partition(".")[0] for _, name in imported_names(body, package_of(path))}
        extra = tops - declared - set(sys.stdlib_module_names) - {"lockstep", "llvmlite"}
        undeclared += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(extra)]
    assert not undeclared, "import extras inside the function that needs them:\n" + "\n".join(undeclared)
