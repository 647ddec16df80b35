"""A run that goes on from a snapshot, in another process, ends as if it had never stopped."""

import numpy as np
import pytest

from lockstep.engine.errors import EngineError, StrategyError
from lockstep.engine.events import TIMER
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.world import Sleeve

from .play import BARS, CASTS, INSTRUMENTS, Play, fresh, market, outcome


def stops(seed, n, count=5):
    """Random numbers of events after which a run is interrupted."""
    return sorted(np.random.default_rng(seed).choice(np.arange(1, n), count, replace=False).tolist())


def interrupted(cast, events, n, folder):
    """Write a snapshot after n events; return its file and what comes of the rest where the run just goes on."""
    play = Play(cast).feed(events[:n])
    file = folder / f"{n}.npz"
    file.write_bytes(play.runner.snapshot())
    play.forget()
    return file, play.feed(events[n:]).outcome()


def assert_resumes(cast, events, places, folder):
    files, expected = zip(*(interrupted(cast, events, n, folder) for n in places), strict=True)
    assert fresh("resume", BARS, cast, *files) == list(expected)
    assert {found["digest"] for found in expected} == {outcome(cast)["digest"]}


@pytest.mark.parametrize("cast", CASTS)
def test_restored_at_random_events_in_a_fresh_process(cast, tmp_path):
    events = market()
    assert_resumes(cast, events, stops(list(CASTS).index(cast), len(events)), tmp_path)


@pytest.mark.parametrize("cast", ["kernel with a job", "plain Python", "sleeves"])
def test_restored_while_a_job_is_in_flight(cast, tmp_path):
    events = market()
    timers = np.flatnonzero(events["kind"] == TIMER)
    places = [int(timers[20]) + 3, int(timers[40]) + 3]
    for n in places:
        assert Play(cast).feed(events[:n]).runner._pending, "no job is in flight here"
    assert_resumes(cast, events, places, tmp_path)


def test_a_snapshot_changes_nothing():
    events, play = market(), Play("sleeves")
    for part in np.array_split(np.arange(len(events)), 9):
        play.feed(events[part[0] : part[-1] + 1])
        first = play.runner.snapshot()
        assert play.runner.snapshot() == first
    assert play.outcome() == outcome("sleeves")


class Forgetful(Strategy):
    name = "forgetful"

    def on_bar(self, bar):
        self.closes = [*getattr(self, "closes", []), bar.close]


def test_undeclared_attributes_refuse_a_snapshot():
    play = Play([Sleeve(Forgetful)])
    play.runner.snapshot()
    play.feed(market()[:10])
    with pytest.raises(
        StrategyError, match="Forgetful keeps closes outside its declared state; declare them in `state`"
    ):
        play.runner.snapshot()


def test_a_snapshot_of_another_account_is_refused():
    snapshot = Play("kernel").runner.snapshot()
    with pytest.raises(EngineError, match="it belongs to another account"):
        Play("kernel", INSTRUMENTS[:2]).runner.restore(snapshot)
