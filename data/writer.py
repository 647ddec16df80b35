"""Write one version of a dataset: sorted rows into Parquet files by month or year, hashed as they pass."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY

from .calendar import Sessions
from .manifest import FileEntry, Partition, RowKind
from .schema import ACTIONS, SESSIONS, row_schema

ROW_GROUP = 262_144
WORTH_A_FILE = 65_536
"""Rows that a file should hold on average; files are cut by the shortest period that does."""


def choose_partition(rows: int, first: int, last: int) -> Partition:
    """Choose how to cut files, so that they are neither many and tiny nor few and huge."""
    years = max((last - first) / (365.25 * DAY), 1 / 12)
    if rows / years >= 12 * WORTH_A_FILE:
        return "month"
    return "year" if rows / years >= WORTH_A_FILE else "decade"


class RowWriter:
    """Cuts a stream of sorted rows into files below `folder` and hashes every column over the whole stream.

    Parameters
    ----------
    folder : Path
        The staged version.
    kind : str
        Kind of rows.
    partition : {"decade", "year", "month"}
        What one file holds.
    extra : tuple of str
        Further columns.
    plain : bool
        Whether values are written as they are, for files that live briefly and in memory.
    """

    def __init__(
        self, folder: Path, kind: RowKind, partition: Partition, extra: tuple[str, ...] = (), *, plain: bool = False
    ) -> None:
        self.folder, self.kind, self.partition, self.plain = folder, kind, partition, plain
        self.schema = row_schema(kind, extra)
        self.rows = 0
        self._hashes = {name: hashlib.blake2b(digest_size=32) for name in self.schema.names}
        self._files: list[FileEntry] = []
        self._pending: list[pa.Table] = []
        self._period: int | None = None
        self._writer: pq.ParquetWriter | None = None
        self._range = [0, 0, 0]
        self._last = (-(2**63), -1)
        (folder / "data").mkdir()

    def write(self, table: pa.Table) -> None:
        """Append rows, sorted by (ts_event, instrument) and not before those already written.

        Raises
        ------
        DataError
            If they are out of order.
        """
        if table.num_rows == 0:
            return
        table = table.select(self.schema.names).cast(self.schema)
        ts = column(table, "ts_event")
        self._check_order(ts, column(table, "instrument"))
        self._hash(table)
        numbers = _periods(ts, self.partition)
        cuts = np.append(np.flatnonzero(np.diff(numbers)) + 1, len(numbers))
        start = 0
        for stop in cuts:
            self._turn_to(int(numbers[start]))
            self._append(table.slice(start, stop - start))
            start = int(stop)

    def close(self) -> tuple[FileEntry, ...]:
        """Finish the last file and return the list of files."""
        self._finish_file()
        return tuple(self._files)

    def digest(self) -> str:
        """Return the hash of the rows, which does not depend on how they were cut into files."""
        return digest_of({name: value.hexdigest() for name, value in self._hashes.items()})

    def _check_order(self, ts: Any, instrument: Any) -> None:
        before_ts, before = np.append(self._last[0], ts[:-1]), np.append(self._last[1], instrument[:-1])
        wrong = (ts < before_ts) | ((ts == before_ts) & (instrument < before))
        if wrong.any():
            raise DataError(f"rows for {self.folder.name} are out of order at row {self.rows + int(wrong.argmax())}")
        self._last = (int(ts[-1]), int(instrument[-1]))

    def _hash(self, table: pa.Table) -> None:
        for name, value in self._hashes.items():
            values = column(table, name)
            if values.dtype.kind == "f":
                # One NaN and one zero: their bit patterns must not make equal data look different.
                values = np.where(np.isnan(values), np.nan, values) + 0.0
            value.update(np.ascontiguousarray(values).tobytes())

    def _turn_to(self, period: int) -> None:
        if period != self._period:
            self._finish_file()
            self._period = period

    def _append(self, table: pa.Table) -> None:
        self._pending.append(table)
        if sum(part.num_rows for part in self._pending) >= ROW_GROUP:
            self._write_groups(whole_only=True)

    def _write_groups(self, *, whole_only: bool) -> None:
        table = pa.concat_tables(self._pending)
        keep = table.num_rows % ROW_GROUP if whole_only else 0
        ready = table.slice(0, table.num_rows - keep)
        self._pending = [table.slice(ready.num_rows)] if keep else []
        if ready.num_rows:
            self._open().write_table(ready, row_group_size=ROW_GROUP)
            ts = column(ready, "ts_event")
            self._range = [self._range[0] + len(ts), self._range[1] if self._range[0] else int(ts[0]), int(ts[-1])]

    def _path(self) -> str:
        assert self._period is not None
        return f"data/{_period_name(self._period, self.partition)}.parquet"

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            path = self.folder / self._path()
            # lz4 over dictionaries decodes fastest of all that were measured: 23 M bars/s a core, 13 bytes a bar.
            compression = "none" if self.plain else "lz4"
            self._writer = pq.ParquetWriter(path, self.schema, compression=compression, use_dictionary=not self.plain)
        return self._writer

    def _finish_file(self) -> None:
        if self._pending:
            self._write_groups(whole_only=False)
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        count, first, last = self._range
        self._range = [0, 0, 0]
        path = self.folder / self._path()
        self._files.append(
            FileEntry(
                path=self._path(),
                rows=count,
                offset=self.rows,
                first=first,
                last=last,
                bytes=path.stat().st_size,
                sha256=sha256_of(path),
            )
        )
        self.rows += count


def _periods(ts: Any, partition: Partition) -> Any:
    """Return the number of the month, year or decade (since 1970) of each instant (ns UTC)."""
    unit = "datetime64[M]" if partition == "month" else "datetime64[Y]"
    numbers = ts.view("datetime64[ns]").astype(unit).astype(np.int64)
    return numbers // 10 if partition == "decade" else numbers


def _period_name(number: int, partition: Partition) -> str:
    if partition == "decade":
        return f"{1970 + 10 * number}s"
    return str(np.datetime64(number, "M" if partition == "month" else "Y"))


def column(table: pa.Table, name: str) -> Any:
    """Return a column as a numpy array, without a copy where it lies in one piece; times as int64 nanoseconds.

    Reads the buffers themselves: Arrow's own way imports pandas, which costs more than a small replay.
    """
    values = table.column(name)
    pieces = [_piece(chunk) for chunk in values.chunks]
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.empty(0, _numpy_type(values.type))


def _piece(chunk: pa.Array) -> Any:
    if chunk.null_count:
        return chunk.to_numpy(zero_copy_only=False)
    kind = _numpy_type(chunk.type)
    return np.frombuffer(chunk.buffers()[1], kind, len(chunk), chunk.offset * kind.itemsize)


def _numpy_type(kind: pa.DataType) -> Any:
    if pa.types.is_floating(kind):
        return np.dtype(np.float64)
    return np.dtype(np.int64) if kind.bit_width == 64 else np.dtype(np.int32)


def write_actions(folder: Path, table: pa.Table) -> str:
    """Write `actions.parquet` and return its SHA-256."""
    path = folder / "actions.parquet"
    pq.write_table(table.cast(ACTIONS), path)
    return sha256_of(path)


def write_sessions(folder: Path, sessions: Sessions) -> str:
    """Write `sessions.parquet` and return its SHA-256."""
    path = folder / "sessions.parquet"
    date = pa.array(sessions.date.astype(np.int32), pa.int32()).cast(pa.date32())
    times = [
        pa.array(values, pa.int64()).cast(SESSIONS.field("open").type)
        for values in (sessions.open, sessions.close, sessions.midnight)
    ]
    pq.write_table(pa.table([date, *times], schema=SESSIONS), path)
    return sha256_of(path)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(content: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
