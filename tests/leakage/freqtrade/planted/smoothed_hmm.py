"""Hold in calm regimes by smoothed probabilities of two states."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy

SIGMA, STAY = np.array([0.01, 0.03]), np.array([[0.97, 0.03], [0.03, 0.97]])


def calm(bars):
    returns = np.log(bars["close"]).diff().fillna(0.0).to_numpy()
    likely = np.exp(-0.5 * np.minimum((returns[:, None] / SIGMA) ** 2, 900)) / SIGMA + 1e-300
    forward, backward = np.full((len(returns), 2), 0.5), np.ones((len(returns), 2))
    for i in range(1, len(returns)):
        forward[i] = (forward[i - 1] @ STAY) * likely[i]
        forward[i] /= forward[i].sum()
    for i in range(len(returns) - 2, -1, -1):
        backward[i] = STAY @ (likely[i + 1] * backward[i + 1])
        backward[i] /= backward[i].sum()
    both = forward * backward
    return pd.Series(both[:, 0] / both.sum(axis=1) - 0.5, bars.index, name="signal")


class SmoothedHmm(Strategy):
    features = calm

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = SmoothedHmm
