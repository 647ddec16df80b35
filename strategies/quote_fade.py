"""Bid for what has just fallen too fast: a passive strategy on quotes.

Of the last quotes' middle prices it keeps mean and standard deviation. When the middle lies far below its mean, a
limit order joins the bid, with a target at the mean and a stop as far below as the target is above. It is withdrawn
when the middle is back before it has filled. Nothing is held overnight.

An order that joins the bid pays no spread, but it fills when the market comes to it, which is when the price goes on
falling: the adverse selection that Glosten & Milgrom (1985), Bid, ask and transaction prices, Journal of Financial
Economics 14, describe from the other side.

Parameters
----------
window : quotes, 10 to 2048
    Of mean and standard deviation.
entry : standard deviations, 0.5 to 10
    How far below the mean an order is sent.
weight : part of equity, 0 to 1
    What is put into each entry.

Records `purchases`: fills of entries so far, by the end of each session.
"""

from typing import Any

from lockstep.engine.codes import DAY, Update
from lockstep.engine.compile import kernel
from lockstep.engine.events import MINUTE, QUOTE
from lockstep.engine.features.moments import spread_dtype, spread_mean
from lockstep.engine.features.statistics import zscore_update
from lockstep.engine.features.windows import begin
from lockstep.engine.jobs import TIMERS_PER_SLEEVE, Schedule
from lockstep.engine.orders import bracket, cancel, equity, find, held_quantity, lots_for, mark, raw, record, replace
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.strategy import KernelStrategy

LONGEST = 2048
AT_OPEN = 0
AT_ONCE = 0.9
"""A sell limit at this part of the mark trades with the next quote."""
FILL = int(Update.FILL)
ROW = [("middles", spread_dtype(LONGEST)), ("entry", "<i8"), ("leaves", "<i8")]


@kernel
def start(me: Any, row: Any) -> None:
    """Set the window."""
    begin(row.middles, me.window)


@kernel
def on_tick(world: Any, me: Any, row: Any, tick: Any) -> None:
    """Move mean and deviation, then bid or withdraw; reads only this quote and earlier ones."""
    if tick.kind != QUOTE or not (tick.bid > 0.0 and tick.ask > 0.0):
        return
    middle = 0.5 * (tick.bid + tick.ask)
    z = zscore_update(row.middles, middle)
    held = held_quantity(world, tick.instrument) != 0
    waits = row.entry != 0 and find(world, row.entry) >= 0
    if waits and (z > 0.0 or me.trades == 0):
        cancel(world, row.entry)
    elif me.trades and not waits and not held and z < -me.entry:
        bid(world, me, row, tick)
    elif me.trades == 0 and not waits and held and row.leaves == 0:
        # The target's id follows the entry's.
        row.leaves = 1 if replace(world, row.entry + 1, 0, AT_ONCE * mark(world, tick.instrument), 0.0) else 0


@kernel
def bid(world: Any, me: Any, row: Any, tick: Any) -> None:
    """Join the bid, with the exits attached."""
    i, mean = tick.instrument, spread_mean(row.middles)
    lots = lots_for(world, i, me.weight * equity(world))
    price, target, stop = raw(world, i, tick.bid), raw(world, i, mean), raw(world, i, 2.0 * tick.bid - mean)
    row.entry, row.leaves = bracket(world, i, lots, price, target, stop, DAY), 0


@kernel
def on_order(world: Any, me: Any, event: Any) -> None:
    """Count what is bought."""
    if event.code == FILL and event.quantity > 0:
        me.bought += 1


@kernel
def on_timer(world: Any, me: Any, event: Any) -> None:
    """Begin with the session; before its close trade no more, which makes the next quotes end what there is."""
    me.trades = 1 if event.timer % TIMERS_PER_SLEEVE == AT_OPEN else 0
    if me.trades == 0:
        record(world, 0, float(me.bought))


STRATEGY = KernelStrategy(
    "Quote fade",
    parameters={"window": Integer(300, 10, LONGEST), "entry": Number(2.5, 0.5, 10.0), "weight": Number(0.05, 0.0, 1.0)},
    state=[("trades", "<i8"), ("bought", "<i8")],
    row=ROW,
    start=start,
    on_tick=on_tick,
    on_order=on_order,
    on_timer=on_timer,
    series=("purchases",),
    timers=(Schedule("open"), Schedule("close", offset_ns=-5 * MINUTE)),
)
