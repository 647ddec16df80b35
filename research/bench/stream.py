"""Streaming from Parquet: how many bars a second go from files through a compiled strategy, in how much memory."""

import tempfile
import time
from pathlib import Path

from lockstep.data.catalog import Catalog
from lockstep.data.feed import Replay
from lockstep.data.synthetic import SyntheticMarket, write_synthetic
from lockstep.engine.output import Output
from lockstep.engine.world import Sleeve, World

from . import kernel_cross
from .run import PARAMETERS, Row, peak_mb
from .workloads import settings

SYMBOLS, MINUTES = 500, 390
START = "1995-01-03"


def measure_stream(bars: int) -> Row:
    """Write one dataset of at least `bars` minute bars of 500 synthetic symbols, and stream it through one world.

    Only the replay is timed. A billion bars take 10 GB of disk in the temporary folder, and about ten minutes to write.
    The memory reported is the most that this process has held, writing included.
    """
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(Path(folder) / "catalog")
        # A few bars are missing from halts and late listings.
        sessions = -(-bars * 101 // (100 * SYMBOLS * MINUTES))
        market = SyntheticMarket(symbols=SYMBOLS, sessions=sessions, start=START)
        manifest = write_synthetic(catalog, "synthetic-stream", market)
        start = time.perf_counter()
        world = _replay(catalog)
        seconds = time.perf_counter() - start
    equity, fills = int(world.header.equity) / 1e6, int(world.header.count_fills)
    return Row("Stream", manifest.rows / seconds, None, None, equity, fills, seconds, peak_mb())


def _replay(catalog: Catalog) -> World:
    feed = Replay(catalog, "synthetic-stream")
    world = World(feed.instruments, [Sleeve(kernel_cross.STRATEGY, PARAMETERS)], settings(1e7))
    output = Output(world, rows=8_192, equity_every_slice=False)
    for batch in feed:
        done = 0
        while done < len(batch):
            done = world.drive(batch, done, len(batch), output)
            output.clear()
    world.check()
    return world
