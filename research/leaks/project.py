"""The copy of the user's project that runs are made in, put back as it was before each run.

Code reads its own files from the current folder or from beside its module, writes caches there and resolves what is the
newest there. None of it may outlive a run, unless the suite asks for a warm cache, and none may touch the user's own.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

LARGEST = 64 * 2**20
"""Bytes; larger files are linked, not copied, and read as they are."""
MOST = 20_000
"""Files; a project of more is run where it lies."""
SKIPPED = ("__pycache__", "node_modules", "venv")


class Box:
    """A copy of a folder.

    Parameters
    ----------
    folder : Path
        The user's.
    parent : Path
        Where copies are made. A folder's copy has the same path each time, unless it is in use: compiled kernels are
        kept by path.
    """

    def __init__(self, folder: Path, parent: Path) -> None:
        self.folder, self.notes = folder, []  # type: tuple[Path, list[str]]
        self.sources = self._sources()
        self.copied = self.sources is not None
        self.path, self._lock = _claim(folder, parent) if self.copied else (folder, None)
        self._made: dict[str, tuple[int, int]] = {}
        self._edited: list[str] = []
        self.outside: set[str] = set()

    def _sources(self) -> dict[str, Path] | None:
        found: dict[str, Path] = {}
        for path in _files(self.folder):
            found[str(path.relative_to(self.folder))] = path
            if len(found) > MOST:
                self.notes.append(f"{self.folder} has more than {MOST:,} files and is used as it is")
                return None
        return found

    def restore(self, changed: Mapping[str, bytes | None]) -> None:
        """Make the copy what the folder is, save for `changed` files (None: left out), and forget what runs wrote."""
        for path in sorted(self.outside):
            with contextlib.suppress(OSError):
                Path(path).unlink()
        if self.sources is None:
            return
        present = {str(path.relative_to(self.path)): path for path in _files(self.path, links=True)}
        for name, path in present.items():
            if name not in self.sources or name in changed or self._made.get(name) != _mark(path):
                path.unlink()
                self._made.pop(name, None)
        for name, source in self.sources.items():
            if name not in changed and name not in self._made:
                self._put(name, source)
        self._edit(changed)

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
        """Return the files that the last run made or changed, relative to the project."""
        if self.sources is None:
            return []
        return sorted(
            name
            for path in _files(self.path, links=True)
            if self._made.get(name := str(path.relative_to(self.path))) != _mark(path)
        )

    def close(self) -> None:
        """Remove the copy."""
        self.restore({})
        if self.copied:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


def _files(folder: Path, *, links: bool = False) -> Iterator[Path]:
    for home, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in SKIPPED and _kept(home, name)
        )
        for name in sorted(names):
            path = Path(home, name)
            if links or (path.is_file() and not name.startswith(".")):
                yield path


def _kept(home: str, name: str) -> bool:
    return not Path(home, name, "pyvenv.cfg").exists()


def _mark(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_mtime_ns, status.st_size


def _claim(folder: Path, parent: Path) -> tuple[Path, int]:
    """Return a folder that nobody else uses, and the lock that says so."""
    name = hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()
    home = parent / f"lockstep-leaks-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    number = 0
    while True:
        lock = os.open(home / f"{name}-{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            number += 1
            continue
        path = home / f"{name}-{number}" / folder.name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path, lock
