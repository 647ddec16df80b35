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

SYMBOLS, SESSIONS, MINUTES = 100, 256, 390


def measure_stream(bars: int) -> Row:
    """Stream at least `bars` minute bars of 100 synthetic symbols through one world.

    One dataset of about ten million bars is written to a temporary catalogue and replayed from its files as often as it
    takes, each time by a new feed into a new world; only the replays are timed.
    """
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(Path(folder) / "catalog")
        sessions = max(min(SESSIONS, bars // (SYMBOLS * MINUTES)), 1)
        manifest = write_synthetic(catalog, "synthetic-stream", SyntheticMarket(symbols=SYMBOLS, sessions=sessions))
        done, seconds, world = 0, 0.0, None
        while done < bars:
            start = time.perf_counter()
            world = _replay(catalog)
            seconds += time.perf_counter() - start
            done += manifest.rows
    assert world is not None
    equity, fills = int(world.header.equity) / 1e6, int(world.header.count_fills)
    return Row("Stream", done / seconds, None, None, equity, fills, seconds, peak_mb())


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
