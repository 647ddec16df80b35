"""The rare events of a replay: corporate actions, listings, session closes and timers, as `EVENT` records."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from lockstep.engine.events import DELIST, DIVIDEND, LIST, SESSION_CLOSE, SPLIT, TIMER, Events, empty, sort_events

from .actions import KINDS
from .calendar import Ints, Sessions
from .records import concatenate
from .rows import Array
from .writer import column


def action_events(table: pa.Table, numbers: Array, delay: int) -> Events:
    """Return a dataset's actions as events.

    Parameters
    ----------
    table : Table
        With the columns of `schema.ACTIONS`.
    numbers : (n,) int32
        The engine's number of each of the dataset's instruments, −1 where it was not asked for.
    delay : int
        The instrument's feed delay (ns): an action takes its place among the rows as they become known.
    """
    kinds = np.array([int(KINDS[kind]) for kind in table.column("kind").to_pylist()], np.int16)
    events = empty(table.num_rows)
    events["ts_event"] = column(table, "ts_event")
    events["ts_available"] = events["ts_event"] + delay
    events["instrument"] = numbers[column(table, "instrument")]
    events["kind"] = kinds
    _fill(events, kinds == SPLIT, table, ("numerator", "denominator"))
    _fill(events, kinds == DIVIDEND, table, ("pay_ts", "amount"))
    _fill(events, kinds == DELIST, table, ("terminal",))
    kept = events[events["instrument"] >= 0]
    kept["sequence"] = np.arange(len(kept))
    return kept


def ticker_changes(table: pa.Table, numbers: Array, tickers: Sequence[str]) -> dict[tuple[int, int], str]:
    """Return what each `RENAME` of a dataset says, as "OLD to NEW", by its `ts_event` (ns UTC) and instrument.

    Parameters
    ----------
    table : Table
        With the columns of `schema.ACTIONS`, sorted by time.
    numbers : (n,) int32
        The engine's number of each of the dataset's instruments, −1 where it was not asked for.
    tickers : sequence of str
        The first ticker of each of the dataset's instruments.
    """
    current = list(tickers)
    found: dict[tuple[int, int], str] = {}
    columns = (
        column(table, "ts_event"),
        *(table.column(name).to_pylist() for name in ("instrument", "kind", "symbol")),
    )
    for ts, place, kind, ticker in zip(*columns, strict=True):
        if kind == "rename":
            if numbers[place] >= 0:
                found[int(ts), int(numbers[place])] = f"{current[place]} to {ticker}"
            current[place] = ticker
    return found


def _fill(events: Events, where: Array, table: pa.Table, fields: tuple[str, ...]) -> None:
    for name in fields:
        values = events[name].copy()
        values[where] = column(table, name)[where]
        events[name] = values


def lived(events: Events, start: int, last: int, sessions: Sessions) -> Events:
    """Return the actions and changes of status that a replay lives to see.

    Parameters
    ----------
    events : (n,) EVENT
        Of ranks 0 and 1.
    start, last : int
        Start of the replay and its last market event, ns UTC. What changes a price must come before it, since no price
        follows it; a delisting may come up to the next session's date.
    sessions : Sessions
        The calendar.
    """
    following = int(np.searchsorted(sessions.midnight, last))
    end = int(sessions.midnight[following]) if following < len(sessions) else last
    ts = events["ts_event"]
    prices = (events["kind"] == SPLIT) | (events["kind"] == DIVIDEND)
    return events[(ts >= start) & np.where(prices, ts <= last, ts <= end)]


def list_events(first: Ints, start: int, sessions: Sessions, delay: int, numbers: Array) -> Events:
    """Return a LIST event for each instrument: 00:00 exchange time of its first row's date, or `start` if later.

    Parameters
    ----------
    first : (n,) int64
        `ts_event` of each instrument's first row, ns UTC.
    start : int
        Start of the replay, ns UTC.
    sessions : Sessions
        Their calendar.
    delay : int
        Feed delay (ns).
    numbers : (n,) int32
        The engine's numbers; −1 leaves one out.
    """
    events = empty(len(first))
    place = np.maximum(np.searchsorted(sessions.midnight, first, "left") - 1, 0)
    events["ts_event"] = np.maximum(sessions.midnight[place], start)
    events["ts_available"] = events["ts_event"] + delay
    events["kind"] = LIST
    events["instrument"] = numbers
    return events[numbers >= 0]


def session_events(sessions: Sessions, first: int, last: int, until: int, delay: int) -> Events:
    """Return the session closes from the session of `first` to that of `last`, none after `until`.

    Parameters
    ----------
    sessions : Sessions
        The calendar, reaching beyond `last`.
    first, last : int
        First and last market event, ns UTC.
    until : int
        End of the replay, ns UTC.
    delay : int
        The largest feed delay (ns).
    """
    start = int(np.searchsorted(sessions.close, first))
    stop = int(np.searchsorted(sessions.open, last))
    stop = min(stop, int(np.searchsorted(sessions.close, until, "right")))
    part = sessions.slice(start, stop)
    events = empty(len(part))
    events["ts_event"] = part.close
    events["ts_available"] = part.close + delay
    events["kind"] = SESSION_CLOSE
    events["sequence"] = np.arange(len(part))
    events["session"] = np.arange(len(part))
    events["nights"] = sessions.nights()[start : start + len(part)]
    return events


def timer_events(timers: Iterable[tuple[int, int]]) -> Events:
    """Return timers, given as (ns UTC, timer number)."""
    pairs = sorted(timers)
    events = empty(len(pairs))
    if pairs:
        ts, number = (np.array(values, np.int64) for values in zip(*pairs, strict=True))
        events["ts_event"] = events["ts_available"] = ts
        events["kind"] = TIMER
        events["timer"] = number
        events["sequence"] = np.arange(len(pairs))
    return events


def in_order(parts: list[Events]) -> Events:
    """Return all parts as one sorted array."""
    return sort_events(concatenate(parts))
