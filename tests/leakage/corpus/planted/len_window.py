"""Trend against an average whose window is a tenth of the sample."""

from lockstep.engine.python_strategy import Strategy


def trend(bars):
    window = max(len(bars) // 10, 2)
    return (bars["close"] / bars["close"].rolling(window, min_periods=1).mean() - 1).rename("trend")


class LenWindow(Strategy):
    features = trend

    def on_bar(self, bar):
        trend = self.feature("trend", bar.symbol)
        if trend > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif trend < 0:
            self.target(bar.symbol, 0)


STRATEGY = LenWindow
