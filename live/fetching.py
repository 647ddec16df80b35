"""History from Alpaca into the catalogue: pages on disk first, then one import.

1. Each question (symbols, times, kind) has a folder of its own beside the catalogue. A page that has come becomes a
   file there, in one step; the file's name bears its number, the file itself the token of the next page. Whoever asks
   the same again goes on after the last page, so nothing is asked for twice, whenever the process ends.
2. Requests keep to a number a minute; what is limited, unsure or interrupted is asked for again, patiently.
3. After the last page the corporate actions are asked for, and everything goes through the catalogue's own import:
   declared, checked, published in one step. Until then the old data stays; afterwards the folder goes.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lockstep.data.actions import Action
from lockstep.data.calendar import days
from lockstep.data.catalog import Catalog
from lockstep.data.declaration import Declaration, declare
from lockstep.data.importers.table import Layout, read_tables
from lockstep.data.ingest import ingest
from lockstep.data.manifest import Manifest
from lockstep.data.source import Source
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY

from . import clock
from .alpaca.decode import Undecodable, nanoseconds, number
from .alpaca.rest import Access, Rest
from .history import PAGE, paged, timeframe_text, told_actions

NEXT = b"next"
FIELDS: dict[str, dict[str, str]] = {
    "bars": {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"},
    "quotes": {"bid": "bp", "ask": "ap", "bid_size": "bs", "ask_size": "as"},
    "trades": {"price": "p", "size": "s"},
}
"""Our columns, and Alpaca's names for them."""
REPAIRS = {"extended": "drop", "calendar": "drop"}
"""Alpaca's minutes reach beyond the session; those are left out unless it is declared otherwise."""


class Wanted(BaseModel):
    """What is asked for.

    Parameters
    ----------
    symbols : list of str
        Tickers; as text, separated by commas.
    start, end : str
        First and last day, ISO dates, both inclusive.
    kind : {"bars", "quotes", "trades"}
        What a row is.
    timeframe : str
        Of bars, such as ``1min``, ``1h`` or ``1d``.
    feed : str
        ``iex`` or ``sip``.
    requests_per_minute : int
        At most so many.
    page : int
        Rows of a page.
    url : str
        A local venue's address; empty: Alpaca, by the keys in the environment or `.env`.
    repair : mapping of str to str
        As for any import.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbols: list[str] = Field(min_length=1)
    start: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    end: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    kind: Literal["bars", "quotes", "trades"] = "bars"
    timeframe: str = "1d"
    feed: str = "iex"
    requests_per_minute: int = Field(default=180, ge=1, le=10_000)
    page: int = Field(default=PAGE, ge=1, le=PAGE)
    url: str = ""
    repair: dict[str, str] = REPAIRS

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("start", "end", mode="before")
    @classmethod
    def _date(cls, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    @property
    def declaration(self) -> Declaration:
        """How its rows are to be read."""
        ticks = self.kind != "bars"
        daily = not ticks and declare_length(self.timeframe) >= DAY
        return declare(
            kind=self.kind,
            timeframe="tick" if ticks else self.timeframe,
            label="instant" if ticks else "session" if daily else "open",
            zone="UTC",
            adjusted="raw",
            source=f"Alpaca, feed {self.feed}",
            licence="Alpaca's terms",
            splits_known=True,
            repair=self.repair,
        )

    @property
    def query(self) -> dict[str, Any]:
        """The question in Alpaca's words."""
        # A day's label is midnight in New York, 04:00 or 05:00 UTC; nothing trades between 01:00 and 04:00.
        until = f"{np.datetime64(self.end, 'D') + 1}T03:59:59Z"
        asked = {"symbols": ",".join(sorted(self.symbols)), "start": f"{self.start}T04:00:00Z", "end": until}
        asked |= {"feed": self.feed, "sort": "asc", "limit": self.page}
        if self.kind == "bars":
            asked |= {"timeframe": timeframe_text(declare_length(self.timeframe)), "adjustment": "raw"}
        return asked


def declare_length(timeframe: str) -> int:
    """Return the nanoseconds of a timeframe such as ``5min``.

    Raises
    ------
    DataError
        If it is none.
    """
    from lockstep.scenarios.durations import nanoseconds as span

    try:
        return span(timeframe)
    except ValueError as error:
        raise DataError(f"timeframe = {timeframe!r}: {error}") from error


def wanted(options: Mapping[str, Any]) -> Wanted:
    """Return what the options ask for.

    Raises
    ------
    DataError
        If one is unknown, missing or wrong.
    """
    try:
        return Wanted(**options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{name} = {options.get(name)!r}: {first['msg']}; options here: {', '.join(Wanted.model_fields)}"
        ) from error


