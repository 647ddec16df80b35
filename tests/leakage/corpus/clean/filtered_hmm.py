"""Hold in calm regimes only, by the filtered probability of a two-state model."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy

SIGMA = np.array([0.010, 0.030])
STAY = np.array([[0.97, 0.03], [0.03, 0.97]])


def wildness(bars):
    returns = np.log(bars["close"]).diff().fillna(0.0).to_numpy()
    likely = np.exp(-0.5 * np.minimum((returns[:, None] / SIGMA) ** 2, 1000)) / SIGMA + 1e-300
    state, wild = np.array([0.5, 0.5]), np.zeros(len(returns))
    for i in range(len(returns)):
        state = (state @ STAY) * likely[i]
        state = state / state.sum()
        wild[i] = state[1]
    return pd.Series(wild, bars.index, name="wild")


class FilteredHmm(Strategy):
    features = wildness

    def on_bar(self, bar):
        calm = self.feature("wild", bar.symbol) < 0.5
        if calm and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not calm:
            self.target(bar.symbol, 0)


STRATEGY = FilteredHmm
