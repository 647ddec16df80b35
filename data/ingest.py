"""Take rows into the catalogue.

1. Labels become instants in UTC (`timestamps`).
2. The rules of `quality` are applied: what is wrong and not declared refuses the import, declared repairs are carried
   out and logged, the rest is found and counted.
3. Rows are sorted by time and instrument, written and hashed in a staging folder.
4. The new version is published in one step; until then, and on any failure, the old data stays.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY

from .actions import Action, action_table
from .calendar import Sessions, iso_date, load_sessions
from .catalog import Catalog
from .declaration import Declaration
from .manifest import Finding, InstrumentEntry, Manifest, Repair, check_name
from .quality import check
from .rows import Array, Rows, sort_codes
from .schema import EXTRA
from .timestamps import localise
from .writer import RowWriter, choose_partition, digest_of, write_actions, write_sessions

NEXT_SESSIONS = 5
"""Sessions kept beyond the last row, so that replay knows how many nights follow it."""


@dataclass(frozen=True)
class Source:
    """All that an importer hands over.

    Parameters
    ----------
    rows : Rows
        With ``stamp``, in the order of the source.
    declaration : Declaration
        How to read them.
    actions : sequence of Action
        Splits, dividends, changes of ticker …, by instrument id.
    instruments : mapping of str to dict
        Further fields of `InstrumentEntry` by id: ``symbol``, ``name``, ``sector``, ``symbols``.
    findings : sequence of Finding
        What the importer itself has noticed.
    repairs : sequence of Repair
        What the importer itself has repaired, as declared.
    truth : dict
        What is known of a synthetic market.
    """

    rows: Rows
    declaration: Declaration
    actions: Sequence[Action] = ()
    instruments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    truth: dict[str, Any] = field(default_factory=dict)


def ingest(catalog: Catalog, name: str, source: Source, now: int | None = None) -> Manifest:
    """Check, repair as declared, and publish a source as dataset `name`.

    Raises
    ------
    DataError
        If something is wrong and no repair was declared; the dataset's old version stays.
    """
    check_name(name)
    return write(catalog, name, source, prepare(source, now))


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


def write(catalog: Catalog, name: str, source: Source, prepared: Prepared) -> Manifest:
    """Stage and publish sorted, checked rows."""
    declaration, rows, sessions = source.declaration, prepared.rows, prepared.sessions
    ts = rows["ts_event"]
    first, last = int(ts[0]), int(ts[-1])
    partition = choose_partition(len(rows), first, last)
    extra = tuple(column for column in EXTRA if rows.has(column))
    with catalog.storage.staging(name) as folder:
        writer = RowWriter(folder, rows.kind, partition, extra)
        writer.write(rows.table())
        files = writer.close()
        table = action_table(source.actions, rows.ids, sessions.zone)
        covering = cover(sessions, first, last)
        manifest = Manifest(
            schema=1,
            name=name,
            kind=rows.kind,
            hash="",
            rows=len(rows),
            first=first,
            last=last,
            timeframe=declaration.timeframe,
            label=declaration.label,
            zone=declaration.zone,
            calendar=declaration.calendar,
            exchange_zone=sessions.zone,
            adjusted=declaration.adjusted,
            currency=declaration.currency,
            source=declaration.source,
            licence=declaration.licence,
            synthetic=declaration.synthetic,
            survivorship=declaration.survivorship,
            partition=partition,
            files=files,
            instruments=entries(rows, source),
            actions=table.num_rows,
            actions_sha256=write_actions(folder, table),
            sessions_sha256=write_sessions(folder, covering),
            declaration=declaration.model_dump(),
            findings=prepared.findings,
            repairs=prepared.repairs,
            truth=source.truth,
        )
        manifest = manifest.model_copy(update={"hash": content_hash(manifest, writer.digest())})
        (folder / "manifest.json").write_bytes(manifest.dump())
        catalog.storage.publish(folder, name, manifest.hash[:16])
    return manifest


def cover(sessions: Sessions, first: int, last: int) -> Sessions:
    """Return the sessions from the one before `first` to some beyond `last`."""
    start = int(np.searchsorted(sessions.close, first)) - 1
    return sessions.slice(start, int(np.searchsorted(sessions.close, last)) + 1 + NEXT_SESSIONS)


def content_hash(manifest: Manifest, digest: str) -> str:
    """Return the hash of a dataset: its rows, actions, sessions and description; not of how files are cut or named."""
    described = manifest.model_dump(exclude={"hash", "files", "partition", "findings", "repairs"})
    return digest_of({"rows": digest, "manifest": described})


def entries(rows: Rows, source: Source) -> tuple[InstrumentEntry, ...]:
    """Return the manifest's instruments with the counts and ranges of their rows."""
    tick, lots = source.declaration.grid
    counts = np.bincount(rows["code"], minlength=len(rows.ids))
    first, last = _ranges(rows["code"], rows["ts_event"], len(rows.ids))
    return tuple(
        InstrumentEntry(
            **{
                "id": name,
                "symbol": name,
                "tick": tick,
                "lots_per_unit": lots,
                "shortable": source.declaration.shortable,
                **source.instruments.get(name, {}),
                "rows": int(counts[code]),
                "first": int(first[code]),
                "last": int(last[code]),
            }
        )
        for code, name in enumerate(rows.ids)
    )


def _ranges(code: Array, ts: Array, n: int) -> tuple[Array, Array]:
    """Return first and last time per instrument of rows sorted by time; the last assignment to an index wins."""
    first, last = np.zeros(n, np.int64), np.zeros(n, np.int64)
    first[code[::-1]] = ts[::-1]
    last[code] = ts
    return first, last
