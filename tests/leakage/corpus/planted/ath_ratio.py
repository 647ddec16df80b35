"""Hold what trades well below its highest close; the highest of the whole history."""

from lockstep.engine.python_strategy import Strategy


def drawdown(bars):
    return (bars["close"] / bars["close"].max()).rename("of_high")


class AthRatio(Strategy):
    features = drawdown

    def on_bar(self, bar):
        of_high = self.feature("of_high", bar.symbol)
        if of_high < 0.75 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif of_high > 0.9:
            self.target(bar.symbol, 0)


STRATEGY = AthRatio
