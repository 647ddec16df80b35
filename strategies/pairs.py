"""Sell the dear one of two related stocks, buy the cheap one, and wait for their prices to meet.

Two speeds of thought. Once a month a job regresses, for each declared pair, the logarithm of one price on the other's
over the past year, and hands over slope, mean and standard deviation of the residual. The kernel follows the residual
at every slice: when it is `entry` standard deviations wide the pair is opened as one order group, so that the risk
stage takes both legs or none; when it has come back within `exit`, or run away beyond `stop`, both legs are closed.

The pairs are declared, not searched for. Your own are a module of two lines: ``from lockstep.strategies.pairs import
declare`` and ``STRATEGY = declare(("SHEL", "BP"))``.

Source: Gatev, Goetzmann & Rouwenhorst (2006), Pairs trading: performance of a relative-value arbitrage rule, Review
of Financial Studies 19; the regression: Engle & Granger (1987), Econometrica 55.

Parameters
----------
entry, exit, stop : standard deviations, 0.5 to 10, 0 to 5 and 1 to 100
    Widths of the residual at which a pair is opened, closed, and given up until the next regression.
weight : part of equity, 0 to 1
    Size of a pair's first leg; the second is as much times the slope.

Records `pairs`: how many are open.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.jobs import AsOf, Job, Schedule
from lockstep.engine.mathx import finite, log
from lockstep.engine.orders import begin_group, end_group, equity, held_quantity, lots_for, market, record
from lockstep.engine.parameters import Number
from lockstep.engine.strategy import KernelStrategy, rows

YEAR = 252
SLOPES = (0.3, 3.0)
"""Slopes beyond these make a poor hedge; the pair then rests until the next regression."""
NOBODY = -1
ROW = [
    ("partner", "<i8"),
    ("slope", "<f8"),
    ("level", "<f8"),
    ("deviation", "<f8"),
    ("close", "<f8"),
    ("open", "<i8"),
    ("given_up", "<i8"),
]
row_of = rows(np.dtype(ROW, align=True))


def fit(asof: AsOf, pairs: tuple[tuple[str, str], ...], window: int) -> dict[str, np.ndarray]:
    """Regress each pair as of now; the first leg's row holds what comes out of it.

    Parameters
    ----------
    asof : AsOf
        What is known.
    pairs : tuple of (str, str)
        Symbols; those that this run does not have are passed over.
    window : int
        Bars to regress over.

    Returns
    -------
    dict of str to (instruments,) arrays
        `partner`, `slope`, `mean`, `deviation`, `given_up`.
    """
    _ts, closes = asof.closes(window)
    found = {name: np.zeros(len(asof.symbols)) for name in ("slope", "level", "deviation", "given_up")}
    found["partner"] = np.full(len(asof.symbols), NOBODY)
    for first, second in pairs:
        if first not in asof.symbols or second not in asof.symbols:
            continue
        a, b = asof.symbols.index(first), asof.symbols.index(second)
        x, y = np.log(closes[:, b]), np.log(closes[:, a])
        if len(x) < window or not np.isfinite(x + y).all():
            continue
        slope = np.cov(x, y)[0, 1] / np.var(x, ddof=1)
        residual = y - slope * x
        if SLOPES[0] < slope < SLOPES[1]:
            found["partner"][a] = b
        found["slope"][a], found["level"][a], found["deviation"][a] = slope, residual.mean(), residual.std(ddof=2)
    return found


@kernel
def start(me: Any, row: Any) -> None:
    """Begin without partners."""
    row.partner = NOBODY


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Remember the close."""
    row.close = bar.close


@kernel
def width(me: Any, row: Any) -> float:
    """Return the residual in standard deviations; reads only the last closes."""
    other = row_of(me, row.partner)
    return (log(row.close) - row.slope * log(other.close) - row.level) / row.deviation


@kernel
def trade(world: Any, first: int, second: int, lots: int, other_lots: int) -> None:
    """Propose both legs as one group."""
    begin_group(world)
    if lots != 0:
        market(world, first, lots)
    if other_lots != 0:
        market(world, second, other_lots)
    end_group(world)


@kernel
def consider(world: Any, me: Any, row: Any, i: int) -> None:
    """Open, close or leave one pair."""
    z, k = width(me, row), row.partner
    if not finite(z):
        return
    wide = abs(z)
    if wide > me.stop:
        row.given_up = 1
    held = held_quantity(world, i)
    if row.open == 0 and me.entry < wide < me.stop and row.given_up == 0:
        dollars = me.weight * equity(world) * (-1.0 if z > 0.0 else 1.0)
        row.open = 1 if z > 0.0 else -1
        trade(world, i, k, lots_for(world, i, dollars), lots_for(world, k, -row.slope * dollars))
    elif row.open != 0 and (z * row.open < me.exit or wide > me.stop):
        row.open = 0
        trade(world, i, k, -held, -held_quantity(world, k))


@kernel
def on_slice(world: Any, me: Any, event: Any) -> None:
    """Consider every pair, and record how many are open when that has changed."""
    count = 0
    for i in range(world.n_instruments):
        row = row_of(me, i)
        if row.partner >= 0:
            consider(world, me, row, i)
        count += abs(row.open)
    if count != me.count:
        me.count = count
        record(world, 0, float(count))


def declare(
    *pairs: tuple[str, str],
    window: int = YEAR,
    every: Literal["session", "week", "month"] = "month",
    name: str = "Pairs",
) -> KernelStrategy:
    """Return the strategy for pairs of symbols.

    Parameters
    ----------
    pairs : (str, str)
        First and second leg; a symbol may stand in one pair only.
    window : int
        Bars to regress over.
    every : {"session", "week", "month"}
        How often that is done.
    name : str
        How the strategy is called in reports.
    """

    def job(asof: AsOf, parameters: Mapping[str, Any]) -> dict[str, np.ndarray]:
        return fit(asof, pairs, window)

    return KernelStrategy(
        name,
        parameters={
            "entry": Number(2.0, 0.5, 10.0),
            "exit": Number(0.5, 0.0, 5.0),
            "stop": Number(4.0, 1.0, 100.0),
            "weight": Number(0.1, 0.0, 1.0),
        },
        state=[("count", "<i8")],
        row=ROW,
        start=start,
        on_bar=on_bar,
        on_slice=on_slice,
        warmup=lambda parameters: window,
        series=("pairs",),
        jobs=(Job("regression", Schedule("06:00", every=every), job, lookback=window),),
    )


STRATEGY = declare(("XOM", "CVX"), ("KO", "PEP"), ("JPM", "BAC"), ("MRK", "PFE"), ("PG", "WMT"))
SYNTHETIC = declare(("SYN002", "SYN001"), ("SYN004", "SYN003"), window=3900, every="week", name="Synthetic pairs")
"""The pairs that `synthetic-1min` was made with, on two weeks of minute bars."""
