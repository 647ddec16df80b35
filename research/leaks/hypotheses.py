"""Hypothesis strategies: market histories, and other futures for them, for property tests of users' own code.

::

    @given(futures())
    def test_my_feature(future):
        blind(my_feature, future)

`histories` draws markets with regimes, splits, dividends, halts and a delisting, around half days and changes of
daylight saving time, by days or by half hours, all symbols' bars at the same times; then a few edits: gaps, flat bars,
bars without volume, missing bars. `futures` draws a cut and what comes after it otherwise: by a few edited events, or
by the suite's own futures. A failure shrinks to a calm market and one edited event.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from lockstep.data.catalog import Catalog
from lockstep.data.synthetic.build import write_synthetic
from lockstep.data.synthetic.market import SyntheticMarket

from .futures import FUTURES, PRICES
from .history import History, Table, load_table

NAME = "synthetic-hypotheses"
STARTS = ("2019-04-01", "2019-03-04", "2019-10-28", "2019-11-18", "2019-12-16")
"""A plain spring, both changes of daylight saving time, and the half days around Thanksgiving and Christmas."""
KINDS = ("move", "gap", "silent", "flat", "missing")
COLUMNS = (*PRICES, "volume")
TICK = 0.01
MOST = 6
"""Most edits of one history."""


@dataclass(frozen=True)
class Edit:
    """One edited event.

    Parameters
    ----------
    kind : {"move", "gap", "silent", "flat", "missing"}
        The close of one bar moves; all prices from a bar on move; a bar has no volume; one price; or is not there.
    row : int
        Which row of the dataset.
    size : float
        By how much prices move, such as 0.1.
    """

    kind: str
    row: int
    size: float = 0.1


@dataclass(frozen=True)
class Future:
    """A history and another future for it: both agree on all that is known by `cut` (ns UTC).

    `name` is the future's name in `futures.FUTURES`, or ``edit``; then `edits` are what differs.
    """

    history: History
    other: History
    cut: int
    name: str
    edits: tuple[Edit, ...] = ()

    def frames(self) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
        """Yield for each symbol its name and the bars of both, indexed by when they are known (UTC)."""
        one, other = frames(self.history), frames(self.other)
        for symbol, bars in one.items():
            yield symbol, bars, other[symbol]


@st.composite
def histories(
    draw: st.DrawFn, symbols: int = 3, sessions: int = 30, form: Literal["daily", "intraday"] | None = None
) -> History:
    """Draw a history of one dataset, `NAME`.

    Parameters
    ----------
    symbols, sessions : int
        How many.
    form : {"daily", "intraday"} or None
        Its bars; intraday ones are of half an hour; None draws it.
    """
    few = st.integers(0, 1)
    settings = SyntheticMarket(
        seed=draw(st.integers(0, 3)),
        symbols=symbols,
        sessions=sessions,
        start=draw(st.sampled_from(STARTS)),
        step=30,
        pairs=0,
        splits=draw(few),
        halts=draw(few),
        late=draw(few) if symbols > 2 else 0,
        delisted=draw(few) if symbols > 2 else 0,
        dividends=draw(st.booleans()),
    )
    table = _table(settings, form or draw(st.sampled_from(("daily", "intraday"))))
    table = replace(table, delay=draw(st.sampled_from((0, 60_000_000_000))))
    edits = draw(st.lists(_edits(0, len(table.rows)), max_size=MOST))
    return History({NAME: edited(table, edits)})


@st.composite
def futures(
    draw: st.DrawFn,
    of: st.SearchStrategy[History] | None = None,
    names: tuple[str, ...] = ("edit", "cocktail", "truncate", "extend", "thin"),
) -> Future:
    """Draw a history, a cut and another future.

    Parameters
    ----------
    of : strategy of History or None
        What it is a future of; None: `histories()`.
    names : tuple of str
        Kinds of futures; a failure shrinks towards the first.
    """
    history = draw(histories() if of is None else of)
    times = history.times
    cut = int(times[draw(st.integers(1, len(times) - 2))])
    name = draw(st.sampled_from(names))
    if name != "edit":
        return Future(history, FUTURES[name](history, cut, draw(st.integers(0, 3))), cut, name)
    table = next(iter(history.tables.values()))
    later = int(np.searchsorted(table.known_at, cut, "right"))
    edits = tuple(draw(st.lists(_edits(later, len(table.rows)), min_size=1, max_size=4)))
    return Future(history, history.with_table(edited(table, edits)), cut, name, edits)


def _edits(first: int, end: int) -> st.SearchStrategy[Edit]:
    sizes = st.sampled_from((0.1, -0.1, 0.3, -0.25))
    return st.builds(Edit, st.sampled_from(KINDS), st.integers(first, end - 1), sizes)


@lru_cache(maxsize=64)
def _table(settings: SyntheticMarket, form: Literal["daily", "intraday"]) -> Table:
    with tempfile.TemporaryDirectory(prefix="lockstep-hypotheses-") as folder:
        catalog = Catalog(folder)
        write_synthetic(catalog, NAME, settings, form)
        return load_table(catalog, NAME)


def edited(table: Table, edits: tuple[Edit, ...] | list[Edit]) -> Table:
    """Return a table with some of its events edited; prices stay on ticks and bars whole."""
    rows = table.rows
    columns = {name: np.array(rows[name], copy=True) for name in COLUMNS}
    kept = np.ones(len(rows), bool)
    for edit in edits:
        at = np.array([edit.row])
        if edit.kind == "gap":
            at = np.flatnonzero((rows["code"] == rows["code"][edit.row]) & (np.arange(len(rows)) >= edit.row))
            for name in PRICES:
                columns[name][at] *= 1.0 + edit.size
        elif edit.kind == "move":
            columns["close"][at] *= 1.0 + edit.size
        elif edit.kind == "silent":
            columns["volume"][at] = 0.0
        elif edit.kind == "flat":
            for name in ("open", "high", "low"):
                columns[name][at] = columns["close"][at]
        else:
            kept[at] = False
        _mend(columns, at)
    if not kept.any():
        kept[0] = True
    return table.with_rows(rows.with_columns(**columns).take(kept))


def _mend(columns: dict[str, np.ndarray], at: np.ndarray) -> None:
    for name in PRICES:
        columns[name][at] = np.maximum(np.round(columns[name][at] / TICK) * TICK, TICK)
    body = [columns[name][at] for name in PRICES]
    columns["high"][at], columns["low"][at] = np.max(body, axis=0), np.min(body, axis=0)


def frames(history: History) -> dict[str, pd.DataFrame]:
    """Return a history's bars by symbol: ``open high low close volume``, indexed by when each is known (UTC)."""
    found = {}
    for table in history.tables.values():
        known = pd.DatetimeIndex(table.known_at.astype("datetime64[ns]"), tz="UTC")
        for code, symbol in enumerate(table.rows.ids):
            own = table.rows["code"] == code
            found[symbol] = pd.DataFrame({name: table.rows[name][own] for name in COLUMNS}, index=known[own])
    return found


