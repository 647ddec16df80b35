"""Reading ahead through what the engine lends raises an error that names reader, data, now and when it is known."""

import numpy as np
import pytest

from lockstep.engine.errors import ConfigError, LookaheadError
from lockstep.engine.events import BAR, EVENT
from lockstep.engine.jobs import AsOf, Job, Memory, Schedule
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.world import Sleeve, World
from lockstep.research.bench.workloads import instruments, settings

MINUTE = 60_000_000_000


def bars(*known):
    events = np.zeros(len(known), EVENT)
    events["ts_event"] = events["ts_available"] = known
    events["kind"] = BAR
    for name in ("open", "high", "low", "close"):
        events[name] = 100.0
    events["sequence"] = np.arange(len(known))
    return events


def view(now, *known, reader="Job 'fit'"):
    memory = Memory(1, 8)
    memory.absorb(bars(*known), np.ones(1), np.ones(1))
    return AsOf(now, ("A",), memory, reader)


def test_what_is_known_is_given():
    asof = view(2 * MINUTE, MINUTE, 2 * MINUTE)
    assert len(asof.bars("A", 5)) == 2
    assert len(asof.bars("A", 5, until=MINUTE)) == 1


def test_a_time_ahead_is_refused_with_reader_data_now_and_then():
    with pytest.raises(LookaheadError) as raised:
        view(MINUTE, MINUTE).bars("A", 5, until=3 * MINUTE)
    for part in ("Job 'fit'", "bars('A', until=180000000000)", "it is 60000000000", "120000000000 ns later"):
        assert part in str(raised.value)


def test_a_bar_that_is_not_known_yet_is_never_given():
    with pytest.raises(LookaheadError, match=r"a bar of A becomes available at 180000000000, 120000000000 ns later"):
        view(MINUTE, MINUTE, 3 * MINUTE).bars("A", 5)


def test_counting_forward_is_refused():
    with pytest.raises(LookaheadError, match="have not come yet"):
        view(MINUTE, MINUTE).bars("A", -1)
    with pytest.raises(LookaheadError, match="have not come yet"):
        view(MINUTE, MINUTE).closes(-1)


def test_a_result_cannot_be_handed_over_before_it_is_computed():
    with pytest.raises(ConfigError, match="before it is computed"):
        Job("fit", Schedule("06:00"), lambda asof, parameters: {}, duration_ns=-1)


class Reads(Strategy):
    """Reads history in the way that a test wants."""

    n = 2

    def on_bar(self, bar):
        self.history(bar.symbol, self.n)


def run(strategy, events):
    runner = Runner(World(instruments(1), [Sleeve(strategy, {})], settings(1e6)))
    runner.feed(events)
    runner.finish()


def test_history_of_bars_to_come_is_refused():
    class Forward(Reads):
        n = -1

    run(Reads, bars(MINUTE, 2 * MINUTE))
    with pytest.raises(LookaheadError, match=r"Forward reads ahead: it is 60000000000 .* history\('.*', -1\)"):
        run(Forward, bars(MINUTE, 2 * MINUTE))


def test_a_bar_that_comes_before_it_is_known_is_refused():
    with pytest.raises(LookaheadError, match=r"history reads ahead: it is 60000000000 .* at 180000000000"):
        run(Reads, bars(3 * MINUTE, MINUTE))
