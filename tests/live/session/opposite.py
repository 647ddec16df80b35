"""A strategy that buys while a sale of its own rests at the broker."""

from typing import Any

from lockstep.engine import orders as o
from lockstep.engine.compile import kernel
from lockstep.engine.parameters import Integer
from lockstep.engine.strategy import KernelStrategy


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    row.count += 1
    if row.count == 5:
        o.limit(world, bar.instrument, -me.size, o.raw(world, bar.instrument, bar.close) * 1.05, o.GTC)
    elif row.count == 10:
        o.market(world, bar.instrument, me.size)


STRATEGY = KernelStrategy("opposite", parameters={"size": Integer(40, 1, 1000)}, row=[("count", "<i8")], on_bar=on_bar)
