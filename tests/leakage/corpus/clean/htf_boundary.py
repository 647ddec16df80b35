"""Trade in the direction of the last whole hour, at the very minute at which it ends."""

import numpy as np

from lockstep.engine import consolidate
from lockstep.engine.compile import kernel
from lockstep.engine.events import HOUR
from lockstep.engine.jobs import Schedule
from lockstep.engine.orders import equity, held_quantity, lots_for, target
from lockstep.engine.strategy import KernelStrategy, rows

ROW = [("hours", consolidate.dtype())]
row_of = rows(np.dtype(ROW, align=True))


@kernel
def start(me, row):
    consolidate.start_span(row.hours, HOUR)


@kernel
def on_timer(world, me, event):
    for i in range(world.n_instruments):
        consolidate.open_session(row_of(me, i).hours, event.ts_event)


@kernel
def on_bar(world, me, row, bar):
    while consolidate.update(row.hours, bar):
        done = row.hours.done
        wanted = lots_for(world, bar.instrument, 0.2 * equity(world)) if done.close > done.open else 0
        if (wanted != 0) != (held_quantity(world, bar.instrument) != 0):
            target(world, bar.instrument, wanted)


STRATEGY = KernelStrategy(
    "Hour's direction", row=ROW, start=start, on_bar=on_bar, on_timer=on_timer, timers=(Schedule("open"),)
)
