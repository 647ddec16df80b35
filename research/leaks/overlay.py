"""A copy of the project in which one text at a time is another, for processes that import Lockstep from it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockstep.engine.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("engine", "strategies", "data", "scenarios", "reports", "research", "tests/leakage")


class Overlay:
    """The copy, imported as ``lockstep`` by processes of `environment`.

    Kernels are interpreted there: their twins give the same bytes, and a changed kernel need not be compiled. What only
    compiled code does is tried by processes of `compiled`, which have a cache of their own.

    Parameters
    ----------
    home : Path
        An empty folder.
    """

    def __init__(self, home: Path) -> None:
        self.root = home / "lockstep"
        for room in ROOMS:
            shutil.copytree(PROJECT / room, self.root / room)
        for file in PROJECT.glob("*.py"):
            shutil.copy2(file, self.root)
        # Nothing that Python compiles of one mutant may serve the next.
        plain = {"PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment = {**plain, "NUMBA_DISABLE_JIT": "1"}
        self.compiled = {**plain, "LOCKSTEP_CACHE": str(home / "cache")}

    @contextmanager
    def changed(self, *edits: tuple[str, str, str]) -> Iterator[None]:
        """Have files read otherwise for a while; each edit is a file, a text in it, and what stands there instead.

        Raises
        ------
        ConfigError
            If an old text does not stand in its file exactly once.
        """
        try:
            for file, old, new in edits:
                (self.root / file).write_text(standing(file, old).replace(old, new), encoding="utf-8")
            yield
        finally:
            for file, _, _ in edits:
                shutil.copy2(PROJECT / file, self.root / file)


def standing(file: str, old: str) -> str:
    """Return the text of a file of the project in which another text stands exactly once.

    Raises
    ------
    ConfigError
        If it does not.
    """
    path = PROJECT / file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(old) != 1:
        raise ConfigError(
            f"{file}: {old!r} stands there {text.count(old)} times, expected once; bring the list up to date"
        )
    return text
