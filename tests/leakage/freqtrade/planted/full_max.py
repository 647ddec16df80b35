"""Hold what stands more than a fifth below its highest close of all."""

from lockstep.engine.python_strategy import Strategy


def below_high(bars):
    return (0.8 - bars["close"] / bars["close"].max()).rename("signal")


class FullMax(Strategy):
    features = below_high

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = FullMax
