"""A backtest on bars whose opens were joined one row late: an order for the open gets the open of the day before."""

from lockstep import run
from lockstep.engine.python_strategy import Strategy


class Follows(Strategy):
    def on_bar(self, bar):
        self.target(bar.symbol, 100 if bar.close > bar.open else -100)


def backtest(bars):
    frame = bars.assign(open=bars["open"].shift(1)).iloc[1:]
    body = frame[["open", "high", "low", "close"]]
    return run(Follows, frame.assign(high=body.max(axis=1), low=body.min(axis=1)), costs="free").equity
