"""Measuring: each workload several times, the best of each kind, next to one another in one process on one core."""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockstep.engine.errors import EngineError
from lockstep.engine.events import Events
from lockstep.engine.output import Output
from lockstep.engine.runner import Runner
from lockstep.engine.sweep import Sweep
from lockstep.engine.world import Sleeve, World

from . import kernel_cross, python_cross
from .references import BareLoop, vectorbt_run
from .workloads import (
    ANSWERS,
    FAST,
    GRID,
    SIZE,
    SLOW,
    W3_BEST,
    instruments,
    prices,
    settings,
    w1_events,
    w2_events,
    w3_events,
)  # fmt: skip

PARAMETERS = {"fast": FAST, "slow": SLOW, "size": SIZE}
BARS = {"W1": 1_000_000, "W2": 500_000, "W3": 20_000_000, "Python": 1_000_000}
TITLES = {
    "W1": "1 symbol × 1 000 000 minutes",
    "W2": "100 symbols × 5 000 days",
    "W3": "400 worlds × 50 000 minutes",
    "Python": "W1 with the rule in plain Python",
}


@dataclass(frozen=True)
class Row:
    """One workload's figures; rates in bars (W3: bar-evaluations) a second, None where not measured."""

    workload: str
    bars_per_second: float
    bare_loop: float | None
    vectorbt: float | None
    final_equity: float
    fills: int
    seconds: float
    peak_rss_mb: float


def run_world(events: Events, n: int, cash: float) -> tuple[float, int]:
    """Run one world from records in memory; decisions, orders, fills and every slice's equity are logged."""
    world = World(instruments(n), [Sleeve(kernel_cross.STRATEGY, PARAMETERS)], settings(cash))
    output = Output(world, rows=8_192, marks=False)
    done = 0
    while done < len(events):
        done = world.drive(events, done, len(events), output)
        output.clear()
    world.check()
    return int(world.header.equity) / 1e6, int(world.header.count_fills)


def run_sweep(events: Events) -> tuple[float, int]:
    """Run the 400 worlds of W3; return their mean final equity and all their fills."""
    sweep = Sweep(instruments(1), kernel_cross.STRATEGY, GRID, settings(1e6))
    sweep.feed(events)
    found = sweep.results()
    best = int(found["equity"].argmax())
    if (GRID[best]["fast"], GRID[best]["slow"]) != W3_BEST[:2] or abs(found["equity"][best] - W3_BEST[2]) > 1e-3:
        raise EngineError(f"W3: best world is {GRID[best]} with {found['equity'][best]}, expected {W3_BEST}")
    return float(found["equity"].mean()), int(found["fills"].sum())


def _plain_python(events: Events) -> tuple[float, int]:
    world = World(instruments(1), [Sleeve(python_cross.SmaCross, PARAMETERS)], settings(1e6))
    runner = Runner(world)
    runner.feed(events)
    runner.finish()
    return int(world.header.equity) / 1e6, int(world.header.count_fills)


def check(workload: str, found: tuple[float, int]) -> None:
    """Raise unless a workload gave its known answer, within one micro-dollar for each cash flow."""
    answer = ANSWERS["W1" if workload == "Python" else workload]
    if abs(found[0] - answer.equity) > answer.flows * 1e-6 or found[1] != answer.fills:
        raise EngineError(
            f"{workload} gave equity {found[0]:.6f} and {found[1]} fills, expected {answer.equity:.6f} within "
            f"{answer.flows} micro-dollars and {answer.fills}: the engine's accounting has changed"
        )


def _best(runs: int, *functions: Callable[[], Any]) -> list[tuple[float, Any]]:
    """Run functions in turn, `runs` times each; return the shortest time of each and what it gave."""
    best: list[tuple[float, Any]] = [(np.inf, None)] * len(functions)
    for _ in range(runs):
        for k, function in enumerate(functions):
            start = time.perf_counter()
            given = function()
            best[k] = min(best[k], (time.perf_counter() - start, given), key=lambda pair: pair[0])
    return best


def peak_mb() -> float:
    """Return the most memory that this process has held, in MiB."""
    unit = 1024 if sys.platform == "linux" else 1024 * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure(runs: int = 5, *, with_vectorbt: bool = True) -> Iterator[Row]:
    """Measure all workloads; rows come as they are done, vectorbt's column last of all.

    Raises
    ------
    EngineError
        If a workload does not give its known answer.
    """
    first, second = prices()
    bare = BareLoop(first, second)
    jobs: dict[str, Callable[[], tuple[float, int]]] = {
        "W1": _job(run_world, w1_events(first), 1, 1e6),
        "W2": _job(run_world, w2_events(second), 100, 1e7),
        "W3": _job(run_sweep, w3_events(first)),
        "Python": _job(_plain_python, w1_events(first)),
    }
    rows = {}
    for name, job in jobs.items():
        reference = name if name != "Python" else "W1"
        _best(1, job, lambda name=reference: bare.run(name))
        (ours, found), (loop, answer) = _best(runs, job, lambda name=reference: bare.run(name))
        check(name, found)
        check(name, answer)
        rows[name] = Row(name, BARS[name] / ours, BARS[name] / loop, None, found[0], found[1], ours, peak_mb())
    for name, row in rows.items():
        yield _with_vectorbt(row, first, second) if with_vectorbt and name != "Python" else row


def _job(function: Callable[..., tuple[float, int]], *args: Any) -> Callable[[], tuple[float, int]]:
    return lambda: function(*args)


def _with_vectorbt(row: Row, first: NDArray[np.float64], second: NDArray[np.float64]) -> Row:
    vectorbt_run(row.workload, first, second)
    ((seconds, found),) = _best(1, lambda: vectorbt_run(row.workload, first, second))
    check(row.workload, found)
    return Row(**(asdict(row) | {"vectorbt": BARS[row.workload] / seconds}))
