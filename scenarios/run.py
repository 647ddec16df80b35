"""Running a scenario: the feed goes through the one engine, what it leaves goes into a run folder."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockstep.data.catalog import Catalog
from lockstep.engine.events import empty
from lockstep.engine.orders import SERIES_PER_SLEEVE
from lockstep.engine.runner import Runner
from lockstep.engine.world import World

from .benchmark import ALL, Benchmark
from .blame import strategy_errors
from .collect import Collector, Emit
from .folder import RunFolder
from .leak_checks import last_check
from .loading import Source
from .manifest import describe
from .plan import Plan, make_plan
from .schedules import timers
from .tables import Columns

Progress = Callable[[int, int], None]
"""Called before the first batch and after each with the events done so far and the time reached, ns UTC."""
DIGITS = 12


@dataclass(frozen=True)
class Outcome:
    """What came out of a run.

    Parameters
    ----------
    digest : str
        Of every decision, order, fill and equity mark.
    final_equity : int
        Micros.
    counts : dict
        Of events, bars, orders, fills, decisions, refused, sessions.
    unfilled : dict
        Orders that did not fill whole, by reason.
    seconds : float
        From the first event to the finished world, where a clock was given.
    warnings : list of str
        What the report must show at its top.
    """

    digest: str
    final_equity: int
    counts: dict[str, int]
    unfilled: dict[str, int]
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunResult:
    """A finished run: where it lies, what came out, and the manifest."""

    path: Path
    outcome: Outcome
    manifest: dict[str, Any]


def execute(
    plan: Plan, emit: Emit, progress: Progress | None = None, clock: Callable[[], float] = lambda: 0.0
) -> Outcome:
    """Run a plan and hand its tables on, piece by piece.

    Parameters
    ----------
    plan : Plan
        What is run.
    emit : callable
        Gets each piece of a table: name, rows.
    progress : callable or None
        See `Progress`.
    clock : callable
        Seconds; asked before the first event and when the world is finished.

    Raises
    ------
    LockstepError
        If a strategy fails or the engine refuses to go on.
    """
    with strategy_errors():
        return _execute(plan, emit, progress, clock)


def _execute(plan: Plan, emit: Emit, progress: Progress | None, clock: Callable[[], float]) -> Outcome:
    world = plan.world()
    collector = Collector(columns(plan), emit, plan.scenario.report.equity_slices, plan.feed.renames())
    runner = Runner(world, collector.sink)
    if any(getattr(sleeve.strategy, "features", None) is not None for sleeve in plan.sleeves):
        from .features import compute_features  # loads pandas, which most runs do without

        runner.features = compute_features(plan)
    plan.feed.timers = tuple(timers(runner.schedules, plan.feed.sessions, plan.window.replay_from, plan.window.last))
    benchmark = make_benchmark(plan)
    if benchmark is not None:
        benchmark.absorb(empty(0))  # compiled before the clock starts
    if progress is not None:
        progress(0, plan.window.replay_from)
    done, began = 0, clock()
    for batch in plan.stream():
        runner.feed(batch)
        collector.events(batch)
        if benchmark is not None and plan.market is None:
            benchmark.absorb(batch)
        done += len(batch)
        if progress is not None:
            progress(done, int(batch["ts_available"][-1]))
    runner.finish()
    seconds = clock() - began
    if benchmark is not None:
        for batch in plan.market or ():
            benchmark.absorb(batch)
        collector.benchmark(benchmark.name, *benchmark.path())
    collector.close()
    return _outcome(world, collector, plan, seconds)


def columns(plan: Plan) -> Columns:
    """Return the names behind a plan's numbers."""
    instruments = plan.feed.instruments
    series: list[str] = []
    for sleeve in plan.sleeves:
        names = sleeve.strategy.series
        series += [f"{sleeve.name}: {name}" if len(plan.sleeves) > 1 else name for name in names]
        series += [""] * (SERIES_PER_SLEEVE - len(names))
    return Columns(
        [instrument.symbol for instrument in instruments],
        [instrument.lots_per_unit for instrument in instruments],
        [sleeve.name for sleeve in plan.sleeves],
        series,
    )


def make_benchmark(plan: Plan) -> Benchmark | None:
    """Return a plan's benchmark, None where it has none."""
    table, instruments = plan.scenario.benchmark, plan.feed.instruments
    start, cash = plan.window.trade_from, plan.scenario.account.cash
    if table.kind == "none":
        return None
    if plan.market is not None:
        return Benchmark(f"{table.symbol}, held", 1, 0, start, cash)
    if table.kind == "hold":
        return Benchmark(f"{table.symbol}, held", len(instruments), plan.number(table.symbol), start, cash)
    if table.kind == "auto" and len(instruments) == 1:
        return Benchmark(f"{instruments[0].symbol}, held", 1, 0, start, cash)
    return Benchmark(f"Equal weight of {len(instruments)}", len(instruments), ALL, start, cash)


def _outcome(world: World, collector: Collector, plan: Plan, seconds: float) -> Outcome:
    header = world.header
    counts = {
        "events": int(header.count_events),
        "bars": int(header.count_bars),
        "slices": int(header.count_slices),
        "orders": int(header.count_orders),
        "fills": int(header.count_fills),
        "decisions": int(header.count_decisions),
        "refused": int(header.count_refused),
        "sessions": collector.rows["sessions"],
    }
    return Outcome(world.digest, int(header.equity), counts, _ordered(collector.unfilled), seconds, list(plan.warnings))


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def run_scenario(
    source: Source,
    catalog: Catalog,
    runs: Path,
    *,
    command: str = "",
    batch_rows: int = 65_536,
    progress: Progress | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    on_plan: Callable[[Plan], None] = lambda plan: None,
) -> RunResult:
    """Run a scenario and leave a run folder.

    Parameters
    ----------
    source : Source
        The scenario and where it came from.
    catalog : Catalog
        Where the data are.
    runs : Path
        The folder of all runs.
    command : str
        The command that reproduces the run, for the manifest.
    batch_rows : int
        Events a batch; results do not depend on it.
    progress : callable or None
        See `Progress`.
    clock : callable
        Seconds, for the time from the first event to the finished world; not a part of any result.
    on_plan : callable
        Gets the plan before the first event.

    Raises
    ------
    LockstepError
        If anything is wrong; then no run folder is left.
    """
    plan = make_plan(source.scenario, catalog, source.folder, batch_rows)
    on_plan(plan)
    with RunFolder(runs) as folder:
        outcome = execute(plan, folder.emit, progress, clock)
        manifest = describe(plan, outcome, source, command, last_check(catalog, source))
        path = folder.publish(f"{source.scenario.name}-{outcome.digest[:DIGITS]}", lambda run: {**manifest, "run": run})
    return RunResult(path, outcome, {**manifest, "run": path.name})
