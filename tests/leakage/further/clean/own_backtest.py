"""Runs a backtest and returns its equity."""

from lockstep import run
from lockstep.engine.python_strategy import Strategy


class Up(Strategy):
    def on_bar(self, bar):
        closes = self.history(bar.symbol, 10)
        self.target(bar.symbol, 10 if bar.close > closes.mean() else 0)


def backtest(catalog):
    return run(Up, "synthetic-leaks", start="2016-02-01").equity
