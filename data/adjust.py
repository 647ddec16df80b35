"""Point-in-time adjustment: an instrument's prices made comparable by the splits and dividends already effective.

*Forward*: raw price times all factors so far. Causal, never revised: what a strategy sees.
*Backward*: the forward series scaled so that it ends at the last raw price. For reports; it depends on its end.
*As of*: backward from an instant, knowing nothing later.

A split multiplies the shares held by its ratio. A dividend, per old share, is reinvested at the close of the first row
on or after its ex-date: ``total[t] / total[t-1] = (close[t] * split[t] + dividend[t]) / close[t-1]``.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from .actions import NANO
from .calendar import Ints
from .catalog import Dataset
from .writer import column

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Adjustments:
    """One instrument's splits and dividends, by time.

    Parameters
    ----------
    ts : (k,) int64
        When each takes effect, ns UTC, ascending.
    split : (k,) float64
        New shares for one old share; 1 for a dividend.
    dividend : (k,) float64
        Dollars per old share; 0 for a split.
    """

    ts: Ints
    split: Floats
    dividend: Floats


def adjustments(dataset: Dataset, instrument: str, *, sourced: bool = False) -> Adjustments:
    """Return the splits and dividends of an instrument.

    Parameters
    ----------
    dataset : Dataset
        Where they are declared.
    instrument : str
        Permanent id.
    sourced : bool
        Whether splits are as the source wrote them (7.000007) and not as the exact ratios that positions get.
    """
    ids = [entry.id for entry in dataset.manifest.instruments]
    table = dataset.actions()
    table = table.filter(pc.equal(table.column("instrument"), ids.index(instrument)))
    kinds = np.array(table.column("kind").to_pylist(), dtype=object)
    relevant = (kinds == "split") | (kinds == "dividend")
    is_split = kinds == "split"
    ratio = column(table, "numerator") / np.maximum(column(table, "denominator"), 1)
    split = column(table, "coefficient") if sourced else ratio
    return Adjustments(
        column(table, "ts_event")[relevant],
        np.where(is_split, split, 1.0)[relevant],
        np.where(is_split, 0.0, column(table, "amount") / NANO)[relevant],
    )


def shares(ts: Ints, close: Floats, actions: Adjustments, *, dividends: bool = True) -> Floats:
    """Return how many shares one share of the first row has become by each row.

    Causal: reads only actions effective by ``ts[i]`` and closes of rows up to `i`.

    Parameters
    ----------
    ts : (n,) int64
        `ts_event` of the rows, ns UTC, ascending.
    close : (n,) float64
        Raw closes, without NaN.
    actions : Adjustments
        The instrument's.
    dividends : bool
        Whether dividends are reinvested.
    """
    growth = np.ones(len(ts))
    paid = np.zeros(len(ts))
    rows = np.searchsorted(ts, actions.ts)
    # What took effect by the first row is in its price.
    seen = (rows > 0) & (rows < len(ts))
    np.multiply.at(growth, rows[seen], actions.split[seen])
    if dividends:
        np.add.at(paid, rows[seen], actions.dividend[seen])
    return np.asarray(np.cumprod(growth + paid / close))


def forward(ts: Ints, values: Floats, close: Floats, actions: Adjustments, *, dividends: bool = False) -> Floats:
    """Return prices times all factors so far: causal, never revised.

    Parameters
    ----------
    ts : (n,) int64
        `ts_event` of the rows, ns UTC, ascending.
    values, close : (n,) float64
        Raw prices to adjust, and raw closes, at which dividends are reinvested.
    actions : Adjustments
        The instrument's.
    dividends : bool
        Whether dividends count too.
    """
    return np.asarray(values * shares(ts, close, actions, dividends=dividends))


def total_return(ts: Ints, close: Floats, actions: Adjustments) -> Floats:
    """Return the value of one share of the first row with all dividends reinvested at the ex-date's close."""
    return forward(ts, close, close, actions, dividends=True)


def backward(
    ts: Ints,
    values: Floats,
    close: Floats,
    actions: Adjustments,
    *,
    dividends: bool = True,
    as_of: int | None = None,
) -> Floats:
    """Return prices scaled to the shares of the last row, as of an instant.

    Parameters
    ----------
    ts : (n,) int64
        `ts_event` of the rows, ns UTC, ascending.
    values, close : (n,) float64
        Raw prices to adjust, and raw closes.
    actions : Adjustments
        The instrument's.
    dividends : bool
        Whether dividends count too.
    as_of : int or None
        Rows after it (ns UTC) are NaN, and no action that took effect after the last row before it is used; None
        uses all.
    """
    held = shares(ts, close, actions, dividends=dividends)
    last = len(ts) - 1 if as_of is None else int(np.searchsorted(ts, as_of, "right")) - 1
    if last < 0:
        return np.full(len(ts), np.nan)
    # The quotient first, so that the last row keeps its raw price to the bit.
    adjusted = values * (held / held[last])
    return np.where(np.arange(len(ts)) <= last, adjusted, np.nan)
