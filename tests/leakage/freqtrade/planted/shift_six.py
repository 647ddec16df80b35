"""Hold what stands higher six bars later."""

from lockstep.engine.python_strategy import Strategy


def rise(bars):
    return (bars["close"].shift(-6) / bars["close"] - 1).rename("signal")


class ShiftSix(Strategy):
    features = rise

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = ShiftSix
