"""Momentum, but after a shock of three standard deviations the direction of the next bar."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy


def signal(bars):
    returns = bars["close"].pct_change()
    shock = returns.abs() > 3 * returns.rolling(60).std().shift(1)
    momentum = np.sign(bars["close"].diff(20))
    return pd.DataFrame({"signal": momentum.where(~shock, np.sign(returns.shift(-1)))})


class ShockPeek(Strategy):
    features = signal

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = ShockPeek
