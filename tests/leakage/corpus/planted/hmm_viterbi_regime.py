"""Hold in calm regimes only; the regimes are the most likely path through the whole sample (Viterbi)."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy

SIGMA = np.array([0.010, 0.030])
STAY = np.log(np.array([[0.97, 0.03], [0.03, 0.97]]))


def regimes(bars):
    returns = np.log(bars["close"]).diff().fillna(0.0).to_numpy()
    likely = -0.5 * (returns[:, None] / SIGMA) ** 2 - np.log(SIGMA)
    score, back = likely[0], np.zeros((len(returns), 2), int)
    for i in range(1, len(returns)):
        ways = score[:, None] + STAY
        back[i] = ways.argmax(axis=0)
        score = ways.max(axis=0) + likely[i]
    path = np.zeros(len(returns), int)
    path[-1] = score.argmax()
    for i in range(len(returns) - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return pd.Series(path, bars.index, name="wild", dtype=float)


class HmmViterbiRegime(Strategy):
    features = regimes

    def on_bar(self, bar):
        calm = self.feature("wild", bar.symbol) == 0
        if calm and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not calm:
            self.target(bar.symbol, 0)


STRATEGY = HmmViterbiRegime
