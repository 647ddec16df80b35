"""Cross of two averages."""

from lockstep.engine.python_strategy import Strategy


def cross(bars):
    return (bars["close"].rolling(10).mean() / bars["close"].rolling(40).mean() - 1).rename("signal")


class PlainAverages(Strategy):
    features = cross

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = PlainAverages
