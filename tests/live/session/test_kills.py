"""``kill -9`` at named steps and at random instants: nothing is lost, nothing doubled, and the replay is identical.

Forty random instants here, two hundred in the nightly profile (``HYPOTHESIS_PROFILE=nightly``).
"""

import random

import pytest
from hypothesis import settings

from lockstep.live import points

KILLED = -9
SEEDS = 10 if settings.get_current_profile_name() == "nightly" else 2
NEVER_TWICE = ("snapshot-before", "snapshot-after", "reconciled", "session-rolled")
WITHOUT_JOBS = tuple(name for name in points.POINTS if name != "job-done")


@pytest.mark.slow
def test_killed_at_every_named_step(lives):
    them = lives()
    reached = {}
    for round_, count in enumerate((2, 5)):
        for name in WITHOUT_JOBS:
            code = them.live(f"{name}:{1 if name in NEVER_TWICE else count}")
            assert code in (KILLED, 0), f"{name}: the session ended with {code}"
            reached[name, round_] = code == KILLED
            if them.finished:
                break
    assert all(reached.get((name, 0)) for name in WITHOUT_JOBS), reached
    if not them.finished:
        them.live_on()
    verdict, state = them.check()
    assert verdict.slices == 780
    assert len(state["fills"]) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_killed_at_random_instants(lives, seed):
    chance, killed = random.Random(seed), 0
    while killed < 20:
        them = lives()
        while killed + them.killed < 20 and not them.finished:
            code = them.live(kill_after=chance.uniform(0.25, 1.8))
            assert code in (KILLED, 0)
        if not them.finished:
            them.live_on()
        verdict, _ = them.check()
        assert verdict.slices == 780
        killed += them.killed


def test_a_point_that_there_is_not_is_refused():
    from lockstep.engine.errors import ConfigError

    with pytest.raises(ConfigError, match="expected NAME:N"):
        points.arm("lunch")
    points.arm(None)
