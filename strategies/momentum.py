"""Hold the winners of the past year, weighted by the inverse of their volatility, renewed every month.

Stocks that did best over the past twelve months, the last one left out, tend to go on doing so for some months. At
the close of each month's first session the instruments are ranked by that return; the best few are bought in
proportion to 1 / volatility, so that each adds about the same risk. Between rebalances nothing is done.

What the risk stage refuses or shrinks on that day is asked for again on the following ones, `patience` times in all:
a rebalance falls now and then on a day on which new risk is halted, or finds its cash only once the sales have
filled.

Sources: Jegadeesh & Titman (1993), Returns to buying winners and selling losers, Journal of Finance 48; the skipped
month: Jegadeesh (1990), Journal of Finance 45.

Parameters
----------
lookback, skip : bars, 2 to 512 and 1 to 256
    The return runs from `lookback` bars ago to `skip` bars ago.
top : 1 to 500
    How many instruments are held.
window : bars, 2 to 512
    Of the volatility, that of daily logarithmic returns.
exposure : part of equity, 0 to 2
    What is invested in all.
patience : slices, 1 to 20
    On how many the targets are asked for.

Records `winners`: the mean return, over the lookback, of what is bought.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.volatility import historical_dtype, historical_start, historical_volatility_update
from lockstep.engine.features.windows import begin, lag_dtype, lag_push
from lockstep.engine.jobs import Schedule
from lockstep.engine.mathx import NAN, finite
from lockstep.engine.orders import equity, lots_for, record, target
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.strategy import KernelStrategy, rows

LONGEST = 512
ROW = [
    ("past", lag_dtype(LONGEST)),
    ("recent", lag_dtype(LONGEST)),
    ("returns", historical_dtype(LONGEST)),
    ("score", "<f8"),
    ("volatility", "<f8"),
    ("wanted", "<i8"),
]
row_of = rows(np.dtype(ROW, align=True))


@kernel
def start(me: Any, row: Any) -> None:
    """Set the windows; without a score an instrument is not ranked."""
    begin(row.past, me.lookback)
    begin(row.recent, me.skip)
    historical_start(row.returns, me.window, 1.0)
    row.score = row.volatility = NAN


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Keep score and volatility; reads only this bar and earlier ones."""
    if not finite(bar.close):
        return
    row.score = lag_push(row.recent, bar.close) / lag_push(row.past, bar.close) - 1.0
    row.volatility = historical_volatility_update(row.returns, bar.close)


@kernel
def on_timer(world: Any, me: Any, event: Any) -> None:
    """Note that a month has begun."""
    me.asks = me.patience


@kernel
def chosen(world: Any, me: Any, i: int) -> bool:
    """Return whether an instrument is among the best `top`; of equals the first in canonical order."""
    own = row_of(me, i)
    if not (finite(own.score) and own.volatility > 0.0):
        return False
    better = 0
    for k in range(world.n_instruments):
        other = row_of(me, k)
        if other.volatility > 0.0 and (other.score > own.score or (other.score == own.score and k < i)):
            better += 1
    return better < me.top


@kernel
def choose(world: Any, me: Any) -> None:
    """Set what is wanted of each instrument, in lots."""
    total, scores, count = 0.0, 0.0, 0
    for i in range(world.n_instruments):
        if chosen(world, me, i):
            row = row_of(me, i)
            total += 1.0 / row.volatility
            scores += row.score
            count += 1
    for i in range(world.n_instruments):
        row, dollars = row_of(me, i), 0.0
        if chosen(world, me, i):
            dollars = me.exposure * equity(world) / (row.volatility * total)
        row.wanted = lots_for(world, i, dollars)
    record(world, 0, scores / count if count else NAN)


@kernel
def on_slice(world: Any, me: Any, event: Any) -> None:
    """Choose when the month has begun, then ask until patience ends."""
    if me.asks == 0:
        return
    if me.asks == me.patience:
        choose(world, me)
    me.asks -= 1
    for i in range(world.n_instruments):
        target(world, i, row_of(me, i).wanted)


STRATEGY = KernelStrategy(
    "Momentum",
    parameters={
        "lookback": Integer(252, 2, LONGEST),
        "skip": Integer(21, 1, 256),
        "top": Integer(6, 1, 500),
        "window": Integer(63, 2, LONGEST),
        "exposure": Number(1.0, 0.0, 2.0),
        "patience": Integer(3, 1, 20),
    },
    state=[("asks", "<i8")],
    row=ROW,
    start=start,
    on_bar=on_bar,
    on_slice=on_slice,
    on_timer=on_timer,
    warmup=lambda parameters: int(max(parameters["lookback"], parameters["window"], parameters["skip"])) + 1,
    series=("winners",),
    timers=(Schedule("close", every="month"),),
)
