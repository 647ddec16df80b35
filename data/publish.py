"""Write a source's checked rows as one version of a dataset, and turn the catalogue to it."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from .actions import Action, action_table
from .calendar import Sessions, iso_date
from .catalog import Catalog
from .manifest import Finding, InstrumentEntry, Manifest, Repair, check_name
from .rows import Rows
from .schema import EXTRA
from .source import Source
from .writer import RowWriter, choose_partition, digest_of, write_actions, write_sessions

NEXT_SESSIONS = 5
"""Sessions kept beyond the last row, so that replay knows how many nights follow it."""


class Tally:
    """Counts and ranges of the rows of each instrument, over chunks sorted by time."""

    def __init__(self, n: int) -> None:
        self.rows, self.first, self.last = (np.zeros(n, np.int64) for _ in range(3))

    def add(self, rows: Rows) -> None:
        """Count a further chunk; the last assignment to an index wins."""
        code, ts = rows["code"], rows["ts_event"]
        new = self.rows == 0
        first = np.zeros(len(self.rows), np.int64)
        first[code[::-1]] = ts[::-1]
        self.first[new] = first[new]
        self.last[code] = ts
        self.rows += np.bincount(code, minlength=len(self.rows))


def publish(
    catalog: Catalog,
    name: str,
    source: Source,
    chunks: Iterable[Rows],
    sessions: Sessions,
    findings: tuple[Finding, ...],
    repairs: tuple[Repair, ...],
) -> Manifest:
    """Stage rows, which come sorted by (ts_event, instrument) in chunks of the same ids, and publish them.

    Until the last step, and on any failure, the dataset's old version stays.
    """
    check_name(name)
    stream = iter(chunks)
    head = next(stream)
    ts = head["ts_event"]
    partition = choose_partition(len(head), int(ts[0]), int(ts[-1]))
    tally = Tally(len(head.ids))
    with catalog.storage.staging(name) as folder:
        writer = RowWriter(folder, head.kind, partition, tuple(column for column in EXTRA if head.has(column)))
        for rows in chain([head], stream):
            writer.write(rows.table())
            tally.add(rows)
        files = writer.close()
        declaration = source.declaration
        table = action_table(source.actions, head.ids, sessions.zone)
        manifest = Manifest(
            schema=1,
            name=name,
            kind=head.kind,
            hash="",
            rows=writer.rows,
            first=files[0].first,
            last=files[-1].last,
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
            instruments=entries(head.ids, tally, source, sessions),
            actions=table.num_rows,
            actions_sha256=write_actions(folder, table),
            sessions_sha256=write_sessions(folder, cover(sessions, files[0].first, files[-1].last)),
            declaration=declaration.model_dump(),
            findings=findings,
            repairs=repairs,
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


def histories(
    actions: Sequence[Action], ids: Sequence[str], tally: Tally, sessions: Sessions
) -> dict[str, dict[str, Any]]:
    """Return the tickers over time of the ids that actions rename; the first is the id itself."""
    found: dict[str, list[tuple[str, str]]] = {}
    for action in sorted(actions, key=lambda action: action.date):
        if action.kind == "rename" and action.id in ids:
            place = int(np.searchsorted(sessions.midnight, tally.first[ids.index(action.id)])) - 1
            spells = found.setdefault(action.id, [(iso_date(int(sessions.date[place])), action.id)])
            spells.append((iso_date(action.date), action.symbol))
    return {name: {"symbol": spells[-1][1], "symbols": tuple(spells)} for name, spells in found.items()}


def entries(ids: tuple[str, ...], tally: Tally, source: Source, sessions: Sessions) -> tuple[InstrumentEntry, ...]:
    """Return the manifest's instruments with the counts and ranges of their rows."""
    tick, lots = source.declaration.grid
    renamed = histories(source.actions, ids, tally, sessions)
    return tuple(
        InstrumentEntry(
            **{
                "id": name,
                "symbol": name,
                "tick": tick,
                "lots_per_unit": lots,
                "shortable": source.declaration.shortable,
                **renamed.get(name, {}),
                **source.instruments.get(name, {}),
                "rows": int(tally.rows[code]),
                "first": int(tally.first[code]),
                "last": int(tally.last[code]),
            }
        )
        for code, name in enumerate(ids)
    )
