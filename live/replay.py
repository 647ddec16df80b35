"""Replaying a journal: the same rows through the same core, and the first thing that is not the same.

A slice whose digest differs has one of six causes, looked for in this order: rows that are no longer what was written
(`feed`, `fill` or `clock`, by what the altered row is), a result of a job that is no longer what was handed over
(`state`), code or versions other than the run's (`code`), a configuration that was edited (`configuration`), and where
all of that is sound, something the records do not hold (`state`).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.engine.digest import text
from lockstep.engine.errors import ConfigError, LockstepError
from lockstep.engine.events import BAR, CONTROL, DELIST, HAND_OVER, ORDER, TRADE, Kind
from lockstep.scenarios import provenance

from .core import Core, Digest, ignore
from .journal import Reader
from .journal.reading import Batch
from .journal.writing import sealed, unpacked
from .rows import Rows
from .setup import Setup, from_meta

IDENTICAL = "identical"


@dataclass(frozen=True)
class Divergence:
    """The first slice that came out otherwise, and why: `cause` in one word, `detail` in a sentence."""

    row: int
    ts: int
    cause: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """What a replay says: `verdict` is ``identical`` or the cause of the first divergence."""

    run: str
    verdict: str
    rows: int
    slices: int
    digest: str
    final_equity: int
    divergence: Divergence | None
    differences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def replay(
    folder: Path,
    sink: Callable[[dict[str, Any]], None] = ignore,
    on_rows: Callable[[Any], None] = lambda events: None,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Replay a run's journal and compare it slice by slice.

    Parameters
    ----------
    folder : Path
        The run's folder.
    sink : callable
        Gets the engine's logs.
    on_rows : callable
        Gets each batch of rows that has been applied.
    progress : callable or None
        Gets rows done and the time reached, ns UTC.

    Raises
    ------
    LockstepError
        If there is no journal, or it cannot be replayed at all.
    """
    reader = Reader(folder)
    try:
        return _Replay(folder, reader, sink, on_rows, progress).run()
    finally:
        reader.close()


