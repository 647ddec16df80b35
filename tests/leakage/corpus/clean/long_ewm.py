"""Trend by a very long exponential average, computed by pandas over the whole history."""

from lockstep.engine.python_strategy import Strategy


def trend(bars):
    return (bars["close"] / bars["close"].ewm(span=2000, adjust=False).mean() - 1).rename("trend")


class LongEwm(Strategy):
    features = trend

    def on_bar(self, bar):
        above = self.feature("trend", bar.symbol) > 0
        if above and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not above:
            self.target(bar.symbol, 0)


STRATEGY = LongEwm
