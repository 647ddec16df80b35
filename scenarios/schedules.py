"""Timers: when the schedules of jobs and strategies fall due, in exchange time."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import numpy as np

from lockstep.data.calendar import EPOCH, Sessions
from lockstep.engine.events import SECOND
from lockstep.engine.jobs import Schedule


def timers(
    schedules: Iterable[tuple[int, Schedule]], sessions: Sessions, start: int, last: int
) -> list[tuple[int, int]]:
    """Return the timer events of schedules: (ns UTC, number), sorted.

    Parameters
    ----------
    schedules : iterable of (int, Schedule)
        Each with its timer's number.
    sessions : Sessions
        The calendar; what is the first session of a week or month is told by it alone, not by the start.
    start, last : int
        Start of the replay and its last event, ns UTC. None is due before the start, or once the day after the last
        event's session has begun.
    """
    following = int(np.searchsorted(sessions.midnight, last))
    end = int(sessions.midnight[following]) if following < len(sessions) else last + 1
    due = [(ts, number) for number, schedule in schedules for ts in instants(schedule, sessions)]
    return sorted((ts, number) for ts, number in due if start <= ts < end)


def instants(schedule: Schedule, sessions: Sessions) -> list[int]:
    """Return when a schedule falls due, ns UTC.

    A time that daylight saving skips falls due as much later; one that it repeats, at the first.
    """
    chosen = _chosen(schedule.every, sessions.date)
    if schedule.at in ("open", "close"):
        times = getattr(sessions, schedule.at)[chosen]
    else:
        times = np.array([_clock(int(day), schedule.at, schedule.zone) for day in sessions.date[chosen]], np.int64)
    return [int(ts) + schedule.offset_ns for ts in times]


def _chosen(every: str, date: np.ndarray) -> np.ndarray:
    if every == "session":
        return np.arange(len(date))
    # 1970-01-01 was a Thursday: weeks begin on Mondays, three days earlier.
    period = (
        (date + 3) // 7 if every == "week" else date.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    )
    return np.flatnonzero(np.append(True, np.diff(period) != 0)) if len(date) else np.arange(0)


def _clock(day: int, at: str, zone: str) -> int:
    from datetime import date, datetime, time

    hour, minute = map(int, at.split(":"))
    moment = datetime.combine(date.fromordinal(day + EPOCH), time(hour, minute), ZoneInfo(zone))
    return int(moment.timestamp()) * SECOND
