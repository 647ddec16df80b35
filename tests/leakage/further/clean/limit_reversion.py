"""Buy at a limit below the market, sell at one above: fair on a market that goes nowhere."""

from lockstep import run
from lockstep.engine.python_strategy import Strategy


class LimitReversion(Strategy):
    def on_bar(self, bar):
        self.cancel_all(bar.symbol)
        average = float(self.history(bar.symbol, 10).mean())
        if self.position(bar.symbol) <= 0:
            self.limit(bar.symbol, 100, round(min(average, bar.close) * 0.995, 2))
        else:
            self.limit(bar.symbol, -100, round(max(average, bar.close) * 1.005, 2))


def backtest(bars):
    return run(LimitReversion, bars, costs="free").equity
