"""Null markets: where prices are a martingale and nothing costs anything, nobody can earn.

What a target earned is looked at on worlds in which every move's sign was tossed anew: what a function says it earned,
and the equity of the engine runs that it starts. It finds what no other future can: a decision by the close that is
filled at the open before it, when both are dated by the close; a feed whose opens are older than they say.

The test is one-sided. Fills are pessimistic (a limit must be passed by a tick, the worse exit comes first), and what a
function charges for trading stays: both can make the mean negative, and neither proves anything. A strategy or
scenario is run by the engine on its own feed and broker, without costs; that is dear and finds little, so that it takes
a budget of `LONG`.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lockstep.engine.events import DAY

from .history import History, Table
from .journal import Journal, Track
from .lanes import in_order
from .verdict import Verdict
from .wording import null_leak
from .workshop import TargetError

if TYPE_CHECKING:
    from .suite import Check

NAME = "null market"
LONG = 1800.0
"""Seconds of budget from which strategies and scenarios too are run on null markets."""

WORLDS = 20
EARNINGS = ("pnl", "returns", "return", "ret", "strategy_return", "strategy_returns", "profit")
EQUITY = ("equity", "nav", "balance", "capital", "wealth", "portfolio_value", "cumulative_return", "cum_returns")
"""Columns that add up what was earned."""
CERTAIN = 3.0
"""t of the mean Sharpe ratio over the worlds beyond which it is no accident, if as many other worlds say so too."""
LARGEST = 0.1
"""No move of a bar is larger, so that no single one decides."""
START = 100.0
"""Price at which every instrument begins."""


def null_markets(check: "Check", verdict: Verdict, history: History, base: Journal) -> bool:
    """Look at what a target earns on null markets; tell whether that is a leak."""
    if check.spec.kind != "function" and check.options.seconds < LONG:
        return False
    tracks, certain = earning_tracks(base), 0.0
    for sample in range(2):
        if not tracks:
            return False
        first = check.options.seed + sample * WORLDS
        journals = _worlds(check, verdict, history, range(first, first + WORLDS))
        found = {track: certainty(journals, track) for track in tracks}
        tracks = [track for track in tracks if found[track] > CERTAIN]
        certain = max([found[track] for track in tracks], default=0.0)
    if not tracks:
        return False
    null_leak(verdict, tracks[0], certain, 2 * WORLDS)
    verdict.future, verdict.cut = NAME, int(history.times[0])
    return True


def _worlds(check: "Check", verdict: Verdict, history: History, seeds: range) -> list[Journal]:
    spec = replace(check.spec, costless=True)

    def run(number: int, seed: int) -> Journal | str:
        if check.left < 0:
            return "the budget ended"
        try:
            return check.workshop.run(spec, null_market(history, seed), zygote=number % 2)
        except TargetError as error:
            return str(error)

    check.progress(NAME, 0, 1)
    done = list(in_order(run, seeds, check.workshop.lanes))
    failed = [each for each in done if isinstance(each, str)]
    if failed:
        verdict.notes.append(f"{NAME}: {len(failed)} of {len(seeds)} worlds could not be run: {failed[0]}")
    return [each for each in done if not isinstance(each, str)]


def earning_tracks(journal: Journal) -> list[str]:
    """Return the names of returned columns that say what was earned, and of engine runs' equity."""
    return [
        name
        for name, track in sorted(journal.tracks.items())
        if (track.stage == "output" and _column(name) in (*EARNINGS, *EQUITY)) or name.endswith(": equity")
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
            _toss(columns, own, rng, 0.01 if table.manifest.adjusted == "raw" else 1e-6)
    kinds = np.array(table.actions.column("kind").to_pylist(), dtype=object)
    kept = table.actions.filter(pa.array((kinds != "split") & (kinds != "dividend")))
    return table.with_rows(rows.with_columns(**columns), kept)


def _toss(columns: dict[str, np.ndarray], own: np.ndarray, rng: np.random.Generator, grid: float) -> None:
    """Give the bars `own` of one instrument moves of the same sizes, their signs tossed, in place.

    Within a bar the price goes, as a continuous martingale, from the open until it first has moved by the body's size
    b, up or down. Then among bars that go up it falls to 1 - l below the open, or deeper, with probability
    (b - l) / (b + l) (optional stopping), so that whoever buys at a limit has bought at a fair price.
    """
    opened, closed = columns["open"][own], columns["close"][own]
    gap = np.clip(np.append(0.0, opened[1:] / closed[:-1] - 1), -LARGEST, LARGEST)
    body = np.clip(closed / opened - 1, -LARGEST, LARGEST)
    gap, body = (each * rng.choice((-1.0, 1.0), len(own)) for each in (gap, body))
    close = START * np.cumprod((1 + gap) * (1 + body))
    u = rng.random(len(own))
    opened, back = close / (1 + body), np.abs(body) * (1 - u) / (1 + u)
    prices = {
        "open": opened,
        "high": np.where(body > 0, close, opened * (1 + back)),
        "low": np.where(body > 0, opened * (1 - back), close),
        "close": close,
    }
    for name, values in prices.items():
        columns[name][own] = np.maximum(np.round(values / grid) * grid, grid)
    around = [columns[name][own] for name in prices]
    columns["high"][own], columns["low"][own] = np.max(around, axis=0), np.min(around, axis=0)


def certainty(journals: list[Journal], track: str) -> float:
    """Return t of the mean Sharpe ratio of what was earned in each world; 0 where that cannot be said."""
    ratios = []
    for journal in journals:
        values = _earned(track, journal.tracks[track]) if track in journal.tracks else np.zeros(0)
        if len(values) > 2 and values.std() > 0:
            ratios.append(values.mean() / values.std())
    if len(ratios) < WORLDS // 2:
        return 0.0
    spread = max(float(np.std(ratios, ddof=1)), 1e-9)
    return min(float(np.mean(ratios)) / spread * len(ratios) ** 0.5, 1000.0)


def _earned(name: str, track: Track) -> np.ndarray:
    """Return what was earned row by row, of the engine's equity day by day."""
    if track.stage == "risk":
        days = track.ts // DAY
        equity = track.rows["equity"][np.append(np.flatnonzero(np.diff(days)), -1)] if len(days) else np.zeros(0)
        return np.diff(equity) / np.maximum(equity[:-1], 1)
    values = track.rows["value"]
    values = values[np.isfinite(values)]
    if _column(name) in EQUITY:
        return np.asarray(np.diff(values) / (values[:-1] if (values > 0).all() else 1.0))
    return np.asarray(values)
