"""Momentum over a window that is a twentieth of the sample."""

from lockstep.engine.python_strategy import Strategy


def momentum(bars):
    return bars["close"].pct_change(max(len(bars) // 20, 1)).rename("signal")


class LenWindow(Strategy):
    features = momentum

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = LenWindow
