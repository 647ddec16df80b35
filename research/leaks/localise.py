"""How far a leak looks ahead, and at what.

The leaking run is repeated with parts of the other future taken back: only rows beyond a later time stay different,
only some columns, only some symbols. What still changes the first differing record is what it reads.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .futures import CACHE
from .history import History
from .journal import ROUNDING, Difference, Journal, differences
from .verdict import Verdict
from .workshop import TargetError

if TYPE_CHECKING:
    from .suite import Check

ROOM = 100.0
"""A difference just beyond rounding may be so much smaller where less of the future is another one."""
DECAYED = 0.03
"""What is so much smaller just beyond the distance decays, and the distance is no exact one."""
MOST_COLUMNS = 12
"""Columns of a file that are tried one by one."""
BEYOND = 2
"""Later starts that are tried to see whether a distance is exact."""


def localise(
    verdict: Verdict,
    check: "Check",
    history: History,
    base: Journal,
    other: History,
    first: Difference,
    cuts: list[int],
) -> None:
    """Find peek distance, columns and symbols of a leak, as far as the budget goes.

    A leak that moves more than last bits is followed by what it moves beyond them.
    """
    moved = ROUNDING / ROOM

    def differs(changed: History, part: float = 1.0) -> bool:
        try:
            journal = check.another(verdict.future, history, changed, cuts)
        except TargetError:
            return False
        found = differences(base, journal, first.ts, moved * part)
        return any(each.track == first.track and each.ts <= first.ts for each in found)

    if verdict.future == CACHE:
        box = check.workshop.box
        verdict.reads = [*box.written(), *sorted(box.outside)][:MOST_COLUMNS]
        return
    if not _same_shape(history, other):
        verdict.peek_bound = "length"
        return
    if not differs(other):
        moved = 0.0
    times = history.times
    start = int(np.searchsorted(times, verdict.cut, "right"))
    reach = _farthest(lambda k: differs(_spliced(history, other, int(times[k - 1]))), start, len(times) - 1, check)
    own = int(np.searchsorted(times, first.ts, "right"))
    verdict.peek_events = reach - own + 1
    verdict.peek_ns = int(times[reach]) - first.ts
    verdict.peek_bound = (
        "to the end"
        if reach >= len(times) - 2
        else _bound(lambda changed: differs(changed, DECAYED), history, other, times, reach, check)
    )
    verdict.reads = _read(differs, history, other, check)


def _same_shape(one: History, other: History) -> bool:
    return all(
        len(table.rows) == len(other.tables[name].rows)
        and bool(np.array_equal(table.rows["ts_event"], other.tables[name].rows["ts_event"]))
        for name, table in one.tables.items()
    )


def _farthest(differs: Callable[[int], bool], start: int, last: int, check: "Check") -> int:
    """Return the largest index k such that a future that differs only from the k-th time on still shows."""
    low, step = start, 1
    while low + step <= last and check.left > 0 and differs(low + step):
        low, step = low + step, step * 2
    high = min(low + step, last + 1)
    while high - low > 1 and check.left > 0:
        middle = (low + high) // 2
        if differs(middle):
            low = middle
        else:
            high = middle
    return low


def _bound(
    differs: Callable[[History], bool],
    history: History,
    other: History,
    times: np.ndarray,
    reach: int,
    check: "Check",
) -> str:
    """Return whether nothing farther away shows: what decays slowly shows again here and there."""
    for beyond in range(1, BEYOND + 1):
        at = reach + beyond
        if at < len(times) and check.left > 0 and differs(_spliced(history, other, int(times[at]))):
            return "at least"
    return "exact" if check.left > 0 else "at least"


def _spliced(history: History, other: History, until: int) -> History:
    """Return a history that is the first one's until a time, the other's from then on."""
    mixed = {}
    for name, table in history.tables.items():
        changed, later = other.tables[name], table.known_at > until
        columns = {c: np.where(later, changed.rows[c], table.rows[c]) for c in table.rows.values}
        actions = pa.concat_tables(
            [
                table.actions.filter(pa.array(table.actions_known_at <= until)),
                changed.actions.filter(pa.array(changed.actions_known_at > until)),
            ]
        )
        mixed[name] = table.with_rows(table.rows.with_columns(**columns), actions)
    return replace(other, tables=mixed, edit=other.edit and replace(other.edit, cut=max(until, other.edit.cut)))


def _only(history: History, other: History, columns: set[str], symbols: set[str]) -> History:
    """Return a history in which only some columns of some instruments differ, and no file."""
    mixed = {}
    for name, table in history.tables.items():
        chosen = np.isin(np.array(table.rows.ids), sorted(symbols))[table.rows["code"]]
        changed = other.tables[name].rows
        mixed[name] = table.with_rows(
            table.rows.with_columns(
                **{c: np.where(chosen & (c in columns), changed[c], table.rows[c]) for c in table.rows.values}
            )
        )
    return replace(history, tables=mixed)


def _files_read(differs: Callable[[History], bool], history: History, other: History, check: "Check") -> list[str]:
    """Return the project's files that are read, as ``file:column`` where it is one of a few columns."""
    found = []
    for file in other.files if other.edit else ():
        edit = replace(other.edit, only=file.name)  # type: ignore[type-var]
        if check.left < 0 or not file.touched(edit) or not differs(replace(history, edit=edit)):
            continue
        columns = [f"{file.name}:{each}" for each in file.columns[:MOST_COLUMNS]]
        read = [each for each in columns if check.left > 0 and differs(replace(history, edit=replace(edit, only=each)))]
        found += read or [file.name]
    return found


def _read(differs: Callable[[History], bool], history: History, other: History, check: "Check") -> list[str]:
    """Return the columns and symbols that are read, as ``symbol.column``."""
    files = _files_read(differs, history, other, check)
    if files:
        return files
    columns = sorted({name for table in history.tables.values() for name in table.rows.values})
    symbols = sorted({each for table in history.tables.values() for each in table.rows.ids})

    def shows(names: Collection[str], part: Collection[str]) -> bool:
        return check.left > 0 and differs(_only(history, other, set(names), set(part)))

    if not shows(columns, symbols):
        return ["actions"]
    read = [name for name in columns if shows({name}, symbols)]
    # Some leaks need two columns at once: high equal to low, say.
    read = read or reduce_to(columns, lambda names: shows(names, symbols))
    least = reduce_to(symbols, lambda part: shows(read, part))
    if len(least) == len(symbols) > 1:
        least = ["*"]
    return [f"{symbol}.{name}" for symbol in least for name in read]


def reduce_to(items: list[str], shows: Callable[[list[str]], bool]) -> list[str]:
    """Return a smallest part of `items` that still shows (delta debugging, complements of ever smaller chunks)."""
    current, chunks = list(items), 2
    while len(current) > 1:
        size = -(-len(current) // chunks)
        parts = [current[at : at + size] for at in range(0, len(current), size)]
        smaller = next((part for part in parts if shows(part)), None)
        if smaller is None and len(parts) > 2:
            rests = [[each for each in current if each not in part] for part in parts]
            smaller = next((rest for rest in rests if shows(rest)), None)
        if smaller is not None:
            current, chunks = smaller, 2
        elif chunks >= len(current):
            break
        else:
            chunks = min(2 * chunks, len(current))
    return current
