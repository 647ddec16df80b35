"""Where to cut: cuts matter more than what is put after them.

A leak that acts once in a while shows only at a cut next to where it acts. So cuts go to the times at which the run did
something (t) and to the last time before at which anything became known (t−1), to refits, to session and day
boundaries, to sparse events, to where risk stepped in, and some at random.
"""

from collections.abc import Iterator

import numpy as np

from .futures import SAME_LENGTH
from .history import History
from .journal import Journal

MOST = 10
EARLIEST, LATEST = 0.08, 0.92
"""Cuts lie in this part of the time in which anything was done, so that there is something before and after."""


def choose(history: History, journal: Journal, seed: int = 0, most: int = MOST) -> list[int]:
    """Return cuts, ns UTC, the most telling first; each is a time at which something became known."""
    times = history.times
    done = journal.times("decisions", "output", "jobs")
    if len(done) == 0 or len(times) < 3:
        return []
    low, high = (done[int(part * (len(done) - 1))] for part in (EARLIEST, LATEST))
    usable = times[(times >= low) & (times <= high) & (times < times[-1])]
    if len(usable) == 0:
        usable = times[len(times) // 2 : len(times) // 2 + 1]
    rng = np.random.default_rng(seed)
    found: list[int] = []
    for wanted in _wanted(history, journal, usable, rng):
        at = int(np.searchsorted(usable, wanted, "right")) - 1
        if at >= 0 and int(usable[at]) not in found:
            found.append(int(usable[at]))
        if len(found) >= most:
            break
    return found


def agreed_until(history: History, cut: int, future: str) -> int:
    """Return the last instant before anything after a cut becomes known; what is done by then must agree.

    Where a history ends at the cut, so does what is done.
    """
    if future not in SAME_LENGTH:
        return cut
    actions = [table.actions_known_at for table in history.tables.values()]
    known = np.concatenate([history.times, *actions, *[file.known for file in history.files]])
    return int(np.min(known[known > cut], initial=2**62)) - 1


def _wanted(history: History, journal: Journal, usable: np.ndarray, rng: np.random.Generator) -> Iterator[int]:
    """Yield times worth a cut: in turn one of each sort, until nothing new comes."""
    turns = _changes(journal)
    sorts = [
        _some(turns, rng),
        _some(turns - 1, rng),
        _some(rng.choice(usable, min(40, len(usable)), replace=False), rng),
        _some(journal.times("jobs"), rng),
        _some(_sparse(history) - 1, rng),
        _some(_boundaries(history, usable) - 1, rng),
        _some(_refusals(journal), rng),
    ]
    for _ in range(60):
        for sort in sorts:
            value = next(sort, None)
            if value is not None:
                yield value


def _some(times: np.ndarray, rng: np.random.Generator) -> Iterator[int]:
    return iter([int(ts) for ts in rng.permutation(times)])


def _changes(journal: Journal) -> np.ndarray:
    """Return the times at which what is done changes: decisions, and turns of what a function returned."""
    found = [journal.times("decisions")]
    for track in journal.tracks.values():
        if track.stage == "output" and len(track.ts) > 1:
            values = np.nan_to_num(track.rows["value"])
            turned = np.flatnonzero((values[1:] != values[:-1]) | (track.rows["hash"][1:] != track.rows["hash"][:-1]))
            found.append(track.ts[turned + 1])
    return np.unique(np.concatenate(found))


def _sparse(history: History) -> np.ndarray:
    actions = [table.actions_known_at for table in history.tables.values()]
    return np.unique(np.concatenate([*actions, *[file.known for file in history.files]]))


def _boundaries(history: History, usable: np.ndarray) -> np.ndarray:
    """Return the ends of sessions and, for intraday data, of hours."""
    found = [table.sessions.close for table in history.tables.values()]
    hours = usable[usable % 3_600_000_000_000 == 0]
    both = np.unique(np.concatenate([*found, hours]))
    return both[(both >= usable[0]) & (both <= usable[-1])]


def _refusals(journal: Journal) -> np.ndarray:
    found = [
        track.ts[track.rows["verdict"] > 0] for name, track in journal.tracks.items() if name.endswith(": decisions")
    ]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
