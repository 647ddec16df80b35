"""Market data on its way in: from Alpaca's messages to rows, and when a slice is complete.

1. A bar is known when it comes, happened at its close, and is taken once: a second one of the same time, or one older
   than the last, is a revision, which never reaches a kernel.
2. Days come while they form; the last word on them is taken when their session is over.
3. A slice follows a group of bars of one time as soon as all instruments have theirs, or the grace has passed, or bars
   of a later time come. Quotes and trades have a slice after each batch of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lockstep.data.calendar import Sessions
from lockstep.engine.events import (
    BAR,
    CLOSE,
    HALT,
    QUOTE,
    RESUME,
    REVISION,
    SESSION_FIRST,
    SESSION_LAST,
    SLICE,
    SLICE_AFTER,
    SYNTHETIC,
    TRADE,
)  # fmt: skip
from lockstep.engine.instruments import Instrument

from .rows import Rows

HALTED = ("H", "2", "P", "M", "A", "1")
RESUMED = ("T", "3", "5", "L")
"""Status codes of the tapes: halts and volatility pauses; resumptions."""
NEVER = -(2**62)
Values = tuple[float, float, float, float, float]


class Malformed(Exception):
    """A message that lacks what it needs, or holds what cannot be."""


class Market:
    """Turns messages into rows.

    Parameters
    ----------
    instruments : sequence of Instrument
        In canonical order.
    length : int
        Nanoseconds of a bar; a day's for days, 0 where there are only ticks.
    sessions : Sessions
        The calendar, from before the warm-up to beyond the run.
    grace : int
        Nanoseconds after the first bar of a time until its slice comes without the rest.
    """

    def __init__(self, instruments: Sequence[Instrument], length: int, sessions: Sessions, grace: int) -> None:
        self.instruments = tuple(instruments)
        self.numbers = {each.symbol: number for number, each in enumerate(self.instruments)}
        self.flags = [SYNTHETIC * each.synthetic for each in self.instruments]
        self.kinds = [CLOSE if each.close_only else BAR for each in self.instruments]
        self.length, self.grace = length, grace
        self.set_sessions(sessions)
        n = len(self.instruments)
        self.last = [NEVER] * n
        self.seen = [-1] * n
        self.halted = [False] * n
        self.days: dict[int, tuple[int, Values]] = {}
        self.group, self.arrived, self.deadline = NEVER, 0, 0
        self.ticks = False
        self.late = self.revised = self.repeated = 0

    def set_sessions(self, sessions: Sessions) -> None:
        """Take another calendar."""
        self.sessions = sessions
        self._opens, self._closes = sessions.open.tolist(), sessions.close.tolist()
        self._midnights = sessions.midnight
        self._at = 0

    # -- messages ------------------------------------------------------------------------------------------------

    def take(self, message: Mapping[str, Any], rows: Rows, now: int) -> None:
        """Add what a message of the market-data stream says.

        Raises
        ------
        Malformed
            If it makes no sense.
        """
        try:
            kind, symbol = message["T"], message.get("S")
            number = self.numbers.get(symbol, -1)
            if number < 0:
                return
            self._take(kind, number, message, rows, now)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Malformed(f"{type(error).__name__}: {error}") from error

    def _take(self, kind: str, number: int, message: Mapping[str, Any], rows: Rows, now: int) -> None:
        if kind == "b":
            self.bar(number, int(message["t"]), values_of(message), rows, now)
        elif kind == "q":
            sizes = float(message["bs"]), float(message["as"])
            rows.quote(
                now, number, self.flags[number], int(message["t"]), float(message["bp"]), float(message["ap"]), *sizes
            )
            self.ticks = True
        elif kind == "t":
            rows.trade(now, number, self.flags[number], int(message["t"]), float(message["p"]), float(message["s"]))
            self.ticks = True
        elif kind == "u":
            self.revise(number, int(message["t"]), values_of(message), rows, now)
        elif kind == "d":
            self.days[number] = (int(message["t"]), values_of(message))
        elif kind == "s":
            self.status(number, str(message["sc"]), int(message["t"]), rows, now)

    def bar(self, number: int, ts_open: int, values: Values, rows: Rows, now: int, ts: int = 0) -> None:
        """Add a bar that opened at `ts_open`; one that is not new becomes a revision."""
        ts = ts or ts_open + self.length
        if ts <= self.last[number]:
            self._again(number, ts_open, ts, values, rows, now)
            return
        if self.group != NEVER and ts > self.group:
            self.slice(rows, now)
        elif ts < self.group:
            self.late += 1
        self._add(number, ts_open, ts, values, rows, now)
        if self.group == NEVER:
            self.group, self.arrived, self.deadline = ts, 0, now + self.grace
        self.arrived += 1

    def _add(self, number: int, ts_open: int, ts: int, values: Values, rows: Rows, now: int) -> None:
        flags = self.flags[number] | self._marks(number, ts)
        self.last[number] = ts
        if self.kinds[number] == CLOSE:
            rows.market(now, CLOSE, number, flags, ts, ts, (0.0, 0.0, 0.0, values[3], 0.0))
        else:
            rows.market(now, BAR, number, flags, ts_open, ts, values)

    def _marks(self, number: int, ts: int) -> int:
        """Return whether a bar is its instrument's first, or the last, of its session."""
        closes = self._closes
        while self._at < len(closes) - 1 and closes[self._at] < ts:
            self._at += 1
        place = self._at
        if not self._opens[place] < ts <= closes[place]:
            return 0
        first = self.seen[number] != place
        self.seen[number] = place
        return SESSION_FIRST * first | SESSION_LAST * (ts == closes[place])

    def _again(self, number: int, ts_open: int, ts: int, values: Values, rows: Rows, now: int) -> None:
        self.repeated += 1
        self.revise(number, ts_open, values, rows, now, ts)

    def revise(self, number: int, ts_open: int, values: Values, rows: Rows, now: int, ts: int = 0) -> None:
        """Add a corrected bar: for those who look back, not for kernels that have moved on."""
        self.revised += 1
        flags = self.flags[number] | REVISION
        rows.market(now, self.kinds[number], number, flags, ts_open, ts or ts_open + self.length, values)

    def status(self, number: int, code: str, ts: int, rows: Rows, now: int) -> None:
        """Add a halt or a resumption; other codes change nothing."""
        halts = code in HALTED
        if (halts or code in RESUMED) and self.halted[number] != halts:
            self.halted[number] = halts
            rows.status(now, HALT if halts else RESUME, number, ts)

    # -- days and slices -----------------------------------------------------------------------------------------

    def release_days(self, rows: Rows, now: int) -> None:
        """Add the days whose session is over by now."""
        for number in sorted(self.days):
            label, values = self.days[number]
            place = int(np.searchsorted(self._midnights, label))
            if place >= len(self._closes) or self._closes[place] > now:
                continue
            del self.days[number]
            self.bar(number, self._opens[place], values, rows, now, self._closes[place])

    @property
    def complete(self) -> bool:
        """Whether every instrument that trades has its bar of the time at hand."""
        return self.group != NEVER and self.arrived >= len(self.instruments) - sum(self.halted)

    @property
    def waiting(self) -> bool:
        """Whether something is in that no slice has followed yet."""
        return self.group != NEVER or self.ticks

    def take_slice(self) -> bool:
        """Let the row at hand be the slice of what is in; return whether anything was."""
        waiting = self.waiting
        self.group, self.ticks = NEVER, False
        return waiting

    def slice(self, rows: Rows, now: int) -> None:
        """Add the slice of what is in."""
        rows.slice(now, self.group if self.group != NEVER else now)
        self.group, self.ticks = NEVER, False

    def settle(self, rows: Rows, now: int) -> None:
        """Add a slice if one is complete or overdue."""
        if self.group != NEVER:
            if self.complete or now >= self.deadline:
                self.slice(rows, now)
        elif self.ticks:
            self.slice(rows, now)

    # -- recovery ------------------------------------------------------------------------------------------------

    def observe(self, instrument: int, kind: int, flags: int, ts_event: int, ts_available: int) -> None:
        """Take over a row that the journal holds."""
        if flags & REVISION:
            return
        if kind in (BAR, CLOSE):
            self._marks(instrument, ts_event)
            self.last[instrument] = max(self.last[instrument], ts_event)
            if self.group == NEVER:
                self.group, self.arrived, self.deadline = ts_event, 0, ts_available + self.grace
            self.arrived += 1
        elif kind in (QUOTE, TRADE):
            self.ticks = True
        elif kind in (HALT, RESUME):
            self.halted[instrument] = kind == HALT
        elif kind == SLICE or flags & SLICE_AFTER:
            self.group, self.ticks = NEVER, False

    def state(self) -> dict[str, Any]:
        """Return what a snapshot must hold."""
        return {
            "last": self.last,
            "seen": [self._closes[place] if place >= 0 else NEVER for place in self.seen],
            "halted": self.halted,
            "group": [self.group, self.arrived, self.deadline, self.ticks],
            "counts": [self.late, self.revised, self.repeated],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.last, self.halted = list(state["last"]), list(state["halted"])
        place = {close: number for number, close in enumerate(self._closes)}
        self.seen = [place.get(close, -1) for close in state["seen"]]
        self.group, self.arrived, self.deadline, self.ticks = state["group"]
        self.late, self.revised, self.repeated = state["counts"]


def values_of(message: Mapping[str, Any]) -> Values:
    """Return open, high, low, close and volume of a bar.

    Raises
    ------
    ValueError
        If its prices are no range.
    """
    o, h, low, c, v = (float(message[name]) for name in ("o", "h", "l", "c", "v"))
    if not (0.0 < low <= min(o, c) <= max(o, c) <= h < 1e12 and v >= 0.0):
        raise ValueError(f"open {o}, high {h}, low {low}, close {c}, volume {v} are no bar")
    return o, h, low, c, v
