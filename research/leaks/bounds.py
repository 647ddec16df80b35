"""Reads beyond a column's end, which compiled code does without a word; looked for in the nightly profile alone.

The target is run once more as it is, in a process that checks the bounds of what numba compiles, over columns that end
at a page which cannot be read (`guard`).
"""

from typing import TYPE_CHECKING

from .history import History
from .journal import Journal
from .verdict import Verdict
from .workshop import TargetError

if TYPE_CHECKING:
    from .suite import Check

NAME = "bounds"
BEYOND_END = ("out of bounds", "killed by signal 11", "killed by signal 7")
"""How the end of a run says it: an error of numba's, or a page that cannot be read."""


def reads_beyond(check: "Check", verdict: Verdict, history: History, base: Journal) -> bool:
    """Look for reads beyond the end of a column; tell whether there are any."""
    if not (check.options.nightly or check.options.again):
        return False
    check.progress("bounds", 0, 1)
    try:
        check.workshop.run(check.spec, history, bounded=True)
    except TargetError as error:
        if not any(each in str(error) for each in BEYOND_END):
            verdict.notes.append(f"it could not be run with its bounds checked: {error}")
            return False
        verdict.verdict, verdict.failed, verdict.future = "leak", NAME, NAME
        verdict.source = [error.place] if error.place else []
        verdict.reason = f"compiled code reads beyond the end of a column: {error}"
        return True
    return False
