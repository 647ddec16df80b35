"""Buy a close above the highest high of the last weeks, follow it with a stop.

The rule of the Turtles in its plainest form: a new high of many bars begins a trend. The size is such that a fall by
the stop's distance costs a fixed part of equity, and the stop follows the best price since the entry at some average
true ranges.

The stop is sent when the entry's fill is known. With daily bars that is at the close of the day of entry, so the
first day is unprotected.

Sources: Donchian (1960), Commodity Year Book; Faith (2007), Way of the Turtle; the trailing stop: LeBeau's chandelier
exit.

Parameters
----------
window : bars, 2 to 256
    A close above the highest high of so many earlier bars enters.
range : bars, 2 to 256
    Window of the average true range.
stop : average true ranges, 0.1 to 20
    How far the stop trails behind the best price.
risk : part of equity, 0 to 0.1
    What a fall by the stop's distance costs.
weight : part of equity, 0 to 1
    Most that is put into one position.

Records `entries`: how many positions are open.
"""

from typing import Any

from lockstep.engine.codes import Update
from lockstep.engine.compile import kernel
from lockstep.engine.features.directional import atr_dtype, atr_start, atr_update
from lockstep.engine.features.windows import begin, extreme_dtype, highest_push
from lockstep.engine.mathx import NAN, finite
from lockstep.engine.orders import equity, held_quantity, lots_for, raw, record, target, trailing_stop
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.strategy import KernelStrategy
from lockstep.engine.tables import position

LONGEST = 256
FILL = int(Update.FILL)
ROW = [("highs", extreme_dtype(LONGEST)), ("true_range", atr_dtype()), ("upper", "<f8"), ("atr", "<f8")]


@kernel
def start(me: Any, row: Any) -> None:
    """Set the windows."""
    begin(row.highs, me.window)
    atr_start(row.true_range, me.range)
    row.upper = NAN


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Enter above the channel of the bars before this one; reads only this bar and earlier ones."""
    if not finite(bar.high):
        return
    before = row.upper
    highest = highest_push(row.highs, bar.high)
    row.upper = highest if row.highs.warm else NAN
    row.atr = atr_update(row.true_range, bar.high, bar.low, bar.close)
    if held_quantity(world, bar.instrument) != 0:
        protect(world, me, row, bar.instrument)
    elif bar.close > before and row.atr > 0.0:
        part = min(me.risk * bar.close / (me.stop * row.atr), me.weight)
        target(world, bar.instrument, lots_for(world, bar.instrument, part * equity(world)))


@kernel
def protect(world: Any, me: Any, row: Any, i: int) -> None:
    """Put a trailing stop under what is held, unless an order is open."""
    if position(world, i).open_orders == 0:
        trailing_stop(world, i, -held_quantity(world, i), raw(world, i, me.stop * row.atr))


@kernel
def on_order(world: Any, me: Any, event: Any) -> None:
    """Count the open positions."""
    if event.code != FILL:
        return
    count = 0
    for i in range(world.n_instruments):
        count += 1 if held_quantity(world, i) != 0 else 0
    record(world, 0, float(count))


STRATEGY = KernelStrategy(
    "Breakout",
    parameters={
        "window": Integer(55, 2, LONGEST),
        "range": Integer(20, 2, LONGEST),
        "stop": Number(4.0, 0.1, 20.0),
        "risk": Number(0.01, 0.0, 0.1),
        "weight": Number(0.2, 0.0, 1.0),
    },
    row=ROW,
    start=start,
    on_bar=on_bar,
    on_order=on_order,
    warmup=lambda parameters: int(max(parameters["window"], parameters["range"])) + 1,
    series=("entries",),
)
