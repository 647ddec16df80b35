"""Long while the fast moving average of closes stands above the slow one, out otherwise."""

from typing import Any

from lockstep.engine.compile import kernel
from lockstep.engine.features.averages import sma_dtype, sma_start, sma_update
from lockstep.engine.orders import equity, held_quantity, lots_for, target
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.strategy import KernelStrategy

LONGEST = 512


@kernel
def start(me: Any, row: Any) -> None:
    """Set the windows."""
    sma_start(row.fast, me.fast)
    sma_start(row.slow, me.slow)


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Compare the averages; reads only this bar and earlier ones."""
    fast, slow = sma_update(row.fast, bar.close), sma_update(row.slow, bar.close)
    above = fast > slow
    if above == (row.above == 1):
        return
    row.above = 1 if above else 0
    if above:
        target(world, bar.instrument, lots_for(world, bar.instrument, me.weight * equity(world)))
    elif held_quantity(world, bar.instrument) != 0:
        target(world, bar.instrument, 0)


STRATEGY = KernelStrategy(
    "SMA cross",
    parameters={"fast": Integer(20, 2, LONGEST), "slow": Integer(100, 3, LONGEST), "weight": Number(0.2, 0.0, 1.0)},
    row=[("fast", sma_dtype(LONGEST)), ("slow", sma_dtype(LONGEST)), ("above", "<i8")],
    start=start,
    on_bar=on_bar,
    warmup=lambda parameters: int(parameters["slow"]),
)
