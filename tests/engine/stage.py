"""Scenarios by hand: a tape of events, a script of what is proposed after which slice, and what came of it.

A bar lasts a minute and the next one opens when it closes, so with latency 0 what is decided at a bar's close meets
the next bar's open. `SLICE_AFTER` is set by `mark_slices`; slices are counted from 0.
"""

from collections import defaultdict

import numpy as np

from lockstep.engine import events as e
from lockstep.engine import records as r
from lockstep.engine.codes import Reason, Status, Update
from lockstep.engine.instruments import Instrument
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.settings import Account, Costs, Execution, Risk, Settings
from lockstep.engine.world import Sleeve, World

MINUTE, INF = e.MINUTE, float("inf")
VOLUME = 1e9


def instrument(symbol="A", **changes):
    return Instrument(symbol, symbol, **changes)


def settings(*, cash=1_000_000.0, max_orders=64, costs=None, risk=None, latency=0, share=INF, **execution):
    """Settings that cost, limit and delay nothing unless told to."""
    return Settings(
        Account(cash, max_orders),
        costs or Costs.free(),
        Execution(latency, share, **execution),
        risk or Risk.unlimited(),
    )


class Tape:
    """Builds a stream of events; each method returns the tape."""

    def __init__(self, symbols="A", start=0):
        self.symbols = sorted(symbols)
        self.now, self.rows, self.session = start, [], 0

    def add(self, kind, symbol=None, *, at=None, delay=0, **fields):
        event = e.empty(1)
        at = self.now if at is None else at
        event["ts_event"], event["ts_available"], event["kind"] = at, at + delay, kind
        event["instrument"] = -1 if symbol is None else self.symbols.index(symbol)
        event["sequence"] = len(self.rows)
        for name, value in fields.items():
            event[name] = value
        self.rows.append(event)
        return self

    def bar(self, open_, high, low, close, volume=VOLUME, symbol="A", *, lasts=MINUTE, moves=True, **fields):
        opened = self.now
        prices = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
        self.add(e.BAR, symbol, at=opened + lasts, ts_open=opened, **prices, **fields)
        if moves:
            self.now += lasts
        return self

    def bars(self, *rows, **fields):
        for row in rows:
            self.bar(*row, **fields)
        return self

    def flat(self, *prices, **fields):
        """Bars that stand still at a price each."""
        return self.bars(*((p, p, p, p) for p in prices), **fields)

    def close(self, price, symbol="A", *, moves=True):
        """A close-only price."""
        if moves:
            self.now += MINUTE
        return self.add(e.CLOSE, symbol, ts_open=self.now, close=price)

    def quote(self, bid, ask, bid_size=1e6, ask_size=1e6, symbol="A", *, after=MINUTE):
        self.now += after
        return self.add(e.QUOTE, symbol, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)

    def trade(self, last, size=1e6, symbol="A", *, after=MINUTE):
        self.now += after
        return self.add(e.TRADE, symbol, last=last, size=size)

    def end_session(self, nights=1, *, delay=0, gap=0):
        """The session closes now; the next one opens after `gap`."""
        self.session += 1
        self.add(e.SESSION_CLOSE, delay=delay, session=self.session, nights=nights)
        self.now += gap
        return self

    def wait(self, ns):
        self.now += ns
        return self

    def events(self):
        # As bytes: numpy would lay overlapping fields out anew.
        rows = np.concatenate([row.view("V80") for row in self.rows]).view(e.EVENT)
        return e.mark_slices(e.sort_events(rows))


def script(actions):
    """A plain-Python strategy that calls ``actions[k](strategy)`` after slice k, and notes the updates that it gets."""

    class Scripted(Strategy):
        name = "scripted"

        def start(self):
            self.slices, self.updates = 0, []

        def on_slice(self, ts):
            k, self.slices = self.slices, self.slices + 1
            if k in actions:
                actions[k](self)

        def on_order(self, update):
            self.updates.append(update)

    return Scripted


class Played:
    """What came of a scenario: the logs as arrays, prices in dollars where a method gives them."""

    def __init__(self, tape, strategies, instruments=None, conditions=None, *, batch=None, shares=None, **changes):
        conditions = conditions or settings(**changes)
        shares = shares or [1.0 / len(strategies)] * len(strategies)
        sleeves = [
            Sleeve(s, share=share, name=str(k)) for k, (s, share) in enumerate(zip(strategies, shares, strict=True))
        ]
        instruments = instruments or [instrument(symbol) for symbol in tape.symbols]
        self.world = World(instruments, sleeves, conditions)
        self.logs = defaultdict(list)
        self.runner = Runner(self.world, self._take, rows=64)
        events = tape.events()
        for start in range(0, len(events), batch or len(events)):
            self.runner.feed(events[start : start + (batch or len(events))])
        self.runner.finish()
        self.digest = self.world.digest
        for name in r.LOGS:
            setattr(self, name, np.concatenate(self.logs[name]))
        self.cash, self.value = int(self.world.header.cash), int(self.world.header.equity)

    def _take(self, logs):
        for name, rows in logs.items():
            self.logs[name].append(rows)

    @property
    def strategy(self):
        return self.runner._python[0]

    def filled(self, order_id=None):
        """(signed quantity, price in dollars) of every fill, or of those of one order."""
        rows = self.fills if order_id is None else self.fills[self.fills["order_id"] == order_id]
        return [(int(q), int(p) / 1e6) for q, p in zip(rows["quantity"], rows["price"], strict=True)]

    def times(self, order_id=None):
        rows = self.fills if order_id is None else self.fills[self.fills["order_id"] == order_id]
        return rows["ts"].tolist()

    def order(self, order_id):
        rows = self.orders[self.orders["order_id"] == order_id]
        assert len(rows) == 1, f"order {order_id} stands {len(rows)} times in the log"
        return rows[0]

    def ended(self, order_id):
        """How an order stands at the end, and why."""
        row = self.order(order_id)
        return Status(int(row["status"])).name, Reason(int(row["reason"])).name

    def verdicts(self):
        """(asked, approved, reason) of every decision."""
        return [(int(d["quantity"]), int(d["approved"]), Reason(int(d["code"])).name) for d in self.decisions]

    def updates(self, order_id):
        """The codes that `on_order` saw of an order."""
        return [Update(u.code).name for u in self.strategy.updates if u.order_id == order_id]

    def held(self, symbol="A"):
        index = self.runner.symbols.index(symbol)
        return int(self.world.positions[index].quantity)


def play(tape, actions, **options):
    """Run a script on an account of its own."""
    return Played(tape, [script(actions)], **options)
