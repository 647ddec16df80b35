"""Long while the fast moving average of closes stands above the slow one, out otherwise.

The oldest rule of trend following: an average of few bars above one of many says that prices have risen of late. It
gains in long moves and pays in sideways markets, where the averages cross back and forth.

Source: Brock, Lakonishok & LeBaron (1992), Simple technical trading rules and the stochastic properties of stock
returns, Journal of Finance 47.

Parameters
----------
fast, slow : bars, 2 to 512 and 3 to 512
    Lengths of the two averages.
weight : part of equity, 0 to 1
    What is put into an instrument when its trend begins; it is not rebalanced.

Records `trends`: how many instruments are in an upward trend.
"""

from typing import Any

from lockstep.engine.compile import kernel
from lockstep.engine.features.averages import sma_dtype, sma_start, sma_update
from lockstep.engine.orders import equity, held_quantity, lots_for, record, target
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
    above = sma_update(row.fast, bar.close) > sma_update(row.slow, bar.close)
    if above != (row.above == 1):
        row.above = 1 if above else 0
        me.trends += 1 if above else -1
        record(world, 0, float(me.trends))
    held = held_quantity(world, bar.instrument)
    if above and held == 0:
        target(world, bar.instrument, lots_for(world, bar.instrument, me.weight * equity(world)))
    elif held != 0 and not above:
        target(world, bar.instrument, 0)


STRATEGY = KernelStrategy(
    "SMA cross",
    parameters={"fast": Integer(20, 2, LONGEST), "slow": Integer(100, 3, LONGEST), "weight": Number(0.2, 0.0, 1.0)},
    state=[("trends", "<i8")],
    row=[("fast", sma_dtype(LONGEST)), ("slow", sma_dtype(LONGEST)), ("above", "<i8")],
    start=start,
    on_bar=on_bar,
    warmup=lambda parameters: int(max(parameters["fast"], parameters["slow"])),
    series=("trends",),
)
