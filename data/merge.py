"""Merge sorted streams of events into one, in bounded memory and in one order whatever the pieces were.

1. Each market stream is cut so that no group of equal `ts_available` is torn between two pieces.
2. Market streams are merged up to the earliest of their last times; beyond it some stream may still have more to say.
3. The rare events (corporate actions, status, timers, session closes) are put between them.
4. Slices are marked on the last event of a group, or follow as events of their own after the grace.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from lockstep.engine.events import BAR, SLICE, Events, empty, mark_slices

from .calendar import Ints

MARKET_RANK = BAR // 16


def whole_groups(stream: Iterable[Events]) -> Iterator[Events]:
    """Yield the same events cut so that equal `ts_available` never straddles two pieces."""
    tail: Events | None = None
    for events in stream:
        if tail is not None:
            same = int(np.searchsorted(events["ts_available"], tail["ts_available"][0], "right"))
            tail = np.concatenate([tail, events[:same]]) if same else tail
            events = events[same:]
            if len(events) == 0:
                continue
            yield tail
        ts = events["ts_available"]
        cut = int(np.searchsorted(ts, ts[-1]))
        if cut:
            yield events[:cut]
        tail = events[cut:]
    if tail is not None:
        yield tail


def merge(streams: list[Iterable[Events]]) -> Iterator[Events]:
    """Merge sorted streams; ties are ordered by rank, instrument, then by the order of `streams`.

    Yields pieces whose last group is complete.
    """
    sources = [whole_groups(stream) for stream in streams]
    if len(sources) == 1:
        yield from sources[0]
        return
    heads = {number: head for number, source in enumerate(sources) if (head := next(source, None)) is not None}
    while heads:
        until = min(int(head["ts_available"][-1]) for head in heads.values())
        parts = []
        for number in sorted(heads):
            head = heads[number]
            cut = int(np.searchsorted(head["ts_available"], until, "right"))
            if cut:
                parts.append(head[:cut])
            _advance(heads, number, head[cut:], sources[number])
        yield _weave(parts)


def _advance(heads: dict[int, Events], number: int, rest: Events, source: Iterator[Events]) -> None:
    head = rest if len(rest) else next(source, None)
    if head is None:
        del heads[number]
    else:
        heads[number] = head


def _weave(parts: list[Events]) -> Events:
    if len(parts) == 1:
        return parts[0]
    events = np.concatenate(parts)
    within = (events["kind"].astype(np.int64) // 16 << 32) | (events["instrument"].astype(np.int64) + 1)
    return events[np.lexsort((within, events["ts_available"]))]


def insert_rare(pieces: Iterable[Events], rare: Events) -> Iterator[Events]:
    """Put few events that are no market data (sorted, complete) between pieces of market data with whole groups."""
    done = 0
    times = rare["ts_available"]
    for events in pieces:
        ts = events["ts_available"]
        stop = int(np.searchsorted(times, ts[-1], "right"))
        if stop == done:
            yield events
            continue
        ready = rare[done:stop]
        before = ready["kind"] // 16 < MARKET_RANK
        at = np.where(
            before,
            np.searchsorted(ts, ready["ts_available"], "left"),
            np.searchsorted(ts, ready["ts_available"], "right"),
        )
        yield np.insert(events, at, ready)
        done = stop
    if done < len(rare):
        yield rare[done:]


def add_slices(pieces: Iterable[Events], grace: int) -> Iterator[Events]:
    """Mark the last event of each group with market data, or, with a grace (ns), let a slice event follow after it."""
    if grace == 0:
        for events in pieces:
            yield mark_slices(events)
        return
    waiting = empty(0)
    for events in pieces:
        waiting = np.concatenate([waiting, _slices(events, grace)])
        ready = int(np.searchsorted(waiting["ts_available"], events["ts_available"][-1], "right"))
        at = np.searchsorted(events["ts_available"], waiting["ts_available"][:ready], "right")
        yield np.insert(events, at, waiting[:ready]) if ready else events
        waiting = waiting[ready:]
    if len(waiting):
        yield waiting


def _slices(events: Events, grace: int) -> Events:
    market = events[events["kind"] // 16 == MARKET_RANK]
    last: Ints = np.flatnonzero(
        np.append(market["ts_available"][1:] != market["ts_available"][:-1], True)[: len(market)]
    )
    slices = empty(len(last))
    slices["kind"] = SLICE
    slices["ts_event"] = market["ts_event"][last]
    slices["ts_available"] = market["ts_available"][last] + grace
    slices["sequence"] = np.arange(len(last))
    return slices


def rebatch(pieces: Iterable[Events], rows: int) -> Iterator[Events]:
    """Yield contiguous batches of at most `rows` events."""
    for events in pieces:
        for start in range(0, len(events), rows):
            yield np.ascontiguousarray(events[start : start + rows])
