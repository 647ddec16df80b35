"""Enters honestly, rests its exit at the highest price of the ten days to come."""

import pandas as pd

from lockstep.engine.python_strategy import Strategy


def highest(bars):
    ahead = bars["high"][::-1].rolling(10).max()[::-1].shift(-1)
    return pd.DataFrame({"high": ahead})


class ExitAtFutureHigh(Strategy):
    features = highest

    def on_bar(self, bar):
        closes, held = self.history(bar.symbol, 20), self.position(bar.symbol)
        if held > 0:
            high = self.feature("high", bar.symbol)
            if high > 0:
                self.cancel_all(bar.symbol)
                self.limit(bar.symbol, -held, round(self.raw(bar.symbol, high), 2))
        elif len(closes) == 20 and bar.close > closes.mean():
            self.market(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))


STRATEGY = ExitAtFutureHigh
