"""Take rows into the catalogue.

1. Labels become instants in UTC (`timestamps`).
2. The rules of `quality` are applied: what is wrong and not declared refuses the import, declared repairs are carried
   out and logged, the rest is found and counted.
3. Rows are sorted by time and instrument, written and hashed in a staging folder.
4. The new version is published in one step; until then, and on any failure, the old data stays.
"""

import time
from dataclasses import dataclass

import numpy as np

from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY

from .calendar import Sessions, iso_date, load_sessions
from .catalog import Catalog
from .declaration import Declaration
from .manifest import Finding, Manifest, Repair, check_name
from .publish import NEXT_SESSIONS, publish
from .quality import check
from .rows import Rows, sort_codes
from .source import Source
from .timestamps import localise


def ingest(catalog: Catalog, name: str, source: Source, now: int | None = None) -> Manifest:
    """Check, repair as declared, and publish a source as dataset `name`.

    Raises
    ------
    DataError
        If something is wrong and no repair was declared; the dataset's old version stays.
    """
    check_name(name)
    prepared = prepare(source, now)
    return publish(catalog, name, source, [prepared.rows], prepared.sessions, prepared.findings, prepared.repairs)


@dataclass(frozen=True)
class Prepared:
    """A source after checks and repairs: rows sorted by (ts_event, instrument), ids in canonical order."""

    rows: Rows
    sessions: Sessions
    findings: tuple[Finding, ...]
    repairs: tuple[Repair, ...]


def prepare(source: Source, now: int | None = None) -> Prepared:
    """Check a source, repair it as declared, and sort it.

    Parameters
    ----------
    source : Source
        As read.
    now : int or None
        Rows after this instant (ns UTC) are refused; None takes the wall clock.

    Raises
    ------
    DataError
        If something is wrong and no repair was declared.
    """
    if len(source.rows) == 0:
        raise DataError(f"{', '.join(source.rows.files) or 'source'}: no rows; expected at least one")
    rows = to_utc(source.rows, source.declaration)
    sessions = sessions_for(rows, source.declaration)
    limit = time.time_ns() if now is None else now
    checked = check(rows, source.declaration, sessions, list(source.actions), now=limit)
    rows = sort_codes(checked.rows)
    # Stable: ticks of one instant keep the order of their source.
    rows = rows.take(np.lexsort((rows["code"], rows["ts_event"])))
    return Prepared(rows, sessions, (*source.findings, *checked.findings), (*source.repairs, *checked.repairs))


def to_utc(rows: Rows, declaration: Declaration) -> Rows:
    """Return rows whose ``stamp`` is UTC, or a date's midnight for session labels.

    Raises
    ------
    DataError
        If DST skips or repeats a local time and no repair is declared.
    """
    if declaration.label == "session" or rows.has("epoch"):
        return rows
    stamp, fault = localise(rows["stamp"], declaration.zone, declaration.repair.get("ambiguous"))
    if declaration.repair.get("nonexistent") == "drop":
        rows, stamp, fault = rows.take(fault != 1), stamp[fault != 1], fault[fault != 1]
    if fault.any():
        row = int((fault > 0).argmax())
        local = np.datetime64(int(rows["stamp"][row]), "ns").astype("datetime64[s]")
        rule, what = ("nonexistent", "skipped") if fault[row] == 1 else ("ambiguous", "repeated")
        raise DataError(
            f"{rows.place(row)}: {local} is {what} by daylight saving in {declaration.zone}; check the declared zone, "
            f"or declare repair {rule}={'drop' if fault[row] == 1 else 'first|second'}"
        )
    return rows.with_columns(stamp=stamp)


def sessions_for(rows: Rows, declaration: Declaration) -> Sessions:
    """Return the sessions that cover the rows' stamps, with some margin on both sides."""
    stamp = rows["stamp"]
    first, last = int(stamp.min()) // DAY - 10, int(stamp.max()) // DAY + 5
    return load_sessions(declaration.calendar, iso_date(first), iso_date(last), NEXT_SESSIONS)
