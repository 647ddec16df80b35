"""Daily files, one a symbol: raw OHLCV, the vendor's adjusted close, dividend and split; and a table of sectors.

The layout of Alpha Vantage's TIME_SERIES_DAILY_ADJUSTED. Its adjusted close obeys
``adj[t]/adj[t-1] = (close[t] * split[t] + dividend[t]) / close[t-1]``: the dividend is per old share, reinvested at the
ex-date's close.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lockstep.data.declaration import Declaration
from lockstep.data.source import Source
from lockstep.engine.errors import DataError

from .table import Layout, expand, read_tables
from .text import read_bytes, read_text

COLUMNS = {
    "time": "timestamp",
    "adj_close": "adjusted_close",
    "dividend": "dividend_amount",
    "split": "split_coefficient",
}


def read_daily(
    folder: Path,
    declaration: Declaration,
    *,
    symbol: str = "{symbol}.csv",
    files: str = "*.csv*",
    constituents: Path | None = None,
) -> Source:
    """Read a folder of such files.

    Parameters
    ----------
    folder : Path
        Where they are.
    declaration : Declaration
        Daily, labelled by session, raw.
    symbol : str
        Pattern of the files' names.
    files : str
        Which files of the folder.
    constituents : Path or None
        A table ``Symbol,Name,Sector``.

    Raises
    ------
    DataError
        If a file is wrong.
    """
    source = read_tables(expand(folder, files), Layout(columns=COLUMNS, symbol=symbol), declaration)
    return replace(source, instruments=sectors(constituents) if constituents else {})


def sectors(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return name and sector by symbol.

    Raises
    ------
    DataError
        If the table lacks a column.
    """
    text = read_text(read_bytes(path), str(path))
    missing = [name for name in ("Symbol", "Name", "Sector") if name not in text.columns]
    if missing:
        raise DataError(f"{path}:1: column {missing[0]!r} is missing; expected Symbol, Name, Sector")
    columns = (text.columns[name].to_pylist() for name in ("Symbol", "Name", "Sector"))
    return {symbol: {"name": name, "sector": sector} for symbol, name, sector in zip(*columns, strict=True)}
