"""What jobs remember: the last bars of each instrument, however they came in."""

import numpy as np
import pytest

from lockstep.engine.events import BAR, CLOSE, TRADE, empty
from lockstep.engine.jobs import Memory


def bars(n: int, instruments: int):
    random = np.random.default_rng(1)
    events = empty(n)
    events["kind"] = random.choice([BAR, CLOSE, TRADE], n)
    events["instrument"] = random.integers(0, instruments, n)
    events["ts_event"] = np.arange(n)
    for name in ("open", "high", "low", "close", "volume"):
        events[name] = random.uniform(1, 2, n)
    return events


@pytest.mark.parametrize("piece", [1, 7, 1000, 5000])
@pytest.mark.parametrize("capacity", [1, 50, 3000])
def test_the_last_bars_of_each_instrument(piece, capacity):
    events, factors = bars(5000, 3), np.array([1.0, 2.0, 4.0])
    memory = Memory(3, capacity)
    for start in range(0, len(events), piece):
        memory.absorb(events[start : start + piece], factors, factors)
    again = Memory(3, capacity)
    again.set_state(memory.state())
    for i, factor in enumerate(factors):
        own = events[(events["instrument"] == i) & (events["kind"] != TRADE)][-capacity:]
        for each in (memory, again):
            last = each.last(i, capacity)
            assert last["ts"].tolist() == own["ts_event"].tolist()
            assert last["close"].tolist() == (own["close"] * factor).tolist()
            assert last["open"].tolist() == (np.where(own["kind"] == BAR, own["open"], own["close"]) * factor).tolist()
            assert last["volume"].tolist() == np.where(own["kind"] == BAR, own["volume"] / factor, 0).tolist()
            assert each.last(i, min(3, capacity)).tolist() == last[-min(3, capacity) :].tolist()


def test_what_was_given_is_a_copy():
    memory = Memory(1, 10)
    events = bars(30, 1)
    memory.absorb(events, np.ones(1), np.ones(1))
    given = memory.last(0, 5)
    given["close"] = 0.0
    assert (memory.last(0, 5)["close"] > 0).all()
