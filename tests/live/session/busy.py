"""A strategy that uses every kind of order, cancels and replaces, all by counting: nothing it does depends on luck."""

from typing import Any

from lockstep.engine import orders as o
from lockstep.engine.compile import kernel
from lockstep.engine.parameters import Integer
from lockstep.engine.strategy import KernelStrategy


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    row.count += 1
    turn, i = (row.count * 7 + bar.instrument * 3) % 23, bar.instrument
    price = o.raw(world, i, bar.close)
    held = o.held_quantity(world, i)
    if turn == 0 and held == 0:
        o.market(world, i, me.size)
    elif turn == 2 and held == 0:
        row.last = o.limit(world, i, me.size, price * 0.997)
    elif turn in (3, 5):
        o.cancel(world, row.last)
    elif turn == 7 and held == 0:
        row.last = o.bracket(world, i, me.size, 0.0, price * 1.003, price * 0.997)
    elif turn == 9:
        o.replace(world, row.last, 0, price * 0.9995, 0.0)
    elif turn == 11 and held > 0:
        o.cancel_all(world, i)
    elif turn == 13 and held > 0:
        o.trailing_stop(world, i, -held, price * 0.002)
    elif turn == 15 and held > 0:
        o.cancel_all(world, i)
    elif turn == 17 and held > 0:
        o.target(world, i, 0)
    elif turn == 19 and held == 0:
        row.last = o.limit(world, i, me.size, price * 0.999, o.GTC)
    elif turn == 21:
        o.replace(world, row.last, 0, price * 0.9995, 0.0)


STRATEGY = KernelStrategy(
    "busy",
    parameters={"size": Integer(40, 1, 1000)},
    row=[("count", "<i8"), ("last", "<i8")],
    on_bar=on_bar,
)
