"""Replay: the events of datasets, in the one order that depends on nothing but the data.

1. The instruments asked for are numbered in canonical order (`selection`).
2. Each dataset yields its market events, row group by row group (`market`).
3. They are merged, corporate actions, listings, session closes and timers are put between them, slices are marked
   (`merge`).
4. A thread decodes a few batches ahead (`prefetch`).

Memory holds a row group per dataset and a few batches, however long the history is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY, SYNTHETIC, Events
from lockstep.engine.instruments import Instrument

from .calendar import Sessions, days, load_sessions, midnights
from .catalog import Catalog, Dataset
from .lifecycle import action_events, in_order, list_events, lived, session_events, ticker_changes, timer_events
from .manifest import Manifest
from .market import Market, Window
from .merge import add_slices, merge, rebatch
from .prefetch import prefetch
from .rows import Array
from .selection import select

FOREVER = 2**62


class Replay:
    """The events of one or more datasets as a feed; every iteration starts anew and gives the same bytes.

    Parameters
    ----------
    catalog : Catalog
        Where the datasets are.
    datasets : str or sequence of str
        Their names, in any order.
    symbols : sequence of str or None
        Tickers or ids, in any order; None takes all.
    start, end : str, int or None
        First and last day (ISO dates, exchange time, both inclusive), or instants (ISO with an offset, or ns UTC):
        bars with ``start < ts_event <= end``, all else with ``start <= ts_event < end``.
    delay_ns : int or mapping of str to int
        Nanoseconds from `ts_event` until a row is known; by dataset, if a mapping.
    grace_ns : int
        Nanoseconds after which a slice follows; 0 marks it on the last event of each group.
    batch_rows : int
        Largest batch.
    timers : iterable of (int, int)
        Timer events: ns UTC, timer number.
    actions : bool
        Whether corporate actions and changes of status are sent.
    ahead : int
        Batches to decode ahead in a thread; 0 decodes in the caller's.

    Raises
    ------
    DataError
        If a dataset or symbol is unknown, calendars differ, or nothing lies between start and end.
    """

    def __init__(
        self,
        catalog: Catalog,
        datasets: str | Sequence[str],
        symbols: Sequence[str] | None = None,
        start: str | int | None = None,
        end: str | int | None = None,
        *,
        delay_ns: int | Mapping[str, int] = 0,
        grace_ns: int = 0,
        batch_rows: int = 65_536,
        timers: Iterable[tuple[int, int]] = (),
        actions: bool = True,
        ahead: int = 4,
    ) -> None:
        names = sorted({datasets} if isinstance(datasets, str) else set(datasets))
        if not names:
            raise DataError("no dataset was named; expected at least one, see `lockstep data list`")
        opened = [catalog.dataset(name) for name in names]
        selection = select(opened, symbols)
        # A dataset of which nothing was asked for must not lend its sessions or its range.
        used = [place for place, numbers in enumerate(selection.numbers) if (numbers >= 0).any()]
        self.datasets: tuple[Dataset, ...] = tuple(opened[place] for place in used)
        self.numbers: tuple[Array, ...] = tuple(selection.numbers[place] for place in used)
        self.instruments: tuple[Instrument, ...] = selection.instruments
        self.sessions = shared_sessions(self.datasets)
        self.window = Window(
            instant(start, self.sessions.zone, -FOREVER), instant(end, self.sessions.zone, FOREVER, after=1)
        )
        self.delays = [_delay(dataset, delay_ns) for dataset in self.datasets]
        self.grace_ns, self.batch_rows, self.ahead = _natural("grace_ns", grace_ns, 0), batch_rows, ahead
        _natural("batch_rows", batch_rows, 1)
        self.actions = actions
        self.timers = tuple(timers)
        self.first, self.last = self._range()

    def __iter__(self) -> Iterator[Events]:
        return prefetch(self._batches, self.ahead) if self.ahead else self._batches()

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """The manifests of the datasets, in canonical order."""
        return tuple(dataset.manifest for dataset in self.datasets)

    def _batches(self) -> Iterator[Events]:
        markets: list[Iterable[Events]] = [
            Market(dataset, numbers, dataset.sessions(), self.window, delay)
            for dataset, numbers, delay in zip(self.datasets, self.numbers, self.delays, strict=True)
        ]
        pieces = merge(markets, self.rare(), mark=self.grace_ns == 0)
        if self.grace_ns:
            pieces = add_slices(pieces, self.grace_ns)
        return rebatch(pieces, self.batch_rows)

    def rare(self) -> Events:
        """Return all events that are not market data, sorted."""
        parts = [
            session_events(self.sessions, self.first, self.last, self.window.until, max(self.delays)),
            timer_events((ts, number) for ts, number in self.timers if self.window.after <= ts < self.window.until),
        ]
        if self.actions:
            parts += self._status()
        return in_order(parts)

    def _status(self) -> list[Events]:
        delay = min(self.delays)
        numbers = np.arange(len(self.instruments), dtype=np.int32)
        first = self._first_rows()
        # An instrument may be announced before it has a row; it is listed once there is one.
        numbers = np.where(first < FOREVER, numbers, np.int32(-1))
        listed = list_events(first, self._start(), self.sessions, delay, numbers)
        listed = listed[listed["ts_event"] < self.last]  # what comes later is none of this replay's business
        synthetic = np.array([SYNTHETIC * each.synthetic for each in self.instruments], np.uint16)
        listed["flags"] |= synthetic[listed["instrument"]]
        parts = [listed]
        for dataset, numbers in zip(self.datasets, self.numbers, strict=True):
            events = action_events(dataset.actions(), numbers, delay)
            if dataset.manifest.synthetic:
                events["flags"] |= SYNTHETIC
            parts.append(lived(events, self._start(), self.last, self.sessions))
        return parts

    def _start(self) -> int:
        """Return when the replay begins: as asked, or 00:00 exchange time of the first row's session."""
        place = int(np.searchsorted(self.sessions.midnight, self.first)) - 1
        return max(self.window.after, int(self.sessions.midnight[max(place, 0)]))

    def _first_rows(self) -> Array:
        first = np.full(len(self.instruments), FOREVER, np.int64)
        for manifest, numbers in zip(self.manifests, self.numbers, strict=True):
            chosen = numbers >= 0
            rows = np.array([entry.first if entry.rows else FOREVER for entry in manifest.instruments], np.int64)
            np.minimum.at(first, numbers[chosen], rows[chosen])
        return first

    def _range(self) -> tuple[int, int]:
        """Return the first and the last instant at which there can be market data."""
        entries = [
            entry
            for manifest, numbers in zip(self.manifests, self.numbers, strict=True)
            for entry, number in zip(manifest.instruments, numbers, strict=True)
            if number >= 0 and entry.rows
        ]
        if not entries:
            names = ", ".join(manifest.name for manifest in self.manifests)
            raise DataError(f"{names}: none of the symbols asked for has a row yet; choose others or a later end")
        first, last = min(entry.first for entry in entries), max(entry.last for entry in entries)
        if first > self.window.until or last < self.window.after:
            names = ", ".join(manifest.name for manifest in self.manifests)
            raise DataError(
                f"{names}: no rows between start and end; the data runs from {_iso(first)} to {_iso(last)} UTC"
            )
        # A session that closes just as the window opens is over.
        return max(first, self.window.after + 1), min(last, self.window.until)

    def renames(self) -> dict[tuple[int, int], str]:
        """Return what each `RENAME` event says ("OLD to NEW"), by its `ts_event` (ns UTC) and instrument number."""
        found: dict[tuple[int, int], str] = {}
        for dataset, numbers in zip(self.datasets, self.numbers, strict=True):
            tickers = [entry.first_ticker for entry in dataset.manifest.instruments]
            found |= ticker_changes(dataset.actions(), numbers, tickers)
        return found

    def describe(self) -> list[dict[str, Any]]:
        """Return what a run's manifest says of its data."""
        return [describe(manifest) for manifest in self.manifests]


