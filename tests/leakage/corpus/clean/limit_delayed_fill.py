"""Buy dips with resting limit orders that may fill days later."""

from lockstep.engine.python_strategy import Strategy


class LimitDelayedFill(Strategy):
    def on_bar(self, bar):
        closes = self.history(bar.symbol, 10)
        if len(closes) < 10:
            return
        if self.position(bar.symbol) == 0:
            self.cancel_all(bar.symbol)
            lots = self.lots_for(bar.symbol, 0.1 * self.equity)
            self.limit(bar.symbol, lots, self.raw(bar.symbol, 0.98 * closes.min()), tif="gtc")
        elif bar.close > closes.mean():
            self.target(bar.symbol, 0)


STRATEGY = LimitDelayedFill
