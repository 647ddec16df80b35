"""Moments of a history and of a run at which a leak that acts once in a while may act."""

import numpy as np
import pandas as pd

from .history import History, Table
from .journal import Journal

HOUR = 3_600_000_000_000
MOST_SHOCKS = 12
"""Largest moves that are worth a cut."""
USUAL = 60
"""Rows that say what move is usual."""


def shocks(history: History, usable: np.ndarray) -> np.ndarray:
    """Return the times of the largest moves, against what was usual before them, the largest first."""
    found = [_moves(table) for table in history.tables.values()]
    times, sizes = (np.concatenate(part) for part in zip(*found, strict=True))
    inside = (times >= usable[0]) & (times <= usable[-1])
    order = np.argsort(-sizes[inside], kind="stable")
    return np.array(list(dict.fromkeys(times[inside][order].tolist()))[:MOST_SHOCKS], np.int64)


def _moves(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return when each row became known and how large its move was."""
    rows, sizes = table.rows, np.zeros(len(table.rows))
    level = rows[next(name for name in ("close", "price", "bid") if rows.has(name))]
    for code in range(len(rows.ids)):
        own = np.flatnonzero(rows["code"] == code)
        moves = np.abs(np.diff(np.log(level[own]), prepend=np.nan))
        usual = pd.Series(moves).rolling(USUAL, min_periods=10).median().shift(1).to_numpy()
        sizes[own] = np.nan_to_num(moves / np.maximum(usual, 1e-6))
    return table.known_at, sizes


def extremes(journal: Journal) -> np.ndarray:
    """Return the times at which something that the run recorded or read had its extremes, and its largest step."""
    found = []
    for track in journal.tracks.values():
        if track.stage in ("features", "output") and len(track.ts):
            kinds = [name for name in ("feature", "series", "instrument") if name in (track.rows.dtype.names or ())]
            places = pd.Series(np.arange(len(track.ts)))
            parts = places.groupby([track.rows[name] for name in kinds]) if kinds else [((), places)]
            found += [track.ts[part.to_numpy()[_extremes(track.rows["value"][part])]] for _, part in parts]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _extremes(values: np.ndarray) -> list[int]:
    values = np.nan_to_num(values)
    steps = np.abs(np.diff(values, prepend=values[0]))
    return [int(np.argmax(values)), int(np.argmin(values)), int(np.argmax(steps))]


def sparse(history: History) -> np.ndarray:
    """Return the times of corporate actions, and of rows of the project's own files."""
    actions = [table.actions_known_at for table in history.tables.values()]
    return np.unique(np.concatenate([*actions, *[file.known for file in history.files]]))


def boundaries(history: History, usable: np.ndarray) -> np.ndarray:
    """Return the ends of sessions and, for intraday data, of hours."""
    found = [table.sessions.close for table in history.tables.values()]
    both = np.unique(np.concatenate([*found, usable[usable % HOUR == 0]]))
    return both[(both >= usable[0]) & (both <= usable[-1])]


def turns_of_calendar(history: History, usable: np.ndarray) -> list[np.ndarray]:
    """Return the last closes of quarters, of months, the first closes of months, and the last ones of weeks."""
    closes = np.unique(np.concatenate([table.sessions.close for table in history.tables.values()]))
    closes = closes[(closes >= usable[0]) & (closes <= usable[-1])]
    index = pd.DatetimeIndex(closes.astype("datetime64[ns]"))
    quarter, month, week = (np.flatnonzero(np.diff(index.to_period(each).asi8)) for each in ("Q", "M", "W"))
    return [closes[quarter], closes[month], closes[month + 1], closes[week]]
