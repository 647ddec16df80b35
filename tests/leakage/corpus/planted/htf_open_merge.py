"""Trade minutes in the direction of the hour; hours are labelled by their open and merged onto the minutes by that."""

import numpy as np

from lockstep.engine.python_strategy import Strategy


def hour_direction(bars):
    hours = bars.resample("1h").agg({"open": "first", "close": "last"}).dropna()
    rising = np.sign(hours["close"] - hours["open"])
    return rising.reindex(bars.index, method="ffill").rename("hour")


class HtfOpenMerge(Strategy):
    features = hour_direction

    def on_bar(self, bar):
        hour = self.feature("hour", bar.symbol)
        if hour > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.2 * self.equity))
        elif hour < 0:
            self.target(bar.symbol, 0)


STRATEGY = HtfOpenMerge
