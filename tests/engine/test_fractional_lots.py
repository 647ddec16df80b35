"""Lots of 1e-9 shares: quantities whose products leave 64 bits, and money that rounds, still add up."""

from typing import Any

import numpy as np
import pytest

from lockstep.engine.codes import Reason
from lockstep.engine.events import CLOSE, DAY, empty, mark_slices
from lockstep.engine.instruments import Instrument
from lockstep.engine.orders import MAX_QUANTITY
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.settings import Account, Costs, Risk, Settings
from lockstep.engine.world import Sleeve, World

NANO = 10**9
STOCK = Instrument("A", "A", tick=1, lots_per_unit=NANO, close_only=True, adjusted="total")


def scripted(targets: list[int]) -> Any:
    class Script(Strategy):
        def start(self) -> None:
            self.place = 0

        def on_slice(self, ts: int) -> None:
            if self.place < len(targets):
                self.target("A", targets[self.place])
            self.place += 1

    return Script


def run(prices: list[float], *scripts: list[int]) -> tuple[World, np.ndarray]:
    settings = Settings(Account(cash=1e9), Costs(half_spread_bps=3, impact=0), risk=Risk.unlimited())
    sleeves = [Sleeve(scripted(script), share=1 / len(scripts), name=str(k)) for k, script in enumerate(scripts)]
    world, fills = World([STOCK], sleeves, settings), []
    runner = Runner(world, lambda logs: fills.append(logs["fills"].copy()))
    events = empty(len(prices))
    events["kind"], events["instrument"], events["close"] = CLOSE, 0, prices
    events["ts_event"] = events["ts_available"] = events["ts_open"] = DAY * (1 + np.arange(len(prices)))
    runner.feed(mark_slices(events))
    runner.finish()
    return world, np.concatenate(fills)


def half_even(product: int, divisor: int) -> int:
    quotient, remainder = divmod(product, divisor)
    return quotient + (2 * remainder > divisor or (2 * remainder == divisor and quotient & 1))


def test_adding_to_a_large_position_realises_nothing():
    _world, fills = run([0.25] * 6, [10**5 * NANO, 10**6 * NANO, 10**7 * NANO])
    assert fills["quantity"].tolist() == [10**5 * NANO, 9 * 10**5 * NANO, 9 * 10**6 * NANO]
    assert fills["realised"].tolist() == [0, 0, 0]


def test_average_cost_is_that_of_exact_arithmetic():
    random = np.random.default_rng(5)
    prices = np.round(random.uniform(0.2, 3.0, 60), 3).tolist()
    world, fills = run(prices, [int(x) for x in random.integers(-(10**7), 10**7, 55) * NANO + 7])
    held = basis = 0
    for fill in fills:
        quantity, paid = int(fill["quantity"]), half_even(int(fill["quantity"]) * int(fill["price"]), NANO)
        realised = 0
        if held == 0 or (held > 0) == (quantity > 0):
            basis += paid
        elif abs(quantity) <= abs(held):
            released = half_even(basis * abs(quantity), abs(held))
            realised, basis = -paid - released, basis - released
        else:
            closing = half_even(paid * abs(held), abs(quantity))
            realised, basis = -closing - basis, paid - closing
        held += quantity
        assert fill["realised"] == realised
    assert len(fills) == 55
    assert held == world.positions[0].quantity


@pytest.mark.parametrize("seed", range(5))
def test_sleeves_add_up_to_the_account_to_the_last_micro(seed):
    random = np.random.default_rng(seed)
    prices = np.round(random.uniform(0.2, 3.0, 40), 3).tolist()
    scripts = [[int(x) for x in random.integers(-(10**15), 10**15, 38)] for _ in range(3)]
    world, fills = run(prices, *scripts)  # finishing checks the books
    assert len(fills) > 30
    assert sum(int(row.cash) for row in world.sleeve_rows) == int(world.header.cash)
    assert sum(int(row.fees) for row in world.sleeve_rows) == int(world.header.fees)


def test_targets_that_cancel_out_cross_without_a_fill():
    world, fills = run([1.111] * 5, [10**15 + 1, 0, 3], [-(10**15) - 1, 0, -3])
    assert len(fills) == 0
    assert world.books["quantity"][:, 0].tolist() == [3, -3]
    assert int(world.header.cash) == 10**15


@pytest.mark.parametrize("dollars", [1e15, 1e20, -1e30])
def test_more_dollars_than_lots_can_count_are_refused_with_a_reason(dollars):
    asked, decided = [], []

    class Rich(Strategy):
        def on_slice(self, ts: int) -> None:
            if not asked:
                asked.append(self.lots_for("A", dollars))
                self.market("A", asked[0])

    world = World([STOCK], [Sleeve(Rich)], Settings(Account(cash=1e9), risk=Risk.unlimited()))
    runner = Runner(world, lambda logs: decided.append(logs["decisions"].copy()))
    events = empty(2)
    events["kind"], events["instrument"], events["close"] = CLOSE, 0, 1e4
    events["ts_event"] = events["ts_available"] = events["ts_open"] = DAY * np.arange(1, 3)
    runner.feed(mark_slices(events))
    runner.finish()
    assert asked == [int(np.sign(dollars)) * MAX_QUANTITY]
    assert [Reason(code).name for code in np.concatenate(decided)["code"]] == ["INVALID"]
