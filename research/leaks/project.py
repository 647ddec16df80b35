"""The copy of the user's project that runs are made in, put back as it was before each run.

Code reads its own files from the current folder or from beside its module, writes caches there and resolves what is the
newest there. None of it may outlive a run, unless the suite asks for a warm cache, and none may touch the user's own.
"""

import contextlib
import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from .leftovers import base, claim, release, remove

LARGEST = 64 * 2**20
"""Bytes; larger files are linked, not copied, and read as they are."""
SMALL = 256 * 2**20
"""Bytes; of a larger project there is one copy alone, and one run at a time."""
MOST = 20_000
"""Files; a project of more is run where it lies."""
Mark = tuple[int, int]
"""When a file was last changed, and its size."""
SKIPPED = ("__pycache__", "node_modules", "venv")


class Box:
    """A copy of a folder.

    Parameters
    ----------
    folder : Path
        The user's. Its copy has the same path each time, unless it is in use: compiled kernels are kept by path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.notes = folder, []  # type: tuple[Path, list[str]]
        self._folders: list[str] = []
        self.sources = self._sources()
        self.home, self._lock = _claim(folder)
        self.path = folder if self.sources is None else self.home / "copy" / folder.name
        self.temporary = self.home / "tmp"
        for each in (self.path, self.temporary):
            each.mkdir(parents=True, exist_ok=True)
        self._made: dict[str, Mark] = {}
        self._edited: list[str] = []
        self.outside: set[str] = set()

    @property
    def is_small(self) -> bool:
        """Tell whether a second copy of the folder can be afforded."""
        sources = self.sources or {}
        return self.sources is not None and sum(path.stat().st_size for path in sources.values()) < SMALL

    def _sources(self) -> dict[str, Path] | None:
        found: dict[str, Path] = {}
        for home, names in _folders(self.folder):
            below = home.relative_to(self.folder)
            self._folders.append(str(below))
            found |= {str(below / name): home / name for name in names}
            if len(found) > MOST:
                self.notes.append(f"{self.folder} has more than {MOST:,} files and is used as it is")
                return None
        return found

    def restore(self, changed: Mapping[str, bytes | None]) -> None:
        """Make the copy what the folder is, save for `changed` files (None: left out), and forget what runs wrote."""
        self._clear()
        if self.sources is None:
            return
        for name, mark in list(_present(self.path)):
            if name not in self.sources or name in changed or self._made.get(name) != mark:
                (self.path / name).unlink()
                self._made.pop(name, None)
        self._restore_folders()
        for name, source in self.sources.items():
            if name not in changed and name not in self._made:
                self._put(name, source)
        self._edit(changed)

    def _clear(self) -> None:
        """Remove what runs have written outside the copy."""
        for path in sorted(self.outside, reverse=True):
            with contextlib.suppress(OSError):
                Path(path).rmdir() if Path(path).is_dir() else Path(path).unlink()
        remove(self.temporary)
        self.temporary.mkdir(parents=True)

    def _restore_folders(self) -> None:
        for home, _, _ in os.walk(self.path, topdown=False):
            if os.path.relpath(home, self.path) not in self._folders and not home.endswith("__pycache__"):
                with contextlib.suppress(OSError):
                    Path(home).rmdir()
        for name in self._folders:
            (self.path / name).mkdir(parents=True, exist_ok=True)

    def leave(self, changed: Mapping[str, bytes | None]) -> None:
        """Leave all that the last run wrote, but not what was changed for it; change `changed` files instead."""
        for name in self._edited:
            (self.path / name).unlink(missing_ok=True)
            if name not in changed and self.sources is not None:
                self._put(name, self.sources[name])
        self._edit(changed)

    def _edit(self, changed: Mapping[str, bytes | None]) -> None:
        self._edited = sorted(changed)
        for name, content in changed.items():
            if content is not None:
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                (self.path / name).write_bytes(content)

    def _put(self, name: str, source: Path) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if source.stat().st_size > LARGEST:
                target.symlink_to(source.resolve())
                self.notes.append(f"{name} is larger than {LARGEST >> 20} MiB: it is read as it is, in every future")
            else:
                shutil.copy2(source, target)
        except OSError as error:
            self.notes.append(f"{name} could not be copied: {error}")
            return
        self._made[name] = _mark(target)

    def written(self) -> list[str]:
        """Return the files that the last run made or changed, relative to the project; its temporary ones too."""
        found = [str(self.temporary / name) for name, _ in _present(self.temporary)]
        if self.sources is not None:
            found += [name for name, mark in _present(self.path) if self._made.get(name) != mark]
        return sorted(found)

    def close(self) -> None:
        """Remove the copy, and what runs have written elsewhere."""
        self._clear()
        release(self.home, self._lock)


def _folders(project: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a project's folders and the names of their files, hidden ones and environments apart."""
    for home, folders, names in os.walk(project):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in SKIPPED and _kept(home, name)
        )
        yield Path(home), [name for name in sorted(names) if not name.startswith(".") and Path(home, name).is_file()]


def _kept(home: str, name: str) -> bool:
    return not Path(home, name, "pyvenv.cfg").exists()


def _present(copy: Path) -> Iterator[tuple[str, Mark]]:
    """Yield every file of a copy and its mark, hidden ones and links too, but not Python's compiled modules."""
    for home, folders, names in os.walk(copy):
        folders[:] = [name for name in folders if name != "__pycache__"]
        links = [name for name in folders if os.path.islink(os.path.join(home, name))]  # noqa: PTH118, PTH114
        below = os.path.relpath(home, copy)
        for name in (*names, *links):
            yield (name if below == "." else f"{below}/{name}"), _mark(f"{home}/{name}")


def _mark(path: str | Path) -> Mark:
    status = os.lstat(path)
    return status.st_mtime_ns, status.st_size


def _claim(folder: Path) -> tuple[Path, int]:
    """Return a folder that nobody else uses, and the lock that says so."""
    name = hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()
    for number in itertools.count():
        home = base() / f"{name}-{number}"
        lock = claim(home)
        if lock is not None:
            remove(home / "copy")
            remove(home / "tmp")
            return home, lock
    raise AssertionError
