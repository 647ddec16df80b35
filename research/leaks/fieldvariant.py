"""The field variant: high, low and close of a bar change, its open stays; what was done before its close must stay.

Other futures change whole bars, so that what is done at the open of a bar, by its open alone, would differ too. Here
the cut stands inside the bar, between its open and its close. It finds entries at the open that were decided by the
same bar's high, low or close, and fills at the open whose price was made of what came later in the bar. The volume
stays: how much of an order is filled goes by the bar's volume, which is a model of liquidity and no knowledge.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .futures import PRICES
from .history import History, Table
from .journal import Difference, Journal, Track, differences
from .verdict import Verdict
from .wording import place
from .workshop import TargetError

if TYPE_CHECKING:
    from .suite import Check

NAME = "field variant"
MOST = 4
"""Most bars into which a cut is set."""
LATER = ("high", "low", "close")
"""What becomes known of a bar after its open."""


def field_variant(check: "Check", verdict: Verdict, history: History, base: Journal) -> bool:
    """Look for what was done inside a bar by what that bar became; tell whether that is a leak."""
    again = check.options.again
    cuts = [again[1]] if again else chosen(history, base, check.options.seed)
    for number, cut in enumerate(cuts):
        if check.left < 0:
            break
        check.progress(NAME, number, len(cuts))
        seed = again[2] if again else check.options.seed + number
        other = inside(history, cut, seed)
        first = _first(check, history, base, other, cut)
        if first is not None:
            place(verdict, first)
            verdict.verdict, verdict.failed, verdict.future, verdict.cut = "leak", NAME, NAME, cut
            verdict.future_seed = seed
            closes = _closes(history, cut)
            verdict.peek_events, verdict.peek_ns, verdict.peek_bound = 1, closes - first.ts, "exact"
            verdict.reads = _reads(check, history, base, other, cut)
            named = f" at {', '.join(verdict.reads)}" if verdict.reads else ""
            verdict.reason = (
                f"{first.stage} ({first.track.split(': ')[-1]}) made inside a bar change with what the bar becomes"
                f"{named}, its open unchanged: {NAME} fails"
            )
            return True
    return False


def chosen(history: History, base: Journal, seed: int) -> list[int]:
    """Return times inside bars, ns UTC, at which something was done: fills at an open, rows dated within a bar."""
    done = [np.zeros(0, np.int64)]
    for name, track in sorted(base.tracks.items()):
        if name.endswith(": fills"):
            done.append(track.rows["ts"][track.rows["ts"] < track.rows["ts_known"]])
        elif track.stage == "output":
            done.append(track.ts)
    times = np.unique(np.concatenate(done))
    inside_bars = times[_in_a_bar(history, times)]
    rng = np.random.default_rng([seed, 4])
    return sorted(int(ts) for ts in rng.permutation(inside_bars)[:MOST])


def _in_a_bar(history: History, times: np.ndarray) -> np.ndarray:
    """Tell which times are neither before the open nor after the close of some bar, nor at a time of knowledge."""
    found = np.zeros(len(times), bool)
    for table in history.tables.values():
        if table.rows.has("ts_open") and len(table.rows):
            at = np.searchsorted(table.known_at, times, "right")
            following = np.minimum(at, len(table.rows) - 1)
            found |= (at < len(table.rows)) & (table.rows["ts_open"][following] <= times)
    return found & ~np.isin(times, history.times)


def _unfinished(table: Table, cut: int) -> np.ndarray:
    if not table.rows.has("ts_open"):
        return np.zeros(len(table.rows), bool)
    return np.asarray((table.rows["ts_open"] <= cut) & (table.known_at > cut))


def _closes(history: History, cut: int) -> int:
    """Return when the first of the bars that are unfinished at a cut becomes known, ns UTC."""
    found = [table.known_at[_unfinished(table, cut)] for table in history.tables.values()]
    return int(np.min(np.concatenate(found)))


def inside(history: History, cut: int, seed: int) -> History:
    """Return the history in which the bars that are unfinished at a cut become others, their open and volume kept."""
    changed = {}
    for name, table in history.tables.items():
        rng, own = np.random.default_rng([seed, 5, cut & 0xFFFFFFFF]), _unfinished(table, cut)
        changed[name] = table.with_rows(table.rows.with_columns(**_otherwise(table, own, rng))) if own.any() else table
    return replace(history, tables=changed, edit=None)


def _otherwise(table: Table, own: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return other closes on the other side of the open, and other ranges around both."""
    columns = {name: np.array(table.rows[name], copy=True) for name in PRICES}
    opened, n = columns["open"][own], int(own.sum())
    side = np.where(columns["close"][own] > opened, -1.0, 1.0)
    close = opened * np.exp(side * rng.uniform(0.04, 0.08, n))
    grid = 0.01 if table.manifest.adjusted == "raw" else 1e-6
    close = np.maximum(np.round(close / grid) * grid, grid)
    columns["close"][own] = close
    columns["high"][own] = np.ceil(np.maximum(opened, close) * (1 + rng.uniform(0.01, 0.03, n)) / grid) * grid
    low = np.floor(np.minimum(opened, close) * (1 - rng.uniform(0.01, 0.03, n)) / grid) * grid
    columns["low"][own] = np.minimum(np.maximum(low, grid), np.minimum(opened, close))
    return columns


def _first(check: "Check", history: History, base: Journal, other: History, cut: int) -> Difference | None:
    try:
        journal = check.workshop.run(check.spec, other)
    except TargetError:
        return None  # whether it can be run on other data is what the other futures tell
    found = differences(by_event(base), by_event(journal), max(cut, _closes(history, cut) - 1))
    return found[0] if found else None


def by_event(journal: Journal) -> Journal:
    """Return the journal with its fills placed by when their price happened, without what is recorded at cuts."""
    tracks = {}
    for name, track in journal.tracks.items():
        if name.endswith(": fills"):
            order = np.argsort(track.rows["ts"], kind="stable")
            track = Track(track.stage, track.rows["ts"][order], track.rows[order], track.symbols)
        if not name.endswith((": state", ": account", ": orders open")):
            tracks[name] = track
    return replace(journal, tracks=tracks)


def _reads(check: "Check", history: History, base: Journal, other: History, cut: int) -> list[str]:
    """Return which of high, low and close are read; each alone may leave a bar that is no bar, which is no matter."""
    found = []
    for name in LATER:
        mixed = {}
        for key, table in history.tables.items():
            rows = other.tables[key].rows
            mixed[key] = table.with_rows(table.rows.with_columns(**{name: rows[name]})) if rows.has(name) else table
        if check.left > 0 and _first(check, history, base, replace(other, tables=mixed), cut) is not None:
            found.append(f"*.{name}")
    return found
