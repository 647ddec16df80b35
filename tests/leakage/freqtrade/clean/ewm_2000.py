"""Trend against a very long exponential average."""

from lockstep.engine.python_strategy import Strategy


def trend(bars):
    return (bars["close"] / bars["close"].ewm(span=2000, adjust=False).mean() - 1).rename("signal")


class Ewm2000(Strategy):
    features = trend

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = Ewm2000
