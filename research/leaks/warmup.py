"""Warm-up: with no more history than it declares, a target decides as with all of it, within a tolerance.

Whoever starts to trade live replays the declared warm-up and no more. A strategy declares `warmup`, in bars; it is run
twice from one date on, flat and with the same cash: once after all earlier sessions, once after those that it declares.
A function may have an attribute ``warmup``, in rows: what it returns for later rows must not hang on rows farther back.
What declares nothing is not tried.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.calendar import iso_date

from .history import History, Table
from .journal import Difference, Journal, Track, differences
from .verdict import Verdict
from .wording import place
from .workshop import TargetError

if TYPE_CHECKING:
    from .suite import Check

NAME = "warm-up"
SLACK = 0.1
"""Part of what is decided that may differ without a larger tolerance: quantities and ties go by the last bits too."""
AT = 0.6
"""Trading begins after this part of the sessions in which there are data."""


def warm_up(check: "Check", verdict: Verdict, history: History, base: Journal) -> bool:
    """Look for history that is read beyond the declared warm-up; tell whether there is any that matters."""
    kind = check.spec.kind
    declared = max(base.warmups.values(), default=0)
    if declared <= 0 or kind not in ("strategy", "scenario", "function"):
        return False
    check.progress(NAME, 0, 2)
    try:
        pair = _functions(check, history, base, declared) if kind == "function" else _strategies(check, history, base)
    except TargetError as error:
        verdict.notes.append(f"{NAME} could not be tried: {error}")
        return False
    if pair is None:
        verdict.notes.append(f"{NAME} was not tried: the history is too short for the {declared} that it declares")
        return False
    part, first = apart(*pair)
    if first is None or part <= max(SLACK, check.options.tolerance):
        return False
    place(verdict, first)
    verdict.verdict, verdict.failed, verdict.future, verdict.cut = "leak", NAME, NAME, int(first.ts)
    verdict.reason = (
        f"it declares a warm-up of {declared} and reads farther back: {part:.0%} of what it decides after that much "
        f"history is not what it decides after all of it; declare more, or a tolerance: {NAME} fails"
    )
    return True


def _strategies(check: "Check", history: History, base: Journal) -> tuple[Journal, Journal] | None:
    """Return what is done from one date on after all history that the run replays, and after the declared warm-up."""
    sessions = next(iter(history.tables.values())).sessions
    fed, begin = base.tracks["run 0: data"].ts, int(base.tracks["run 0: selection"].ts[0])
    held, first, last = (int(each) for each in np.searchsorted(sessions.close, [fed[0], begin, fed[-1]]))
    start = int(first + AT * (last - first))
    whole = replace(check.spec, start=iso_date(int(sessions.date[start])), before=start - held)
    journals = [check.workshop.run(each, history) for each in (whole, replace(whole, before=-1))]
    # Where the declared warm-up does not fit before that date, trading begins later.
    begins = [int(each.tracks["run 0: selection"].ts[0]) for each in journals]
    return (journals[0], journals[1]) if begins[0] == begins[1] else None


def _functions(check: "Check", history: History, base: Journal, declared: int) -> tuple[Journal, Journal] | None:
    """Return the rows beyond the declared warm-up, of all history and of its last part."""
    times = history.times
    begin = int(AT * len(times))
    if begin + declared + 1 >= len(times):
        return None
    first, since = int(times[begin]), int(times[begin + declared])
    later = {name: _from(table, first) for name, table in history.tables.items()}
    journal = check.workshop.run(check.spec, replace(history, tables=later))
    return _returned_since(base, since), _returned_since(journal, since)


def _from(table: Table, first: int) -> Table:
    return table.with_rows(table.rows.take(table.known_at >= first))


def _returned_since(journal: Journal, since: int) -> Journal:
    tracks = {}
    for name, track in journal.tracks.items():
        if track.stage == "output":
            at = int(np.searchsorted(track.ts, since))
            tracks[name] = Track("output", track.ts[at:], track.rows[at:], track.symbols)
    return replace(journal, tracks=tracks)


def apart(one: Journal, other: Journal) -> tuple[float, Difference | None]:
    """Return how far two runs are apart in what they decide, as a part of all of it, and where first."""
    total = off = 0.0
    for name in sorted(one.tracks.keys() | other.tracks.keys()):
        left, right = one.tracks.get(name), other.tracks.get(name)
        if (left or right).stage in ("decisions", "output"):  # type: ignore[union-attr]
            sizes = [_sizes(track) for track in (left, right) if track is not None]
            sizes += [{}] * (2 - len(sizes))
            for key in sizes[0].keys() | sizes[1].keys():
                a, b = sizes[0].get(key, 0.0), sizes[1].get(key, 0.0)
                total, off = total + max(abs(a), abs(b)), off + abs(a - b)
    found = [each for each in differences(one, other, 2**62) if each.stage in ("decisions", "output")]
    return (off / total if total else 0.0), (found[0] if found else None)


def _sizes(track: Track) -> dict[tuple[int, ...], float]:
    """Return the quantity decided, or the value returned, by time, instrument and number."""
    names = track.rows.dtype.names or ()
    sized = "quantity" if "quantity" in names else "value"
    values = np.nan_to_num(track.rows[sized].astype(float))
    instruments = track.rows["instrument"] if "instrument" in names else np.zeros(len(values), np.int64)
    found: dict[tuple[int, ...], float] = {}
    for ts, instrument, value in zip(track.ts.tolist(), instruments.tolist(), values.tolist(), strict=True):
        key = (ts, instrument, 0)
        while key in found:
            key = (*key[:2], key[2] + 1)
        found[key] = value
    return found
