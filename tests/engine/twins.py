"""One strategy written twice, as kernels and in plain Python, and a random market for both.

What it does is decided by remainders of prices and counts, so that it does a little of everything: all kinds of
orders, brackets, exits, cancellations, replacements, groups, targets, records, from every callback. Run as a program
it prints digests, for a process of its own.
"""

import numpy as np

from lockstep.engine import events as e
from lockstep.engine import orders as o
from lockstep.engine.codes import Update
from lockstep.engine.compile import kernel
from lockstep.engine.instruments import Instrument
from lockstep.engine.parameters import Integer
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.settings import Account, Costs, Execution, Risk, Settings
from lockstep.engine.strategy import KernelStrategy
from lockstep.engine.world import Sleeve, World

SYMBOLS = ("AA", "BB", "CC")
FILL, CANCELLED = int(Update.FILL), int(Update.CANCELLED)
DAY, GTC, IOC, CLS = 0, 1, 2, 5


@kernel
def on_bar(world, me, row, bar):
    row.bars += 1
    dice = (np.int64(np.rint(bar.close * 100.0)) * 31 + row.bars * 17) % me.sides
    i, size = bar.instrument, 10 + 10 * (row.bars % 5)
    price = o.raw(world, i, bar.close)
    if dice == 0:
        row.last = o.market(world, i, size, DAY)
    elif dice == 1:
        row.last = o.market(world, i, -size, IOC)
    elif dice == 2:
        row.last = o.limit(world, i, size, price * 0.999, GTC)
    elif dice == 3:
        row.last = o.limit(world, i, -size, price * 1.001, DAY)
    elif dice == 4:
        row.last = o.bracket(world, i, size, price * 0.9995, price * 1.003, price * 0.997, DAY)
    elif dice == 5:
        row.last = o.stop_limit(world, i, -size, price * 0.998, price * 0.997, GTC)
    elif dice == 6:
        o.cancel(world, row.last)
    elif dice == 7:
        o.replace(world, row.last, 0, price * 0.9985, 0.0)
    elif dice == 8:
        o.target(world, i, size)
    elif dice == 9:
        row.last = o.trailing_stop(world, i, -size, price * 0.002, GTC)
    elif dice == 10:
        o.record(world, 0, o.equity(world) - o.held_quantity(world, i))
    elif dice == 11:
        o.begin_group(world)
        o.market(world, 0, size, CLS)
        o.market(world, 1, -size, DAY)
        o.end_group(world)


@kernel
def on_slice(world, me, event):
    me.slices += 1
    if me.slices % 41 == 0:
        o.target(world, 0, o.lots_for(world, 0, 0.1 * o.equity(world)))
    if me.slices % 97 == 0:
        o.cancel_all(world, -1)
    if me.slices % 53 == 0 and o.held_quantity(world, 1) > 0:
        price = o.mark(world, 1)
        o.oco(world, 1, o.held_quantity(world, 1), price * 1.002, price * 0.998)


@kernel
def on_order(world, me, event):
    if event.code == FILL:
        me.fills += 1
        if me.fills % 7 == 0:
            o.market(world, event.instrument, -event.quantity, DAY)
    elif event.code == CANCELLED:
        o.record(world, 1, me.fills * 1.0)


KERNEL = KernelStrategy(
    "twin",
    parameters={"sides": Integer(24, 12, 1000)},
    state=[("slices", "<i8"), ("fills", "<i8")],
    row=[("bars", "<i8"), ("last", "<i8")],
    on_bar=on_bar,
    on_slice=on_slice,
    on_order=on_order,
    series=("equity", "fills"),
)


class Twin(Strategy):
    """The same in plain Python."""

    name = "twin"
    parameters = {"sides": Integer(24, 12, 1000)}  # noqa: RUF012
    series = ("equity", "fills")

    def start(self):
        self.slices = self.fills = 0
        self.bars, self.last = dict.fromkeys(SYMBOLS, 0), dict.fromkeys(SYMBOLS, 0)

    def on_bar(self, bar):
        name = bar.symbol
        self.bars[name] += 1
        dice = (round(bar.close * 100.0) * 31 + self.bars[name] * 17) % self.sides
        if dice > 11:
            return
        size, price = 10 + 10 * (self.bars[name] % 5), self.raw(name, bar.close)
        if dice == 0:
            self.last[name] = self.market(name, size)
        elif dice == 1:
            self.last[name] = self.market(name, -size, tif="ioc")
        elif dice == 2:
            self.last[name] = self.limit(name, size, price * 0.999, tif="gtc")
        elif dice == 3:
            self.last[name] = self.limit(name, -size, price * 1.001)
        elif dice == 4:
            self.last[name] = self.bracket(
                name, size, limit=price * 0.9995, target=price * 1.003, stop=price * 0.997, tif="day"
            )
        elif dice == 5:
            self.last[name] = self.stop_limit(name, -size, price * 0.998, price * 0.997)
        else:
            self.change(dice, name, size, price)

    def change(self, dice, name, size, price):
        if dice == 6:
            self.cancel(self.last[name])
        elif dice == 7:
            self.replace(self.last[name], limit=price * 0.9985)
        elif dice == 8:
            self.target(name, size)
        elif dice == 9:
            self.last[name] = self.trailing_stop(name, -size, price * 0.002)
        elif dice == 10:
            self.record("equity", self.equity - self.position(name))
        else:
            self.begin_group()
            self.market("AA", size, tif="cls")
            self.market("BB", -size)
            self.end_group()

    def on_slice(self, ts):
        self.slices += 1
        if self.slices % 41 == 0:
            self.target("AA", self.lots_for("AA", 0.1 * self.equity))
        if self.slices % 97 == 0:
            self.cancel_all()
        if self.slices % 53 == 0 and self.position("BB") > 0:
            price = self.mark("BB")
            self.oco("BB", self.position("BB"), target=price * 1.002, stop=price * 0.998)

    def on_order(self, update):
        if update.code == FILL:
            self.fills += 1
            if self.fills % 7 == 0:
                self.market(update.symbol, -update.quantity)
        elif update.code == CANCELLED:
            self.record("fills", float(self.fills))


