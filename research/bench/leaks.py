"""How long a verdict of the leak suite takes: ``python -m lockstep.research.bench.leaks [--json]`` prints the figures.

Each workload is judged as `lockstep leaks` would, on a synthetic market, from the start of the suite's processes to
the verdict; before that once with a single cut, so that compiled kernels come from the cache.
"""

import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lockstep.data.catalog import Catalog
from lockstep.data.synthetic import SyntheticMarket, write_synthetic
from lockstep.data.synthetic.build import Form
from lockstep.research.leaks.suite import Options, check


@dataclass(frozen=True)
class Workload:
    """A strategy, the market it is judged on, and the seconds within which its verdict is promised on two cores."""

    name: str
    target: str
    market: SyntheticMarket
    form: Form
    promised: float


WORKLOADS = (
    Workload(
        "daily kernel, 20 instruments x 8 000 days",
        "lockstep.strategies.sma_cross",
        SyntheticMarket(symbols=20, sessions=8_000, start="1990-01-02", step=30),
        "daily",
        10.0,
    ),
    Workload(
        "kernel, 1 M minute bars",
        "lockstep.strategies.sma_cross",
        SyntheticMarket(symbols=4, sessions=700, pairs=0, late=0, delisted=0),
        "intraday",
        30.0,
    ),
    Workload(
        "plain Python with a weekly job, 20 instruments x 2 000 days",
        "lockstep.research.bench.weekly_python:WeeklyTrend",
        SyntheticMarket(symbols=20, sessions=2_000, start="2012-01-03", step=30),
        "daily",
        60.0,
    ),
)


@dataclass(frozen=True)
class Figure:
    """What a verdict took: wall and processor seconds, the suite's own processes included."""

    workload: str
    rows: int
    verdict: str
    decisions: int
    cuts: int
    runs: int
    seconds: float
    processor: float
    promised: float


def measure(workload: Workload, catalog: Catalog, root: str) -> Figure:
    """Judge a workload and return what that took."""
    name = f"synthetic-{workload.market.symbols}x{workload.market.sessions}"
    manifest = write_synthetic(catalog, name, workload.market, workload.form)
    check(workload.target, data=name, catalog=root, options=Options(cuts=1))
    began, before = time.perf_counter(), _processor()
    verdict = check(workload.target, data=name, catalog=root)
    seconds, processor = time.perf_counter() - began, _processor() - before
    counts = (verdict.decisions, verdict.cuts, verdict.runs)
    times = (round(seconds, 2), round(processor, 2), workload.promised)
    return Figure(workload.name, manifest.rows, verdict.verdict, *counts, *times)


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main(arguments: list[str]) -> None:
    """Print a line for each workload; arguments: ``--json``, and parts of names to measure those alone."""
    wanted = [each for each in arguments if each != "--json"]
    with tempfile.TemporaryDirectory() as folder:
        root = str(Path(folder) / "catalog")
        for workload in WORKLOADS:
            if wanted and not any(each in workload.name for each in wanted):
                continue
            found = measure(workload, Catalog(root), root)
            print(json.dumps(asdict(found)) if "--json" in arguments else _told(found), flush=True)


def _told(found: Figure) -> str:
    return (
        f"{found.workload}: {found.verdict} in {found.seconds:.1f} s (promised {found.promised:.0f} s, processor "
        f"{found.processor:.1f} s; {found.rows:,} rows, {found.decisions:,} decisions, {found.cuts} cuts, "
        f"{found.runs} runs)"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
