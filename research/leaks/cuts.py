"""Where to cut: cuts matter more than what is put after them.

A leak that acts once in a while shows only at a cut next to where it acts. So cuts go to where a scout has seen a row
change, to the times at which the run did something (t) and to the last time before at which anything became known
(t−1), to the largest moves, to the extremes of what the run looked at, to jobs, to boundaries of sessions, weeks,
months and quarters, to sparse events, to where risk stepped in, and some at random.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from .futures import SAME_LENGTH
from .history import History
from .journal import Journal, Track
from .moments import boundaries, extremes, shocks, sparse, turns_of_calendar
from .scout import Find

MOST = 24
MOST_FOUND = 4
"""Cuts that go to what a scout has found, before all others."""
EARLIEST, LATEST = 0.08, 0.92
"""Cuts lie in this part of the time in which anything was done, so that there is something before and after."""


def choose(history: History, journal: Journal, seed: int = 0, most: int = MOST, found: Sequence[int] = ()) -> list[int]:
    """Return cuts, ns UTC, the most telling first; each is a time at which something became known.

    `found`: cuts that are taken before all others.
    """
    times = history.times
    done = journal.times("decisions", "output", "jobs")
    if len(done) == 0 or len(times) < 3:
        return []
    low, high = (done[int(part * (len(done) - 1))] for part in (EARLIEST, LATEST))
    usable = times[(times >= low) & (times <= high) & (times < times[-1])]
    if len(usable) == 0:
        usable = times[len(times) // 2 : len(times) // 2 + 1]
    rng = np.random.default_rng(seed)
    chosen = [int(cut) for cut in found if times[0] <= cut < times[-1]]
    for wanted in _wanted(history, journal, usable, rng):
        if len(chosen) >= most:
            break
        at = int(np.searchsorted(usable, wanted, "right")) - 1
        if at >= 0 and int(usable[at]) not in chosen:
            chosen.append(int(usable[at]))
    return chosen


def before_all(history: History, journal: Journal, deciding: Sequence[str]) -> int:
    """Return the last time, ns UTC, at which anything became known before the first decision was made.

    What decides but once, at the start, shows only there that it depends on its data.
    """
    earlier = history.times[history.times < journal.times(*deciding)[0]]
    return int(earlier[-1] if len(earlier) else history.times[0] - 1)


def features_read(journal: Journal) -> list[str]:
    """Return the names of the pandas features that a run read."""
    return sorted({str(name) for track in _read(journal) for name in np.unique(track.rows["feature"])})


def worth(finds: Sequence[Find], journal: Journal, times: np.ndarray) -> list[Find]:
    """Return finds, one a cut, whose row was read between the time it became known and the cut.

    Those that lie the most times before their cut come first: they tell how far it looks ahead at most.
    """
    read = [find for find in finds if not find.symbol or any(_reads(track, find) for track in _read(journal))]
    gap = {find: int(np.subtract(*np.searchsorted(times, [find.cut, find.ts]))) for find in read}
    kept: dict[int, Find] = {}
    for find in sorted(read, key=lambda find: -gap[find]):
        kept.setdefault(find.cut, find)
    return list(kept.values())[:MOST_FOUND]


def _read(journal: Journal) -> list[Track]:
    return [track for name, track in sorted(journal.tracks.items()) if name.endswith("frame features")]


def _reads(track: Track, find: Find) -> bool:
    if find.symbol not in track.symbols:
        return False
    rows, when = track.rows, (track.ts >= find.ts) & (track.ts <= find.cut)
    return bool(
        np.any(when & (rows["feature"] == find.column) & (rows["instrument"] == track.symbols.index(find.symbol)))
    )


def agreed_until(history: History, cut: int, future: str) -> int:
    """Return the last instant before anything after a cut becomes known; what is done by then must agree.

    Where a history ends at the cut, so does what is done.
    """
    if future not in SAME_LENGTH:
        return cut
    actions = [table.actions_known_at for table in history.tables.values()]
    known = np.concatenate([history.times, *actions, *[file.known for file in history.files]])
    return int(np.min(known[known > cut], initial=2**62)) - 1


def opened_until(history: History, cut: int, until: int) -> int:
    """Return the last instant by `until` before a bar opens after a cut; a row dated later may know its open.

    Whether it knows more of that bar is what the field variant tells.
    """
    found = [
        table.rows["ts_open"][(table.known_at > cut) & (table.rows["ts_open"] > cut)]
        for table in history.tables.values()
        if table.rows.has("ts_open")
    ]
    return int(np.min(np.concatenate([*found, [until + 1]]))) - 1


def _wanted(history: History, journal: Journal, usable: np.ndarray, rng: np.random.Generator) -> Iterator[int]:
    """Yield times worth a cut: in turn one of each sort, until nothing new comes."""
    turns = _changes(journal)
    sorts = [
        _some(turns, rng),
        _some(turns - 1, rng),
        iter(shocks(history, usable).tolist()),
        _some(rng.choice(usable, min(40, len(usable)), replace=False), rng),
        _some(extremes(journal), rng),
        _some(_around(journal.times("jobs")), rng),
        _some(sparse(history) - 1, rng),
        _some(boundaries(history, usable) - 1, rng),
        _some(_busiest(journal), rng),
        *(_some(_around(turns), rng) for turns in turns_of_calendar(history, usable)),
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


def _busiest(journal: Journal) -> np.ndarray:
    """Return the times at which most was decided."""
    tracks = [track.ts for track in journal.tracks.values() if track.stage == "decisions"]
    times, counts = np.unique(np.concatenate([*tracks, np.zeros(0, np.int64)]), return_counts=True)
    return times[np.argsort(-counts, kind="stable")][:MOST]


def _around(times: np.ndarray) -> np.ndarray:
    """Return times and the last instant before each."""
    return np.concatenate([times, times - 1])


def _refusals(journal: Journal) -> np.ndarray:
    found = [
        track.ts[track.rows["verdict"] > 0] for name, track in journal.tracks.items() if name.endswith(": decisions")
    ]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
