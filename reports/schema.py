"""The tables of a run folder: their columns, what each column holds, and how it becomes dollars and shares.

Kinds: `time` (ns UTC), `text`, `whole` (int64), `number` (float64), `money` (micros to dollars), `price` (micros a
share to dollars a share; 0 and null become NaN, no price), `lots` (to shares by the instrument's `lots_per_unit`).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .errors import RunError

SCHEMA = 1
MICROS = 1e6

_ORDER = {"order_id": "whole", "group": "whole", "sleeve": "text", "symbol": "text"}

TABLES: dict[str, dict[str, str]] = {
    "decisions": {
        "ts": "time",
        **_ORDER,
        "quantity": "lots",
        "approved": "lots",
        "verdict": "text",
        "code": "text",
        "limit": "number",
        "value": "number",
    },
    "orders": {
        **_ORDER,
        "parent": "whole",
        "type": "text",
        "tif": "text",
        "quantity": "lots",
        "filled": "lots",
        "limit_price": "price",
        "stop_price": "price",
        "ts_submitted": "time",
        "ts_done": "time",
        "status": "text",
        "reason": "text",
        "average_price": "price",
    },
    "fills": {
        "ts": "time",
        "ts_known": "time",
        "order_id": "whole",
        "sleeve": "text",
        "symbol": "text",
        "quantity": "lots",
        "price": "price",
        "fee": "money",
        "commission": "money",
        "regulatory": "money",
        "spread_cost": "money",
        "impact_cost": "money",
        "realised": "money",
        "position_after": "lots",
        "reason": "text",
    },
    "equity": {"ts": "time", "equity": "money", "cash": "money", "gross": "money", "net": "money"},
    "marks": {
        "ts": "time",
        "symbol": "text",
        "mark": "price",
        "quantity": "lots",
        "value": "money",
        "realised": "money",
        "fees": "money",
        "dividends": "money",
        "borrow": "money",
    },
    "sleeves": {
        "ts": "time",
        "sleeve": "text",
        "equity": "money",
        "gross": "money",
        "realised": "money",
        "fees": "money",
    },
    "flows": {"ts": "time", "symbol": "text", "kind": "text", "amount": "money"},
    "series": {"ts": "time", "name": "text", "value": "number"},
    "benchmark": {"ts": "time", "name": "text", "value": "number"},
    "events": {"ts": "time", "symbol": "text", "kind": "text", "detail": "text"},
}

_DTYPES = {
    "time": "datetime64[ns, UTC]",
    "text": "str",
    "whole": "int64",
    "number": "float64",
    "money": "float64",
    "price": "float64",
    "lots": "float64",
}


def empty(table: str) -> pd.DataFrame:
    """Return a table without rows, in dollars and shares, with every column of the schema.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    """
    return pd.DataFrame({name: pd.Series(dtype=_DTYPES[kind]) for name, kind in TABLES[table].items()})


def convert(table: str, raw: pd.DataFrame, lots_per_unit: Mapping[str, int], where: str) -> pd.DataFrame:
    """Return a raw table in dollars and shares.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    raw : DataFrame
        Rows as written: micros, lots, UTC times. Columns beyond the schema are dropped.
    lots_per_unit : mapping of str to int
        Lots that make one share, by symbol.
    where : str
        Name of the file or frame, for errors.

    Raises
    ------
    RunError
        If a column is missing or of the wrong type, or if a symbol with quantities is not in the manifest.
    """
    spec = TABLES[table]
    missing = [name for name in spec if name not in raw.columns]
    if missing:
        raise RunError(f"{where}: no column {missing[0]!r}; expected the columns {', '.join(spec)} of schema {SCHEMA}")
    units = _units(raw, spec, lots_per_unit, where)
    return pd.DataFrame({name: _column(raw[name], kind, units, f"{where}: {name}") for name, kind in spec.items()})


def _units(
    raw: pd.DataFrame, spec: dict[str, str], lots_per_unit: Mapping[str, int], where: str
) -> "pd.Series[float] | None":
    if "lots" not in spec.values():
        return None
    units = raw["symbol"].map(lots_per_unit)
    if units.isna().any():
        symbol = raw.loc[units.isna(), "symbol"].iloc[0]
        raise RunError(f"{where}: symbol {symbol!r} is not among the manifest's instruments; re-run the scenario")
    return units.astype("float64")


def _column(raw: pd.Series, kind: str, units: "pd.Series[float] | None", where: str) -> pd.Series:
    if kind == "text":
        return raw.astype("str").where(raw.notna(), "")
    if kind == "time":
        return _times(raw, where)
    if not pd.api.types.is_numeric_dtype(raw) and len(raw):
        raise RunError(f"{where} is {raw.dtype}, expected numbers ({kind}); the folder was written by another program")
    if kind == "whole":
        return raw.fillna(0).astype("int64")
    values = raw.astype("float64")
    if kind == "money":
        return values / MICROS
    if kind == "price":
        return values.where(values != 0, np.nan) / MICROS
    return values / units if kind == "lots" and units is not None else values


def _times(raw: pd.Series, where: str) -> pd.Series:
    if not isinstance(raw.dtype, pd.DatetimeTZDtype):
        raise RunError(
            f"{where} is {raw.dtype}, expected timestamp[ns, UTC]; the folder was written by another program"
        )
    times = raw.dt.tz_convert("UTC").astype(_DTYPES["time"])
    return times.where(times != pd.Timestamp(0, tz="UTC"), pd.NaT)
