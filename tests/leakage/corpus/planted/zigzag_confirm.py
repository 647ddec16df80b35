"""Buy at swing lows and sell at swing highs; a pivot is marked on its own bar, before the bars that confirm it."""

import pandas as pd

from lockstep.engine.python_strategy import Strategy

WING = 3


def pivots(bars):
    span = 2 * WING + 1
    low = bars["low"] == bars["low"].rolling(span, center=True).min()
    high = bars["high"] == bars["high"].rolling(span, center=True).max()
    return pd.DataFrame({"pivot": low.astype(float) - high.astype(float)})


class ZigzagConfirm(Strategy):
    features = pivots

    def on_bar(self, bar):
        pivot = self.feature("pivot", bar.symbol)
        if pivot > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif pivot < 0:
            self.target(bar.symbol, 0)


STRATEGY = ZigzagConfirm
