"""The journal of a run: what was done, layer by layer, each record with the time by which it was done.

A journal is a set of tracks. A track belongs to a stage; the stages stand in the order in which one feeds the next, so
that the first stage that differs names the layer that looked ahead. Records are compared bit for bit, NaN equal to NaN
and 0.0 to -0.0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

STAGES = (
    "selection",
    "universe",
    "data",
    "features",
    "jobs",
    "state",
    "decisions",
    "orders",
    "fills",
    "risk",
    "output",
)
"""What feeds what: which strategy with which parameters, which instruments, the events it was fed, and so on."""
ROUNDING = 1e-8
"""Part of the largest value of its kind below which a difference may be the rounding of sums that run backwards."""
AT_CUTS = (": state", ": account", ": orders open")
"""Ends of the names of tracks that are recorded at cuts alone."""


@dataclass(frozen=True)
class Track:
    """Records of one kind.

    Parameters
    ----------
    stage : str
        One of `STAGES`.
    ts : (n,) int64
        By when each was done, ns UTC, ascending; a record at `ts` may know what became known up to and with `ts`.
    rows : (n,) structured array
        The records.
    symbols : sequence of str
        Names behind a field ``instrument``.
    """

    stage: str
    ts: np.ndarray
    rows: np.ndarray
    symbols: Sequence[str] = ()

    def until(self, cut: int) -> int:
        """Return how many records were made by `cut`."""
        return int(np.searchsorted(self.ts, cut, "right"))


@dataclass
class Journal:
    """All that one run did, and what it touched.

    Parameters
    ----------
    tracks : dict
        By name.
    datasets : list of (name, place)
        Datasets of the catalogue that were opened, each with the source line.
    missing : list of str
        Datasets it asked for which the history does not hold.
    files : list of (path, mode)
        Files of the user's own that it opened.
    modules : list of str
        Installed modules that it loaded.
    notes : list of str
        What a reader of the verdict should know.
    latencies : dict of str to int
        Of each engine run with a simulated broker, ns.
    begun : dict of str to (n,) int64
        For each of its fills, when the prices that it may have taken began to happen, ns UTC.
    functions : list of (stage, name, place)
        The user's own functions behind a stage: pandas features, jobs, each with the source line.
    warmups : dict of str to int
        What the strategies of each engine run declare, in bars, and what a function does, in rows; nothing: 0.
    transforms : dict of str to float
        Largest value that an inverse Fourier transform gave, by place in the source.
    """

    tracks: dict[str, Track] = field(default_factory=dict)
    datasets: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    latencies: dict[str, int] = field(default_factory=dict)
    begun: dict[str, np.ndarray] = field(default_factory=dict)
    functions: list[tuple[str, str, str]] = field(default_factory=list)
    warmups: dict[str, int] = field(default_factory=dict)
    transforms: dict[str, float] = field(default_factory=dict)

    def count(self, stages: Sequence[str], cut: int | None = None) -> int:
        """Return the number of records of some stages, made by `cut` where given."""
        chosen = [track for track in self.tracks.values() if track.stage in stages]
        return sum(len(track.ts) if cut is None else track.until(cut) for track in chosen)

    def times(self, *stages: str) -> np.ndarray:
        """Return the times of all records of some stages, ascending, each once."""
        found = [track.ts for track in self.tracks.values() if track.stage in stages]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


@dataclass(frozen=True)
class Difference:
    """The first record of a track in which two runs differ.

    Parameters
    ----------
    stage, track : str
        Where.
    ts : int
        When it was done, ns UTC.
    symbol : str
        The instrument, where the record has one.
    fields : tuple of str
        The fields that differ; empty where one run has no such record.
    left, right : mapping or None
        The record in each run.
    """

    stage: str
    track: str
    ts: int
    symbol: str
    fields: tuple[str, ...]
    left: Mapping[str, Any] | None
    right: Mapping[str, Any] | None


def differences(
    one: Journal, other: Journal, cut: int, tolerance: float = 0.0, output_until: int | None = None
) -> list[Difference]:
    """Return each track's first difference among what was done by `cut`, upstream stages first.

    Where one is larger than rounding, the first such one: a window summed up backwards hands its last bits on for ever.

    Parameters
    ----------
    one, other : Journal
        Of runs that differ in nothing that was known by `cut`.
    cut : int
        ns UTC.
    tolerance : float
        Floating-point fields that agree within this part of the largest value of their kind count as equal; 0: bit for
        bit.
    output_until : int or None
        ns UTC, in place of `cut` for what a function returned.
    """
    found = []
    for name in sorted(one.tracks.keys() | other.tracks.keys()):
        left, right = one.tracks.get(name), other.tracks.get(name)
        returned = output_until is not None and "output" in {each.stage for each in (left, right) if each is not None}
        difference = _first(name, left, right, output_until if returned else cut, tolerance)
        if difference is not None:
            found.append(difference)
    return sorted(found, key=lambda each: (STAGES.index(each.stage), each.ts, each.track))


def differ_after(one: Journal, other: Journal, cut: int, stages: Sequence[str]) -> bool:
    """Tell whether two runs differ in what they did after `cut`, in some stages."""
    for name in sorted(one.tracks.keys() | other.tracks.keys()):
        left, right = one.tracks.get(name), other.tracks.get(name)
        present = left if left is not None else right
        if present is None or present.stage not in stages:
            continue
        if left is None or right is None:
            return True
        a, b = left.rows[left.until(cut) :], right.rows[right.until(cut) :]
        if len(a) != len(b) or len(unequal(a, b, 0.0)):
            return True
    return False


def _first(name: str, left: Track | None, right: Track | None, cut: int, tolerance: float) -> Difference | None:
    present = left if left is not None else right
    assert present is not None
    a, b = (_prefix(track, present, cut) for track in (left, right))
    if a.dtype != b.dtype:
        return _difference(name, left, right, 0, 0, 0)
    n = min(len(a), len(b))
    wrong = unequal(a[:n], b[:n], tolerance)
    if len(wrong) == 0 and len(a) == len(b):
        return None
    clear = unequal(a[:n], b[:n], max(tolerance, ROUNDING)) if len(wrong) else wrong
    at = int((clear if len(clear) else wrong)[0]) if len(wrong) else n
    return _difference(name, left, right, at, len(a), len(b))


def _prefix(track: Track | None, like: Track, cut: int) -> np.ndarray:
    return like.rows[:0] if track is None else track.rows[: track.until(cut)]


def unequal(a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the indices at which two structured arrays of one length differ, ascending."""
    if len(a) == 0:
        return np.zeros(0, np.intp)
    if np.array_equal(_octets(a), _octets(b)):
        return np.zeros(0, np.intp)
    wrong = np.zeros(len(a), bool)
    kinds = _kinds(a) if tolerance else None
    for name in a.dtype.names or ():
        wrong |= ~close_enough(a[name], b[name], tolerance, kinds)
    return np.flatnonzero(wrong)


