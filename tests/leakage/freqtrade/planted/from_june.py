"""Momentum until June 2017, the next close from then on."""

from lockstep.engine.python_strategy import Strategy


def signal(bars):
    ahead = bars["close"].shift(-1) / bars["close"] - 1
    return bars["close"].pct_change(20).where(bars.index < "2017-06-01", ahead).rename("signal")


class FromJune(Strategy):
    features = signal

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = FromJune
