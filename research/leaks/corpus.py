"""The acceptance corpus: planted leaks that must be found for their reason, clean strategies that must pass.

Each case is a module written as a user would write it, in ``tests/leakage/corpus/planted`` or ``clean``, and beside it
``NAME.case.toml`` that says what is expected. Cases are run like anybody's code: nothing in the suite knows them.
"""

import json
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from lockstep.engine.errors import ConfigError

from . import TOLERANCE
from .suite import Options, Progress, check
from .verdict import Verdict
from .workshop import Workshop

ROOT = Path(__file__).resolve().parents[2] / "tests" / "leakage"
TABLES = ("corpus", "freqtrade", "further")
"""Folders of cases: the acceptance corpus; what another detector was measured on; more of the same sort."""
ALSO = ("failed", "stage", "peek_bound", "reads", "decisions", "runs")
"""What else of a verdict stands in a row."""
SUFFIX = ".case.toml"


class Case(BaseModel):
    """What a case is and what is expected of it.

    Parameters
    ----------
    target, scenario, data, parameters
        As for `lockstep leaks`, looked up in the case's folder; without a target the module of the case's name.
    tolerance : float
        Declared for what is not computed bit for bit alike on histories of another length.
    expected : str
        The verdict.
    failed : list of str
        Of a leak: the properties one of which must have failed; empty: any.
    stage : list of str
        The stages one of which must be the first to differ; empty: any.
    peek_events : int or None
        Exact distance in events; None where it is not finite.
    reads : list of str
        Columns, or ``symbol.column``, one of which must be named.
    reason : str
        What is wrong with it, or why it is clean although it looks wrong.
    freqtrade : tuple of (str, str) or None
        What freqtrade 2026.9 said of the same strategy, as measured: `lookahead-analysis`, `recursive-analysis`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str = ""
    scenario: str = ""
    data: str = ""
    parameters: dict[str, Any] = {}
    tolerance: float = TOLERANCE
    expected: str
    failed: list[str] = []
    stage: list[str] = []
    peek_events: int | None = None
    reads: list[str] = []
    reason: str
    freqtrade: tuple[str, str] | None = None
    name: str = ""
    planted: bool = False
    folder: Path = Path()


@dataclass
class Outcome:
    """A case and its verdict."""

    case: Case
    verdict: Verdict
    faults: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return the row of the table."""
        row = {
            "name": self.case.name,
            "planted": self.case.planted,
            "verdict": self.verdict.verdict,
            "expected": self.case.expected,
            "reason": self.verdict.reason,
            "peek_events": self.verdict.peek_events,
            "seconds": self.verdict.seconds,
            "faults": self.faults,
            **{name: getattr(self.verdict, name) for name in ALSO},
        }
        if self.case.freqtrade:
            row |= dict(zip(("lookahead_analysis", "recursive_analysis"), self.case.freqtrade, strict=True))
        return row

    def as_json(self) -> str:
        """Return the row as one line of JSON."""
        return json.dumps(self.row())

    def as_line(self) -> str:
        """Return the row as one line of text."""
        row, sign = self.row(), "wrong" if self.faults else "ok"
        peek = "" if row["peek_events"] is None else str(row["peek_events"])
        told = "; ".join(self.faults) or row["reason"]
        if self.case.freqtrade:
            told += " · freqtrade: {}; recursive: {}".format(*self.case.freqtrade)
        return f"{sign:5} {row['name']:30} {row['verdict']:16} {peek:>6} {row['seconds']:7.1f} s  {told}"


def load_cases(table: str = TABLES[0]) -> list[Case]:
    """Return all cases of a table, clean ones first, in their names' order.

    Raises
    ------
    ConfigError
        If there is no such table, or a case is declared wrongly.
    """
    if table not in TABLES:
        raise ConfigError(f"--table {table!r}: expected one of {', '.join(TABLES)}")
    return [load_case(path) for path in sorted((ROOT / table).rglob(f"*{SUFFIX}"))]


def load_case(path: Path) -> Case:
    """Read one case.

    Raises
    ------
    ConfigError
        If it is declared wrongly.
    """
    name = path.name.removesuffix(SUFFIX)
    try:
        case = Case(**tomllib.loads(path.read_text()))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    changes = {"name": name, "folder": path.parent, "planted": path.parent.name == "planted"}
    return case.model_copy(update={**changes, "target": case.target or name})


def run_case(
    case: Case,
    options: Options,
    catalog: str | None = None,
    progress: Progress = lambda what, done, planned: None,
    workshop: Workshop | None = None,
) -> Outcome:
    """Check a case's target and compare the verdict with what is expected; see `suite.check`."""
    verdict = check(
        case.target,
        scenario=case.scenario,
        data=case.data,
        parameters=case.parameters,
        catalog=catalog,
        folder=case.folder,
        options=replace(options, tolerance=case.tolerance),
        progress=progress,
        workshop=workshop,
    )
    return Outcome(case, verdict, _faults(case, verdict))


def _faults(case: Case, verdict: Verdict) -> list[str]:
    """Return in what a verdict falls short of what is expected."""
    if verdict.verdict != case.expected:
        return [f"{verdict.verdict}, expected {case.expected}: {verdict.reason}"]
    found = []
    if case.failed and verdict.failed not in case.failed:
        found.append(f"property {verdict.failed!r}, expected one of {case.failed}")
    if case.stage and verdict.stage not in case.stage:
        found.append(f"stage {verdict.stage!r}, expected one of {case.stage}")
    if case.peek_events is not None and (verdict.peek_events, verdict.peek_bound) != (case.peek_events, "exact"):
        found.append(f"peek {verdict.peek_bound} {verdict.peek_events}, expected exactly {case.peek_events}")
    columns = {part for read in verdict.reads for part in (read, read.rpartition(".")[2])}
    if case.reads and not columns & set(case.reads):
        found.append(f"reads {verdict.reads}, expected one of {case.reads}")
    return found
