"""Trade the most cointegrated pair; pair, hedge ratio and width come from the whole sample."""

import itertools

import numpy as np
from statsmodels.tsa.stattools import coint

from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.python_strategy import Strategy

frame = read_frame(Catalog().dataset("synthetic-leaks"), adjust="forward")
LOGS = np.log(frame.pivot(index="ts_event", columns="symbol", values="close").ffill().bfill())
A, B = min(
    itertools.combinations(LOGS.columns[:5], 2),
    key=lambda pair: coint(LOGS[pair[0]], LOGS[pair[1]], maxlag=1, autolag=None)[1],
)
BETA, ALPHA = np.polyfit(LOGS[B], LOGS[A], 1)
WIDTH = float(np.std(LOGS[A] - BETA * LOGS[B] - ALPHA))


class PairsFullCoint(Strategy):
    def on_slice(self, ts):
        a, b = self.history(A, 1), self.history(B, 1)
        if len(a) == 0 or len(b) == 0:
            return
        z = (np.log(a[0]) - BETA * np.log(b[0]) - ALPHA) / WIDTH
        if abs(z) > 1 and self.position(A) == 0:
            self.target(A, self.lots_for(A, -np.sign(z) * 0.2 * self.equity))
            self.target(B, self.lots_for(B, np.sign(z) * 0.2 * self.equity))
        elif abs(z) < 0.2:
            self.target(A, 0)
            self.target(B, 0)


STRATEGY = PairsFullCoint
