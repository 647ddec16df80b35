"""Resting buy orders below the market, which fill when prices come down."""

from lockstep.engine.python_strategy import Strategy


class LimitLater(Strategy):
    def on_bar(self, bar):
        closes = self.history(bar.symbol, 5)
        if self.position(bar.symbol) == 0:
            self.cancel_all(bar.symbol)
            lots = self.lots_for(bar.symbol, 0.1 * self.equity)
            self.limit(bar.symbol, lots, self.raw(bar.symbol, 0.99 * closes.min()), tif="gtc")
        elif bar.close > closes.mean():
            self.target(bar.symbol, 0)


STRATEGY = LimitLater
