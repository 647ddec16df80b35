"""Runs whose every bit must be the same wherever and however they are played; as a program: played in a fresh process.

``play.py run BARS`` plays every cast and prints what came of it; ``play.py resume BARS CAST SNAPSHOT...`` goes on from
snapshots, each named ``<number of events played>.npz``.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.engine import events as e
from lockstep.engine import orders as o
from lockstep.engine import records as r
from lockstep.engine.compile import kernel
from lockstep.engine.instruments import Instrument
from lockstep.engine.jobs import Job, Schedule
from lockstep.engine.parameters import Integer
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.settings import Account, Execution, Risk, Settings
from lockstep.engine.strategy import KernelStrategy
from lockstep.engine.world import Sleeve, World

SYMBOLS = ("A", "B", "C")
INSTRUMENTS = [
    Instrument("A", "A", sector="even"),
    Instrument("B", "B", tick=100, sector="odd"),
    Instrument("C", "C", tick=50_000, sector="even"),
]
SESSION = 40
BARS = 400


def _turn(count, instrument):
    return (count * 7 + instrument * 3) % 11


turn_of = kernel(_turn)


@kernel
def busy_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    row.count += 1
    turn, i = turn_of(row.count, bar.instrument), bar.instrument
    price = o.raw(world, i, bar.close)
    if turn == 0:
        o.market(world, i, me.size)
    elif turn == 2:
        row.last = o.limit(world, i, -me.size, price * 1.0005)
    elif turn == 3:
        o.cancel(world, row.last)
    elif turn == 4:
        o.bracket(world, i, me.size, 0.0, price * 1.004, price * 0.997)
    elif turn == 6:
        o.trailing_stop(world, i, -me.size, price * 0.003)
    elif turn == 8:
        row.last = o.limit(world, i, me.size, price * 0.9995, o.GTC)
    elif turn == 9:
        o.replace(world, row.last, me.size // 2, price * 0.9999, 0.0)
    elif turn == 10:
        o.target(world, i, -me.size)
    o.record(world, 0, price)


@kernel
def busy_order(world: Any, me: Any, event: Any) -> None:
    me.updates += 1
    o.record(world, 1, float(me.updates))


BUSY = KernelStrategy(
    "busy",
    parameters={"size": Integer(60, 2, 1000)},
    state=[("updates", "<i8")],
    row=[("count", "<i8"), ("last", "<i8")],
    on_bar=busy_bar,
    on_order=busy_order,
    series=("price", "updates"),
)


@kernel
def follow_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Ask for what the job wanted, larger at falling closes; reads only this bar and the one before."""
    if row.wanted != 0.0:
        o.target(world, bar.instrument, int(row.wanted) * (2 if bar.close < row.close else 1))
    row.close = bar.close


def distances(asof, parameters):
    """How far each symbol stands above its mean, in cents, as whole shares."""
    _ts, closes = asof.closes(20)
    last = closes[-1] if len(closes) else np.zeros(len(asof.symbols))
    away = last - np.nanmean(closes, axis=0) if len(closes) else last
    return {"wanted": np.rint(100 * np.nan_to_num(away))}


JOB = Job("distances", Schedule(), distances, duration_ns=5 * e.MINUTE, lookback=20)
WORKING = KernelStrategy("working", row=[("wanted", "<f8"), ("close", "<f8")], on_bar=follow_bar, jobs=(JOB,))


class Plain(Strategy):
    """Trades on means of its history and on what its job hands over; all that it keeps is declared."""

    name = "plain"
    parameters = {"size": Integer(40, 1, 1000)}  # noqa: RUF012
    state = (("count", "<i8", (3,)), ("last", "<i8", (3,)), ("updates", "<i8"))
    series = ("wanted",)
    bars_kept = 32
    jobs = (JOB,)

    def on_bar(self, bar):
        i = self.symbols.index(bar.symbol)
        self.state.count[i] += 1
        turn = _turn(int(self.state.count[i]), i)
        price = self.raw(bar.symbol, bar.close)
        if turn == 1:
            above = bar.close > self.history(bar.symbol, 30).mean()
            self.market(bar.symbol, self.size if above else -self.size)
        elif turn == 5:
            self.state.last[i] = self.limit(bar.symbol, -self.size, price * 1.0005, tif="gtc")
        elif turn == 7:
            self.cancel(int(self.state.last[i]))

    def on_order(self, update):
        self.state.updates += 1

    def on_hand_over(self, result):
        for symbol, wanted in zip(self.symbols, result["wanted"].tolist(), strict=True):
            self.record("wanted", wanted)
            self.target(symbol, int(wanted))


CASTS = {
    "kernel": lambda: [Sleeve(BUSY)],
    "kernel with a job": lambda: [Sleeve(WORKING)],
    "plain Python": lambda: [Sleeve(Plain)],
    "sleeves": lambda: [Sleeve(BUSY, share=0.4), Sleeve(Plain, share=0.3), Sleeve(WORKING, share=0.3)],
}


