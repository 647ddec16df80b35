"""Hold while the next close will be higher."""

import numpy as np

from lockstep.engine.python_strategy import Strategy


def direction(bars):
    return np.sign(bars["close"].shift(-1) - bars["close"]).rename("signal")


class NextCloseSign(Strategy):
    features = direction

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = NextCloseSign
