"""Buy what is cheap against its mean, sell what is dear; the mean is that of the whole sample."""

from lockstep.engine.python_strategy import Strategy


def z_score(bars):
    close = bars["close"]
    return ((close - close.mean()) / close.std()).rename("z")


class ZScoreAll(Strategy):
    features = z_score

    def on_bar(self, bar):
        z = self.feature("z", bar.symbol)
        held = self.position(bar.symbol)
        if z < -0.5 and held == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif z > 0.5 and held > 0:
            self.target(bar.symbol, 0)


STRATEGY = ZScoreAll
