"""Buy every instrument once and keep it: the yardstick for anything that trades.

An instrument is bought when it is first seen while the strategy may trade, for a fixed part of the equity of that
day. What is refused or not filled is asked for again; what has been sold by force, as at a delisting, is not bought
back.

Parameters
----------
weight : part of equity, 0 to 1
    What is put into each instrument.

Records `held`: how many instruments have been bought.
"""

from typing import Any

from lockstep.engine.compile import kernel
from lockstep.engine.orders import equity, held_quantity, lots_for, record, target
from lockstep.engine.parameters import Number
from lockstep.engine.strategy import KernelStrategy


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Buy what is not yet held."""
    if row.bought:
        return
    if held_quantity(world, bar.instrument) == 0:
        target(world, bar.instrument, lots_for(world, bar.instrument, me.weight * equity(world)))
        return
    row.bought = 1
    me.held += 1
    record(world, 0, float(me.held))


STRATEGY = KernelStrategy(
    "Buy and hold",
    parameters={"weight": Number(0.2, 0.0, 1.0)},
    state=[("held", "<i8")],
    row=[("bought", "<i8")],
    on_bar=on_bar,
    series=("held",),
)
