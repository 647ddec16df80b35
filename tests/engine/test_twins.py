"""The same digest: kernels and plain Python, lazily and eagerly walked, batched anyhow, interpreted, restored."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lockstep.engine import events as e
from lockstep.engine.output import Output
from lockstep.engine.world import Sleeve, World

from .twins import KERNEL, SYMBOLS, Twin, conditions, digests, market, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference():
    """Kernels over the market of seed 1, in one batch."""
    return run(KERNEL, market(1))


def series(runner, name, column):
    return np.concatenate([rows[name][column] for rows in runner.rows])


def test_the_twins_do_a_little_of_everything(reference):
    header = reference.world.header
    assert header.count_fills > 100
    assert header.count_refused > 20
    assert header.count_orders > 150
    assert len(set(series(reference, "orders", "status"))) >= 4
    assert len(set(series(reference, "orders", "reason"))) >= 10
    assert len(set(series(reference, "fills", "trigger"))) >= 4
    assert len(series(reference, "series", "value")) > 20


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("latency", [0, 1, 90 * e.SECOND])
def test_kernels_and_plain_python_decide_the_same(seed, latency):
    events = market(seed)
    kernels, python = run(KERNEL, events, latency=latency), run(Twin, events, latency=latency)
    assert python.world.digest == kernels.world.digest
    assert np.array_equal(series(python, "series", "value"), series(kernels, "series", "value"))
    assert series(python, "equity", "equity").tolist() == series(kernels, "equity", "equity").tolist()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lazy_and_eager_walks_are_the_same(seed):
    events = market(seed)
    assert run(Twin, events, lazy=False).world.digest == run(Twin, events).world.digest


@pytest.mark.parametrize("batch", [1, 7, 100])
@pytest.mark.parametrize("strategy", [KERNEL, Twin])
def test_batches_may_be_cut_anywhere(strategy, batch, reference):
    assert run(strategy, market(1), batch=batch).world.digest == reference.world.digest


def test_order_of_instruments_changes_nothing(reference):
    assert run(KERNEL, market(1), order=SYMBOLS[::-1]).world.digest == reference.world.digest


def test_order_of_arrival_changes_nothing(reference):
    events = market(1)
    shuffled = events[np.random.default_rng(0).permutation(len(events))]
    assert run(KERNEL, e.mark_slices(e.sort_events(shuffled))).world.digest == reference.world.digest


@pytest.mark.parametrize("cut", [1, 333, 1000, 1777])
def test_restored_from_a_snapshot_anywhere(cut, reference):
    events = market(1)
    first = reference.world.instruments
    before = World(first, [Sleeve(KERNEL)], conditions())
    before.drive(events, 0, cut, Output(before))
    after = World(first, [Sleeve(KERNEL)], conditions())
    after.restore(before.snapshot())
    rest = np.ascontiguousarray(events[cut:])
    after.drive(rest, 0, len(rest), Output(after))
    assert after.digest == reference.world.digest


def test_interpreted_is_compiled_to_the_bit():
    """A process of its own runs everything interpreted; warnings there would be errors here."""
    ask = "import warnings; warnings.simplefilter('error'); from tests.engine.twins import main; main()"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    found = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert found.stdout.split() == digests()
