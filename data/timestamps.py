"""From a source's labels to instants: when a row opened and when it could be known, in UTC.

1. A local label becomes an instant in its declared zone; a local time that DST skips or repeats is an error unless a
   repair is declared.
2. A bar labelled by its open closes one timeframe later; one labelled by its close opened one timeframe before; one
   labelled by its session opens and closes with the session, at 13:00 on a half day.
3. A bar that straddles the session's open or close is cut there: the last hour bar of XNYS ends at 16:00.
4. `ts_event` is the close. Nothing is known before.
"""

from typing import Any

import numpy as np
import pandas as pd

from lockstep.engine.events import DAY

from .calendar import Ints, Sessions
from .declaration import Declaration
from .rows import Rows


def localise(stamp: Ints, zone: str, ambiguous: str | None) -> tuple[Ints, Ints]:
    """Return local times as UTC, and per row 0 if fine, 1 if DST skips it, 2 if DST repeats it undeclared.

    Parameters
    ----------
    stamp : (n,) int64
        Nanoseconds of the local clock since its 1970-01-01.
    zone : str
        IANA zone.
    ambiguous : {"first", "second", None}
        Which of two equal local times is meant; None leaves them as faults.
    """
    fault = np.zeros(len(stamp), np.int64)
    if zone == "UTC":
        return stamp, fault
    naive = pd.DatetimeIndex(stamp.view("datetime64[ns]"))
    choice: Any = "NaT" if ambiguous is None else np.full(len(stamp), ambiguous == "first")
    skipped = naive.tz_localize(zone, ambiguous=np.ones(len(stamp), bool), nonexistent="NaT").isna()
    aware = naive.tz_localize(zone, ambiguous=choice, nonexistent="NaT")
    fault[np.asarray(aware.isna())] = 2
    fault[np.asarray(skipped)] = 1
    return _nanoseconds(aware), fault


def _nanoseconds(aware: pd.DatetimeIndex) -> Ints:
    naive = aware.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")
    return np.asarray(naive.astype(np.int64))


def place(rows: Rows, declaration: Declaration, sessions: Sessions) -> tuple[Rows, Ints]:
    """Give rows their `ts_open` and `ts_event`, and say which of them lie in a session.

    Parameters
    ----------
    rows : Rows
        With ``stamp``: for session labels the date's midnight, else UTC.
    declaration : Declaration
        Label and timeframe.
    sessions : Sessions
        Covering the rows.

    Returns
    -------
    (Rows, (n,) int64)
        The rows without ``stamp``, and the session of each, −1 where the market was closed.
    """
    stamp = rows["stamp"]
    if declaration.label == "session":
        number = sessions.of_date(stamp // DAY)
        at = np.maximum(number, 0)
        opened = np.where(number < 0, stamp, sessions.open[at])
        closed = np.where(number < 0, stamp, sessions.close[at])
    elif declaration.label == "instant":
        # A tick at the opening instant belongs to the session, so its place is asked one nanosecond later.
        number, opened, closed = sessions.holding(stamp + 1), stamp, stamp
        number = np.where(number >= 0, number, sessions.holding(stamp))
    else:
        length = declaration.nanoseconds
        opened, closed = (stamp, stamp + length) if declaration.label == "open" else (stamp - length, stamp)
        number, opened, closed = _cut(opened, closed, sessions)
    placed = rows.with_columns(ts_open=opened, ts_event=closed).without("stamp")
    return (placed if rows.kind == "bars" else placed.without("ts_open")), number


def _cut(opened: Ints, closed: Ints, sessions: Sessions) -> tuple[Ints, Ints, Ints]:
    """Cut bars at the session that they overlap; those that overlap none keep their times and get −1."""
    place = np.minimum(np.searchsorted(sessions.close, opened, side="right"), len(sessions) - 1)
    overlaps = (opened < sessions.close[place]) & (closed > sessions.open[place])
    cut_open = np.maximum(opened, sessions.open[place])
    cut_close = np.minimum(closed, sessions.close[place])
    return (
        np.where(overlaps, place, -1),
        np.where(overlaps, cut_open, opened),
        np.where(overlaps, cut_close, closed),
    )
