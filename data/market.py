"""Market events of one dataset: row groups decoded one at a time and packed into `EVENT` records."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockstep.engine.errors import DataError
from lockstep.engine.events import BAR, CLOSE, EVENT, QUOTE, SYNTHETIC, TRADE, Events

from .calendar import Ints, Sessions
from .catalog import Dataset
from .kernels import pack
from .manifest import FileEntry, RowKind
from .rows import Array
from .schema import TIMES, VALUES
from .writer import column

PIECE = 65_536
"""Rows packed at a time."""
KINDS: dict[RowKind, int] = {"bars": BAR, "closes": CLOSE, "quotes": QUOTE, "trades": TRADE}
PLACES: dict[RowKind, tuple[str, ...]] = {
    "bars": ("open", "high", "low", "close", "volume"),
    "closes": ("", "", "", "close", ""),
    "quotes": ("bid", "ask", "bid_size", "ask_size", ""),
    "trades": ("price", "size", "", "", ""),
}
"""Columns that go into the five numbers of an event; empty for 0."""


@dataclass(frozen=True)
class Window:
    """What is asked for: bars with ``after < ts_event <= until``, ticks with ``after <= ts_event < until``."""

    after: int
    until: int

    def rows(self, ts: Ints, kind: RowKind) -> slice:
        """Return the rows inside, of rows sorted by time."""
        side = "right" if kind in ("bars", "closes") else "left"
        return slice(int(np.searchsorted(ts, self.after, side)), int(np.searchsorted(ts, self.until, side)))  # type: ignore[call-overload]

    def overlaps(self, first: int, last: int) -> bool:
        """Tell whether rows from `first` to `last` may lie inside."""
        return last >= self.after and first <= self.until


class Market:
    """The market events of one dataset, in order.

    Parameters
    ----------
    dataset : Dataset
        Where the rows lie.
    numbers : (n,) int32
        The engine's number of each of the dataset's instruments, −1 where not asked for; increasing elsewhere.
    sessions : Sessions
        The dataset's calendar.
    window : Window
        What is asked for.
    delay : int
        Nanoseconds from a row's `ts_event` until it is known.
    """

    def __init__(self, dataset: Dataset, numbers: Array, sessions: Sessions, window: Window, delay: int) -> None:
        self.dataset, self.numbers, self.window, self.delay = dataset, numbers, window, delay
        self.kind = dataset.manifest.kind
        self.sessions = sessions
        self.flags = SYNTHETIC if dataset.manifest.synthetic else 0

    def __iter__(self) -> Iterator[Events]:
        packer = Packer(self.dataset.manifest.kind, self.numbers, self.sessions, self.delay, self.flags)
        packer.daily = self.dataset.manifest.label == "session"
        for entry in self.dataset.manifest.files:
            if self.window.overlaps(entry.first, entry.last):
                yield from self._file(entry, packer)

    def _file(self, entry: FileEntry, packer: "Packer") -> Iterator[Events]:
        if self.dataset.storage.size(f"{self.dataset.folder}/{entry.path}") != entry.bytes:
            raise DataError(
                f"dataset {self.dataset.manifest.name!r}: {entry.path} is missing or not {entry.bytes} bytes long as "
                "its manifest says; import the dataset again"
            )
        with self.dataset.open(entry.path) as file:
            offset = entry.offset
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if self.window.overlaps(*_range(file, group)):
                    columns, start = self._columns(file, group)
                    yield from packer(columns, offset + start)
                offset += count

    def _columns(self, file: pq.ParquetFile, group: int) -> tuple[dict[str, Array], int]:
        """Return a row group's rows inside the window, and the place of the first of them in the group."""
        names = [*TIMES[self.kind], "instrument", *VALUES[self.kind]]
        try:
            table = file.read_row_group(group, columns=names, use_threads=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                f"dataset {self.dataset.manifest.name!r}: row group {group} is damaged ({error}); import it again"
            ) from error
        columns = {name: column(table, name) for name in names}
        part = self.window.rows(columns["ts_event"], self.kind)
        return {name: values[part] for name, values in columns.items()}, part.start


class Packer:
    """Turns columns into events, piece by piece, and keeps in mind which instruments a session has seen.

    The first bar of an instrument in a session is marked, and the bar that ends with the session. Both are causal: the
    first is the first that was seen, the last the one whose `ts_event` is the session's close. Rows outside sessions
    (extended hours) carry no mark.

    Parameters
    ----------
    kind : str
        Kind of the rows.
    numbers : (n,) int32
        The engine's number of each instrument, −1 to leave it out.
    sessions : Sessions
        The calendar.
    delay : int
        Nanoseconds until a row is known.
    flags : int
        Marks of every event.
    """

    def __init__(self, kind: RowKind, numbers: Array, sessions: Sessions, delay: int, flags: int) -> None:
        self.kind, self.numbers, self.delay, self.flags = kind, numbers, delay, np.uint16(flags)
        self.sessions = (sessions.open, sessions.close)
        self.daily = False
        self.seen = np.full(len(numbers), -1, np.int64)
        self.state = np.zeros(1, np.int64)

    def __call__(self, columns: dict[str, Array], sequence: int) -> Iterator[Events]:
        """Yield the events of rows that follow those already packed; `sequence` is the first one's place."""
        ts, code = columns["ts_event"], columns["instrument"]
        nothing = np.zeros(min(len(ts), PIECE))
        for start in range(0, len(ts), PIECE):
            part = slice(start, min(start + PIECE, len(ts)))
            size = part.stop - start
            values: Any = tuple(columns[name][part] if name else nothing[:size] for name in PLACES[self.kind])
            opened = columns["ts_open"][part] if self.kind == "bars" else ts[part]
            events = np.empty(size, EVENT)
            count = pack(
                events,
                KINDS[self.kind],
                (ts[part], opened),
                code[part],
                values,
                self.numbers,
                sequence + start,
                self.delay,
                self.flags,
                (self.daily, self.kind in ("bars", "closes")),
                self.sessions,
                self.seen,
                self.state,
            )
            if count:
                yield events[:count]


def _range(file: pq.ParquetFile, group: int) -> tuple[int, int]:
    statistics = file.metadata.row_group(group).column(0).statistics
    return int(statistics.min_raw), int(statistics.max_raw)
