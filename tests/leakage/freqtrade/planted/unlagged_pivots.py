"""Buy at lows and sell at highs of two bars to each side, marked on their own bar."""

from lockstep.engine.python_strategy import Strategy


def pivots(bars):
    close = bars["close"]
    low = close == close.rolling(5, center=True).min()
    high = close == close.rolling(5, center=True).max()
    return (low.astype(float) - high.astype(float)).rename("signal")


class UnlaggedPivots(Strategy):
    features = pivots

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = UnlaggedPivots
