"""Buy what is cheap against the mean of the whole sample."""

from lockstep.engine.python_strategy import Strategy


def cheap(bars):
    close = bars["close"]
    return ((close.mean() - close) / close.std()).rename("signal")


class FullZscore(Strategy):
    features = cheap

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = FullZscore
