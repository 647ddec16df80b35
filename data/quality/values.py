"""Rules on single rows: missing numbers, impossible prices and volumes, inconsistent bars, crossed quotes."""

import numpy as np

from lockstep.data.rows import Array, Rows
from lockstep.engine.events import DAY

from .inspection import Inspection

PRICES = ("open", "high", "low", "close", "price", "adj_close", "bid", "ask")
SIZES = ("volume", "size", "bid_size", "ask_size")
MOST_DOLLARS = 1e7
MOST_SHARES = 1e13


def check_values(inspection: Inspection) -> None:
    """Apply the rules `future`, `missing`, `price`, `volume`, `ohlc` and `crossed`."""
    _future(inspection)
    _missing(inspection)
    _price(inspection)
    _volume(inspection)
    if inspection.rows.kind == "bars":
        _ohlc(inspection)
    if inspection.rows.kind == "quotes":
        _crossed(inspection)


def _future(inspection: Inspection) -> None:
    if inspection.declaration.synthetic:
        return
    name = "stamp" if inspection.rows.has("stamp") else "ts_event"
    stamp = inspection.rows[name]
    # A session label is the date's midnight in UTC, which a zone east of it may already have reached.
    limit = inspection.now + (DAY if inspection.declaration.label == "session" else 0)
    inspection.violation("future", stamp > limit, lambda row: _moment(stamp, row), "times that lie in the past")


def _moment(stamp: Array, row: int) -> str:
    return f"time {np.datetime64(int(stamp[row]), 'ns').astype('datetime64[s]')} UTC"


def _columns(rows: Rows, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if rows.has(name)]


def _first(rows: Rows, names: list[str], bad: dict[str, Array], row: int) -> str:
    name = next(name for name in names if bad[name][row])
    return f"{name} = {rows[name][row]:.10g}"


def _missing(inspection: Inspection) -> None:
    rows = inspection.rows
    # One side of a quote may be empty; a quote with neither says nothing.
    names = [name for name in rows.values if rows.kind != "quotes"]
    bad = {name: ~np.isfinite(rows[name]) for name in names}
    if rows.kind == "quotes":
        names = ["bid"]
        bad = {"bid": ~(np.isfinite(rows["bid"]) | np.isfinite(rows["ask"]))}
    where = np.logical_or.reduce([bad[name] for name in names])
    if inspection.violation("missing", where, lambda row: _first(rows, names, bad, row), "a finite number"):
        inspection.keep(~where)


def _price(inspection: Inspection) -> None:
    rows = inspection.rows
    names = _columns(rows, PRICES)
    bad = {name: (rows[name] <= 0) | (rows[name] > MOST_DOLLARS) for name in names}
    where = np.logical_or.reduce([bad[name] for name in names])
    expected = f"a price above 0 and at most {MOST_DOLLARS:.0f} dollars"
    if inspection.violation("price", where, lambda row: _first(rows, names, bad, row), expected):
        inspection.keep(~where)


def _volume(inspection: Inspection) -> None:
    rows = inspection.rows
    names = _columns(rows, SIZES)
    if not names:
        return
    bad = {name: (rows[name] < 0) | (rows[name] > MOST_SHARES) for name in names}
    where = np.logical_or.reduce([bad[name] for name in names])
    expected = f"from 0 to {MOST_SHARES:.0f} shares"
    action = inspection.violation("volume", where, lambda row: _first(rows, names, bad, row), expected)
    if action == "drop":
        inspection.keep(~where)
    elif action == "zero":
        inspection.rows = rows.with_columns(**{name: np.where(bad[name], 0.0, rows[name]) for name in names})


def _ohlc(inspection: Inspection) -> None:
    rows = inspection.rows
    opened, high, low, close = (rows[name] for name in ("open", "high", "low", "close"))
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    bad = (high < top) | (low > bottom) | (high < low)

    def say(row: int) -> str:
        return f"open {opened[row]:.10g} high {high[row]:.10g} low {low[row]:.10g} close {close[row]:.10g}"

    action = inspection.violation("ohlc", bad, say, "low <= open, close <= high")
    if action == "drop":
        inspection.keep(~bad)
    elif action == "widen":
        inspection.rows = rows.with_columns(high=np.maximum(high, top), low=np.minimum(low, bottom))


def _crossed(inspection: Inspection) -> None:
    rows = inspection.rows
    bid, ask = rows["bid"], rows["ask"]
    bad = bid > ask
    if (
        inspection.violation("crossed", bad, lambda row: f"bid {bid[row]:.10g} ask {ask[row]:.10g}", "bid <= ask")
        == "drop"
    ):
        inspection.keep(~bad)
