"""Momentum in units of the standard deviation of the whole sample."""

from lockstep.engine.python_strategy import Strategy


def scaled(bars):
    returns = bars["close"].pct_change()
    return (returns.rolling(10).mean() / returns.std() - 0.1).rename("signal")


class FullStd(Strategy):
    features = scaled

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = FullStd
