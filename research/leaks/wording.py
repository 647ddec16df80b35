"""Verdicts in words."""

from .futures import CACHE
from .journal import Difference
from .verdict import Verdict

CLOCK, LEDGER = "clock", "fill ledger"
"""Properties that every check looks at, before any other future."""


def place(verdict: Verdict, first: Difference) -> None:
    """Write down where two runs differ."""
    verdict.stage, verdict.track, verdict.ts = first.stage, first.track, first.ts
    verdict.symbol, verdict.fields = first.symbol, list(first.fields)
    verdict.left, verdict.right = dict(first.left or {}) or None, dict(first.right or {}) or None


def clock_leak(verdict: Verdict, first: Difference) -> None:
    """Write down that a run under a wrong clock did something else."""
    place(verdict, first)
    verdict.verdict, verdict.failed, verdict.future = "leak", CLOCK, CLOCK
    verdict.reason = (
        f"{first.stage} ({first.track.split(': ')[-1]}) depend on the wall clock: take the time from the event"
    )


def early_leak(verdict: Verdict, first: Difference) -> None:
    """Write down a fill that comes too early."""
    place(verdict, first)
    verdict.verdict, verdict.failed, verdict.future = "leak", LEDGER, LEDGER
    verdict.reason = "an order is filled at a price that happened before the order could reach the market"


def null_leak(verdict: Verdict, track: str, t: float, worlds: int) -> None:
    """Write down that a target earns where nobody can."""
    stage = "output" if track.startswith("output") else "risk"
    verdict.verdict, verdict.failed, verdict.stage, verdict.track = "leak", "null market", stage, track
    verdict.reason = (
        f"{track.removeprefix('output.')} earns on {worlds} martingale markets without costs (t = {t:.1f}): "
        "it fills at a price older than what it decides by, or adjusts what it earns by what it knows later"
    )


def nondeterministic(verdict: Verdict, first: Difference) -> None:
    """Write down that two runs on the same data differ."""
    place(verdict, first)
    verdict.verdict = "nondeterministic"
    verdict.reason = (
        f"two runs on the same data differ, first in {first.track}: look for the wall clock, unseeded random numbers, "
        "iteration over a set"
    )


def sentence(verdict: Verdict) -> str:
    """Return a leak in one sentence."""
    how_far: str = {
        "exact": f"looks {verdict.peek_events} ahead",
        "at least": f"looks at least {verdict.peek_events} ahead",
        "to the end": "looks as far as the data goes",
        "length": "knows how long the data is, or that they end",
    }.get(verdict.peek_bound, "looks ahead")
    if verdict.future == CACHE:
        how_far = "finds in its caches what another future left there"
    what = f" at {', '.join(verdict.reads[:4])}" if verdict.reads else ""
    return f"{verdict.stage} ({_named(verdict)}) {how_far}{what}: {verdict.failed} fails"


def _named(verdict: Verdict) -> str:
    """Return what differs: a feature's, series' or job's name where the record has one, else the track's."""
    record = verdict.left or verdict.right or {}
    name = record.get("feature") or record.get("series") or record.get("job")
    return ".".join([str(name), *([record["field"]] if "job" in record else [])]) if name else _track(verdict)


def _track(verdict: Verdict) -> str:
    return verdict.track.rpartition(": ")[2]
