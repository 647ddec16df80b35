"""The mapping of top-level folders onto ``lockstep`` holds for the editable install, the type checker and a wheel."""

import importlib
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("engine", "strategies", "data", "research", "live", "scenarios", "reports")
CORE = ("engine", "strategies", "data", "scenarios", "reports")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders():
    """Every folder of a room that holds Python."""
    return sorted({path.parent.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py")})


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_folder_is_a_package():
    bare = [str(folder) for folder in folders() if not (ROOT / folder / "__init__.py").is_file()]
    assert not bare, f"no __init__.py, so the wheel would lack them: {bare}"


@pytest.mark.parametrize("room", ROOMS)
def test_an_import_reaches_the_real_file(room):
    module = importlib.import_module(f"lockstep.{room}")
    assert Path(module.__file__) == ROOT / room / "__init__.py"


def test_the_type_checker_sees_every_room():
    links = ROOT / "typings" / "lockstep"
    assert {path.name for path in links.iterdir()} == {*ROOMS, "__init__.py", "cli.py", "py.typed"}
    for link in links.iterdir():
        assert link.readlink() == Path("../..") / link.name
        assert link.resolve() == ROOT / link.name


def test_all_extras_means_all():
    extras = PROJECT["project"]["optional-dependencies"]
    named = Requirement(extras["all"][0]).extras
    assert named == set(extras) - {"core", "all"}


def test_every_requirement_is_pinned():
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("#")[0].partition(";")[0].strip().partition("==")
        if name:
            assert version, f"not pinned: {line}"
            pinned[name.replace("_", "-")] = version
    extras = PROJECT["project"]["optional-dependencies"]
    for text in [
        *PROJECT["project"]["dependencies"],
        *(each for name in extras if name != "all" for each in extras[name]),
    ]:
        requirement = Requirement(text)
        assert pinned[requirement.name.replace("_", "-")] in requirement.specifier
    assert pinned["torch"] == "2.13.0"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy so that no left-over build folder can lend it a file."""
    source = tmp_path_factory.mktemp("source")
    for name in (*ROOMS, "pyproject.toml", "setup.py", "LICENSE", "__init__.py", "cli.py", "py.typed"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    target = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-q",
        "-w",
        target,
        source,
    )
    return next(target.glob("*.whl"))


def test_the_wheel_holds_every_module_and_its_data(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("lockstep/")}
    expected = {f"lockstep/{name}" for name in ("__init__.py", "cli.py", "py.typed")}
    for pattern in ("*.py", "*.toml", "templates/*", "actions/*"):
        found = (path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob(pattern))
        expected.update(f"lockstep/{name}" for name in found if (ROOT / name).is_file() and "__pycache__" not in name)
    assert held == expected


def core_distributions():
    """Names of all distributions that a plain ``pip install lockstep`` brings, through all levels."""
    pending, found = [(Requirement(each), "") for each in PROJECT["project"]["dependencies"]], {}
    while pending:
        requirement, extra = pending.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        wanted = {"", *requirement.extras}
        known = found.setdefault(requirement.name.lower(), set())
        for each in sorted(wanted - known):
            known.add(each)
            requires = distribution(requirement.name).requires or []
            pending.extend((Requirement(text), each) for text in requires)
    return sorted(found)


@pytest.fixture(scope="module")
def empty_environment(wheel, tmp_path_factory):
    """A new environment with the wheel, and links to what its core dependencies installed here: no network."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    for name in core_distributions():
        tops = {Path(file).parts[0] for file in distribution(name).files}
        for top in sorted(tops - {"..", "__pycache__"}):
            if not (site / top).exists():
                (site / top).symlink_to(distribution(name).locate_file(top).resolve())
    return home


def clean(home):
    """The environment of a user who has nothing set."""
    return {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "HOME": str(home), "NUMBA_CACHE_DIR": str(home / "numba")}


def test_the_wheel_runs_in_an_empty_environment(empty_environment, tmp_path):
    said = run(empty_environment / "bin" / "lockstep", "version", cwd=tmp_path, env=clean(empty_environment))
    assert said.startswith("lockstep ")


def test_the_wheel_imports_with_core_dependencies_alone(empty_environment, tmp_path):
    packages = [".".join(("lockstep", *folder.parts)) for folder in folders()]
    code = (
        "import importlib, pkgutil, sys\n"
        f"for name in {packages!r}: importlib.import_module(name)\n"
        f"for room in {CORE!r}:\n"
        "    path = importlib.import_module('lockstep.' + room).__path__\n"
        "    for each in pkgutil.walk_packages(path, f'lockstep.{room}.'): importlib.import_module(each.name)\n"
        "import lockstep, lockstep.cli; print(lockstep.__file__)"
    )
    python = empty_environment / "bin" / "python"
    where = run(python, "-c", code, cwd=tmp_path, env=clean(empty_environment)).strip()
    assert Path(where).is_relative_to(empty_environment)
