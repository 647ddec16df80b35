"""Data that other Python packages carry, read from their installed files without network or importing them."""

import csv
import gzip
import importlib.util
import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from lockstep.data.actions import read_actions
from lockstep.data.declaration import declare
from lockstep.data.manifest import RowKind
from lockstep.data.rows import Rows, join
from lockstep.data.source import Source
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY

ACTIONS = Path(__file__).parents[1] / "actions"
SURVIVORS = "the symbols were chosen after the fact, among companies that survived: returns are flattered"

SECTORS_20 = {
    "AAPL": "Information Technology",
    "AMD": "Information Technology",
    "BAC": "Financials",
    "BBY": "Consumer Discretionary",
    "CVX": "Energy",
    "GE": "Industrials",
    "HD": "Consumer Discretionary",
    "JNJ": "Health Care",
    "JPM": "Financials",
    "KO": "Consumer Staples",
    "LLY": "Health Care",
    "MRK": "Health Care",
    "MSFT": "Information Technology",
    "PEP": "Consumer Staples",
    "PFE": "Health Care",
    "PG": "Consumer Staples",
    "RRC": "Energy",
    "UNH": "Health Care",
    "WMT": "Consumer Staples",
    "XOM": "Energy",
}
SECTORS_5 = {
    "AAPL": "Information Technology",
    "FB": "Communication Services",
    "GOOG": "Communication Services",
    "IBM": "Information Technology",
    "MSFT": "Information Technology",
}
INDEX_NAMES = {
    "NASDAQ": {"name": "NASDAQ Composite"},
    "SP500": {"name": "S&P 500"},
    "VIX": {"name": "CBOE Volatility Index"},
    "WTI": {"name": "Crude oil, West Texas Intermediate"},
}


def package_file(package: str, path: str) -> Path:
    """Return a file of an installed package.

    Raises
    ------
    DataError
        If the package, or the file, is not there.
    """
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"package {package!r} is not installed; it carries this data: pip install 'lockstep[samples]'")
    file = Path(next(iter(found.submodule_search_locations))) / path
    if not file.is_file():
        raise DataError(f"{file} is missing from the installed {package!r}; install the pinned version again")
    return file


def _read(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(io.StringIO(stream.read())))


def _dates(texts: list[str], *, american: bool = False) -> np.ndarray:
    if american:
        parts = (text.split("/") for text in texts)
        texts = [f"{year}-{int(month):02d}-{int(day):02d}" for month, day, year in parts]
    return np.array(texts, "datetime64[D]").astype(np.int64) * DAY


def wide_closes(path: Path, *, american: bool = False) -> Rows:
    """Read a table of closes, a date and then a column for each symbol; empty or ``.`` cells have no row."""
    table = _read(path)
    symbols = tuple(table[0][1:])
    stamps = _dates([row[0] for row in table[1:]], american=american)
    cells = [(line, code, text) for line, row in enumerate(table[1:]) for code, text in enumerate(row[1:])]
    kept = [(line, code, float(text)) for line, code, text in cells if text not in ("", ".")]
    line, code, close = (np.array(values) for values in zip(*kept, strict=True))
    columns = {"stamp": stamps[line], "code": code.astype(np.int32), "close": close.astype(float)}
    return _rows("closes", symbols, columns, line + 2, path)


def _rows(kind: RowKind, ids: tuple[str, ...], columns: dict[str, np.ndarray], line: np.ndarray, path: Path) -> Rows:
    place: dict[str, np.ndarray] = {"line": line.astype(np.int64), "file": np.zeros(len(line), np.int32)}
    return Rows(kind, ids, {**columns, **place}, (path.name,))


def skfolio_20() -> Source:
    """Return 20 S&P 500 stocks, daily closes 1990 to 2022, adjusted for splits and dividends."""
    rows = wide_closes(package_file("skfolio", "datasets/data/sp500_dataset.csv.gz"))
    declaration = declare(
        kind="closes",
        timeframe="1d",
        label="session",
        zone="America/New_York",
        adjusted="total",
        source="skfolio, datasets/data/sp500_dataset.csv.gz (Yahoo Finance, adjusted closes rounded to 0.001)",
        licence="BSD-3-Clause (package); terms of the vendor apply to the data",
        survivorship=SURVIVORS,
    )
    return Source(rows, declaration, instruments={name: {"sector": sector} for name, sector in SECTORS_20.items()})


