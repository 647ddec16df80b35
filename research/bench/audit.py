"""What the always-on audit of reads costs a backtest: ``python -m lockstep.research.bench.audit`` prints the figure.

A plain-Python strategy on minutes reads 20 bars of history at each, and a job every day reads 250. The audit's share is
the processor time within it over that of the whole run. To compare whole runs with and without it would measure the
machine: they differ by less than two equal runs do.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockstep.engine.events import Events, Kind, empty
from lockstep.engine.jobs import AsOf, Job, Schedule
from lockstep.engine.python_strategy import Bar, Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.world import Sleeve, World

from .workloads import instruments, prices, settings, w1_events

RUNS, BARS, EVERY, LOOKBACK = 5, 100_000, 390, 250


def estimate(asof: AsOf, parameters: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean of the last closes."""
    return {"mean": float(asof.bars(asof.symbols[0], LOOKBACK)["close"].mean())}


class Reader(Strategy):
    """Holds shares while the close is above the mean of its history."""

    jobs = (Job("mean", Schedule("06:00"), estimate, lookback=LOOKBACK),)

    def on_bar(self, bar: Bar) -> None:
        """Read history, and ask for the position that it calls for."""
        wanted = 100 if bar.close > self.history(bar.symbol, 20).mean() else 0
        if wanted != self.position(bar.symbol):
            self.target(bar.symbol, wanted)

    def on_hand_over(self, result: Mapping[str, Any]) -> None:
        """Take the job's result."""


class Meter:
    """Adds up the processor time of the audit within a run, ns."""

    def __init__(self) -> None:
        self.ns = 0
        self._bars, self._audit = AsOf.bars, Runner._audit

    def __enter__(self) -> "Meter":
        """Put itself around what is audited."""
        meter = self

        def bars(view: AsOf, symbol: str, n: int, *, until: int | None = None) -> NDArray[Any]:
            began = time.process_time_ns()
            found = meter._bars(view, symbol, n, until=until)
            middle = time.process_time_ns()
            view._memory.last(view._index[symbol], n)
            meter.ns += max(2 * middle - began - time.process_time_ns(), 0)
            return found

        def audit(runner: Runner, i: int, known: NDArray[np.int64]) -> None:
            began = time.process_time_ns()
            meter._audit(runner, i, known)
            meter.ns += time.process_time_ns() - began

        AsOf.bars, Runner._audit = bars, audit  # type: ignore[method-assign]
        return self

    def __exit__(self, *raised: object) -> None:
        """Take itself off again."""
        AsOf.bars, Runner._audit = self._bars, self._audit  # type: ignore[method-assign]


def events() -> Events:
    """Return minutes of one instrument with a timer for the job after each day's."""
    bars = w1_events(prices()[0][:BARS])
    timers = empty(len(bars) // EVERY)
    timers["ts_available"] = timers["ts_event"] = bars["ts_available"][EVERY - 1 :: EVERY][: len(timers)]
    timers["kind"], timers["instrument"] = int(Kind.TIMER), -1
    return np.insert(bars, np.arange(1, len(timers) + 1) * EVERY, timers)


def measure(runs: int = RUNS) -> dict[str, Any]:
    """Return the seconds of the run and of the audit in it, and its share: of all runs the one of median share."""
    given, found = events(), []
    for _ in range(runs):
        runner = Runner(World(instruments(1), [Sleeve(Reader, {})], settings(1e6)))
        with Meter() as meter:
            began = time.process_time_ns()
            runner.feed(given)
            runner.finish()
            whole = time.process_time_ns() - began
        found.append((meter.ns / whole, meter.ns / 1e9, whole / 1e9))
    share, audit, whole_s = sorted(found)[len(found) // 2]
    jobs = int((given["kind"] == int(Kind.TIMER)).sum())
    return {
        "bars": BARS,
        "jobs": jobs,
        "seconds": round(whole_s, 4),
        "audit": round(audit, 6),
        "share": round(share, 6),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
