"""Trend by a long causal filter, convolved by FFT."""

import numpy as np
import pandas as pd
from scipy.signal import fftconvolve

from lockstep.engine.python_strategy import Strategy

KERNEL = np.exp(-np.arange(100) / 25)


def trend(bars):
    returns = np.log(bars["close"]).diff().fillna(0.0).to_numpy()
    return pd.Series(fftconvolve(returns, KERNEL)[: len(returns)], bars.index, name="trend")


class FftConvFeature(Strategy):
    features = trend

    def on_bar(self, bar):
        trend = self.feature("trend", bar.symbol)
        if trend > 0.01 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif trend < -0.01:
            self.target(bar.symbol, 0)


STRATEGY = FftConvFeature
