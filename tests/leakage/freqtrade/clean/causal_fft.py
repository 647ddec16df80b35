"""Trend by a causal filter of 60 weights, computed by FFT."""

import numpy as np
import pandas as pd
from scipy.signal import fftconvolve

from lockstep.engine.python_strategy import Strategy


def trend(bars):
    returns = np.log(bars["close"]).diff().fillna(0.0).to_numpy()
    return pd.Series(fftconvolve(returns, np.ones(60) / 60)[: len(returns)], bars.index, name="signal")


class CausalFft(Strategy):
    features = trend

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = CausalFft