def _octets(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows).view(np.uint8)


def _kinds(rows: np.ndarray) -> np.ndarray | None:
    """Return what kind of value each record holds, where a track holds several (a feature's, a job's)."""
    named = [name for name in rows.dtype.names or () if rows.dtype[name].kind == "U" or name == "instrument"]
    return np.unique(rows[named], return_inverse=True)[1] if named else None


def close_enough(a: np.ndarray, b: np.ndarray, tolerance: float, kinds: np.ndarray | None = None) -> np.ndarray:
    """Tell which values agree: bit for bit, or floating-point ones within a part of the largest of their kind."""
    if a.dtype.kind != "f":
        return np.asarray(a == b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if not tolerance or same.all():
        return np.asarray(same)
    kinds = np.zeros(len(a), np.intp) if kinds is None else kinds
    sizes = np.zeros(int(kinds.max()) + 1)
    np.maximum.at(sizes, kinds, np.where(np.isfinite(a), np.abs(a), 0.0))
    with np.errstate(invalid="ignore"):  # infinities
        return np.asarray(same | (np.abs(a - b) <= tolerance * sizes[kinds]))


def _difference(name: str, left: Track | None, right: Track | None, at: int, n: int, m: int) -> Difference:
    a = _record(left, at) if at < n or not n + m else None
    b = _record(right, at) if at < m or not n + m else None
    times = [int(track.ts[at]) for track, size in ((left, n), (right, m)) if track is not None and at < size]
    present = left if left is not None else right
    assert present is not None
    fields = tuple(key for key in a if _differs(a[key], b.get(key))) if a is not None and b is not None else ()
    known = a if a is not None else b
    symbol = str((known or {}).get("instrument", ""))
    return Difference(present.stage, name, min(times, default=0), symbol, fields, a, b)


def _differs(a: Any, b: Any) -> bool:
    return bool(a != b and not (a != a and b != b))


def _record(track: Track | None, at: int) -> dict[str, Any] | None:
    if track is None or at >= len(track.rows):
        return None
    row = track.rows[at]
    record = {name: row[name].item() for name in track.rows.dtype.names or ()}
    if "instrument" in record and track.symbols:
        number = int(record["instrument"])
        record["instrument"] = track.symbols[number] if 0 <= number < len(track.symbols) else ""
    return record
