"""A feed that is already in memory, cut to the window of a run."""

from collections.abc import Iterator

import numpy as np

from lockstep.data.calendar import Sessions
from lockstep.data.frames import FrameFeed
from lockstep.data.lifecycle import timer_events
from lockstep.data.merge import rebatch
from lockstep.engine.events import BAR, CLOSE, EVENT, LIST, TRADE, Events, mark_slices, sort_events
from lockstep.engine.instruments import Instrument

from .stream import insert


class Clip:
    """The part of a `FrameFeed` that a run replays; listings from before it come at its start.

    Parameters
    ----------
    feed : FrameFeed
        All there is.
    after, until : int
        Bars with ``after < ts_event <= until``, all else with ``after <= ts_event < until``, ns UTC.
    grace : int
        Nanoseconds until a slice; 0 marks it on the last event of each moment.
    """

    def __init__(self, feed: FrameFeed, after: int, until: int, grace: int) -> None:
        self.instruments: tuple[Instrument, ...] = feed.instruments
        self.sessions: Sessions = feed.sessions
        self.batch_rows = feed.batch_rows
        self.timers: tuple[tuple[int, int], ...] = ()
        self.renames = feed.renames
        self.events = cut(feed.events, after, until)
        self._window, self._grace = (after, until), grace

    @property
    def first(self) -> int:
        """The first market event, ns UTC."""
        return int(self._market().min())

    @property
    def last(self) -> int:
        """The last market event, ns UTC."""
        return int(self._market().max())

    def _market(self) -> np.ndarray:
        kinds = self.events["kind"]
        return self.events["ts_event"][(kinds >= BAR) & (kinds <= TRADE)]

    def __iter__(self) -> Iterator[Events]:
        after, until = self._window
        due = timer_events((ts, number) for ts, number in self.timers if after <= ts < until)
        events = insert(self.events, due)
        return rebatch([events if self._grace else mark_slices(events)], self.batch_rows)


def cut(events: Events, after: int, until: int) -> Events:
    """Return the events of a window, see `Clip`."""
    chosen = events.astype(EVENT)
    early = (chosen["kind"] == LIST) & (chosen["ts_event"] < after)
    for name in ("ts_event", "ts_available"):
        chosen[name] = np.where(early, after, chosen[name])
    ts, bars = chosen["ts_event"], (chosen["kind"] >= BAR) & (chosen["kind"] <= CLOSE)
    kept = np.where(bars, (after < ts) & (ts <= until), (after <= ts) & (ts < until))
    # A session's close is known only after its bars, and may lie on the very end.
    kept |= (chosen["kind"] > TRADE) & (after < ts) & (ts <= until)
    return sort_events(chosen[kept])
