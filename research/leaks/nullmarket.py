"""Null markets: where prices are a martingale and nothing costs anything, nobody can earn.

What a function says it earned is looked at on worlds in which every move's sign was tossed anew. It finds what no
other future can: a decision by the close that is filled at the open before it, when both are dated by the close.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from .history import History, Table
from .journal import Journal

WORLDS = 20
EARNINGS = ("pnl", "returns", "return", "ret", "strategy_return", "strategy_returns", "profit")
EQUITY = ("equity", "nav", "balance", "capital", "wealth", "portfolio_value", "cumulative_return", "cum_returns")
"""Columns that add up what was earned."""
CERTAIN = 4.0
"""t of the mean Sharpe ratio over the worlds beyond which it is no accident."""
LARGEST = 0.1
"""No move of a bar is larger, so that no single one decides."""


def earning_tracks(journal: Journal) -> list[str]:
    """Return the names of returned columns that say what was earned."""
    return [
        name
        for name, track in sorted(journal.tracks.items())
        if track.stage == "output" and _column(name) in (*EARNINGS, *EQUITY)
    ]


def _column(track: str) -> str:
    return track.rpartition(".")[2].lower()


def null_market(history: History, seed: int) -> History:
    """Return the history with all bars replaced by a martingale's, without splits and dividends."""
    tables = {name: _martingale(table, np.random.default_rng([seed, 99])) for name, table in history.tables.items()}
    return replace(history, tables=tables, edit=None)


def _martingale(table: Table, rng: np.random.Generator) -> Table:
    rows = table.rows
    if not rows.has("open"):
        return table
    columns = {name: np.array(rows[name], copy=True) for name in ("open", "high", "low", "close")}
    for code in range(len(rows.ids)):
        own = np.flatnonzero(rows["code"] == code)
        if len(own):
            _toss(columns, own, rng)
    kinds = np.array(table.actions.column("kind").to_pylist(), dtype=object)
    kept = table.actions.filter(pa.array((kinds != "split") & (kinds != "dividend")))
    return table.with_rows(rows.with_columns(**columns), kept)


def _toss(columns: dict[str, np.ndarray], own: np.ndarray, rng: np.random.Generator) -> None:
    """Give the bars `own` of one instrument moves of the same sizes, their signs tossed, in place."""
    opened, closed = columns["open"][own], columns["close"][own]
    above = np.clip(columns["high"][own] / np.maximum(opened, closed) - 1, 0.0, LARGEST)
    below = np.clip(1 - columns["low"][own] / np.minimum(opened, closed), 0.0, LARGEST)
    gap = np.clip(np.append(0.0, opened[1:] / closed[:-1] - 1), -LARGEST, LARGEST)
    body = np.clip(closed / opened - 1, -LARGEST, LARGEST)
    gap, body = (each * rng.choice((-1.0, 1.0), len(own)) for each in (gap, body))
    path = 100.0 * np.cumprod((1 + gap) * (1 + body))
    columns["close"][own], columns["open"][own] = path, path / (1 + body)
    columns["high"][own] = np.maximum(columns["open"][own], path) * (1 + above)
    columns["low"][own] = np.minimum(columns["open"][own], path) * (1 - below)


def certainty(journals: list[Journal], track: str) -> float:
    """Return t of the mean Sharpe ratio of what was earned in each world; 0 where that cannot be said."""
    ratios = []
    for journal in journals:
        values = journal.tracks[track].rows["value"] if track in journal.tracks else np.zeros(0)
        values = values[np.isfinite(values)]
        if _column(track) in EQUITY:
            values = np.diff(values) / (values[:-1] if (values > 0).all() else 1.0)
        if len(values) > 2 and values.std() > 0:
            ratios.append(values.mean() / values.std())
    if len(ratios) < WORLDS // 2:
        return 0.0
    spread = max(float(np.std(ratios, ddof=1)), 1e-9)
    return min(float(np.mean(ratios)) / spread * len(ratios) ** 0.5, 1000.0)
