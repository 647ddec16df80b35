"""The worlds of a sweep are the worlds of single runs."""

import numpy as np
import pytest

from lockstep.engine.runner import Runner
from lockstep.engine.sweep import Sweep
from lockstep.engine.world import Sleeve, World
from lockstep.strategies.sma_cross import STRATEGY as SMA_CROSS

from .play import BUSY, INSTRUMENTS, conditions, market

GRIDS = {
    "busy": (BUSY, [{"size": size} for size in (2, 13, 60, 60, 400)]),
    "SMA cross": (SMA_CROSS, [{"fast": fast, "slow": slow} for fast in (2, 5) for slow in (8, 21, 34)]),
}


def single(strategy, parameters, trade_from):
    """Session equities, digest and counts of a run of its own."""
    world = World(INSTRUMENTS, [Sleeve(strategy, parameters)], conditions(), trade_from=trade_from)
    logs = []
    runner = Runner(world, lambda rows: logs.append(rows["equity"]), every_slice=False)
    runner.feed(market())
    runner.finish()
    header = world.header
    counts = int(header.count_fills), int(header.count_orders), int(header.count_refused)
    return np.concatenate(logs), world.digest, counts, header.equity / 1e6, header.fees / 1e6


@pytest.mark.parametrize("cut", [0, 100])
@pytest.mark.parametrize("trade_from", [-(2**62), int(market()["ts_available"][200])], ids=["at once", "after warm-up"])
@pytest.mark.parametrize("name", GRIDS)
def test_a_sweeps_worlds_are_those_of_single_runs(name, trade_from, cut):
    strategy, grid = GRIDS[name]
    sweep, events = Sweep(INSTRUMENTS, strategy, grid, conditions(), trade_from=trade_from), market()
    for start in range(0, len(events), cut or len(events)):
        sweep.feed(events[start : start + (cut or len(events))])
    times, equities = sweep.session_equity()
    for k, (parameters, found) in enumerate(zip(grid, sweep.results(), strict=True)):
        sessions, digest, counts, equity, fees = single(strategy, parameters, trade_from)
        assert found["digest"] == digest
        assert (found["fills"], found["orders"], found["refused"]) == counts
        assert (found["equity"], found["fees"]) == (equity, fees)
        assert times.tolist() == sessions["ts"].tolist()
        assert equities[k].tolist() == (sessions["equity"] / 1e6).tolist()
    assert len(set(sweep.results()["digest"])) >= len(grid) - 1
    assert (sweep.results()["fills"] > 0).all()
