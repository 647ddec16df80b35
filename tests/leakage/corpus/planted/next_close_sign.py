"""Hold while the next close will be higher."""

import numpy as np

from lockstep.engine.python_strategy import Strategy


def features(bars):
    return np.sign(bars["close"].shift(-1) - bars["close"]).rename("direction")


class NextCloseSign(Strategy):
    features = features

    def on_bar(self, bar):
        direction = self.feature("direction", bar.symbol)
        if direction > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif direction < 0:
            self.target(bar.symbol, 0)


STRATEGY = NextCloseSign
