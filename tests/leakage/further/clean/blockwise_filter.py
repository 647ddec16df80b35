"""Trend against its average, filtered forward, by blocks and recursively."""

import numpy as np
import pandas as pd
from scipy.signal import butter, lfilter, oaconvolve

from lockstep.engine.python_strategy import Strategy


def signal(bars):
    x = np.log(bars["close"].to_numpy())
    x = x - x[0]
    slow = oaconvolve(x, np.ones(30) / 30)[: len(x)]
    b, a = butter(3, 0.1)
    return pd.Series(lfilter(b, a, x) - slow, bars.index, name="signal")


class BlockwiseFilter(Strategy):
    features = signal

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = BlockwiseFilter
