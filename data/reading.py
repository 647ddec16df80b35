"""Rows of a dataset as arrays or DataFrames, for checks, reports and research; replay has its own way (`feed`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.engine.errors import DataError

from .adjust import adjustments, backward, forward
from .catalog import Dataset
from .feed import FOREVER, instant
from .market import Window
from .rows import Array, Rows
from .schema import EXTRA, TIMES, VALUES
from .selection import select
from .writer import column

if TYPE_CHECKING:
    import pandas as pd

Adjust = Literal["raw", "forward", "backward", "total"]
PRICES = ("open", "high", "low", "close")


def read_rows(
    dataset: Dataset,
    symbols: Sequence[str] | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
) -> Rows:
    """Return a dataset's rows between two times, sorted by (ts_event, instrument), with every column it has.

    Parameters
    ----------
    dataset : Dataset
        Where they are.
    symbols : sequence of str or None
        Tickers or ids; None takes all.
    start, end : str, int or None
        As for `Replay`.

    Raises
    ------
    DataError
        If a symbol is unknown or a file damaged.
    """
    manifest = dataset.manifest
    zone = manifest.exchange_zone
    window = Window(instant(start, zone, -FOREVER), instant(end, zone, FOREVER, after=1))
    numbers = select([dataset], symbols).numbers[0]
    tables = [
        _table(dataset, entry.path, numbers, window)
        for entry in manifest.files
        if window.overlaps(entry.first, entry.last)
    ]
    if not tables:
        raise DataError(f"{manifest.name}: no rows between {start} and {end}")
    table = pa.concat_tables(tables)
    names = [name for name in (*TIMES[manifest.kind], *VALUES[manifest.kind], *EXTRA) if name in table.column_names]
    columns = {name: column(table, name) for name in names}
    columns["code"] = column(table, "instrument")
    columns["line"] = np.arange(table.num_rows, dtype=np.int64)
    columns["file"] = np.zeros(table.num_rows, np.int32)
    return Rows(manifest.kind, tuple(entry.id for entry in manifest.instruments), columns, (manifest.name,))


def _table(dataset: Dataset, path: str, numbers: Array, window: Window) -> pa.Table:
    with dataset.open(path) as file:
        table = file.read()
    part = window.rows(column(table, "ts_event"), dataset.manifest.kind)
    table = table.slice(part.start, max(part.stop - part.start, 0))
    if (numbers >= 0).all():
        return table
    return table.filter(pc.is_in(table.column("instrument"), pa.array(np.flatnonzero(numbers >= 0).astype(np.int32))))


def read_frame(
    dataset: Dataset,
    symbols: Sequence[str] | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    *,
    adjust: Adjust = "raw",
    as_of: int | None = None,
) -> "pd.DataFrame":
    """Return rows as one long DataFrame with `symbol` and times in UTC, sorted by time and instrument.

    Parameters
    ----------
    dataset : Dataset
        Where they are.
    symbols, start, end
        As for `read_rows`.
    adjust : {"raw", "forward", "backward", "total"}
        Of prices: as traded; times all splits so far; scaled to the shares of the last row; with dividends reinvested.
    as_of : int or None
        For ``backward``: only what was effective by then (ns UTC) is used.

    Raises
    ------
    DataError
        If `adjust` is unknown, or asked of quotes and trades.
    """
    import pandas as pd

    rows = read_rows(dataset, symbols, start, end)
    if adjust != "raw":
        rows = _adjusted(dataset, rows, adjust, as_of)
    tickers = np.array([entry.symbol for entry in dataset.manifest.instruments], dtype=object)
    times = {name: pd.DatetimeIndex(rows[name].astype("datetime64[ns]"), tz="UTC") for name in TIMES[rows.kind]}
    frame: dict[str, Any] = {**times, "symbol": tickers[rows["code"]], **{name: rows[name] for name in rows.values}}
    return pd.DataFrame(frame)


def _adjusted(dataset: Dataset, rows: Rows, adjust: Adjust, as_of: int | None) -> Rows:
    if adjust not in ("forward", "backward", "total") or rows.kind not in ("bars", "closes"):
        raise DataError(
            f"adjust={adjust!r} for {rows.kind}: expected raw, forward, backward or total, for bars and closes"
        )
    columns = {name: rows[name].copy() for name in PRICES if rows.has(name)}
    for code, name in enumerate(rows.ids):
        own = np.flatnonzero(rows["code"] == code)
        if len(own) == 0:
            continue
        ts, close, actions = rows["ts_event"][own], rows["close"][own], adjustments(dataset, name)
        for values in columns.values():
            if adjust == "backward":
                values[own] = backward(ts, values[own], close, actions, as_of=as_of)
            else:
                values[own] = forward(ts, values[own], close, actions, dividends=adjust == "total")
    return rows.with_columns(**columns)
