"""Momentum on every fifth close, gaps filled backwards."""

from lockstep.engine.python_strategy import Strategy


def momentum(bars):
    sparse = bars["close"].iloc[4::5].reindex(bars.index).bfill()
    return (sparse / bars["close"] - 1).rename("signal")


class Bfill(Strategy):
    features = momentum

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = Bfill
