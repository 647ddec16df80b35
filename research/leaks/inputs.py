"""What a function under test is given: by the names of its parameters.

======================================================  ==========================================================
parameter                                               what it gets
======================================================  ==========================================================
``frames``, ``panel``, ``universe``                     dict of symbol to OHLCV DataFrame
``closes``, ``prices``, ``wide``                        DataFrame of closes, one column a symbol
``open high low close volume`` (``opens`` … singular)   float64 arrays of one symbol
``series``, ``s``, ``x``                                Series of one symbol's closes
``catalog``                                             the `Catalog`
``dataset``                                             the dataset's name
any other first parameter                               OHLCV DataFrame of one symbol
======================================================  ==========================================================

Prices are adjusted forward, as a strategy sees them. Daily frames are indexed by the session's date (naive midnight),
as quotes come from most vendors; row d is known at the close of session d. Intraday frames are indexed by the bar's
close, UTC.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lockstep.data.calendar import Sessions
from lockstep.data.catalog import Catalog, Dataset
from lockstep.data.reading import Adjust, read_frame
from lockstep.engine.errors import ConfigError

FRAMES = ("frames", "panel", "universe")
CLOSES = ("closes", "prices", "wide")
COLUMNS = ("open", "high", "low", "close", "volume")
SERIES = ("series", "s", "x")


@dataclass(frozen=True)
class Given:
    """What a function is called with, and how its results are to be placed in time.

    Parameters
    ----------
    values : dict
        Arguments by name.
    index : DatetimeIndex
        Labels of the rows it was given, ascending.
    known : (n,) int64
        When each of these rows became known, ns UTC.
    sessions : Sessions
        The calendar, by which labels of other rows are placed.
    daily : bool
        Whether labels are dates.
    """

    values: dict[str, Any]
    index: pd.DatetimeIndex
    known: np.ndarray
    sessions: Sessions
    daily: bool


def arguments(
    function: Callable[..., Any],
    catalog: Catalog,
    name: str,
    parameters: Mapping[str, Any],
    names: Sequence[str] | None = None,
    frames: Mapping[str, pd.DataFrame] | None = None,
) -> Given:
    """Return what a function is to be called with, from a dataset or from other frames of its symbols.

    Raises
    ------
    ConfigError
        If it has a parameter without default that nobody gives.
    """
    dataset = catalog.dataset(name)
    frames = symbol_frames(dataset) if frames is None else frames
    chosen = max(frames, key=lambda symbol: len(frames[symbol]))
    wanted = names if names is not None else required(function, parameters)
    values = {each: _value(each, place, frames, chosen, catalog, name) for place, each in enumerate(wanted)}
    for each, value in values.items():
        if value is None:
            raise ConfigError(
                f"{getattr(function, '__name__', function)}: nothing to give for its parameter {each!r}; "
                f"pass it with --set {each}=VALUE, or give it a default"
            )
    everything = len({*wanted} & {*FRAMES, *CLOSES}) > 0
    index = (
        pd.DatetimeIndex(np.unique(np.concatenate([frame.index for frame in frames.values()])))
        if everything
        else (frames[chosen].index)
    )
    daily = dataset.manifest.label == "session"
    if not daily and index.tz is None:
        index = index.tz_localize("UTC")
    sessions = dataset.sessions()
    return Given({**values, **parameters}, index, place_labels(index, sessions, daily=daily), sessions, daily)


def required(function: Callable[..., Any], parameters: Mapping[str, Any]) -> list[str]:
    """Return the names of those parameters that a function is to be given."""
    found = inspect.signature(function).parameters.values()
    named = [
        each for each in found if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    known = {*FRAMES, *CLOSES, *COLUMNS, *SERIES, "catalog"}
    return [
        each.name
        for each in named
        if each.name not in parameters and (each.default is each.empty or each.name in known)
    ]


def _value(
    name: str, place: int, frames: Mapping[str, pd.DataFrame], symbol: str, catalog: Catalog, dataset: str
) -> Any:
    if name in FRAMES:
        return {key: frame.copy() for key, frame in frames.items()}
    if name in CLOSES:
        return pd.DataFrame({key: frame["close"] for key, frame in frames.items()})
    if name in COLUMNS and name in frames[symbol]:
        return frames[symbol][name].to_numpy(copy=True)
    if name in SERIES:
        return frames[symbol]["close"].copy()
    if name == "catalog":
        return catalog
    if name == "dataset":
        return dataset
    return frames[symbol].copy() if place == 0 else None


def symbol_frames(dataset: Dataset) -> dict[str, pd.DataFrame]:
    """Return a dataset as one frame for each symbol that has rows."""
    adjust: Adjust = "forward" if dataset.manifest.kind in ("bars", "closes") else "raw"
    long, daily = read_frame(dataset, adjust=adjust), dataset.manifest.label == "session"
    values = [name for name in long.columns if name not in ("ts_event", "ts_open", "symbol")]
    index = pd.DatetimeIndex(long["ts_event"])
    if daily:
        index = index.tz_convert(dataset.manifest.exchange_zone).normalize().tz_localize(None)
    long = (
        long[values].set_axis(index.rename("date" if daily else "ts"), axis=0).assign(symbol=long["symbol"].to_numpy())
    )
    return {str(key): part.drop(columns="symbol") for key, part in long.groupby("symbol", sort=True)}


def place_labels(index: pd.DatetimeIndex, sessions: Sessions, *, daily: bool) -> np.ndarray:
    """Return by when a row of each label claims to be known, ns UTC.

    A date means the close of its session, or, where the market was closed, that of the last session before it; an
    instant means itself.
    """
    if index.tz is None and daily:
        stamps = index.to_numpy().astype("datetime64[ns]").astype(np.int64)
        days = stamps // 86_400_000_000_000
        place = np.searchsorted(sessions.date, days, "right") - 1
        closes = np.where(place >= 0, sessions.close[np.maximum(place, 0)], stamps)
        return np.where(stamps % 86_400_000_000_000 == 0, closes, stamps)
    utc = index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")
    return np.asarray(utc.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64))
