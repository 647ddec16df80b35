"""What falls due in exchange time: session dates' beginnings, timers, session closes, hand-overs of jobs."""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lockstep.data.calendar import Sessions
from lockstep.engine.events import HAND_OVER, SESSION_CLOSE, TIMER

ROLL = -1
"""A session's date begins: corporate actions take effect."""


class Due(NamedTuple):
    """One thing that falls due: `ROLL` or a kind of event; `number` is a timer's, or a session's place in order."""

    ts: int
    kind: int
    number: int


class Schedule:
    """Timers and session closes in order, and hand-overs as they are announced.

    Parameters
    ----------
    sessions : Sessions
        The calendar.
    timers : iterable of (int, int)
        ns UTC and the timer's number.
    delay : int
        Nanoseconds from a session's close until it is taken.
    start : int
        What lies before it has passed already, ns UTC.
    """

    def __init__(self, sessions: Sessions, timers: Iterable[tuple[int, int]], delay: int, start: int) -> None:
        self.sessions, self.delay = sessions, delay
        closes = ((int(close) + delay, SESSION_CLOSE, number) for number, close in enumerate(sessions.close))
        rolls = ((int(midnight), ROLL, number) for number, midnight in enumerate(sessions.midnight))
        found = [*rolls, *((ts, TIMER, number) for ts, number in timers), *closes]
        self._fixed = [Due(*each) for each in sorted(found) if each[0] >= start]
        self._next = 0
        self._handed: list[Due] = []

    def announce(self, ts: int, timer: int) -> None:
        """Note that a job's result is to be handed over at `ts`."""
        heapq.heappush(self._handed, Due(ts, HAND_OVER, timer))

    def peek(self) -> Due | None:
        """Return what falls due next."""
        fixed = self._fixed[self._next] if self._next < len(self._fixed) else None
        handed = self._handed[0] if self._handed else None
        if handed is not None and (fixed is None or (handed.ts, handed.kind) <= (fixed.ts, fixed.kind)):
            return handed
        return fixed

    def pop(self) -> Due:
        """Return what falls due next, and go on to what follows."""
        due = self.peek()
        assert due is not None
        if due.kind == HAND_OVER:
            heapq.heappop(self._handed)
        else:
            self._next += 1
        return due

    def nights(self, number: int) -> int:
        """Return the calendar days from a session's close to the next one's."""
        dates = self.sessions.date
        return int(dates[number + 1] - dates[number]) if number + 1 < len(dates) else 1

    def observe(self, ts: int, kind: int, number: int) -> None:
        """Take over a row that the journal holds: what it says has passed."""
        if kind == HAND_OVER:
            first = next((due for due in sorted(self._handed) if due.number == number), None)
            self._handed = [due for due in self._handed if due is not first]
            heapq.heapify(self._handed)
            return
        place = self._next
        while place < len(self._fixed) and self._fixed[place] <= Due(ts, kind, number):
            place += 1
        self._next = place

    def move_close(self, number: int, close: int) -> None:
        """Let a session that has not closed yet close at another time, ns UTC."""
        ahead = [due for due in self._fixed[self._next :] if (due.kind, due.number) != (SESSION_CLOSE, number)]
        if len(ahead) == len(self._fixed) - self._next:
            return
        moved = Due(close + self.delay, SESSION_CLOSE, number)
        self._fixed = [*self._fixed[: self._next], *sorted([*ahead, moved])]
        self.sessions.close[number] = close

    def skip_to(self, ts: int) -> None:
        """Let everything before `ts` have passed."""
        self._next = max(self._next, bisect_right(self._fixed, Due(ts - 1, 2**15, 0)))

    def state(self) -> dict[str, Any]:
        """Return what a snapshot must hold."""
        reached = self._fixed[self._next - 1] if self._next else None
        return {"reached": list(reached) if reached else None, "handed": [list(due) for due in sorted(self._handed)]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        if state["reached"]:
            self._next = bisect_right(self._fixed, Due(*state["reached"]))
        self._handed = [Due(*due) for due in state["handed"]]
        heapq.heapify(self._handed)
