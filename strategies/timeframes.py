"""Trade with the trend of hourly bars, enter on a weakness of the minute: two timeframes at once.

The hours are consolidated from the minutes inside the strategy. An hour counts from the exchange's open and is known
when its last minute has closed, never before; the hour that is forming is not looked at. Where the last close of an
hour stands above the hours' exponential average, a low relative strength index of minutes is a chance to buy; the
position ends when the strength has come back, when the hours turn, or before the session's close: nothing is held
overnight.

Source: Elder (1993), Trading for a Living, the triple screen, of which these are two.

Parameters
----------
hours : hourly bars, 2 to 200
    Window of their exponential average.
strength : bars, 2 to 200
    Window of the relative strength index of minutes (Wilder).
low, high : 0 to 100
    Index below which is bought, above which is sold.
weight : part of equity, 0 to 1
    What is put into each position.

Records `rising`: how many instruments' hours point upward.
"""

from typing import Any

import numpy as np

from lockstep.engine import consolidate
from lockstep.engine.compile import kernel
from lockstep.engine.events import HOUR, MINUTE
from lockstep.engine.features.averages import ema_dtype, ema_start, ema_update
from lockstep.engine.features.momentum import rsi_dtype, rsi_start, rsi_update
from lockstep.engine.jobs import TIMERS_PER_SLEEVE, Schedule
from lockstep.engine.orders import equity, held_quantity, lots_for, record, target
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.strategy import KernelStrategy, rows

ROW = [
    ("hours", consolidate.dtype()),
    ("average", ema_dtype()),
    ("strength", rsi_dtype()),
    ("rising", "<i8"),
]
row_of = rows(np.dtype(ROW, align=True))
TIMERS = (Schedule("open"), Schedule("close", offset_ns=-10 * MINUTE))
AT_OPEN = 0


@kernel
def start(me: Any, row: Any) -> None:
    """Set the windows."""
    consolidate.start_span(row.hours, HOUR)
    ema_start(row.average, me.hours)
    rsi_start(row.strength, me.strength)


@kernel
def on_timer(world: Any, me: Any, event: Any) -> None:
    """Tell the hours when the session opened; end everything before it closes."""
    opens = event.timer % TIMERS_PER_SLEEVE == AT_OPEN
    me.trades = 1 if opens else 0
    rising = 0
    for i in range(world.n_instruments):
        row = row_of(me, i)
        rising += row.rising
        if opens:
            consolidate.open_session(row.hours, event.ts_event)
        elif held_quantity(world, i) != 0:
            target(world, i, 0)
    record(world, 0, float(rising))


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Move the hours, then look for an entry or exit; reads only this bar and earlier ones."""
    while consolidate.update(row.hours, bar):
        close = row.hours.done.close
        row.rising = 1 if close > ema_update(row.average, close) else 0
    strength = rsi_update(row.strength, bar.close)
    if me.trades == 0:
        return
    held = held_quantity(world, bar.instrument)
    if held == 0 and row.rising and strength < me.low:
        target(world, bar.instrument, lots_for(world, bar.instrument, me.weight * equity(world)))
    elif held != 0 and (row.rising == 0 or strength > me.high):
        target(world, bar.instrument, 0)


STRATEGY = KernelStrategy(
    "Two timeframes",
    parameters={
        "hours": Integer(14, 2, 200),
        "strength": Integer(14, 2, 200),
        "low": Number(20.0, 0.0, 100.0),
        "high": Number(60.0, 0.0, 100.0),
        "weight": Number(0.1, 0.0, 1.0),
    },
    state=[("trades", "<i8")],
    row=ROW,
    start=start,
    on_bar=on_bar,
    on_timer=on_timer,
    warmup=lambda parameters: 60 * int(parameters["hours"]),
    series=("rising",),
    timers=TIMERS,
)
