"""Scores by one product of a matrix; its last rows round otherwise when it is shorter."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy

WEIGHTS = np.random.default_rng(5).normal(size=(40, 3))


def signal(bars):
    close = np.log(bars["close"])
    x = np.column_stack([close.diff(n).fillna(0.0) for n in range(1, 41)])
    return pd.Series((x @ WEIGHTS).sum(axis=1) - 0.1 * np.tanh(x @ WEIGHTS[:, 0]), bars.index, name="signal")


class MatrixRows(Strategy):
    features = signal

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = MatrixRows
