"""Merge sorted streams of events into one, in bounded memory and in one order whatever the pieces were.

1. Each market stream is cut so that no group of equal `ts_available` is torn between two pieces.
2. Market streams are merged up to the earliest of their last times; beyond it some stream may still have more to say.
3. The rare events (corporate actions, status, timers, session closes) are put between them in the same pass, and the
   last event of each group is marked.
4. With a grace, slices follow as events of their own.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from lockstep.engine.events import EVENT, SLICE, Events, empty

from .calendar import Ints
from .kernels import MARKET_RANK, mark_last, weave
from .records import concatenate, insert


def whole_groups(stream: Iterable[Events]) -> Iterator[Events]:
    """Yield the same events cut so that equal `ts_available` never straddles two pieces."""
    tail: Events | None = None
    for events in stream:
        if tail is not None:
            same = int(np.searchsorted(events["ts_available"], tail["ts_available"][0], "right"))
            tail = concatenate([tail, events[:same]]) if same else tail
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


def merge(streams: list[Iterable[Events]], rare: Events, *, mark: bool) -> Iterator[Events]:
    """Merge sorted streams of market events and the rare ones; ties are ordered by rank, instrument, stream.

    Parameters
    ----------
    streams : list of iterables of (n,) EVENT
        Market events, each sorted.
    rare : (r,) EVENT
        All other events, sorted.
    mark : bool
        Whether the last event of each `ts_available` with market data gets `SLICE_AFTER`.

    Yields
    ------
    (n,) EVENT
        Pieces whose last group is complete.
    """
    done = 0
    for runs in _together([whole_groups(stream) for stream in streams]):
        last = max(int(run["ts_available"][-1]) for run in runs)
        stop = int(np.searchsorted(rare["ts_available"], last, "right"))
        yield _weave(runs, rare[done:stop], mark=mark)
        done = stop
    if done < len(rare):
        yield rare[done:]


def _together(sources: list[Iterator[Events]]) -> Iterator[list[Events]]:
    """Yield runs of several streams that cover the same span: up to where some stream may still have more to say."""
    heads = {number: head for number, source in enumerate(sources) if (head := next(source, None)) is not None}
    while heads:
        until = min(int(head["ts_available"][-1]) for head in heads.values())
        runs = []
        for number in sorted(heads):
            head = heads[number]
            cut = int(np.searchsorted(head["ts_available"], until, "right"))
            if cut:
                runs.append(head[:cut])
            _advance(heads, number, head[cut:], sources[number])
        yield runs


def _advance(heads: dict[int, Events], number: int, rest: Events, source: Iterator[Events]) -> None:
    head = rest if len(rest) else next(source, None)
    if head is None:
        del heads[number]
    else:
        heads[number] = head


def _weave(runs: list[Events], rare: Events, *, mark: bool) -> Events:
    if len(runs) == 1 and len(rare) == 0:
        if mark:
            mark_last(runs[0])
        return runs[0]
    joined = runs[0] if len(runs) == 1 else concatenate(runs)
    stops = np.cumsum([len(run) for run in runs])
    out = np.empty(len(joined) + len(rare), EVENT)
    weave(out, joined, np.append(0, stops[:-1]), stops, rare, mark)
    return out


def add_slices(pieces: Iterable[Events], grace: int) -> Iterator[Events]:
    """Let a slice event follow each group with market data after the grace (ns, above 0)."""
    waiting = empty(0)
    for events in pieces:
        waiting = concatenate([waiting, _slices(events, grace)])
        ready = int(np.searchsorted(waiting["ts_available"], events["ts_available"][-1], "right"))
        at = np.searchsorted(events["ts_available"], waiting["ts_available"][:ready], "right")
        yield insert(events, at, waiting[:ready]) if ready else events
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
