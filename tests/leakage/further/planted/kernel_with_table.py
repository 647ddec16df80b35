"""A kernel that looks up tomorrow's direction in a table made at import."""

import numpy as np

from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.compile import kernel
from lockstep.engine.orders import equity, held_quantity, lots_for, target
from lockstep.engine.strategy import KernelStrategy

frame = read_frame(Catalog().dataset("synthetic-leaks"), adjust="forward")
CLOSES = frame.pivot(index="ts_event", columns="symbol", values="close").ffill()
TIMES = CLOSES.index.to_numpy().astype("datetime64[ns]").astype(np.int64)
UP = (CLOSES.shift(-1) > CLOSES).to_numpy()


@kernel
def on_bar(world, me, row, bar):
    day = np.searchsorted(TIMES, bar.ts_event)
    held = held_quantity(world, bar.instrument)
    if UP[day, bar.instrument] and held == 0:
        target(world, bar.instrument, lots_for(world, bar.instrument, 0.1 * equity(world)))
    elif not UP[day, bar.instrument] and held != 0:
        target(world, bar.instrument, 0)


STRATEGY = KernelStrategy("Kernel with a table", on_bar=on_bar)
