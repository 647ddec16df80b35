"""Where a catalogue lies: a local folder, or an object store named by a URL.

A dataset's version is written whole under a staging name, flushed to disk, moved into place, and only then does the
pointer `CURRENT` turn to it in one atomic step. Whatever dies in between, readers see the old version or the new one.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import fs

from lockstep.engine.errors import DataError

POINTER = "CURRENT"
_VERSION = re.compile(r"[0-9a-f]{16}")


class Storage:
    """Files below one root.

    Parameters
    ----------
    root : str or Path
        A folder, or a URL that Arrow's file systems know (``file://``, ``s3://``, ``gs://``, ``hdfs://``).

    Raises
    ------
    DataError
        If the URL's scheme is unknown, or the path is that of a file.
    """

    def __init__(self, root: str | Path) -> None:
        self.url = str(root)
        if "://" in self.url and not self.url.startswith("file://"):
            self.files, self.root = _remote(self.url)
            self.local: Path | None = None
        else:
            folder = Path(self.url.removeprefix("file://")).expanduser().absolute()
            if folder.exists() and not folder.is_dir():
                raise DataError(f"catalogue {self.url!r} is a file, expected a folder; choose another with --catalog")
            self.files, self.root, self.local = fs.LocalFileSystem(), str(folder), folder

    def full(self, path: str) -> str:
        """Return the file system's own name of a path below the root."""
        return f"{self.root}/{path}"

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        with self.files.open_input_file(self.full(path)) as stream:
            return bytes(stream.read())

    def size(self, path: str) -> int:
        """Return a file's size in bytes, −1 where there is no file."""
        info = self.files.get_file_info(self.full(path))
        return int(info.size) if info.type == fs.FileType.File else -1

    def parquet(self, path: str) -> pq.ParquetFile:
        """Open a Parquet file, mapped into memory where it is local."""
        if self.local is not None:
            return pq.ParquetFile(self.full(path), memory_map=True)
        return pq.ParquetFile(self.files.open_input_file(self.full(path)))

    def names(self) -> list[str]:
        """Return the sorted names of the folders that hold a pointer."""
        found = self.files.get_file_info(fs.FileSelector(self.root, allow_not_found=True))
        folders = [info.base_name for info in found if info.type == fs.FileType.Directory]
        return sorted(name for name in folders if self.size(f"{name}/{POINTER}") > 0)

    def current(self, name: str) -> str | None:
        """Return the version that a dataset's pointer names, or None where there is no pointer.

        Raises
        ------
        DataError
            If the pointer does not hold a version.
        """
        try:
            version = self.read(f"{name}/{POINTER}").decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        if not _VERSION.fullmatch(version):
            raise DataError(f"{self.full(name)}/{POINTER} holds {version[:40]!r}, expected 16 hex digits; import again")
        return version

    @contextmanager
    def staging(self, name: str) -> Iterator[Path]:
        """Lend an empty local folder for writing a version of `name`; whatever is left of it afterwards is removed."""
        parent = self._staging_parent()
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        lock = (folder.parent / f"{folder.name}.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.name).unlink(missing_ok=True)
            lock.close()

    def publish(self, staged: Path, name: str, version: str) -> None:
        """Move a staged version into place and turn the pointer to it; keep the version before it, drop older ones.

        Raises
        ------
        DataError
            If the dataset's folder is a symbolic link.
        """
        if self.local is None:
            self._upload(staged, name, version)
            return
        home = self.local / name
        if home.is_symlink():
            raise DataError(
                f"{home} is a symbolic link; a dataset must be a real folder: remove the link and import again"
            )
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _publish_local(staged, home, version)

    def _staging_parent(self) -> Path:
        if self.local is None:
            return Path(tempfile.gettempdir())
        parent = self.local / ".staging"
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        return parent

    def _upload(self, staged: Path, name: str, version: str) -> None:
        home = self.full(f"{name}/{version}")
        for path in sorted(staged.rglob("*")):
            if path.is_file():
                target = f"{home}/{path.relative_to(staged).as_posix()}"
                self.files.create_dir(target.rsplit("/", 1)[0])
                with path.open("rb") as source, self.files.open_output_stream(target) as stream:
                    shutil.copyfileobj(source, stream, 1 << 20)
        with self.files.open_output_stream(self.full(f"{name}/{POINTER}")) as stream:
            stream.write(version.encode())


def _remote(url: str) -> tuple[Any, str]:
    try:
        files, root = fs.FileSystem.from_uri(url)
    except (ValueError, OSError) as error:
        raise DataError(f"catalogue {url!r}: expected a folder or a URL such as s3://bucket/path ({error})") from error
    return files, str(root).rstrip("/")


def _sweep(parent: Path) -> None:
    """Remove what killed importers left: a staging folder whose lock nobody holds."""
    for lock in sorted(parent.glob("*.lock")):
        with lock.open("r+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)


def _publish_local(staged: Path, home: Path, version: str) -> None:
    target = home / version
    for path in staged.rglob("*"):
        flush(path)
    flush(staged)
    if target.exists():
        # The same content is already there, or a crashed importer's copy of it: the new one is whole, so it wins.
        doomed = staged.with_name(staged.name + ".old")
        target.rename(doomed)
        staged.rename(target)
        shutil.rmtree(doomed)
    else:
        staged.rename(target)
    flush(home)
    previous = _read_pointer(home)
    write_atomically(home / POINTER, version.encode())
    _drop_versions(home, {version, previous})


def _read_pointer(home: Path) -> str:
    pointer = home / POINTER
    return pointer.read_text() if pointer.exists() else ""


def _drop_versions(home: Path, keep: set[str]) -> None:
    for folder in sorted(home.iterdir()):
        if folder.is_dir() and _VERSION.fullmatch(folder.name) and folder.name not in keep:
            shutil.rmtree(folder)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file's content so that a crash leaves the old or the new one, flushed to disk."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    Path(temporary).replace(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Force a file or a folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
