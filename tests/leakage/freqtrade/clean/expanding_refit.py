"""Momentum with a slope that is fitted anew every 50 bars on what has passed."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy


def predicted(bars):
    x, y = bars["close"].pct_change(10), bars["close"].pct_change()
    made = pd.Series(np.nan, bars.index, name="signal")
    for i in range(100, len(bars), 50):
        slope = np.polyfit(x[10 : i - 1], y[11:i], 1)[0]
        made.iloc[i : i + 50] = slope * x.iloc[i : i + 50]
    return made


class ExpandingRefit(Strategy):
    features = predicted

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = ExpandingRefit
