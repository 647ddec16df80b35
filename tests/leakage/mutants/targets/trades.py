"""Strategies in plain Python that use what the engine gives them: history, features, jobs, orders."""

import numpy as np

from lockstep.engine.jobs import Job, Schedule
from lockstep.engine.python_strategy import Strategy


class Swing(Strategy):
    """In above the mean of the last bars, out below, by limit and by market."""

    def on_bar(self, bar):
        closes = self.history(bar.symbol, 4)
        held, rises = self.position(bar.symbol), bar.close >= closes.mean()
        if rises and held == 0:
            self.market(bar.symbol, self.lots_for(bar.symbol, 0.2 * self.equity))
        elif not rises and held > 0:
            self.market(bar.symbol, -held)


class Patient(Strategy):
    """Bids below the last price, every bar anew."""

    away = 0.001

    def on_bar(self, bar):
        self.cancel_all(bar.symbol)
        held = self.position(bar.symbol)
        if held == 0:
            self.limit(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity), bar.close * (1 - self.away))
        else:
            self.limit(bar.symbol, -held, bar.close * (1 + self.away))


class Deep(Patient):
    """Bids so far below that a day may go without a fill."""

    away = 0.02


class Remembers(Strategy):
    """Weighs symbols by their last closes, read at each slice."""

    def on_slice(self, ts):
        for symbol in self.symbols:
            closes = self.history(symbol, 3)
            up = len(closes) == 3 and closes[-1] > closes[0]
            self.target(symbol, self.lots_for(symbol, 0.2 * self.equity) if up else 0)


def weigh(asof, parameters):
    _, closes = asof.closes(10)
    if len(closes) < 10:
        return {"weight": np.zeros(len(asof.symbols))}
    moves = np.nan_to_num(np.log(closes[-1] / closes[0]))
    return {"weight": np.where(moves > np.median(moves), 0.2, 0.0)}


class Works(Strategy):
    """Holds what a daily job weighs."""

    jobs = (Job("weigh", Schedule("12:15"), weigh, lookback=32),)

    def on_hand_over(self, result):
        for i, symbol in enumerate(self.symbols):
            self.target(symbol, self.lots_for(symbol, float(result["weight"][i]) * self.equity))


def every_bar(bars):
    return (bars["close"] / bars["close"].rolling(4, min_periods=1).mean() - 1.0).rename("trend")


def every_other_bar(bars):
    return every_bar(bars).iloc[::2]


class Featured(Strategy):
    """Follows a feature written with pandas."""

    features = every_bar

    def on_bar(self, bar):
        up = self.feature("trend", bar.symbol) > 0
        self.target(bar.symbol, self.lots_for(bar.symbol, 0.2 * self.equity) if up else 0)


class Sparse(Featured):
    """The same, of a feature with a row for every other bar."""

    features = every_other_bar


class Bars(Strategy):
    """Breaks out of the range of the bar before, by nothing but what callbacks get."""

    def start(self):
        self.last = {}

    def on_bar(self, bar):
        before = self.last.get(bar.symbol)
        self.last[bar.symbol] = bar
        if before is None:
            return
        if bar.high > before.high and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif bar.low < before.low:
            self.target(bar.symbol, 0)
