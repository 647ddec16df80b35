"""The same events, parameters and data give the same decisions, orders, fills and marks, bit for bit."""

import numpy as np
import pytest

from .play import BARS, CASTS, INSTRUMENTS, fresh, outcome, outcomes

INTERPRETED_BARS = 60


@pytest.fixture(scope="module")
def whole():
    """What comes of each cast's run in this process."""
    return outcomes()


def test_the_runs_are_worth_comparing(whole):
    """Each cast trades, and no two do the same."""
    assert all(found["fills"] > 100 for found in whole.values())
    assert len({found["digest"] for found in whole.values()}) == len(CASTS)


@pytest.mark.parametrize("cast", CASTS)
def test_again_in_the_same_process(cast, whole):
    assert outcome(cast) == whole[cast]


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_in_another_process_with_another_hash_seed(seed, whole):
    assert fresh("run", BARS, PYTHONHASHSEED=seed) == whole


@pytest.mark.parametrize("cut", [1, 7, 1000])
@pytest.mark.parametrize("cast", CASTS)
def test_however_batches_are_cut(cast, cut, whole):
    assert outcome(cast, cut=cut) == whole[cast]


@pytest.mark.parametrize("cast", CASTS)
def test_however_often_the_logs_are_emptied(cast, whole):
    assert outcome(cast, rows=3) == whole[cast]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("cast", CASTS)
def test_in_whatever_order_instruments_and_events_arrive(cast, seed, whole):
    rng = np.random.default_rng(seed)
    shuffled = [INSTRUMENTS[i] for i in rng.permutation(len(INSTRUMENTS))]
    assert outcome(cast, instruments=shuffled, order=rng) == whole[cast]


def test_compiled_as_interpreted():
    """``NUMBA_DISABLE_JIT=1`` runs the same source as plain Python."""
    assert fresh("run", INTERPRETED_BARS, NUMBA_DISABLE_JIT="1") == outcomes(INTERPRETED_BARS)
