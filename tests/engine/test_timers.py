"""Timers, hand-overs and recorded series belong to the sleeve that asked for them."""

from typing import Any

import numpy as np
import pytest

from lockstep.engine.compile import kernel
from lockstep.engine.events import BAR, DAY, HOUR, TIMER, empty, mark_slices, sort_events
from lockstep.engine.instruments import Instrument
from lockstep.engine.jobs import TIMERS_PER_SLEEVE, Job, Schedule
from lockstep.engine.orders import SERIES_PER_SLEEVE, record
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.strategy import KernelStrategy
from lockstep.engine.world import Sleeve, World

JOB = Job("job", Schedule(), lambda asof, parameters: {"given": asof.now}, duration_ns=HOUR)


@kernel
def on_timer(world: Any, me: Any, event: Any) -> None:
    me.timers += 1
    record(world, 0, float(event.timer % TIMERS_PER_SLEEVE))


@kernel
def on_hand_over(world: Any, me: Any, event: Any) -> None:
    me.handed += 1
    record(world, 1, float(me.given))


def kernels(name: str) -> KernelStrategy:
    return KernelStrategy(
        name,
        state=[("timers", "<i8"), ("handed", "<i8"), ("given", "<i8")],
        on_timer=on_timer,
        on_hand_over=on_hand_over,
        series=("timer", "given"),
        jobs=(JOB,),
        timers=(Schedule("close"),),
    )


class Plain(Strategy):
    state = (("timers", "<i8"), ("handed", "<i8"))
    series = ("timer", "given")
    jobs = (JOB,)
    timers = (Schedule("close"),)

    def on_timer(self, notice) -> None:
        self.state.timers += 1
        self.record("timer", notice.code)

    def on_hand_over(self, result) -> None:
        self.state.handed += 1
        self.record("given", result["given"])


def run(*strategies: Any):
    world = World([Instrument("A", "A")], [Sleeve(s, share=0.5, name=str(k)) for k, s in enumerate(strategies)])
    logs: list[Any] = []
    runner = Runner(world, lambda rows: logs.append(rows["series"].copy()))
    events = empty(2 + 2 * len(strategies))
    events["ts_available"] = events["ts_event"] = DAY
    events["kind"][:2], events["instrument"][:2], events["close"][:2] = BAR, 0, 10.0
    events["ts_available"][1] = events["ts_event"][1] = 2 * DAY
    events["kind"][2:] = TIMER
    events["timer"][2:] = [number for number, _ in runner.schedules]
    runner.feed(mark_slices(sort_events(events)))
    runner.finish()
    return world, np.concatenate(logs)


@pytest.mark.parametrize("make", [kernels, lambda name: Plain], ids=["kernels", "plain Python"])
def test_each_sleeve_gets_its_own(make):
    world, series = run(make("first"), make("second"))
    for k in range(2):
        assert (world.me(k).timers, world.me(k).handed) == (2, 1)
        own = series[series["series"] // SERIES_PER_SLEEVE == k]
        assert sorted(own["series"] % SERIES_PER_SLEEVE) == [0, 0, 1]
        assert sorted(own["value"][own["series"] % SERIES_PER_SLEEVE == 0]) == [0, 1], "the job's schedule, the timer's"
        assert own["value"][own["series"] % SERIES_PER_SLEEVE == 1] == [DAY]
