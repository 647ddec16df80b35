"""Orders that come over REST fill as the backtest fills them: one by one, at the same prices and times."""

import contextlib
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

import numpy as np
import pytest

from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.settings import INFINITE, Account, Costs, Execution, Risk, Settings
from lockstep.engine.world import Sleeve, World
from lockstep.live.venue.recording import open_recording
from lockstep.live.venue.wire import nanoseconds

from .rig import Rig, warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alpaca.common.exceptions import APIError
    from alpaca.trading.requests import GetOrdersRequest, ReplaceOrderRequest, StopLossRequest, TakeProfitRequest

TICK = 0.01
LENGTH = 16
FREE = Settings(Account(), Costs.free(), Execution(latency_ns=0, volume_share=INFINITE), Risk.unlimited())
COSTLY = Settings(Account(), Costs(), Execution(latency_ns=10**6, volume_share=0.004), Risk.unlimited())
TOUCHING = Settings(
    Account(), Costs(commission="bps", impact=0.0), Execution(latency_ns=0, fill_on_touch=True), Risk.unlimited()
)


class Everything(Strategy):
    """Does one thing of each kind after another, out of step from symbol to symbol, and notes what it asked for."""

    name: ClassVar[str] = "everything"
    asked: ClassVar[list] = []

    def start(self):
        self.slices = 0
        self.last = {}

    def on_slice(self, ts):
        self.slices += 1
        for k, symbol in enumerate(self.symbols):
            self._act(ts, symbol, (self.slices + 5 * k) % LENGTH, k)

    def _note(self, ts, *what):
        type(self).asked.append((ts, *what))

    def _order(self, ts, symbol, kind, quantity, **terms):
        order_id = getattr(self, kind)(symbol, quantity, **terms)
        self._note(ts, kind, order_id, symbol, quantity, terms)
        self.last[symbol] = order_id
        return order_id

    def _act(self, ts, symbol, step, k):
        at, sign, held = round(self.mark(symbol), 2), 1 if k != 1 else -1, self.position(symbol)
        if step == 0 and held == 0:
            self._order(ts, symbol, "market", 10 * sign)
        elif step == 1 and held:
            self._order(ts, symbol, "limit", -4 * sign, price=round(at + 2 * TICK * sign, 2), tif="gtc")
        elif step == 2 and held:
            self._order(ts, symbol, "stop", -4 * sign, price=round(at - 2 * TICK * sign, 2))
        elif step == 4 and symbol in self.last:
            new = round(at - TICK * sign, 2)
            if self.replace(self.last[symbol], stop=new):
                self._note(ts, "replace", self.last[symbol], symbol, 0, {"stop_price": new})
        elif step in (6, 10, 14):
            self.cancel_all(symbol)
            self._note(ts, "cancel_all", 0, symbol, 0, {})
        elif step in (7, 11, 15) and held:
            self._order(ts, symbol, "market", -held)
        elif step == 8 and held == 0:
            terms = {"target": round(at + 3 * TICK * sign, 2), "stop": round(at - 3 * TICK * sign, 2), "tif": "gtc"}
            self._order(ts, symbol, "bracket", 10 * sign, **terms)
        elif step == 12 and held == 0:
            self._order(ts, symbol, "limit", 6 * sign, price=round(at + 5 * TICK * sign, 2))
        elif step == 13 and held:
            self._order(ts, symbol, "trailing_stop", -held, distance=0.02)


def backtest(recording, settings):
    """Return what was asked for, and the fills as (symbol, signed quantity, price, time, fee)."""
    Everything.asked = []
    fills = []
    world = World(recording.instruments, [Sleeve(Everything)], settings)
    runner = Runner(world, lambda logs: fills.extend(logs["fills"].copy()))
    for batch in recording.open():
        runner.feed(batch)
    runner.finish()
    symbols = [each.symbol for each in recording.instruments]
    rows = [
        (symbols[row["instrument"]], int(row["quantity"]), int(row["price"]), int(row["ts"]), int(row["fee"]))
        for row in np.array(fills)
    ]
    return list(Everything.asked), rows, int(world.header.cash)


class Sender:
    """Sends what the backtest asked for through the SDK."""

    def __init__(self, rig):
        self.rig, self.ids = rig, {}

    def send(self, what, number, symbol, quantity, terms):
        side = "buy" if quantity > 0 else "sell"
        if what == "cancel_all":
            for order in self.rig.rest.get_orders(GetOrdersRequest(symbols=[symbol], direction="asc", limit=500)):
                with contextlib.suppress(APIError):  # what went before took it along
                    self.rig.rest.cancel_order_by_id(order.id)
        elif what == "replace":
            self.ids[number] = self.rig.rest.replace_order_by_id(self.ids[number], ReplaceOrderRequest(**terms)).id
        elif what == "bracket":
            exits = {
                "take_profit": TakeProfitRequest(limit_price=terms["target"]),
                "stop_loss": StopLossRequest(stop_price=terms["stop"]),
            }
            self._post(number, symbol, quantity, side, "market", "gtc", order_class="bracket", **exits)
        elif what == "trailing_stop":
            self._post(number, symbol, quantity, side, what, "gtc", trail_price=terms["distance"])
        else:
            tif = terms.get("tif", "gtc" if what == "stop" else "day")
            prices = {f"{what}_price": terms["price"]} if "price" in terms else {}
            self._post(number, symbol, quantity, side, what, tif, **prices)

    def _post(self, number, symbol, quantity, side, kind, tif, **more):
        self.ids[number] = self.rig.order(symbol, abs(quantity), side, kind, tif, **more).id


def live(recording, asked):
    """Return the venue's fills in the same form, and the cash at the end."""
    rig = Rig(recording, multiplier=100, lenient=True)  # what Alpaca refuses is not the matter here
    try:
        sender, waiting = Sender(rig), list(asked)
        rig.pace()
        while not rig.said.get("end"):
            while waiting and waiting[0][0] == rig.said["time"]:
                sender.send(*waiting.pop(0)[1:])
            rig.go(wait=False)
        assert not waiting
        state = rig.state()
        fills = [as_fill(row) for row in state["fills"]]
        fees = [
            -round(float(row["net_amount"]) * 1e6)
            for row in rig.venue.desk.activities.rows
            if row["activity_type"] == "FEE"
        ]
        return fills, fees, state["cash"]
    finally:
        rig.close()


def as_fill(row):
    lots = int(row["qty"]) * (1 if row["side"] == "buy" else -1)
    return row["symbol"], lots, int(Decimal(row["price"]) * 10**6), nanoseconds(row["transaction_time"])


@pytest.mark.parametrize("settings", [FREE, COSTLY, TOUCHING], ids=["frictionless", "costly", "touching"])
@pytest.mark.parametrize("name", ["minutes", "days"])
def test_every_fill_is_the_backtests(recordings, name, settings):
    recording = open_recording(recordings, name, end="2020-03-02T12:00:00-05:00" if name == "minutes" else None)
    recording = replace(recording, settings=replace(settings, account=recording.settings.account))
    asked, fills, cash = backtest(recording, settings)
    kinds = {what[1] for what in asked}
    if name == "minutes":
        assert len(fills) > 100
        assert kinds == {"market", "limit", "stop", "bracket", "trailing_stop", "cancel_all", "replace"}
    got, fees, left = live(recording, asked)
    assert got == [fill[:4] for fill in fills]
    assert fees == [fill[4] for fill in fills if fill[4]]
    assert left == cash
