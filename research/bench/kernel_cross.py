"""The workloads' rule as a compiled strategy: both averages over one ring of closes."""

from typing import Any

from lockstep.engine.compile import kernel
from lockstep.engine.orders import target
from lockstep.engine.parameters import Integer
from lockstep.engine.strategy import KernelStrategy

PLACES = 256
_MASK = PLACES - 1


@kernel
def start(me: Any, row: Any) -> None:
    """Keep the windows as floats, in which the sums are compared."""
    me.fast_bars, me.slow_bars = me.fast, me.slow


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Compare the averages; reads only this bar and the ring of earlier closes, which begins as zeros."""
    close, count = bar.close, row.count
    fast = row.fast + (close - row.ring[(count - me.fast) & _MASK])
    slow = row.slow + (close - row.ring[(count - me.slow) & _MASK])
    row.ring[count & _MASK] = close
    row.fast, row.slow, row.count = fast, slow, count + 1
    if count + 1 >= me.slow:
        wanted = me.size * (fast * me.slow_bars > slow * me.fast_bars)
        if wanted != row.wanted:
            row.wanted = wanted
            target(world, bar.instrument, wanted)


STRATEGY = KernelStrategy(
    "SMA cross of fixed size",
    parameters={
        "fast": Integer(20, 2, PLACES - 1),
        "slow": Integer(100, 3, PLACES - 1),
        "size": Integer(100, 1, 10**6),
    },
    state=[("fast_bars", "<f8"), ("slow_bars", "<f8")],
    row=[("count", "<i8"), ("wanted", "<i8"), ("fast", "<f8"), ("slow", "<f8"), ("ring", "<f8", (PLACES,))],
    start=start,
    on_bar=on_bar,
)
