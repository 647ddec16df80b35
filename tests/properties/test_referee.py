"""An independent referee: vectorbt walks the same orders over the same prices and must arrive at the same equity."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.engine.codes import GTC
from lockstep.engine.compile import kernel
from lockstep.engine.events import BAR, MINUTE, empty, mark_slices, sort_events
from lockstep.engine.instruments import Instrument
from lockstep.engine.orders import market
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.settings import Account, Costs, Execution, Risk, Settings
from lockstep.engine.strategy import KernelStrategy
from lockstep.engine.world import Sleeve, World

LONGEST = 120
CASH = 1_000_000.0
FLOATING = 1e-12


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    quantity = row.orders[bar.sequence]
    if quantity != 0:
        market(world, bar.instrument, quantity, GTC)


COMPILED = KernelStrategy("scripted", row=[("orders", "<i8", (LONGEST,))], on_bar=on_bar)


def plain(orders):
    """A plain-Python strategy that submits ``orders[instrument, bar]`` at the bar's close."""

    class Scripted(Strategy):
        name = "scripted"

        def on_bar(self, bar):
            quantity = int(orders[self.symbols.index(bar.symbol), bar.ts // MINUTE - 1])
            if quantity:
                self.market(bar.symbol, quantity, tif="gtc")

    return Scripted


@st.composite
def cases(draw):
    """Prices of shape (instruments, bars, 2) on 1e-6, NaN where a bar is missing, the orders, and a commission in bps.

    Orders lead to drawn positions, so that they add, reduce, flip through zero, and may wait through missing bars.
    """
    count, n = draw(st.integers(1, 4)), draw(st.integers(20, LONGEST))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = np.exp(np.cumsum(rng.normal(0, 0.02, (count, n, 2)), axis=1)) * rng.uniform(2, 400, (count, 1, 1))
    prices = np.round(steps, 6)
    prices[rng.random((count, n)) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    changes = draw(
        st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, n - 1), st.integers(-99, 99)), min_size=5, max_size=80
        )
    )
    return prices, orders_to(prices, sorted(changes, key=lambda change: change[1])), draw(st.integers(0, 3000)) / 100


def orders_to(prices, changes):
    """The orders, by instrument and bar, that lead to positions at bars that exist; the last of a bar's counts."""
    orders, held = np.zeros(prices.shape[:2], np.int64), [0] * len(prices)
    for i, j, wanted in changes:
        if np.isfinite(prices[i, j, 0]):
            orders[i, j] += wanted - held[i]
            held[i] = wanted
    return orders


def to_events(prices):
    """Bars of one minute whose open is the last bar's close, so that what is decided at a close meets the next open."""
    i, j = np.nonzero(np.isfinite(prices[:, :, 0]))
    events = empty(len(i))
    events["instrument"], events["sequence"], events["kind"], events["volume"] = i, j, BAR, 1.0
    events["ts_open"] = j * MINUTE
    events["ts_available"] = events["ts_event"] = (j + 1) * MINUTE
    events["open"], events["close"] = prices[i, j, 0], prices[i, j, 1]
    events["high"], events["low"] = prices[i, j].max(axis=1), prices[i, j].min(axis=1)
    return mark_slices(sort_events(events))


def conditions(bps):
    costs = Costs("bps", bps, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0)
    return Settings(Account(CASH, 1024), costs, Execution(latency_ns=0, volume_share=float("inf")), Risk.unlimited())


def engine(prices, orders, bps, compiled):
    """The engine's log of equity and its fills."""
    instruments = [Instrument(f"S{i}", f"S{i}", tick=1) for i in range(len(prices))]
    world = World(instruments, [Sleeve(COMPILED if compiled else plain(orders))], conditions(bps))
    if compiled:
        world.rows(0)["orders"][:, : orders.shape[1]] = orders
    logs = []
    runner = Runner(world, lambda rows: logs.append((rows["equity"], rows["fills"])))
    runner.feed(to_events(prices))
    runner.finish()
    world.check()
    return tuple(np.concatenate(parts) for parts in zip(*logs, strict=True))


def referee(prices, orders, bps):
    """The equity path of vectorbt, which fills what a bar asked for at the open of the instrument's next bar."""
    sizes = np.zeros(orders.shape)
    for i in range(len(prices)):
        waiting = 0
        for j in range(orders.shape[1]):
            if np.isfinite(prices[i, j, 0]):
                sizes[i, j], waiting = waiting, orders[i, j]
    portfolio = vbt.Portfolio.from_orders(
        pd.DataFrame(prices[:, :, 1].T).ffill().bfill(),
        size=pd.DataFrame(sizes.T),
        price=pd.DataFrame(prices[:, :, 0].T).ffill().bfill(),
        fees=bps * 1e-4,
        init_cash=CASH,
        cash_sharing=True,
        group_by=True,
    )
    assert portfolio.orders.count() == np.count_nonzero(sizes), "the referee itself refused an order"
    return portfolio.value().to_numpy()


def assert_agrees(prices, orders, bps, compiled):
    equity, fills = engine(prices, orders, bps, compiled)
    slices = equity["ts"] // MINUTE - 1
    assert slices.tolist() == np.flatnonzero(np.isfinite(prices[:, :, 0]).any(axis=0)).tolist()
    expected = referee(prices, orders, bps)[slices]
    flows = np.searchsorted(np.sort(fills["ts"]), equity["ts"], "right")
    off = np.abs(equity["equity"] / 1e6 - expected)
    allowed = flows * 1e-6 + FLOATING * np.abs(expected)
    assert (off <= allowed).all(), f"off by {off.max()} dollars at slice {np.argmax(off - allowed)}"
    return fills


@pytest.mark.parametrize("compiled", [True, False], ids=["kernel", "plain Python"])
@settings(max_examples=30)
@given(case=cases())
def test_the_equity_path_is_vectorbts(compiled, case):
    """At every slice, within one micro-dollar for each cash flow so far and the referee's own floating point."""
    assert_agrees(*case, compiled)


def test_shorts_and_flips_through_zero():
    """Long 100, flipped to short 150, flipped to long 50, closed; another is sold short and kept."""
    rng = np.random.default_rng(7)
    prices = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.03, (2, 30, 2)), axis=1)), 6)
    orders = np.zeros((2, 30), np.int64)
    orders[0, [0, 5, 10, 20]] = 100, -250, 200, -50
    orders[1, 3] = -500
    for compiled in (True, False):
        fills = assert_agrees(prices, orders, 12.5, compiled)
        assert sorted(fills["quantity"].tolist()) == [-500, -250, -50, 100, 200]
