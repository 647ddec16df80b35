"""The mutation test of the suite: leaks put into Lockstep's own code, one at a time, each of which must be caught.

1. Mutants are declared in ``tests/leakage/mutants/*.toml``: changes of texts in files, why that is a leak, which target
   shows it and by which property.
2. Each target is checked as the project stands: it must be clean.
3. Each mutant is put into a copy of the project (`overlay`), and its target is checked again by processes that import
   the copy. What starts them, and judges, is the project itself.
4. It is caught if the verdict is ``leak`` by an expected property at an expected stage, or if the always-on audit
   raised `LookaheadError`. A target that crashes otherwise has shown nothing.
"""

import json
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from lockstep.data.catalog import Catalog
from lockstep.data.synthetic.build import Form, write_synthetic
from lockstep.data.synthetic.market import SyntheticMarket
from lockstep.engine.errors import ConfigError

from .overlay import PROJECT, Overlay, standing
from .suite import Options, Progress, check
from .verdict import Verdict
from .workshop import Workshop

LISTS = PROJECT / "tests" / "leakage" / "mutants"
TARGETS = "tests/leakage/mutants/targets"
COMPILED = ("engine/spin.py",)
"""Files whose code interpreted runs do without."""
AUDIT = "LookaheadError"
MARKETS: dict[str, tuple[SyntheticMarket, Form]] = {
    "synthetic-days": (
        SyntheticMarket(
            3, symbols=3, sessions=110, start="2016-01-04", step=30, pairs=0, splits=3, halts=1, late=0, delisted=0
        ),
        "daily",
    ),
    "synthetic-half-hours": (
        SyntheticMarket(
            5, symbols=2, sessions=14, start="2016-03-07", step=30, pairs=0, splits=1, halts=0, late=0, delisted=0
        ),
        "intraday",
    ),
}
"""Small ones, since kernels are interpreted."""


class Edit(BaseModel):
    """One change: the text `old`, which must stand exactly once in `file` of the project, becomes `new`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    old: str
    new: str


class Mutant(BaseModel):
    """What is changed so that it leaks, and who must notice.

    Parameters
    ----------
    name : str
        What it is called.
    edits : tuple of Edit
        The changes.
    reason : str
        Why that is a leak.
    target, scenario, data, parameters
        As for `lockstep leaks`, looked up in `folder`.
    folder : str
        Of the project.
    expected : str
        The verdict.
    failed, stage : list of str
        One of these properties must have failed, one of these stages be the first to differ; empty: any.
    audit : bool
        Whether instead the always-on audit must raise.
    quick : bool
        Whether it is tried in every run of the tests, not in the nightly ones alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    edits: tuple[Edit, ...]
    reason: str
    target: str
    scenario: str = ""
    data: str = ""
    parameters: dict[str, Any] = {}
    folder: str = TARGETS
    expected: str = "leak"
    failed: list[str] = []
    stage: list[str] = []
    audit: bool = False
    quick: bool = False

    @property
    def subject(self) -> tuple[str, ...]:
        """What is checked."""
        return self.folder, self.target, self.scenario, self.data, json.dumps(self.parameters, sort_keys=True)


@dataclass
class Trial:
    """A mutant, or its target as the project stands, and the verdict."""

    mutant: Mutant
    verdict: Verdict
    fault: str
    mutated: bool = True

    def row(self) -> dict[str, Any]:
        """Return the row of the table."""
        verdict = self.verdict
        return {
            "name": self.mutant.name if self.mutated else "as it is",
            "files": [edit.file for edit in self.mutant.edits] if self.mutated else [],
            "why": self.mutant.reason if self.mutated else "",
            "target": self.mutant.target,
            "caught": not self.fault if self.mutated else None,
            "verdict": verdict.verdict,
            "failed": AUDIT if self.mutated and self.mutant.audit else verdict.failed,
            "stage": verdict.stage,
            "reason": verdict.reason,
            "seconds": verdict.seconds,
            "fault": self.fault,
        }

    def as_json(self) -> str:
        """Return the row as one line of JSON."""
        return json.dumps(self.row())

    def as_line(self) -> str:
        """Return the row as one line of text."""
        row = self.row()
        sign = "WRONG" if self.fault else "caught" if self.mutated else "clean"
        by = f"{row['failed']}, {row['stage']}" if row["stage"] else row["failed"]
        told = f"{by or row['reason']}{_told(self.fault)}"
        return f"{sign:6} {row['name']:36} {row['target']:30} {row['seconds']:6.1f} s  {told}"