def describe(manifest: Manifest) -> dict[str, Any]:
    """Return what a run's manifest says of a dataset."""
    return {
        "dataset": manifest.name,
        "kind": manifest.kind,
        "timeframe": manifest.timeframe,
        "hash": manifest.hash,
        "rows": manifest.rows,
        "first": _iso(manifest.first),
        "last": _iso(manifest.last),
        "adjusted": manifest.adjusted,
        "source": manifest.source,
        "licence": manifest.licence,
        "synthetic": manifest.synthetic,
        "survivorship": manifest.survivorship,
        "findings": [
            {"rule": finding.rule, "count": finding.count, "detail": finding.detail}
            for finding in (*manifest.findings, *(repair.as_finding() for repair in manifest.repairs))
        ],
    }


def shared_sessions(datasets: Sequence[Dataset]) -> Sessions:
    """Return the sessions that cover all datasets.

    Raises
    ------
    DataError
        If their calendars differ.
    """
    calendars = sorted({dataset.manifest.calendar for dataset in datasets})
    if len(calendars) > 1:
        names = ", ".join(f"{dataset.manifest.name} ({dataset.manifest.calendar})" for dataset in datasets)
        raise DataError(f"calendars differ: {names}; replay datasets of one calendar at a time")
    parts = sorted((dataset.sessions() for dataset in datasets), key=lambda part: int(part.date[0]))
    union = parts[0]
    for part in parts[1:]:
        union = _join(union, part)
    return union


def _join(left: Sessions, right: Sessions) -> Sessions:
    if right.date[-1] <= left.date[-1]:
        return left
    if right.date[0] > left.date[-1]:
        # Datasets far apart: the sessions between them are in neither.
        first, last = (str(np.datetime64(int(day), "D")) for day in (left.date[0], right.date[-1]))
        return load_sessions(left.calendar, first, last)
    new = right.date > left.date[-1]
    columns = (
        np.concatenate([getattr(left, name), getattr(right, name)[new]])
        for name in ("date", "open", "close", "midnight")
    )
    return Sessions(left.calendar, left.zone, *columns)


def instant(value: str | int | None, zone: str, default: int, after: int = 0) -> int:
    """Return ns UTC of a date (00:00 in `zone`, `after` days later), of an ISO instant with an offset, or of ns UTC.

    Raises
    ------
    DataError
        If the text is neither.
    """
    if value is None:
        return default
    if isinstance(value, int):
        return value
    try:
        if len(value) == 10:
            return int(midnights(np.array([days(value) + after], np.int64), zone)[0])
        moment = np.datetime64(_utc(value), "ns")
    except ValueError as error:
        raise DataError(
            f"time {value!r}: expected a date such as 2015-12-31, or an instant with an offset such as "
            "2015-12-31T16:00:00-05:00"
        ) from error
    return int(moment.astype(np.int64))


def _utc(value: str) -> str:
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _delay(dataset: Dataset, delay: int | Mapping[str, int]) -> int:
    value = delay if isinstance(delay, int) else delay.get(dataset.manifest.name, 0)
    return _natural(f"delay of {dataset.manifest.name}", value, 0)


def _natural(name: str, value: int, least: int) -> int:
    if not least <= value <= 365 * DAY:
        raise DataError(f"{name} = {value}, expected a whole number from {least}")
    return value


def _iso(ts: int) -> str:
    return str(np.datetime64(int(ts), "ns").astype("datetime64[s]"))
