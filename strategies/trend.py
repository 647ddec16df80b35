"""Follow each instrument's own trend at a size that keeps its volatility constant.

Time-series momentum: what has risen over the past year is held, what has fallen is not (or is sold short). Each
position is as large as makes its expected volatility an equal part of the target: calm instruments get more, wild
ones less. Once a week the positions are brought to size, unless the change is too small to be worth its costs.

Sources: Moskowitz, Ooi & Pedersen (2012), Time series momentum, Journal of Financial Economics 104; for the size:
Harvey et al. (2018), The impact of volatility targeting, Journal of Portfolio Management 45.

Parameters
----------
lookback : bars, 2 to 512
    Of the return whose sign is the trend.
decay : 0.5 to 0.999
    Of the exponentially weighted volatility.
volatility : per year, 0.01 to 1
    Target for each instrument, before the sum is shared among all.
cap : part of equity, 0 to 2
    Largest position.
band : part of the position, 0 to 1
    Changes smaller than this are not made.
periods : bars a year, 1 to 1 000 000
    By which the volatility is made a yearly one.
short : switch
    Whether falling instruments are sold short.

Records `exposure`: the sum of all positions' sizes aimed at, as a part of equity.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.volatility import ewma_dtype, ewma_start, ewma_volatility_update
from lockstep.engine.features.windows import begin, lag_dtype, lag_push
from lockstep.engine.jobs import Schedule
from lockstep.engine.mathx import NAN, finite
from lockstep.engine.orders import equity, held_quantity, lots_for, record, target
from lockstep.engine.parameters import Integer, Number, Switch
from lockstep.engine.strategy import KernelStrategy, rows

LONGEST = 512
LEAST_RETURNS = 40
ROW = [("past", lag_dtype(LONGEST)), ("spread", ewma_dtype()), ("trend", "<f8"), ("volatility", "<f8")]
row_of = rows(np.dtype(ROW, align=True))


@kernel
def start(me: Any, row: Any) -> None:
    """Set the windows; without a trend nothing is held."""
    begin(row.past, me.lookback)
    ewma_start(row.spread, LEAST_RETURNS, me.decay)
    row.trend = row.volatility = NAN


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Keep trend and volatility; reads only this bar and earlier ones."""
    if not finite(bar.close):
        return
    row.trend = bar.close - lag_push(row.past, bar.close)
    row.volatility = ewma_volatility_update(row.spread, bar.close) * np.sqrt(me.periods)


@kernel
def on_timer(world: Any, me: Any, event: Any) -> None:
    """Note that a week has begun."""
    me.due = 1


@kernel
def size(me: Any, row: Any, n: int) -> float:
    """Return the position aimed at, as a part of equity; 0 without a trend."""
    if not (finite(row.trend) and row.volatility > 0.0) or (row.trend <= 0.0 and me.short == 0):
        return 0.0
    part = min(me.volatility / row.volatility / n, me.cap)
    return part if row.trend > 0.0 else -part


@kernel
def on_slice(world: Any, me: Any, event: Any) -> None:
    """Bring the positions to size at the week's first close."""
    if me.due == 0:
        return
    me.due, total = 0, 0.0
    for i in range(world.n_instruments):
        part = size(me, row_of(me, i), world.n_instruments)
        total += abs(part)
        wanted, held = lots_for(world, i, part * equity(world)), held_quantity(world, i)
        if wanted == 0 or abs(wanted - held) > me.band * abs(wanted):
            target(world, i, wanted)
    record(world, 0, total)


STRATEGY = KernelStrategy(
    "Trend",
    parameters={
        "lookback": Integer(252, 2, LONGEST),
        "decay": Number(0.97, 0.5, 0.999),
        "volatility": Number(0.25, 0.01, 1.0),
        "cap": Number(0.2, 0.0, 2.0),
        "band": Number(0.1, 0.0, 1.0),
        "periods": Integer(252, 1, 1_000_000),
        "short": Switch(False),
    },
    state=[("due", "<i8")],
    row=ROW,
    start=start,
    on_bar=on_bar,
    on_slice=on_slice,
    on_timer=on_timer,
    warmup=lambda parameters: int(max(parameters["lookback"], LEAST_RETURNS)) + 1,
    series=("exposure",),
    timers=(Schedule("close", every="week"),),
)
