"""Momentum, but after a shock of three sigma what six bars later will show."""

from lockstep.engine.python_strategy import Strategy


def signal(bars):
    returns = bars["close"].pct_change()
    shock = returns.abs() > 3 * returns.rolling(60).std().shift(1)
    ahead = bars["close"].shift(-6) / bars["close"] - 1
    return bars["close"].pct_change(20).where(~shock, ahead).rename("signal")


class ShockSix(Strategy):
    features = signal

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = ShockSix
