"""A live session's own recording as data: the market events of its journal, as a source for the catalogue.

A bar that was corrected later enters as corrected: a kernel that had moved on never saw that, the store does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.actions import Action
from lockstep.data.catalog import Catalog
from lockstep.data.declaration import Declaration, declare
from lockstep.data.ingest import ingest
from lockstep.data.manifest import Manifest, RowKind
from lockstep.data.rows import Rows
from lockstep.data.source import Source
from lockstep.engine.errors import DataError
from lockstep.engine.events import BAR, CLOSE, DAY, DIVIDEND, QUOTE, SPLIT, TRADE, Events, join

from .journal import Reader

KINDS: dict[RowKind, int] = {"bars": BAR, "closes": CLOSE, "quotes": QUOTE, "trades": TRADE}
VALUES: dict[RowKind, dict[str, str]] = {
    "bars": {name: name for name in ("open", "high", "low", "close", "volume")},
    "closes": {"close": "close"},
    "quotes": {name: name for name in ("bid", "ask", "bid_size", "ask_size")},
    "trades": {"price": "last", "size": "size"},
}
"""Columns of the catalogue, and the fields of an event that they come from."""


def import_recording(catalog: Catalog, name: str, run: Path, kind: str = "") -> Manifest:
    """Import what a live session has recorded.

    Parameters
    ----------
    catalog : Catalog
        Where it goes.
    name : str
        The dataset.
    run : Path
        The session's run folder.
    kind : str
        ``bars``, ``closes``, ``quotes`` or ``trades``; may be left out where the session recorded one kind alone.

    Raises
    ------
    DataError
        If nothing of that kind was recorded, or the kind must be named.
    """
    reader = Reader(run)
    try:
        meta, events = reader.meta(), _market(reader)
    finally:
        reader.close()
    chosen = _kind(events, kind, run)
    declaration = _declaration(meta, chosen, run)
    rows = _rows(events[events["kind"] == KINDS[chosen]], chosen, meta, declaration, run)
    told = {each["id"]: {"symbol": each["symbol"], "sector": each["sector"]} for each in meta["instruments"]}
    source = Source(
        rows, declaration, tuple(_actions(events, meta)), {each: told[each] for each in rows.ids if each in told}
    )
    return ingest(catalog, name, source)


def _market(reader: Reader) -> Events:
    """Return all market events and corporate actions of a journal."""
    wanted = (*KINDS.values(), SPLIT, DIVIDEND)
    parts = [batch.events[np.isin(batch.events["kind"], wanted)] for batch in reader.batches()]
    return join(*(part for part in parts if len(part)))


def _kind(events: Events, kind: str, run: Path) -> RowKind:
    there: list[RowKind] = [each for each, number in KINDS.items() if (events["kind"] == number).any()]
    found: list[RowKind] = [each for each in there if kind in ("", each)]
    if len(found) != 1:
        raise DataError(f"kind = {kind!r}: {run} has recorded {', '.join(there) or 'nothing'}; name one of them")
    return found[0]


def _declaration(meta: dict[str, Any], kind: RowKind, run: Path) -> Declaration:
    ticks = kind in ("quotes", "trades")
    daily = not ticks and meta["timeframe"] == "1d"
    first = meta["instruments"][0]
    return declare(
        kind=kind,
        timeframe="tick" if ticks else meta["timeframe"],
        label="instant" if ticks else "session" if daily else "open" if kind == "bars" else "close",
        zone="UTC",
        adjusted=first["adjusted"],
        calendar=meta["sessions"]["calendar"],
        source=f"recording of the live session {run.name}",
        licence="as the feed's",
        synthetic=any(each["synthetic"] for each in meta["instruments"]),
        splits_known=True,
        tick=first["tick"],
        lots_per_unit=first["lots_per_unit"],
        repair={"extended": "drop", "calendar": "drop"},
    )


def _rows(events: Events, kind: RowKind, meta: dict[str, Any], declaration: Declaration, run: Path) -> Rows:
    if kind in ("bars", "closes"):
        events = _as_corrected(events)
    stamp = _stamps(events, meta, declaration)
    columns = {
        "stamp": stamp,
        "code": events["instrument"].astype(np.int32),
        "line": np.arange(1, len(events) + 1),
        "file": np.zeros(len(events), np.int32),
        **{name: events[field].astype(np.float64) for name, field in VALUES[kind].items()},
    }
    if declaration.label != "session":
        columns["epoch"] = np.ones(len(events), bool)
    return Rows(kind, tuple(each["id"] for each in meta["instruments"]), columns, (run.name,))


def _as_corrected(events: Events) -> Events:
    """Return the last word on each bar, in the order of time."""
    order = np.lexsort((np.arange(len(events)), events["instrument"], events["ts_event"]))
    ts, instrument = events["ts_event"][order], events["instrument"][order]
    last = np.append((ts[1:] != ts[:-1]) | (instrument[1:] != instrument[:-1]), True)
    return events[order[last]]


def _stamps(events: Events, meta: dict[str, Any], declaration: Declaration) -> Any:
    if declaration.label == "session":
        return _dates(events["ts_event"], meta) * DAY
    return events["ts_open" if declaration.label == "open" else "ts_event"].astype(np.int64)


def _dates(ts: Any, meta: dict[str, Any]) -> Any:
    """Return the dates, days since 1970-01-01, of the sessions in which instants lie."""
    sessions = meta["sessions"]
    close = np.asarray(sessions["close"], np.int64)
    return np.asarray(sessions["date"], np.int64)[np.minimum(np.searchsorted(close, ts), len(close) - 1)]


def _actions(events: Events, meta: dict[str, Any]) -> Iterator[Action]:
    ids = [each["id"] for each in meta["instruments"]]
    for event in events[np.isin(events["kind"], (SPLIT, DIVIDEND))]:
        name, date = ids[int(event["instrument"])], int(_dates(event["ts_event"], meta))
        if event["kind"] == SPLIT:
            yield Action(name, "split", date, int(event["numerator"]), int(event["denominator"]), note="recorded")
        else:
            pays = int(event["pay_ts"])
            pay = int(_dates(pays, meta)) if pays else 0
            yield Action(name, "dividend", date, amount=int(event["amount"]), pay_date=pay, note="recorded")