def sp500_index() -> Source:
    """Return the S&P 500 price index, daily closes 1990 to 2022."""
    rows = wide_closes(package_file("skfolio", "datasets/data/sp500_index.csv.gz"))
    declaration = declare(
        kind="closes",
        timeframe="1d",
        label="session",
        zone="America/New_York",
        adjusted="raw",
        source="skfolio, datasets/data/sp500_index.csv.gz (Yahoo Finance, price index without dividends)",
        licence="BSD-3-Clause (package); terms of the vendor apply to the data",
    )
    return Source(rows, declaration, instruments=INDEX_NAMES)


def ohlcv_5() -> Source:
    """Return AAPL, FB, GOOG, IBM and MSFT, daily raw OHLCV 2000 to 2013, with their declared splits and dividends."""
    path = package_file("bokeh_sampledata", "_data/stocks.csv.gz")
    header, *table = _read(path)
    place = {name: header.index(name) for name in header}
    ids = tuple(sorted({row[0] for row in table}))
    columns = {
        name.lower(): np.array([row[place[name]] for row in table], float)
        for name in ("Open", "High", "Low", "Close", "Volume")
    }
    columns["adj_close"] = np.array([row[place["Adj Close"]] for row in table], float)
    columns["stamp"] = _dates([row[place["Date"]] for row in table])
    columns["code"] = np.array([ids.index(row[0]) for row in table], np.int32)
    declaration = declare(
        kind="bars",
        timeframe="1d",
        label="session",
        zone="America/New_York",
        adjusted="raw",
        source="bokeh_sampledata, _data/stocks.csv.gz (Quandl WIKI Prices)",
        licence="Public Domain (as declared by the publisher)",
        survivorship=SURVIVORS,
    )
    return Source(
        _rows("bars", ids, columns, np.arange(2, len(table) + 2), path),
        declaration,
        actions=read_actions(ACTIONS / "ohlcv-5.csv"),
        instruments={name: {"sector": sector} for name, sector in SECTORS_5.items()},
    )


def indices() -> Source:
    """Return the S&P 500 and the NASDAQ Composite, daily OHLCV 1999 to 2018 (`arch`)."""
    parts = [_index("SP500", "data/sp500/sp500.csv.gz"), _index("NASDAQ", "data/nasdaq/nasdaq.csv.gz")]
    declaration = declare(
        kind="bars",
        timeframe="1d",
        label="session",
        zone="America/New_York",
        adjusted="raw",
        source="arch, data/sp500 and data/nasdaq (Yahoo Finance; float32 prices, rounded to 0.01 here)",
        licence="NCSA (package); terms of the vendor apply to the data",
        shortable=False,
    )
    return Source(join(parts), declaration, instruments=INDEX_NAMES)


def _index(symbol: str, path: str) -> Rows:
    file = package_file("arch", path)
    header, *table = _read(file)
    columns = {
        name.lower(): np.array([row[header.index(name)] for row in table], float)
        for name in ("Open", "High", "Low", "Close", "Volume")
    }
    columns["stamp"] = _dates([row[header.index("Date")] for row in table], american=True)
    columns["code"] = np.zeros(len(table), np.int32)
    for name in ("open", "high", "low", "close"):
        columns[name] = np.round(columns[name], 2)
    return _rows("bars", (symbol,), columns, np.arange(2, len(table) + 2), file)


def index_closes() -> Source:
    """Return VIX (2014 to 2019) and WTI crude (1986 to 2019), daily closes (`arch`)."""
    vix = wide_closes(package_file("arch", "data/vix/vix.csv.gz"), american=True)
    wti = wide_closes(package_file("arch", "data/wti/wti.csv.gz"), american=True)
    declaration = declare(
        kind="closes",
        timeframe="1d",
        label="session",
        zone="America/New_York",
        adjusted="raw",
        source="arch, data/vix and data/wti (FRED)",
        licence="NCSA (package); FRED series VIXCLS and DCOILWTICO",
        shortable=False,
        repair={"calendar": "drop", "split": "keep"},
    )
    renamed = [replace(vix, ids=("VIX",)), replace(wti, ids=("WTI",))]
    return Source(join(renamed), declaration, instruments=INDEX_NAMES)
