"""Market events of one dataset: row groups decoded one at a time and packed into `EVENT` records."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockstep.engine.errors import DataError
from lockstep.engine.events import (
    BAR,
    CLOSE,
    EVENT,
    QUOTE,
    SESSION_FIRST,
    SESSION_LAST,
    SYNTHETIC,
    TRADE,
    Events,
)

from .calendar import Ints, Sessions
from .catalog import Dataset
from .manifest import FileEntry, RowKind
from .rows import Array
from .schema import TIMES, VALUES
from .writer import column

PIECE = 16_384
"""Rows packed at a time: small enough that the records stay in the cache between one field and the next."""
KINDS: dict[RowKind, int] = {"bars": BAR, "closes": CLOSE, "quotes": QUOTE, "trades": TRADE}
FIELDS = {"price": "last"}
"""Fields of the event whose name differs from the column's."""


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
        self.flagger = Flagger(sessions, len(numbers), daily=dataset.manifest.label == "session")
        self.flags = SYNTHETIC if dataset.manifest.synthetic else 0

    def __iter__(self) -> Iterator[Events]:
        self.flagger.reset()
        for entry in self.dataset.manifest.files:
            if self.window.overlaps(entry.first, entry.last):
                yield from self._file(entry)

    def _file(self, entry: FileEntry) -> Iterator[Events]:
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
                    events = self._group(file, group, offset)
                    if len(events):
                        yield events
                offset += count

    def _group(self, file: pq.ParquetFile, group: int, offset: int) -> Events:
        names = [*TIMES[self.kind], "instrument", *VALUES[self.kind]]
        try:
            table = file.read_row_group(group, columns=names, use_threads=False)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                f"dataset {self.dataset.manifest.name!r}: row group {group} is damaged ({error}); import it again"
            ) from error
        columns = {name: column(table, name) for name in names}
        part = self.window.rows(columns["ts_event"], self.kind)
        columns = {name: values[part] for name, values in columns.items()}
        sequence = np.arange(offset + part.start, offset + part.start + len(columns["ts_event"]), dtype=np.int64)
        wanted = self.numbers[columns["instrument"]] >= 0
        if not wanted.all():
            columns = {name: values[wanted] for name, values in columns.items()}
            sequence = sequence[wanted]
        return self._pack(columns, sequence)

    def _pack(self, columns: dict[str, Array], sequence: Ints) -> Events:
        flags = self.flagger(columns["ts_event"], columns["instrument"]) | np.uint16(self.flags)
        events = np.empty(len(sequence), EVENT)
        for start in range(0, len(events), PIECE):
            part = slice(start, start + PIECE)
            piece = {name: values[part] for name, values in columns.items()}
            number = self.numbers[piece["instrument"]]
            pack(events[part], self.kind, piece, number, sequence[part], flags[part], self.delay)
        return events


def pack(
    events: Events,
    kind: RowKind,
    columns: dict[str, Array],
    number: Array,
    sequence: Ints,
    flags: Array,
    delay: int,
) -> None:
    """Fill events with market data, in place.

    Parameters
    ----------
    events : (n,) EVENT
        What to fill; every byte is written.
    kind : str
        Kind of the rows.
    columns : dict of str to (n,) arrays
        ``ts_event`` (int64 ns), ``ts_open`` for bars, and the kind's numbers.
    number : (n,) int32
        The engine's numbers of the instruments.
    sequence : (n,) int64
        Positions in the source.
    flags : (n,) uint16
        Marks.
    delay : int
        Nanoseconds until a row is known.
    """
    ts = columns["ts_event"]
    events["ts_event"] = ts
    np.add(ts, delay, out=events["ts_available"])
    events["sequence"] = sequence
    events["instrument"] = number
    events["kind"] = KINDS[kind]
    events["flags"] = flags
    events["ts_open"] = columns.get("ts_open", ts)
    if kind == "bars":
        for name in VALUES["bars"]:
            events[name] = columns[name]
        return
    for name in ("open", "high", "low", "close", "volume"):
        events[name] = 0.0
    for name in VALUES[kind]:
        events[FIELDS.get(name, name)] = columns[name]


class Flagger:
    """Marks the first bar of an instrument in a session, and the bar that ends with the session.

    Causal: the first bar is the first that was seen; the last is the one whose `ts_event` is the session's close, so
    that no mark depends on what follows. Rows outside sessions (extended hours) carry no mark.

    Parameters
    ----------
    sessions : Sessions
        The calendar.
    instruments : int
        How many there are.
    daily : bool
        Whether each row is its instrument's only one in the session.
    """

    def __init__(self, sessions: Sessions, instruments: int, *, daily: bool) -> None:
        self.sessions, self.instruments, self.daily = sessions, instruments, daily
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self.session = -1
        self.seen = np.zeros(self.instruments, bool)

    def __call__(self, ts: Ints, instrument: Array) -> Array:
        """Return the flags of rows that follow those already seen; `ts` is sorted."""
        if self.daily:
            return np.full(len(ts), SESSION_FIRST | SESSION_LAST, np.uint16)
        flags = np.zeros(len(ts), np.uint16)
        if len(ts) == 0:
            return flags
        first = int(np.searchsorted(self.sessions.close, ts[0]))
        last = int(np.searchsorted(self.sessions.open, ts[-1]))
        for session in range(first, min(last, len(self.sessions))):
            self._mark(session, ts, instrument, flags)
        return flags

    def _mark(self, session: int, ts: Ints, instrument: Array, flags: Array) -> None:
        opened, closed = self.sessions.open[session], self.sessions.close[session]
        start, stop = np.searchsorted(ts, [opened, closed], "right")
        flags[np.searchsorted(ts, closed) : stop] |= SESSION_LAST
        if session != self.session:
            self.session = session
            self.seen[:] = False
        new = np.flatnonzero(~self.seen[instrument[start:stop]])
        if len(new) == 0:
            return
        codes = instrument[start:stop][new]
        place = np.full(self.instruments, -1, np.int64)
        place[codes[::-1]] = new[::-1]  # the last assignment to an index wins: its first row
        flags[start + place[place >= 0]] |= SESSION_FIRST
        self.seen[codes] = True


def _range(file: pq.ParquetFile, group: int) -> tuple[int, int]:
    statistics = file.metadata.row_group(group).column(0).statistics
    return int(statistics.min_raw), int(statistics.max_raw)
