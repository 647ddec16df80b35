"""The benchmark's workloads give their known answers; the timings are pytest-benchmark's to report."""

from collections.abc import Callable
from typing import Any

import pytest

from lockstep.research.bench import kernel_cross, python_cross
from lockstep.research.bench.references import BareLoop
from lockstep.research.bench.run import PARAMETERS, check, run_sweep, run_world
from lockstep.research.bench.workloads import ANSWERS, prices, w1_events, w2_events, w3_events


@pytest.fixture(scope="module")
def bars() -> Any:
    """Return the bars of W1 and of W2."""
    return prices()


@pytest.mark.parametrize("workload", ["W1", "W2", "W3"])
def test_engine(workload: str, bars: Any, benchmark: Callable[..., Any]) -> None:
    """Final equity and fills come out within one micro-dollar for each cash flow."""
    if workload == "W1":
        found = benchmark(run_world, w1_events(bars[0]), 1, 1e6)
    elif workload == "W2":
        found = benchmark(run_world, w2_events(bars[1]), 100, 1e7)
    else:
        found = benchmark(run_sweep, w3_events(bars[0]))
    check(workload, found)


@pytest.mark.parametrize("workload", list(ANSWERS))
def test_bare_loop(workload: str, bars: Any) -> None:
    """The bare loop that the engine is measured against does the same work."""
    check(workload, BareLoop(*bars).run(workload))


def test_both_rules_declare_the_same_parameters() -> None:
    """The compiled and the plain-Python rule take the same parameters."""
    assert set(kernel_cross.STRATEGY.parameters) == set(python_cross.SmaCross.parameters) == set(PARAMETERS)
