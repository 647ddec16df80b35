"""The two inner loops of replay: columns into event records, and sorted runs of records into one.

Both run without the GIL, so that decoding goes on while the engine works on another core.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.events import BAR, SESSION_FIRST, SESSION_LAST, SLICE_AFTER

RANK = 16
MARKET_RANK = BAR // RANK
AFTER = np.uint16(SLICE_AFTER)
FIRST, LAST = np.uint16(SESSION_FIRST), np.uint16(SESSION_LAST)


@kernel
def pack(
    out: Any,
    kind: int,
    times: tuple[Any, Any],
    code: Any,
    values: tuple[Any, Any, Any, Any, Any],
    numbers: Any,
    sequence: int,
    delay: int,
    flags: Any,
    marks: tuple[bool, bool],
    sessions: tuple[Any, Any],
    seen: Any,
    state: Any,
) -> int:
    """Fill event records with the rows that were asked for and return how many there are.

    Causal: marks read only this row and which instruments were seen in its session before it.

    Parameters
    ----------
    out : (n,) EVENT
        What to fill; every byte of the first ones is written.
    kind : int
        Kind of the events.
    times : ((n,) int64, (n,) int64)
        `ts_event`, ascending, and `ts_open`, ns UTC.
    code : (n,) int32
        The dataset's own number of each row's instrument.
    values : five (n,) float64
        For the places of open, high, low, close and volume.
    numbers : (m,) int32
        The engine's number of each of the dataset's instruments, −1 where it was not asked for.
    sequence : int
        Position of the first row in the source.
    delay : int
        Nanoseconds until a row is known.
    flags : uint16
        Marks of every row.
    marks : (bool, bool)
        Whether each row is its instrument's only one in its session; whether rows that end with the session are marked.
    sessions : ((s,) int64, (s,) int64)
        Opens and closes, ns UTC.
    seen : (m,) int64
        Session in which each instrument was last seen; updated.
    state : (1,) int64
        Session reached so far; updated.
    """
    daily, ends = marks
    opens, closes = sessions
    session = state[0]
    count = 0
    for row in range(len(code)):
        ts = times[0][row]
        while session < len(closes) and closes[session] < ts:
            session += 1
        number = numbers[code[row]]
        if number < 0:
            continue
        mark = flags
        if daily:
            mark = mark | FIRST | LAST
        elif session < len(closes) and opens[session] < ts:
            if seen[code[row]] != session:
                seen[code[row]] = session
                mark = mark | FIRST
            if ends and closes[session] == ts:
                mark = mark | LAST
        event = out[count]
        event["ts_available"] = ts + delay
        event["ts_event"] = ts
        event["sequence"] = sequence + row
        event["instrument"] = number
        event["kind"] = kind
        event["flags"] = mark
        event["ts_open"] = times[1][row]
        event["open"] = values[0][row]
        event["high"] = values[1][row]
        event["low"] = values[2][row]
        event["close"] = values[3][row]
        event["volume"] = values[4][row]
        count += 1
    state[0] = session
    return count


@kernel
def _before(left: Any, right: Any) -> bool:
    """Tell whether `left` comes strictly before `right` in the stream."""
    if left["ts_available"] != right["ts_available"]:
        return bool(left["ts_available"] < right["ts_available"])
    if left["kind"] // RANK != right["kind"] // RANK:
        return bool(left["kind"] // RANK < right["kind"] // RANK)
    return bool(left["instrument"] < right["instrument"])


@kernel
def weave(out: Any, runs: Any, starts: Any, stops: Any, rare: Any, mark: bool) -> None:
    """Merge sorted runs of events and the rare ones into one; equal keys keep the order of the runs.

    Parameters
    ----------
    out : (n + r,) EVENT
        What to fill.
    runs : (n,) EVENT
        The runs one after another, each sorted.
    starts, stops : (k,) int64
        Where each run begins and ends; `starts` is used up.
    rare : (r,) EVENT
        Sorted events that are no market data.
    mark : bool
        Whether the last event of each `ts_available` with market data gets `SLICE_AFTER`.
    """
    taken, market = 0, False
    for place in range(len(out)):
        best = -1
        for run in range(len(starts)):
            if starts[run] < stops[run] and (best < 0 or _before(runs[starts[run]], runs[starts[best]])):
                best = run
        if taken < len(rare) and (best < 0 or _before(rare[taken], runs[starts[best]])):
            out[place] = rare[taken]
            taken += 1
        else:
            out[place] = runs[starts[best]]
            starts[best] += 1
        if mark:
            if place > 0 and out[place]["ts_available"] != out[place - 1]["ts_available"]:
                if market:
                    out[place - 1]["flags"] |= AFTER
                market = False
            market = market or out[place]["kind"] // RANK == MARKET_RANK
    if mark and market:
        out[len(out) - 1]["flags"] |= AFTER


@kernel
def mark_last(events: Any) -> None:
    """Set `SLICE_AFTER` on the last event of each `ts_available` of market data, in place."""
    for place in range(len(events)):
        if place == len(events) - 1 or events[place]["ts_available"] != events[place + 1]["ts_available"]:
            events[place]["flags"] |= AFTER
