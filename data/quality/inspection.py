"""The state of an inspection: rows as repaired so far, findings, repairs; and how a violation is dealt with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from lockstep.data.actions import Action
from lockstep.data.calendar import Ints, Sessions, iso_date
from lockstep.data.declaration import REPAIRS, Declaration
from lockstep.data.manifest import Finding, Repair, Severity
from lockstep.data.rows import Array, Rows
from lockstep.engine.errors import DataError

EXAMPLES = 20
NAMED = 400
"""Examples kept by rules whose every case matters."""


@dataclass(frozen=True)
class Checked:
    """Rows after checks and repairs, with what was found and what was done."""

    rows: Rows
    actions: list[Action]
    findings: tuple[Finding, ...]
    repairs: tuple[Repair, ...]


class Inspection:
    """Rows under inspection.

    Parameters
    ----------
    rows : Rows
        As read.
    declaration : Declaration
        With the declared repairs.
    sessions : Sessions
        Covering the rows.
    actions : list of Action
        Declared corporate actions.
    now : int
        Latest instant (ns UTC) that a row may have.
    audit : bool
        Whether violations become findings instead of errors.
    """

    def __init__(
        self,
        rows: Rows,
        declaration: Declaration,
        sessions: Sessions,
        actions: list[Action],
        *,
        now: int,
        audit: bool,
    ) -> None:
        self.rows, self.declaration, self.sessions, self.actions = rows, declaration, sessions, actions
        self.now, self.audit = now, audit
        self.session: Ints = np.empty(0, np.int64)
        """Session of each row, −1 outside; known once times are placed."""
        self._findings: list[Finding] = []
        self._repairs: list[Repair] = []

    def note(
        self,
        rule: str,
        count: int,
        detail: str,
        examples: Iterable[str] = (),
        severity: Severity = "note",
        limit: int = EXAMPLES,
    ) -> None:
        """Record a finding, unless it counts nothing."""
        if count:
            shown = tuple(example for example, _ in zip(examples, range(limit), strict=False))
            self._findings.append(Finding(rule=rule, severity=severity, count=count, detail=detail, examples=shown))

    def violation(self, rule: str, bad: Array, say: Callable[[int], str], expected: str) -> str | None:
        """Refuse, or return the repair to carry out on the rows where `bad` holds; None where there is none.

        Parameters
        ----------
        rule : str
            Name of the rule.
        bad : (n,) bool
            Where it is broken.
        say : callable
            Gives the offending value of a row in words.
        expected : str
            What was expected.

        Raises
        ------
        DataError
            If no repair was declared for the rule.
        """
        if not bad.any():
            return None
        count = int(bad.sum())
        # Most rows are fine, so their places are looked up for the offenders alone.
        offenders = np.flatnonzero(bad)[:EXAMPLES]
        examples = tuple(f"{self.rows.place(int(row))}: {say(int(row))}" for row in offenders)
        action = self.declaration.repair.get(rule)
        if action is not None:
            self._repairs.append(Repair(rule=rule, action=action, count=count, examples=examples))
            return action
        if self.audit:
            self.note(rule, count, f"expected {expected}", examples, "warning")
            return None
        others = f" ({count - 1} more like it)" if count > 1 else ""
        remedies = " or ".join(f"{rule}={allowed}" for allowed in REPAIRS.get(rule, ()))
        remedy = (
            f"correct the file, or declare repair {remedies}" if remedies else "correct the file or the declaration"
        )
        raise DataError(f"{examples[0]}{others}; expected {expected}; {remedy}")

    def keep(self, mask: Array) -> None:
        """Keep the rows where `mask` holds.

        Raises
        ------
        DataError
            If none is left.
        """
        if not mask.any():
            raise DataError(f"{', '.join(self.rows.files[:3])}: no rows are left after the declared repairs")
        self.rows = self.rows.take(mask)
        if len(self.session):
            self.session = self.session[mask]

    def order(self, index: Array) -> None:
        """Put the rows in another order."""
        self.rows = self.rows.take(index)
        self.session = self.session[index]

    def name(self, row: int) -> str:
        """Return a row's instrument and date, for findings."""
        session = int(self.session[row])
        day = (
            int(self.sessions.date[session]) if session >= 0 else int(self.rows["ts_event"][row]) // 86_400_000_000_000
        )
        return f"{self.rows.ids[int(self.rows['code'][row])]} {iso_date(day)}"

    def result(self) -> Checked:
        """Return what came of it."""
        return Checked(self.rows, self.actions, tuple(self._findings), tuple(self._repairs))


def follows(code: Array) -> Array:
    """Tell for each row, sorted by instrument, whether the row before it is of the same instrument."""
    return np.append(False, code[1:] == code[:-1])[: len(code)]
