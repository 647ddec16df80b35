"""The run folder on disk: tables streamed into Parquet below a hidden name, made visible by one rename."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockstep.engine.errors import ConfigError

from .tables import SCHEMAS

ROW_GROUP = 65_536
_PREFIX, _LOCK = ".unfinished-", ".lock"
_ATTEMPTS = 100_000


class RunFolder:
    """A run folder in the making; nothing of it is visible before `publish`, nothing left without it.

    Parameters
    ----------
    runs : Path
        The folder of all runs; made where it is missing.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written to.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        try:
            self._made = [folder for folder in (runs, *runs.parents) if not folder.exists()]
            runs.mkdir(parents=True, exist_ok=True)
            _sweep(runs)
            self.path = runs / f"{_PREFIX}{os.getpid()}-{_free_number(runs)}"
            self.path.mkdir()
        except OSError as error:
            raise ConfigError(f"runs folder {runs}: {error.strerror}; choose another with --runs-dir") from error
        self._lock = (self.path / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._tables = {name: _Table(self.path / f"{name}.parquet", schema) for name, schema in SCHEMAS.items()}

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *raised: object) -> None:
        if self.path.exists():
            self._discard()
        self._lock.close()

    def emit(self, name: str, table: pa.Table) -> None:
        """Append rows to a table."""
        self._tables[name].add(table)

    def publish(self, stem: str, manifest: Callable[[str], dict[str, Any]]) -> Path:
        """Finish the files and give the folder the first free name ``<stem>-<n>``.

        Parameters
        ----------
        stem : str
            Scenario and digest.
        manifest : callable
            From the run's name to its manifest.
        """
        for table in self._tables.values():
            table.close()
        for number in range(1, _ATTEMPTS):
            target = self.runs / f"{stem}-{number}"
            if target.exists():
                continue
            _write_json(self.path / "manifest.json", manifest(target.name))
            for file in self.path.iterdir():
                _flush(file)
            try:
                self.path.rename(target)
            except OSError:
                if target.exists():
                    continue  # another process was faster
                raise
            (target / _LOCK).unlink()
            _flush(self.runs)
            return target
        raise ConfigError(f"runs folder {self.runs}: {_ATTEMPTS} runs named {stem}; remove some")

    def _discard(self) -> None:
        for table in self._tables.values():
            table.abandon()
        shutil.rmtree(self.path, ignore_errors=True)
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:  # another run lies there by now
                break


class _Table:
    """One Parquet file; rows wait until they fill a row group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= ROW_GROUP:
            self._write()

    def _write(self) -> None:
        if self._rows:
            self._file.write_table(pa.concat_tables(self._waiting), row_group_size=ROW_GROUP)
        self._waiting, self._rows = [], 0

    def close(self) -> None:
        self._write()
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


def _free_number(runs: Path) -> int:
    number = 0
    while (runs / f"{_PREFIX}{os.getpid()}-{number}").exists():
        number += 1
    return number


def _sweep(runs: Path) -> None:
    """Remove what killed runs have left: unfinished folders whose lock nobody holds."""
    for folder in sorted(runs.glob(f"{_PREFIX}[0-9]*")):
        if _is_alive(int(folder.name.removeprefix(_PREFIX).partition("-")[0])):
            continue
        with (folder / _LOCK).open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
