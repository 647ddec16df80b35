"""What a function returned, as records placed in time.

A DataFrame or Series is read by its index; where that holds no times, by a column that does (`TIMES`, in this
order); an array as long as the input goes with the input's rows. Mappings and sequences of these are read part by part.
Whatever has no time (a number, a fitted model) cannot be placed and is left out; the engine runs that a function starts
are recorded anyhow.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .inputs import Given, place_labels
from .journal import Track
from .observe import short_hash

TIMES = ("available_at", "known_at", "ts_known", "decided_at", "ts", "time", "timestamp", "datetime", "date")
VALUE = np.dtype([("value", "<f8"), ("hash", "<u8")])
MOST_PARTS = 4096


def tracks_of(result: Any, given: Given) -> dict[str, Track]:
    """Return the records of what a function returned, one track for each column."""
    found: dict[str, Track] = {}
    _read("", result, given, found)
    return {f"output{name}": track for name, track in found.items()}


def _read(name: str, value: Any, given: Given, found: dict[str, Track]) -> None:
    if len(found) >= MOST_PARTS or value is None:
        return
    if isinstance(value, pd.Series):
        _frame(name, value.to_frame("value" if value.name is None else value.name), given, found)
    elif isinstance(value, pd.DataFrame):
        _frame(name, value, given, found)
    elif isinstance(value, np.ndarray) and value.ndim in (1, 2) and len(value) == len(given.index):
        _frame(name, pd.DataFrame(value, index=given.index), given, found)
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            _read(f"{name}.{key}", value[key], given, found)
    elif isinstance(value, list | tuple):
        array = _as_array(value)
        if array is not None and len(array) == len(given.index):
            _read(name, array, given, found)
        else:
            for place, each in enumerate(value):
                _read(f"{name}[{place}]", each, given, found)


def _as_array(value: Any) -> np.ndarray | None:
    if all(isinstance(each, int | float | np.number) for each in value):
        return np.asarray(value, np.float64)
    return None


def _frame(name: str, frame: pd.DataFrame, given: Given, found: dict[str, Track]) -> None:
    known, frame = _known(frame, given)
    if known is None:
        return
    order = np.argsort(known, kind="stable")
    for place, column in enumerate(frame.columns):
        rows = np.zeros(len(frame), VALUE)
        values = frame.iloc[:, place]
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            rows["value"] = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            rows["hash"] = [short_hash(repr(each).encode()) for each in values]
        found[f"{name}.{column}"] = Track("output", known[order], rows[order])


def _known(frame: pd.DataFrame, given: Given) -> tuple[np.ndarray | None, pd.DataFrame]:
    """Return when each row claims to be known, None where it does not say, and the frame without that column."""
    index = frame.index
    if isinstance(index, pd.MultiIndex):
        level = next((n for n in range(index.nlevels) if isinstance(index.levels[n], pd.DatetimeIndex)), None)
        if level is None:
            return None, frame
        others = [n for n in range(index.nlevels) if n != level]
        flat = frame.reset_index(level=others)
        return place_labels(pd.DatetimeIndex(flat.index), given.sessions, daily=given.daily), flat
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp(how="end")
    if isinstance(index, pd.DatetimeIndex):
        return place_labels(index, given.sessions, daily=given.daily), frame
    for name in TIMES:
        if name in frame.columns:
            stamps = pd.DatetimeIndex(pd.to_datetime(frame[name]))
            return place_labels(stamps, given.sessions, daily=given.daily), frame.drop(columns=name)
    if len(frame) == len(given.index):
        return given.known, frame
    return None, frame