def fetch(
    catalog: Catalog, name: str, asked: Wanted, access: Access, told: Callable[[str], None] = lambda words: None
) -> Manifest:
    """Fill a dataset from Alpaca's history.

    Parameters
    ----------
    catalog : Catalog
        Where it goes.
    name : str
        The dataset.
    asked : Wanted
        What is asked for.
    access : Access
        Where, and with which keys.
    told : callable
        Hears how far it is.

    Raises
    ------
    DataError
        If Alpaca refuses or cannot be reached, or the rows are wrong; what has come stays for the next attempt.
    """
    declaration, folder = asked.declaration, _folder(catalog, name, asked)
    rest = Rest(access)
    _pages(rest, asked, folder, told)
    told("corporate actions")
    actions = list(_actions(told_actions(rest, asked.symbols, asked.start, asked.end), asked.symbols))
    source = _source(folder, declaration, actions)
    made = ingest(catalog, name, source)
    shutil.rmtree(folder)
    return made


def _folder(catalog: Catalog, name: str, asked: Wanted) -> Path:
    digest = hashlib.sha256(repr((name, asked.kind, sorted(asked.query.items()))).encode()).hexdigest()[:16]
    folder = (catalog.storage.local or Path(".lockstep")) / ".fetch" / f"{name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("page-*.parquet"))


def _pages(rest: Rest, asked: Wanted, folder: Path, told: Callable[[str], None]) -> None:
    """Put every page that is not there yet into the folder."""
    files = _files(folder)
    token = (pq.read_schema(files[-1]).metadata or {})[NEXT].decode() if files else ""
    if files and not token:
        return
    pause, rows = 60.0 / asked.requests_per_minute, 0
    for place, (page, following) in enumerate(paged(rest, asked.kind, asked.query, token), len(files)):
        began = clock.monotonic()
        table = _table(page, asked)
        rows += table.num_rows
        path = folder / f"page-{place:06d}.parquet"
        pq.write_table(table.replace_schema_metadata({NEXT: following.encode()}), path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
        told(f"page {place + 1}: {rows:,} rows")
        if following:
            clock.block(pause - (clock.monotonic() - began) / 1e9)


def _table(page: Mapping[str, Iterable[Mapping[str, Any]]], asked: Wanted) -> pa.Table:
    """Return a page as the columns that the catalogue's import reads."""
    daily = asked.kind == "bars" and declare_length(asked.timeframe) >= DAY
    times: list[Any] = []
    symbols: list[str] = []
    columns: dict[str, list[float]] = {field: [] for field in FIELDS[asked.kind]}
    for symbol, raw in ((symbol, raw) for symbol, listed in page.items() for raw in listed):
        try:
            times.append(str(raw["t"])[:10] if daily else nanoseconds(raw["t"]))
            symbols.append(symbol)
            for field, theirs in FIELDS[asked.kind].items():
                columns[field].append(float(raw[theirs]))
        except (Undecodable, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{asked.kind} of {symbol}: {str(raw)[:200]} cannot be read ({error})") from error
    kind = pa.string() if daily else pa.int64()
    return pa.table({"time": pa.array(times, kind), "symbol": pa.array(symbols, pa.string()), **columns})


def _source(folder: Path, declaration: Declaration, actions: list[Action]) -> Source:
    files = [path for path in _files(folder) if pq.read_metadata(path).num_rows]
    if not files:
        shutil.rmtree(folder)
        raise DataError("Alpaca has no rows of these symbols in these days; check symbols, dates and feed")
    layout = Layout(time_format=("iso",) if declaration.label == "session" else ("epoch_ns",))
    source = read_tables(files, layout, declaration)
    known = frozenset(source.rows.ids)
    return Source(source.rows, declaration, tuple(each for each in actions if each.id in known))


def _actions(listed: Iterable[tuple[str, Mapping[str, Any]]], symbols: list[str]) -> Iterable[Action]:
    """Yield splits and cash dividends; what else there is changes no price."""
    for kind, raw in listed:
        symbol, ex_date = str(raw.get("symbol", "")), raw.get("ex_date")
        if symbol not in symbols or not ex_date:
            continue
        if kind in ("forward_splits", "reverse_splits"):
            new, old = number(raw["new_rate"]), number(raw["old_rate"])
            assert new is not None
            assert old is not None
            ratio = (new / old).as_integer_ratio()
            yield Action(symbol, "split", days(str(ex_date)), *ratio, note="Alpaca")
        elif kind == "cash_dividends" and (amount := int((number(raw["rate"]) or 0) * 10**9)):
            pay = days(str(raw["payable_date"])) if raw.get("payable_date") else 0
            yield Action(symbol, "dividend", days(str(ex_date)), amount=amount, pay_date=pay, note="Alpaca")
