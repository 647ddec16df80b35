"""Trend of twenty days, but out before the worst days."""

import numpy as np

from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.python_strategy import Strategy


class LeavesBeforeCrash(Strategy):
    def start(self):
        frame = read_frame(Catalog().dataset("synthetic-leaks"), adjust="forward")
        returns = np.log(frame.pivot(index="ts_event", columns="symbol", values="close").ffill()).diff()
        self.next = {(ts.value, symbol): move for (ts, symbol), move in returns.shift(-1).stack().items()}

    def on_bar(self, bar):
        closes, held = self.history(bar.symbol, 20), self.position(bar.symbol)
        if len(closes) < 20:
            return
        falls = held > 0 and self.next.get((bar.ts, bar.symbol), 0.0) < -0.04
        if falls or bar.close < closes.mean():
            self.target(bar.symbol, 0)
        elif held == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))


STRATEGY = LeavesBeforeCrash