def _walk(rng, n, symbol):
    """One instrument's minute bars in sessions of 40, with gaps, bars without volume, a halt and a split."""
    bars = e.empty(n)
    sessions = np.arange(n) // 40
    close = np.round(
        100 * np.exp(np.cumsum(rng.normal(0, 0.001, n) + rng.normal(0, 0.004, n) * (np.arange(n) % 40 == 0))), 2
    )
    split = n // 2
    close[split:] = np.round(close[split:] / (2 if symbol == 1 else 1), 2)
    bars["open"] = np.round(np.append(close[0], close[:-1]) + rng.integers(-3, 4, n) * 0.01, 2)
    bars["open"][split] = close[split]
    spread = rng.integers(0, 12, (2, n)) * 0.01
    bars["high"] = np.round(np.maximum(bars["open"], close) + spread[0], 2)
    bars["low"] = np.round(np.minimum(bars["open"], close) - spread[1], 2)
    bars["close"], bars["volume"] = close, np.where(rng.random(n) < 0.05, 0, rng.integers(50, 5000, n))
    bars["ts_open"] = (np.arange(n) + sessions * 1000) * e.MINUTE
    bars["ts_event"] = bars["ts_available"] = bars["ts_open"] + e.MINUTE
    bars["instrument"], bars["kind"], bars["sequence"] = symbol, e.BAR, np.arange(n)
    first, last = np.arange(n) % 40 == 0, np.arange(n) % 40 == 39
    bars["flags"] = np.where(first, e.SESSION_FIRST, 0) | np.where(last, e.SESSION_LAST, 0)
    return bars[rng.random(n) > 0.1]


def _other(kind, ts, instrument=-1, **fields):
    event = e.empty(1)
    event["ts_event"] = event["ts_available"] = ts
    event["kind"], event["instrument"] = kind, instrument
    for name, value in fields.items():
        event[name] = value
    return event


def market(seed, n=800):
    """A stream of three instruments: bars, sessions' closes, a split, a dividend, a halt."""
    rng = np.random.default_rng(seed)
    parts = [_walk(rng, n, k) for k in range(len(SYMBOLS))]
    between = (n // 2 + n // 2 // 40 * 1000 - 500) * e.MINUTE
    parts.append(_other(e.SPLIT, between, 1, numerator=2, denominator=1))
    parts.append(_other(e.DIVIDEND, between, 0, amount=730_000_000, pay_ts=between + 3000 * e.MINUTE))
    halt = parts[2]["ts_available"][n // 4]
    parts += [_other(e.HALT, halt, 2), _other(e.RESUME, halt + 7 * e.MINUTE, 2)]
    for k in range(n // 40):
        close = (40 * (k + 1) + k * 1000) * e.MINUTE
        parts.append(_other(e.SESSION_CLOSE, close, session=k + 1, nights=1 + 2 * (k % 5 == 4)))
    rows = np.concatenate([part.view("V80") for part in parts]).view(e.EVENT)
    return e.mark_slices(e.sort_events(rows))


def conditions(latency=0):
    """Default costs and limits, small enough for limits and caps to bind."""
    risk = Risk(max_position=0.15, max_gross=0.4, max_daily_loss=0.005, collar=0.05)
    return Settings(Account(50_000.0, 64), Costs(), Execution(latency_ns=latency), risk)


def run(strategy, events, *, batch=None, latency=0, lazy=True, order=SYMBOLS):
    """Return the runner after a run, its logs in ``runner.rows``."""
    instruments = [Instrument(symbol, symbol, sector="s") for symbol in order]
    world = World(instruments, [Sleeve(strategy)], conditions(latency))
    rows = []
    runner = Runner(world, rows.append, rows=100)
    runner._alone = runner._alone and lazy
    for start in range(0, len(events), batch or len(events)):
        runner.feed(events[start : start + (batch or len(events))])
    runner.finish()
    runner.rows = rows
    return runner


def digests():
    """A short run of each twin, with everything that interpretation could get wrong."""
    return [
        run(strategy, market(1, 240), latency=latency).world.digest for strategy in (KERNEL, Twin) for latency in (0, 1)
    ]


def main():
    print(*digests())


if __name__ == "__main__":
    main()
