"""Hold in calm regimes by filtered probabilities of two states."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy

SIGMA, STAY = np.array([0.01, 0.03]), np.array([[0.97, 0.03], [0.03, 0.97]])


def calm(bars):
    returns = np.log(bars["close"]).diff().fillna(0.0).to_numpy()
    likely = np.exp(-0.5 * np.minimum((returns[:, None] / SIGMA) ** 2, 900)) / SIGMA + 1e-300
    state, made = np.array([0.5, 0.5]), np.zeros(len(returns))
    for i in range(len(returns)):
        state = (state @ STAY) * likely[i]
        state /= state.sum()
        made[i] = state[0] - 0.5
    return pd.Series(made, bars.index, name="signal")


class FilteredHmm(Strategy):
    features = calm

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = FilteredHmm
