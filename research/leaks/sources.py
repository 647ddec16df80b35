"""Which files a target is written in, found by name and text alone: nothing of the target is imported."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from lockstep.engine.errors import LockstepError
from lockstep.scenarios.loading import load
from lockstep.scenarios.lookup import locate

from .targets import is_scenario

MOST = 200
"""Files of a target that are read."""


def files_of(target: str, scenario: str = "", folder: Path | None = None) -> list[Path]:
    """Return the target's own module and what it imports from the same folders, in that order.

    Lockstep's engine and libraries are not among them. Empty where the target is not to be found.
    """
    places = [folder or Path.cwd()]
    names = [target.partition(":")[0]]
    if is_scenario(target) or scenario:
        try:
            source = load(scenario or target)
        except LockstepError:
            return []  # the run itself says what is wrong with it
        names = [each.use for each in source.scenario.every_sleeve] + ([] if is_scenario(target) else names)
        places = [source.folder, *places] if source.folder else places
    found: list[Path] = []
    for name in names:
        _add(_file(name, places, installed=True), places, found)
    return found


def _file(name: str, places: Sequence[Path], *, installed: bool = False) -> Path | None:
    """Return the file of ``pkg.mod``, ``pkg.mod:NAME`` or ``pkg.mod.name``."""
    module = name.partition(":")[0]
    while module:
        file = locate(module, places, installed=installed)
        if file is not None:
            return file
        module = module.rpartition(".")[0]
    return None


def _add(file: Path | None, places: Sequence[Path], found: list[Path]) -> None:
    """Add a file and, unless it is Lockstep's own, what it imports from the same places."""
    if file is None or file in found or len(found) >= MOST:
        return
    found.append(file)
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
        return
    for name in _imported(tree, file):
        if not name.startswith("lockstep."):
            _add(_file(name, [file.parent, _home(file), *places]), places, found)


def _home(file: Path) -> Path:
    """Return the folder from which a file's topmost package is imported."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _imported(tree: ast.Module, file: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import is looked up beside the file, which is where it leads for a level of one.
            yield from (f"{node.module}.{each.name}" if node.module else each.name for each in node.names)
