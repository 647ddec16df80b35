"""What a live run leaves beside its journal: the tables, manifest and report of any run, told by its replay.

The tables are written by the replay itself, so they are what the backtest's step made of the journal. Where the replay
differs from the run, nothing is written.
"""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lockstep.engine.events import Events
from lockstep.scenarios.benchmark import ALL, Benchmark
from lockstep.scenarios.collect import Collector
from lockstep.scenarios.folder import RunFolder
from lockstep.scenarios.manifest import describe
from lockstep.scenarios.plan import LATEST
from lockstep.scenarios.run import Outcome, columns

from .gap import Gap, reality_gap
from .journal import Reader
from .replay import Verdict, replay
from .setup import Setup, from_meta

_DRAFT = ".draft"


def publish(folder: Path) -> tuple[Verdict, Gap | None]:
    """Replay a run; if it is identical, write its tables, its manifest and the reality gap into its folder.

    Raises
    ------
    LockstepError
        If the journal cannot be replayed at all.
    """
    reader = Reader(folder)
    meta, counts = reader.meta(), reader.counts()
    reader.close()
    setup = from_meta(meta)
    plan = _plan(setup, meta)
    shutil.rmtree(folder / _DRAFT, ignore_errors=True)
    with RunFolder(folder / _DRAFT) as tables:
        collector = Collector(columns(plan), tables.emit, setup.scenario.report.equity_slices)
        benchmark = _benchmark(setup)
        seen = _Seen(plan, collector, benchmark)
        verdict = replay(folder, collector.sink, seen.rows)
        if verdict.divergence is not None:
            return verdict, None
        collector.benchmark(benchmark.name, *benchmark.path())
        collector.close()
        gap = reality_gap(folder)
        manifest = _manifest(folder, setup, plan, meta, verdict, gap, collector, counts)
        made = tables.publish("tables", lambda run: manifest)
    for file in sorted(made.iterdir()):
        file.replace(folder / file.name)
    shutil.rmtree(folder / _DRAFT, ignore_errors=True)
    (folder / "gap.json").write_text(json.dumps(gap.to_json(), indent=1), encoding="utf-8")
    return verdict, gap


class _Seen:
    """Takes the rows that were applied: corporate actions into a table, prices into the benchmark."""

    def __init__(self, plan: Any, collector: Collector, benchmark: Benchmark) -> None:
        self.plan, self.collector, self.benchmark = plan, collector, benchmark

    def rows(self, events: Events) -> None:
        """Take a batch of rows."""
        self.collector.events(events)
        self.benchmark.absorb(events)
        if len(events):
            self.plan.window.last = int(events["ts_available"][-1])


def _benchmark(setup: Setup) -> Benchmark:
    n, cash = len(setup.instruments), setup.cash / 1e6
    if n == 1:
        return Benchmark(f"{setup.instruments[0].symbol}, held", 1, 0, setup.trade_from, cash)
    return Benchmark(f"Equal weight of {n}", n, ALL, setup.trade_from, cash)


def _plan(setup: Setup, meta: dict[str, Any]) -> Any:
    """Return what a manifest asks of a plan."""
    synthetic = any(each.synthetic for each in setup.instruments)
    data = {
        "dataset": "journal", "kind": "+".join(setup.kinds), "timeframe": setup.timeframe, "hash": "",
        "rows": 0, "first": "", "last": "", "adjusted": setup.instruments[0].adjusted,
        "source": f"recorded live, {meta.get('venue')} venue", "licence": "terms of the venue's data apply",
        "synthetic": synthetic, "survivorship": "", "findings": [],
    }  # fmt: skip
    return SimpleNamespace(
        scenario=setup.scenario,
        sleeves=setup.sleeves(),
        data=[data],
        feed=SimpleNamespace(instruments=setup.instruments, sessions=setup.sessions),
        window=SimpleNamespace(trade_from=setup.trade_from, last=min(setup.trade_from, LATEST)),
        periods_per_year=365 if setup.sessions.calendar == "24/7" else 252,
    )


def _warnings(setup: Setup) -> list[str]:
    words = {
        "local": "Traded live against the local venue, which replays recorded data.",
        "paper": "Traded live on paper: fills are the broker's simulation, without regard to size.",
        "real_money": "Traded live with real money.",
    }
    found = [words[setup.venue]]
    return found + [f"{one} has no data of its own; {other}'s stood in for it." for one, other in setup.proxies.items()]


def _manifest(
    folder: Path, setup: Setup, plan: Any, meta: dict[str, Any], verdict: Verdict, gap: Gap, collector: Collector,
    counts: dict[str, int],
) -> dict[str, Any]:  # fmt: skip
    rows = collector.rows
    told = {"events": verdict.rows, "slices": verdict.slices, "bars": 0, "refused": 0, "sessions": rows["sessions"]}
    told |= {name: rows[name] for name in ("orders", "fills", "decisions")}
    outcome = Outcome(
        verdict.digest, verdict.final_equity, told, dict(collector.unfilled.most_common()), 0.0, _warnings(setup)
    )
    source = SimpleNamespace(path=None, folder=None)
    manifest = describe(plan, outcome, source, f"lockstep replay {folder}")  # type: ignore[arg-type]
    manifest["initial_cash"] = setup.cash
    live = {"venue": setup.venue, "place": meta.get("place"), "journal": counts, "replay": verdict.to_json()}
    return {**manifest, "run": folder.name, "live": live | {"gap": {**gap.to_json(), "detail": None}}}