def _bars(rng, bars):
    count, opened = len(SYMBOLS), e.MINUTE * np.arange(bars) + e.HOUR * (np.arange(bars) // SESSION)
    walk = np.exp(np.cumsum(rng.normal(0, 0.002, (count, bars, 2)).reshape(count, -1), axis=1)).reshape(count, bars, 2)
    prices = walk * np.array([20.0, 90.0, 300.0])[:, None, None]
    prices[0, bars // 2 :] /= 2
    part = e.empty(count * bars)
    part["instrument"], part["kind"] = np.repeat(np.arange(count), bars), e.BAR
    part["ts_open"] = np.tile(opened, count)
    part["ts_event"] = part["ts_available"] = part["ts_open"] + e.MINUTE
    part["open"], part["close"] = prices[:, :, 0].ravel(), prices[:, :, 1].ravel()
    part["high"] = prices.max(axis=2).ravel() * 1.001
    part["low"] = prices.min(axis=2).ravel() * 0.999
    part["volume"] = rng.integers(200, 5000, count * bars)
    day = np.tile(np.arange(bars) % SESSION, count)
    part["flags"] = np.where(day == 0, e.SESSION_FIRST, 0) | np.where(day == SESSION - 1, e.SESSION_LAST, 0)
    return part[rng.random(count * bars) > 0.05], opened + e.MINUTE


def _at(times, kind, instrument=-1, **fields):
    part = e.empty(len(times))
    part["ts_event"] = part["ts_available"] = times
    part["kind"], part["instrument"] = kind, instrument
    for name, value in fields.items():
        part[name] = value
    return part


def _actions(closes):
    """A split of A with a dividend of B at the middle, a halt of C in the last quarter."""
    n = len(closes)
    middle, halted, resumed = (closes[k : k + 1] + 1 for k in (n // 2 - 1, 3 * n // 4, 3 * n // 4 + 5))
    return [
        _at(middle, e.SPLIT, 0, numerator=2, denominator=1),
        _at(middle, e.DIVIDEND, 1, amount=250_000_000),
        _at(halted, e.HALT, 2),
        _at(resumed, e.RESUME, 2),
    ]


def market(bars=BARS, order=None):
    """The stream of events; `order` permutes the arrival of its rows before they are sorted."""
    part, closes = _bars(np.random.default_rng(20260101), bars)
    ends = closes[SESSION - 1 :: SESSION]
    parts = [
        part,
        _at(ends, e.SESSION_CLOSE, session=np.arange(1, len(ends) + 1), nights=1),
        *[_at(closes[4::10], e.TIMER, timer=64 * k) for k in range(3)],
        *_actions(closes),
    ]
    whole = e.join(*parts)
    whole["sequence"] = np.arange(len(whole))
    if order is not None:
        whole = np.ascontiguousarray(whole[order.permutation(len(whole))])
    return e.mark_slices(e.sort_events(whole))


def conditions():
    """Default costs with spread, impact, volume cap and borrow fees; latency; limits that bind now and then."""
    return Settings(Account(200_000.0, 128), execution=Execution(latency_ns=e.SECOND), risk=Risk(0.2, 0.4, 0.8))


class Play:
    """One run: events in batches of `cut`, what came of it as a dictionary."""

    def __init__(self, cast, instruments=INSTRUMENTS, rows=4096):
        self.world = World(instruments, CASTS[cast]() if isinstance(cast, str) else cast, conditions())
        self.runner = Runner(self.world, self._take, rows=rows)
        self.forget()

    def forget(self):
        """Forget the logs so far."""
        self.runner.output.take()
        self.logs = {name: [] for name in r.LOGS}

    def _take(self, logs):
        for name, rows in logs.items():
            self.logs[name].append(rows)

    def feed(self, events, cut=0):
        for start in range(0, len(events), cut or max(len(events), 1)):
            self.runner.feed(events[start : start + (cut or len(events))])
        return self

    def outcome(self):
        self.runner.finish()
        logs = {name: np.concatenate(parts) for name, parts in self.logs.items()}
        seals = {name: hashlib.sha256(rows.tobytes()).hexdigest()[:16] for name, rows in logs.items()}
        return {"digest": self.world.digest, "fills": len(logs["fills"]), "logs": seals}


def outcome(cast, bars=BARS, *, cut=0, instruments=INSTRUMENTS, rows=4096, order=None):
    """What comes of a run of a cast."""
    return Play(cast, instruments, rows).feed(market(bars, order), cut).outcome()


def outcomes(bars=BARS):
    return {cast: outcome(cast, bars) for cast in CASTS}


def resumed(cast, snapshot, events):
    """What comes of the rest of a run."""
    play = Play(cast)
    play.runner.restore(snapshot)
    return play.feed(events).outcome()


def fresh(*arguments, **environment):
    """What this file prints in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main(what, bars, cast="", *snapshots):
    if what == "run":
        return outcomes(int(bars))
    events = market(int(bars))
    return [resumed(cast, Path(path).read_bytes(), events[int(Path(path).stem) :]) for path in snapshots]


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
