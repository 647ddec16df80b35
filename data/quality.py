"""Quality rules (being filled in)."""

from dataclasses import dataclass

from lockstep.engine.errors import DataError

from .actions import Action
from .calendar import Sessions
from .declaration import Declaration
from .manifest import Finding, Repair
from .rows import Rows
from .timestamps import place


@dataclass(frozen=True)
class Checked:
    """Rows after checks and repairs."""

    rows: Rows
    actions: list[Action]
    findings: tuple[Finding, ...]
    repairs: tuple[Repair, ...]


def check(rows: Rows, declaration: Declaration, sessions: Sessions, actions: list[Action]) -> Checked:
    """Apply every rule."""
    placed, number = place(rows, declaration, sessions)
    if declaration.repair.get("calendar") == "drop":
        placed, number = placed.take(number >= 0), number[number >= 0]
    if (number < 0).any() and "extended" not in declaration.repair:
        raise DataError(f"{rows.place(int((number < 0).argmax()))}: outside any session of {declaration.calendar}")
    return Checked(placed, actions, (), ())
