"""History, files and declared values, so many years on, at the same local time on the same day of the same month.

In 28 years every date falls on the same day of the week and leap years come round (1901 to 2099).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lockstep.data.calendar import Sessions

from .history import History, Table

YEARS = 28
"""In so many years the days of the week come round."""
FIRST, LAST = 1901, 2099
"""Years in which every fourth is a leap year."""
DATE = re.compile(r"(?<!\d)(19\d\d|20\d\d)(?=[-_/]?(?:0[1-9]|1[0-2])[-_/]?(?:0[1-9]|[12]\d|3[01])(?!\d))")


def days_of(years: int) -> int:
    """Return the days of so many years, a multiple of 4."""
    return years * 1461 // 4


def move(ts: np.ndarray, zone: str, years: int) -> np.ndarray:
    """Return instants (ns UTC) so many years on, at the same local time on the same day of the same month."""
    index = pd.DatetimeIndex(np.asarray(ts).astype("datetime64[ns]"), tz="UTC").tz_convert(zone).tz_localize(None)
    moved = index + pd.Timedelta(days=days_of(years))
    # Where daylight saving time repeats or skips an hour, order is kept: the later one, or the first that there is.
    local = moved.tz_localize(zone, ambiguous=np.zeros(len(moved), bool), nonexistent="shift_forward")
    return np.asarray(local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64))


def moved_history(history: History, files: Mapping[str, bytes | None], years: int) -> History:
    """Return a history so many years on, rows, actions and calendar, with other files of the project."""
    tables = {name: _moved_table(table, years) for name, table in history.tables.items()}
    return replace(history, tables=tables, edit=None, rewritten=files)


def _moved_table(table: Table, years: int) -> Table:
    zone, days = table.sessions.zone, days_of(years)
    rows = table.rows
    times = {name: move(rows[name], zone, years) for name in ("ts_event", "ts_open") if rows.has(name)}
    s = table.sessions
    sessions = Sessions(
        s.calendar, s.zone, s.date + days, *(move(each, zone, years) for each in (s.open, s.close, s.midnight))
    )
    entries = tuple(
        each.model_copy(update={"symbols": tuple((on(date, years), ticker) for date, ticker in each.symbols)})
        for each in table.manifest.instruments
    )
    manifest = table.manifest.model_copy(update={"instruments": entries})
    return replace(
        table,
        manifest=manifest,
        rows=rows.with_columns(**times),
        sessions=sessions,
        actions=_moved_actions(table, years),
    )


def _moved_actions(table: Table, years: int) -> pa.Table:
    actions, zone = table.actions, table.sessions.zone
    for name in ("ts_event", "pay_ts"):
        old, missing = _numbers(actions.column(name), pa.int64())
        new = pa.array(np.where(old == 0, 0, move(old, zone, years)), mask=missing)
        actions = _with_column(actions, name, new)
    old, missing = _numbers(actions.column("date"), pa.int32())
    return _with_column(actions, "date", pa.array((old + days_of(years)).astype(np.int32), mask=missing))


def _numbers(column: Any, kind: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return a column of times as whole numbers, and where there is none."""
    return np.asarray(column.cast(kind).fill_null(0).to_numpy()), np.asarray(column.is_null().to_numpy())


def _with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.column_names.index(name), field, values.cast(field.type))


def on(text: str, years: int) -> str:
    """Return a text with its dates so many years on."""
    return DATE.sub(lambda found: str(int(found[1]) + years), text)


def moved_values(values: Mapping[str, Any], years: int) -> dict[str, Any]:
    """Return parameters, those that are dates so many years on."""
    return {name: moved_value(value, years) for name, value in values.items()}


def moved_value(value: Any, years: int) -> Any:
    """Return a declared value, dates in it so many years on."""
    if isinstance(value, str):
        return on(value, years)
    if isinstance(value, Mapping):
        return moved_values(value, years)
    if isinstance(value, list | tuple):
        return type(value)(moved_value(each, years) for each in value)
    if isinstance(value, np.datetime64 | pd.Timestamp):
        return value + np.timedelta64(days_of(years), "D")
    return value.replace(year=value.year + years) if hasattr(value, "replace") and hasattr(value, "year") else value
