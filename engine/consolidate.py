"""Bars of longer timeframes, built bar by bar: minutes into hours, days into weeks.

1. `update` is given every bar of the shorter timeframe and puts it into the bucket in which it closes.
2. A bucket is over when a bar closes exactly at its end or the session has had its last bar; where bars are missing,
   when something later shows it: the first bar beyond it, or `finish`, called at a timer.
3. Then and never earlier its bar stands in ``state.done``, with the time at which that was known.

A bar that is still forming is never shown. Buckets are spans since the session's open, so that daylight saving moves
them with the exchange and a half day ends its last one early; or whole sessions; or weeks.
"""

from typing import Any

import numpy as np

from .arena import address, at
from .compile import kernel
from .events import BAR, DAY, SESSION_FIRST, SESSION_LAST
from .mathx import finite
from .python_strategy import Bar

SPAN, SESSIONS, WEEKS = 0, 1, 2
_MONDAY = 3
"""1970-01-01 was a Thursday: weeks begin three days before."""

CONSOLIDATED = np.dtype(
    [(name, "<i8") for name in ("ts_open", "ts", "ts_known", "count")]
    + [(name, "<f8") for name in ("open", "high", "low", "close", "volume")]
)
"""A consolidated bar: `ts_open` of its first part, `ts` the close of its last, `ts_known` when it was known (ns UTC),
`count` parts; prices as those of its parts, volume their sum."""


_PART = np.dtype(
    [(name, "<i8") for name in ("ts_open", "ts_event", "ts_available", "kind", "flags")]
    + [(name, "<f8") for name in ("open", "high", "low", "close", "volume")]
)


def dtype() -> np.dtype[Any]:
    """Return the record that holds one instrument's bars of one longer timeframe."""
    numbers = ("kind", "length", "opened", "told", "sessions", "bucket", "begun", "seen")
    return np.dtype([*((name, "<i8") for name in numbers), ("forming", CONSOLIDATED), ("done", CONSOLIDATED)])


@kernel
def start_span(state: Any, span: int) -> None:
    """Ask for bars of `span` ns since the session's open, a multiple of the shorter bars' length."""
    state.kind, state.length = SPAN, max(span, 1)
    state.begun = state.seen = -(2**62)


@kernel
def start_sessions(state: Any, sessions: int) -> None:
    """Ask for bars of so many whole sessions."""
    state.kind, state.length = SESSIONS, max(sessions, 1)
    state.begun = state.seen = -(2**62)


@kernel
def start_weeks(state: Any) -> None:
    """Ask for bars of calendar weeks, Monday to Sunday by the UTC date of the shorter bars' closes.

    That a week is over shows only when the next one's first bar has come, unless a timer calls `finish`.
    """
    state.kind, state.length = WEEKS, 1
    state.begun = state.seen = -(2**62)


@kernel
def open_session(state: Any, ts: int) -> None:
    """Say at a timer when the session opened, ns UTC.

    Without it the open of the session's first bar stands for the session's. Say it where first bars may be missing,
    since spans are counted from here, and in plain Python, whose bars do not tell their session.
    """
    if ts > state.opened:
        state.opened, state.told = ts, 1
        state.sessions += 1


@kernel
def _begin(state: Any, bar: Any) -> None:
    """Note the session that a bar begins; the second call for the same bar changes nothing."""
    if state.begun == bar.ts_event:
        return
    state.begun = bar.ts_event
    if bar.flags & SESSION_FIRST:
        if state.told == 0:
            state.opened = bar.ts_open
            state.sessions += 1
        state.told = 0


