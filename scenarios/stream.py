"""What stands between the data and the engine: stages that rewrite, drop or add events.

1. The stream is cut into pieces that never tear a moment apart.
2. Each stage, in order, changes a piece; whatever it remembers, it has learned from earlier events.
3. Changed prices are put on their instrument's tick, slices are marked anew.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lockstep.data.calendar import Sessions
from lockstep.data.merge import rebatch, whole_groups
from lockstep.engine.arena import address
from lockstep.engine.events import BAR, EVENT, TRADE, Events, Flag, mark_slices
from lockstep.engine.instruments import Instrument

from .shock_kernels import LEVEL, put_on_tick


@dataclass(frozen=True)
class Stage:
    """One change of the stream, ready to run; `sentence` tells the reader of it, empty where there is no need."""

    change: Callable[[Events], Events]
    sentence: str


@dataclass(frozen=True)
class Market:
    """What stages must know of a run: instruments in canonical order, calendar, window (ns UTC), feed delay, grace."""

    instruments: tuple[Instrument, ...]
    sessions: Sessions
    replay_from: int
    last: int
    delay: int
    grace: int
    seed: int


def apply(batches: Iterable[Events], stages: Sequence[Stage], market: Market, batch_rows: int) -> Iterator[Events]:
    """Return the changed stream in batches of at most `batch_rows`."""
    return rebatch(_changed(batches, stages, market), batch_rows)


def _changed(batches: Iterable[Events], stages: Sequence[Stage], market: Market) -> Iterator[Events]:
    ticks = np.zeros(len(market.instruments), LEVEL)
    ticks["tick"] = [instrument.tick for instrument in market.instruments]
    for piece in whole_groups(batches):
        events = piece.astype(EVENT)
        for stage in stages:
            events = stage.change(events)
        _put_on_tick(events, ticks)
        if len(events):
            yield events if market.grace else mark_slices(events)


def _put_on_tick(events: Events, ticks: np.ndarray) -> None:
    kinds = events["kind"]
    shocked = (events["flags"] & np.uint16(Flag.SHOCKED)) != 0
    place = np.flatnonzero(shocked & (kinds >= BAR) & (kinds <= TRADE))
    if len(place):
        chosen = np.ascontiguousarray(events[place])
        put_on_tick(address(chosen), len(chosen), address(ticks))
        events[place] = chosen


def insert(events: Events, added: Events) -> Events:
    """Put events among others in the stream's order; those of equal keys keep theirs, the added ones last."""
    both = np.concatenate([events, added], dtype=EVENT)
    order = np.lexsort((both["instrument"], both["kind"] // 16, both["ts_available"]))
    return both[order]
