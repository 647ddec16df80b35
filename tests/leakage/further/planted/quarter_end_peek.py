"""Momentum, but on the last day of a quarter the next day's direction."""

import numpy as np

from lockstep.engine.python_strategy import Strategy


def signal(bars):
    momentum = np.sign(bars["close"].diff(20))
    quarter = bars.index.tz_localize(None).to_period("Q").asi8
    last = np.append(np.diff(quarter) != 0, False)
    return momentum.where(~last, np.sign(bars["close"].shift(-1) - bars["close"])).rename("signal")


class QuarterEndPeek(Strategy):
    features = signal

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = QuarterEndPeek