class _Replay:
    def __init__(self, folder: Path, reader: Reader, sink: Any, on_rows: Any, progress: Any) -> None:
        self.folder, self.reader, self.on_rows, self.progress = folder, reader, on_rows, progress
        self.meta = reader.meta()
        self.edited = ""
        self.setup = self._setup()
        self.core: Core = self.setup.core(sink=sink)
        self.rows = Rows()
        self.slices = 0
        self.last = -(2**62)
        self.suspects: list[Divergence] = []

    def _setup(self) -> Setup:
        try:
            return from_meta(self.meta)
        except ConfigError as error:
            self.edited = str(error)
            from .setup import SEALED, seal

            return from_meta({**self.meta, "seal": seal({name: self.meta[name] for name in SEALED})})

    def run(self) -> Verdict:
        recorded = self.reader.digests()
        held = next(recorded, None)
        for batch in self.reader.batches():
            self._inspect(batch)
            failure = self._apply(batch)
            if failure is not None:
                return self._verdict(failure)
            for digest in self.core.take_digests():
                self.slices += 1
                while held is not None and held.number < digest.number:
                    held = next(recorded, None)
                if held is not None and held.number == digest.number and held != digest:
                    return self._verdict(self._cause(digest, held))
            self.on_rows(batch.events)
            if self.progress is not None:
                self.progress(self.rows.number, self.last)
        if self.suspects:
            # Rows were altered after the last slice: nothing was compared after them.
            return self._verdict(self.suspects[0])
        self.core.runner.finish()
        return self._verdict(None)

    def _apply(self, batch: Batch) -> Divergence | None:
        rows = self.rows
        for start in range(0, len(batch.events), rows.capacity):
            rows.load(batch.first + start, batch.events[start : start + rows.capacity])
            for j in range(rows.n):
                result = None
                if rows.head(j)[1] == HAND_OVER:
                    result = self._result(batch.first + start + j, batch.events[start + j])
                try:
                    self.core.apply(rows, j, result)
                except LockstepError as error:
                    number, ts = batch.first + start + j, int(batch.events["ts_available"][start + j])
                    found = self._cause(Digest(number, ts, 0, 0, 0), None)
                    return Divergence(number, ts, found.cause, f"{found.detail}; applying it failed: {error}")
                self.core.messages.clear()
                self.core.jobs.clear()
            rows.clear()
        return None

    def _result(self, number: int, event: Any) -> Any:
        payload = self.reader.payload(number)
        if not payload:
            return None
        if sealed(payload) != int(event["nights"]):
            ts = int(event["ts_available"])
            self.suspects.append(Divergence(number, ts, "state", "the result of a job is not what was handed over"))
        return unpacked(payload)

    # -- causes --------------------------------------------------------------------------------------------------

    def _inspect(self, batch: Batch) -> None:
        """Note rows that are no longer what was written, and stamps that do not rise."""
        stamps = batch.events["ts_available"]
        falls = np.flatnonzero(np.diff(stamps, prepend=self.last) <= 0)
        self.last = int(stamps[-1]) if len(stamps) else self.last
        if not batch.sound:
            place = batch.altered
            if place < 0 or place >= len(batch.events):
                detail = f"rows are missing, or were put in, before or at row {batch.first}"
                self.suspects.append(Divergence(batch.first, self.last, "feed", detail))
            else:
                self.suspects.append(self._altered(batch.first + place, batch.events[place], place in falls))
        elif len(falls):
            place = int(falls[0])
            self.suspects.append(
                Divergence(
                    batch.first + place, int(stamps[place]), "clock", "the stamp is not later than the one before"
                )
            )

    def _altered(self, number: int, event: Any, falls: bool) -> Divergence:
        kind, ts = int(event["kind"]), int(event["ts_available"])
        cause = "clock"
        if kind in (ORDER, CONTROL):
            cause = "fill"
        elif (BAR <= kind <= TRADE or kind <= DELIST) and not falls:
            cause = "feed"
        name = Kind(kind).name.lower() if kind in Kind._value2member_map_ else f"kind {kind}"
        index = int(event["instrument"])
        symbol = f" of {self.setup.instruments[index].symbol}" if 0 <= index < len(self.setup.instruments) else ""
        return Divergence(number, ts, cause, f"row {number} ({name}{symbol}) is not what was written")

    def _cause(self, digest: Digest, held: Digest | None) -> Divergence:
        if self.suspects:
            found = self.suspects[0]
            return Divergence(digest.number, digest.ts, found.cause, found.detail)
        if self.edited:
            return Divergence(digest.number, digest.ts, "configuration", self.edited)
        differing = self.differences()
        if differing:
            return Divergence(digest.number, digest.ts, "code", differing[0])
        detail = "rows, results, code and configuration are those of the run"
        if held is not None:
            part = "decisions, orders or fills" if held.orders != digest.orders else "equity marks alone"
            detail += f"; {part} differ: a strategy keeps something outside its state, or reads what is not recorded"
        return Divergence(digest.number, digest.ts, "state", detail)

    def differences(self) -> list[str]:
        """Return how code and versions differ from the run's."""
        found = []
        now = {"code": provenance.code(self.setup.scenario), "versions": provenance.versions()}
        for what, values in now.items():
            before = self.meta.get(what) or {}
            found += [
                f"the {what} of {key}: {values.get(key)!r} now, {before.get(key)!r} then"
                for key in sorted({*before, *values})
                if before.get(key) != values.get(key)
            ]
        return found

    def _verdict(self, divergence: Divergence | None) -> Verdict:
        header = self.core.world.header
        if divergence is None and self.edited:
            divergence = Divergence(0, 0, "configuration", self.edited)
        return Verdict(
            self.folder.name, divergence.cause if divergence else IDENTICAL, self.rows.number, self.slices,
            text((int(header.digest), int(header.marks))), int(header.equity), divergence, tuple(self.differences()),
        )  # fmt: skip
