"""Buy the dip at the lower Bollinger band with a limit order, sell at the average, stop out below.

A price that has fallen some standard deviations below its average of the last weeks often comes part of the way back.
Every session a limit order waits at the lower band, valid for the day, with its exits attached as a bracket: a limit
order at the average and a stop some average true ranges below the entry. Who has not come back after `patience` bars
is sold at the market: the target's limit is lowered to where it trades at once.

Source: Bollinger (2001), Bollinger on Bollinger Bands; for what reverts and how long it takes, Lehmann (1990), Fads,
martingales, and market efficiency, Quarterly Journal of Economics 105.

Parameters
----------
window : bars, 2 to 256
    Of average, standard deviation and true range.
width : standard deviations, 0.1 to 10
    How far below the average the entry lies.
stop : average true ranges, 0.1 to 20
    How far below the entry the stop lies.
weight : part of equity, 0 to 1
    What is put into each entry.
patience : bars, 1 to 250
    How long a position is held at most.

Records `entries`: how many positions are open.
"""

from typing import Any

import numpy as np

from lockstep.engine.codes import DAY, Update
from lockstep.engine.compile import kernel
from lockstep.engine.features.bands import bollinger_dtype, bollinger_start, bollinger_update
from lockstep.engine.features.directional import atr_dtype, atr_start, atr_update
from lockstep.engine.mathx import NAN, finite
from lockstep.engine.orders import bracket, equity, held_quantity, lots_for, mark, raw, record, replace
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.strategy import KernelStrategy, rows

LONGEST = 256
FILL = int(Update.FILL)
AT_ONCE = 0.5
"""A sell limit at this part of the mark trades at the next open."""
ROW = [
    ("bands", bollinger_dtype(LONGEST)),
    ("range", atr_dtype()),
    ("middle", "<f8"),
    ("lower", "<f8"),
    ("atr", "<f8"),
    ("exit", "<i8"),
    ("age", "<i8"),
]
row_of = rows(np.dtype(ROW, align=True))


@kernel
def start(me: Any, row: Any) -> None:
    """Set the windows."""
    bollinger_start(row.bands, me.window, me.width)
    atr_start(row.range, me.window)
    row.lower = row.atr = NAN


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Move the band; reads only this bar and earlier ones."""
    row.middle, _upper, row.lower, _place, _width = bollinger_update(row.bands, bar.close)
    row.atr = atr_update(row.range, bar.high, bar.low, bar.close)
    if held_quantity(world, bar.instrument) != 0:
        row.age += 1


@kernel
def on_slice(world: Any, me: Any, event: Any) -> None:
    """Renew the entry where nothing is held, end what has been held too long."""
    for i in range(world.n_instruments):
        row = row_of(me, i)
        if held_quantity(world, i) == 0:
            enter(world, me, row, i)
        elif row.age >= me.patience:
            replace(world, row.exit, 0, AT_ONCE * mark(world, i), 0.0)


@kernel
def enter(world: Any, me: Any, row: Any, i: int) -> None:
    """Propose the bracket of the coming session."""
    bottom = row.lower - me.stop * row.atr
    if not (finite(bottom) and bottom > 0.0):
        return
    lots = lots_for(world, i, me.weight * equity(world))
    entry = bracket(world, i, lots, raw(world, i, row.lower), raw(world, i, row.middle), raw(world, i, bottom), DAY)
    # The exits' ids follow the entry's, the target's first.
    row.exit, row.age = entry + 1, 0


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
    "Mean reversion",
    parameters={
        "window": Integer(20, 2, LONGEST),
        "width": Number(2.0, 0.1, 10.0),
        "stop": Number(3.0, 0.1, 20.0),
        "weight": Number(0.2, 0.0, 1.0),
        "patience": Integer(15, 1, 250),
    },
    row=ROW,
    start=start,
    on_bar=on_bar,
    on_slice=on_slice,
    on_order=on_order,
    warmup=lambda parameters: int(parameters["window"]) + 1,
    series=("entries",),
)
