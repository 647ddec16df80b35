"""Momentum, turned round if any bar of the sample stood still."""

from lockstep.engine.python_strategy import Strategy


def momentum(bars):
    change = bars["close"].diff(10)
    still = (bars["high"] == bars["low"]).any()
    return (-change if still else change).rename("signal")


class BatchAny(Strategy):
    features = momentum

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = BatchAny