@kernel
def _bucket(state: Any, bar: Any) -> int:
    if state.kind == SPAN:
        # A bar that closes exactly at a boundary belongs to the bucket that ends there.
        return state.opened + (bar.ts_event - state.opened - 1) // state.length * state.length
    if state.kind == SESSIONS:
        return (state.sessions - 1) // state.length
    return (bar.ts_event // DAY + _MONDAY) // 7


@kernel
def _absorb(forming: Any, bar: Any) -> None:
    whole = bar.kind == BAR
    high, low = bar.high if whole else bar.close, bar.low if whole else bar.close
    if forming.count == 0:
        forming.ts_open, forming.open = bar.ts_open, bar.open if whole else bar.close
        forming.high, forming.low, forming.volume = high, low, 0.0
    forming.high = high if high > forming.high else forming.high
    forming.low = low if low < forming.low else forming.low
    forming.close, forming.ts = bar.close, bar.ts_event
    forming.volume += bar.volume if whole else 0.0
    forming.count += 1


@kernel
def _ends(state: Any, bar: Any) -> bool:
    """Return whether a bar that has been absorbed is certainly the last of its bucket."""
    if state.kind == SPAN:
        return bar.ts_event == state.bucket + state.length or (bar.flags & SESSION_LAST) != 0
    if state.kind == SESSIONS:
        return (bar.flags & SESSION_LAST) != 0 and state.sessions % state.length == 0
    return False


@kernel
def finish(state: Any, now: int) -> bool:
    """End the bar that is forming, known at `now` (ns UTC); return whether there was one.

    For timers: at the session's close plus the feed's delay for spans, before the week's first open for weeks.
    """
    forming, done = state.forming, state.done
    if forming.count == 0:
        return False
    done.ts_open, done.ts, done.ts_known, done.count = forming.ts_open, forming.ts, now, forming.count
    done.open, done.high, done.low = forming.open, forming.high, forming.low
    done.close, done.volume = forming.close, forming.volume
    forming.count = 0
    return True


@kernel
def update(state: Any, bar: Any) -> bool:
    """Absorb a bar; return whether a longer one has completed, which then stands in ``state.done``.

    To be called until it returns False, ``while update(state, bar):``, since one bar can end two: the one that missing
    bars left open, and its own. Reads only this bar and earlier ones. A close-only price is its own open, high and low;
    a bar whose close is not finite is passed over.
    """
    if not finite(bar.close) or bar.ts_event <= state.seen:
        return False
    _begin(state, bar)
    bucket = _bucket(state, bar)
    if bucket != state.bucket and finish(state, bar.ts_available):
        return True
    state.bucket, state.seen = bucket, bar.ts_event
    _absorb(state.forming, bar)
    return _ends(state, bar) and finish(state, bar.ts_available)


_part_at = at(_PART)


@kernel
def _update_at(state: Any, where: int) -> bool:
    return update(state, _part_at(where, 0))


class Consolidator:
    """Consolidates one symbol's bars for plain Python, by the same kernels.

    Parameters
    ----------
    state : record of `dtype`, or None
        A part of the strategy's declared state, so that snapshots keep it. None: one of its own, which they lose.
    span : int
        Nanoseconds since the session's open; or
    sessions : int
        whole sessions. Neither: weeks.
    """

    def __init__(self, state: Any = None, *, span: int = 0, sessions: int = 0) -> None:
        self._state = np.zeros(1, dtype()).view(np.recarray)[0] if state is None else state
        self._part = np.zeros(1, _PART)
        self._where = address(self._part)
        if span:
            start_span(self._state, span)
        elif sessions:
            start_sessions(self._state, sessions)
        else:
            start_weeks(self._state)

    def open_session(self, ts: int) -> None:
        """Say when the session opened, ns UTC; see the kernel of that name."""
        open_session(self._state, ts)

    def update(self, bar: Bar) -> list[Bar]:
        """Absorb a bar and return the longer ones that it has completed: none, one or two."""
        self._part[0] = (bar.ts, bar.ts, bar.ts, BAR, 0, *bar[2:])
        completed = []
        while _update_at(self._state, self._where):
            completed.append(self._done(bar.symbol))
        return completed

    def finish(self, symbol: str, now: int) -> Bar | None:
        """End the bar that is forming, at a timer; None where there is none."""
        return self._done(symbol) if finish(self._state, now) else None

    def _done(self, symbol: str) -> Bar:
        done = self._state.done
        values = (float(done[name]) for name in ("open", "high", "low", "close", "volume"))
        return Bar(symbol, int(done.ts), *values)