def _told(fault: str) -> str:
    return f" · {fault}" if fault else ""


def load_mutants(names: Sequence[str] = ()) -> list[Mutant]:
    """Return all mutants, or those named, in the lists' order.

    Raises
    ------
    ConfigError
        If one is declared wrongly or twice, its text does not stand in the project, or there is none of a name.
    """
    every = [mutant for path in sorted(LISTS.glob("*.toml")) for mutant in _read(path)]
    known = [mutant.name for mutant in every]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise ConfigError(f"mutants: {', '.join(twice)} declared twice; give each a name of its own")
    unknown = sorted({*names} - {*known})
    if unknown:
        raise ConfigError(f"mutants: none is called {', '.join(unknown)}; known: {', '.join(known)}")
    for mutant in every:
        for edit in mutant.edits:
            standing(edit.file, edit.old)
    return [mutant for mutant in every if not names or mutant.name in names]


def _read(path: Path) -> list[Mutant]:
    try:
        return [Mutant(**each) for each in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]]
    except (ValidationError, tomllib.TOMLDecodeError, KeyError) as error:
        raise ConfigError(f"{path}: {error}") from error


@dataclass
class Bench:
    """Where mutants are tried: the copy of the project and a catalogue of small markets."""

    overlay: Overlay
    catalog: str
    options: Options
    progress: Progress = lambda what, done, planned: None

    def unchanged(self, mutants: Sequence[Mutant]) -> Iterator[Trial]:
        """Yield the targets of mutants as the project stands, each once; all must be clean."""
        subjects = {mutant.subject: mutant for mutant in mutants}
        with Workshop(self.catalog, environment=self.overlay.environment) as workshop:
            for mutant in subjects.values():
                verdict = self._check(mutant, workshop)
                fault = "" if verdict.verdict == "clean" else f"{verdict.verdict}, expected clean: {verdict.reason}"
                yield Trial(mutant, verdict, fault, mutated=False)

    def trials(self, mutants: Sequence[Mutant]) -> Iterator[Trial]:
        """Yield the targets as the project stands, then each mutant."""
        yield from self.unchanged(mutants)
        for mutant in mutants:
            yield self.tried(mutant)

    def tried(self, mutant: Mutant) -> Trial:
        """Return what becomes of a mutant."""
        compiled = any(edit.file in COMPILED for edit in mutant.edits)
        environment = self.overlay.compiled if compiled else self.overlay.environment
        with (
            self.overlay.changed(*((edit.file, edit.old, edit.new) for edit in mutant.edits)),
            Workshop(self.catalog, environment=environment) as workshop,
        ):
            verdict = self._check(mutant, workshop)
        return Trial(mutant, verdict, fault_of(mutant, verdict))

    def _check(self, mutant: Mutant, workshop: Workshop) -> Verdict:
        return check(
            mutant.target,
            scenario=mutant.scenario,
            data=mutant.data,
            parameters=mutant.parameters,
            folder=self.overlay.root / mutant.folder,
            options=self.options,
            progress=self.progress,
            workshop=workshop,
        )


@contextmanager
def open_bench(home: Path, options: Options) -> Iterator[Bench]:
    """Lay out a bench in an empty folder."""
    catalog = Catalog(home / "catalog")
    for name, market in MARKETS.items():
        write_synthetic(catalog, name, *market)
    yield Bench(Overlay(home / "project"), str(home / "catalog"), options)


def fault_of(mutant: Mutant, verdict: Verdict) -> str:
    """Return why a verdict does not catch a mutant for its reason, else an empty text."""
    if mutant.audit:
        raised = verdict.verdict == "error" and verdict.reason.startswith(AUDIT)
        return "" if raised else f"{verdict.verdict}, expected {AUDIT}: {verdict.reason}"
    if verdict.verdict != mutant.expected:
        return f"{verdict.verdict}, expected {mutant.expected}: {verdict.reason}"
    if mutant.failed and verdict.failed not in mutant.failed:
        return f"property {verdict.failed!r}, expected one of {mutant.failed}"
    if mutant.stage and verdict.stage not in mutant.stage:
        return f"stage {verdict.stage!r}, expected one of {mutant.stage}"
    return ""
