"""The clock, shifted with the calendar: 28 years on, everything done must be the same 28 years on.

1. In 28 years every date falls on the same day of the week and leap years come round (1901 to 2099). So weekdays,
   month ends, third Fridays and quarters stay; the sessions, half days and holidays of the history move with it; and
   each instant keeps its local time at the exchange, whatever daylight saving time will be. The wall clock moves too.
2. What is declared moves too: dates of the scenario, parameters that are dates, dates in the project's files, and
   calendars that a source lists (`announced`).
3. What then differs in what it decides hangs on the year. It is a leak if 56 years on it is as 28 years on, and 28
   years back it is not as now: only the dates of the history are special, so that whoever wrote them into the code
   knew what happened then. Else it hangs on the time as a number (random numbers keyed by it), or on a rule that came
   later (a holiday), which the verdict's notes tell.
4. A function may begin or end at a date of its own, which is how research is written: of what it returns, only rows
   that are there in all years count.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .history import History
from .journal import Difference, Journal, Track, differences
from .movedfiles import TEXTS, moved_files
from .shifting import DATE, FIRST, LAST, YEARS, days_of, move, moved_history, moved_values
from .verdict import Verdict
from .wording import place
from .workshop import TargetError

if TYPE_CHECKING:
    from .suite import Check

NAME = "clock shift"
COMPARED = ("universe", "features", "jobs", "decisions", "fills", "output")
"""Stages whose records say what was done; others hold hashes of times."""
STAMPS = ("ts", "ts_known", "submitted", "done")
LARGEST_TEXT = 1 << 20
SYSTEM = ("/usr/", "/etc/", "/sys/", "/proc/")
"""Where files lie that are nobody's data, such as rules of time zones."""


def clock_shift(check: "Check", verdict: Verdict, history: History, base: Journal) -> bool:
    """Look for what is decided by the year; tell whether that is a leak."""
    cannot = _cannot(check, history, base)
    if cannot:
        verdict.notes.append(f"{NAME} was not tried: {cannot}")
        return False
    found = _special(check, verdict, history, base)
    if not found:
        return False
    first = found[0]
    place(verdict, first)
    verdict.verdict, verdict.failed, verdict.future, verdict.cut = "leak", NAME, NAME, int(history.times[0])
    verdict.reason = (
        f"{first.stage} ({first.track.split(': ')[-1]}) hang on dates written into the code: {YEARS} years on, "
        f"calendar and all, it acts otherwise; declare them as parameters or in a file: {NAME} fails"
    )
    return True


def _special(check: "Check", verdict: Verdict, history: History, base: Journal) -> list[Difference]:
    """Return in what the dates of the history are special, nothing where they are not."""
    moved = _run(check, verdict, history, YEARS)
    found = [] if moved is None else _differences(check, base, moved)
    if moved is None or not any(each.stage in check.deciding for each in found):
        return []
    farther = _run(check, verdict, history, 2 * YEARS)
    before = None if farther is None else _run(check, verdict, history, -YEARS)
    if farther is None or before is None:
        return []
    also = {each.track for each in _differences(check, moved, farther)}
    then = {each.track for each in _differences(check, base, before)}
    found = [each for each in found if each.track not in also and each.track in then]
    if any(each.stage in check.deciding for each in found):
        return found
    verdict.notes.append(
        "what it decides hangs on the time as a number, such as random numbers keyed by it, or on rules of other years"
    )
    return []


def _cannot(check: "Check", history: History, base: Journal) -> str:
    """Return why a target cannot be moved to other years; empty where it can."""
    years = history.times[[0, -1]].astype("datetime64[ns]").astype("datetime64[Y]").astype(int) + 1970
    if years[0] < FIRST or years[1] + 2 * YEARS > LAST:
        return f"the history does not lie between {FIRST} and {LAST - 2 * YEARS}"
    workshop = check.workshop
    copied = workshop.box.sources is not None
    held = {file.name for file in history.files if copied and isinstance(file.content, pd.DataFrame | bytes)}
    for path, mode in base.files:
        if path.startswith((str(workshop.home), workshop.real, *SYSTEM)):
            continue
        file = Path(workshop.own(path))
        name = str(file.relative_to(workshop.folder)) if file.is_relative_to(workshop.folder) else ""
        moved = name in held or (copied and name and file.suffix in TEXTS)
        if mode == "read" and not moved and _holds_dates(file):
            return f"the times in {name or file} cannot be moved"
    return ""


def _holds_dates(path: Path) -> bool:
    """Tell whether a file that is no table may hold times; what cannot be told, may."""
    if not path.exists() or path.suffix == ".toml":
        return False
    if path.stat().st_size > LARGEST_TEXT:
        return True
    content = path.read_bytes()
    return b"\0" in content or DATE.search(content.decode("latin-1")) is not None


def _run(check: "Check", verdict: Verdict, history: History, years: int) -> Journal | None:
    """Run the target so many years on; return its journal as if it were now, None where it fails there."""
    spec = replace(check.spec, years=years, parameters=moved_values(check.spec.parameters, years))
    try:
        sources = check.workshop.box.sources or {}
        check.progress(NAME, abs(years) // YEARS, 3)
        moved = moved_history(history, moved_files(history.files, sources, years), years)
        journal = check.workshop.run(spec, moved, clock=days_of(years) * 86_400.0)
    except TargetError as error:
        verdict.notes.append(f"{NAME} could not be tried: {years:+} years, {error}")
        return None
    zone = next(iter(history.tables.values())).sessions.zone
    return replace(journal, tracks={name: _back(track, zone, years) for name, track in journal.tracks.items()})


def _back(track: Track, zone: str, years: int) -> Track:
    rows = track.rows.copy()
    for name in set(rows.dtype.names or ()) & set(STAMPS):
        rows[name] = np.where(rows[name] != 0, move(rows[name], zone, -years), rows[name])
    return Track(track.stage, move(track.ts, zone, -years), rows, track.symbols)


def _differences(check: "Check", one: Journal, other: Journal) -> list[Difference]:
    left, right = _done(one), _done(other)
    if check.spec.kind == "function":
        both = [name for name, track in left.tracks.items() if track.stage == "output" and name in right.tracks]
        for name in both:
            left.tracks[name], right.tracks[name] = _shared(left.tracks[name], right.tracks[name])
        left, right = (replace(each, tracks={name: each.tracks[name] for name in both}) for each in (left, right))
    return differences(left, right, 2**62)


def _done(journal: Journal) -> Journal:
    return replace(journal, tracks={k: track for k, track in journal.tracks.items() if track.stage in COMPARED})


def _shared(one: Track, other: Track) -> tuple[Track, Track]:
    """Return two tracks' rows; none where they are not of the same times, and none that holds no number in either."""
    if not np.array_equal(one.ts, other.ts):
        return _rows(one, np.zeros(0, np.intp)), _rows(other, np.zeros(0, np.intp))
    held = np.flatnonzero(~np.isnan(one.rows["value"]) & ~np.isnan(other.rows["value"]))
    return _rows(one, held), _rows(other, held)


def _rows(track: Track, at: np.ndarray) -> Track:
    return Track(track.stage, track.ts[at], track.rows[at], track.symbols)