def blind(function: Callable[[pd.DataFrame], Any], future: Future) -> None:
    """Assert that a function of one symbol's bars gives the same rows up to the cut, bit for bit, with either future.

    Parameters
    ----------
    function : callable
        Of a DataFrame as `frames` gives it; returns a DataFrame or Series indexed alike, or an array with a row a bar.
    future : Future
        What it is tried on.

    Raises
    ------
    AssertionError
        With symbol, row and both values of the first difference.
    """
    cut = pd.Timestamp(future.cut, tz="UTC")
    for symbol, bars, others in future.frames():
        one, other = _result(function, bars, cut), _result(function, others, cut)
        assert one.index.equals(other.index), f"{symbol}: rows by {cut} differ: {len(one)} and {len(other)}"
        same = (one.to_numpy() == other.to_numpy()) | (one.isna() & other.isna()).to_numpy()
        if not same.all():
            at = int(np.flatnonzero(~same.all(axis=1))[0])
            raise AssertionError(
                f"{symbol}: the row of {one.index[at]} changes with what becomes known after {cut}: "
                f"{one.iloc[at].to_dict()} or {other.iloc[at].to_dict()}"
            )


def _result(function: Callable[[pd.DataFrame], Any], bars: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    made = function(bars.copy())
    frame = pd.DataFrame(made, index=bars.index) if isinstance(made, np.ndarray) else pd.DataFrame(made)
    return frame[frame.index <= cut]
