"""Buy below the centred average, sell above."""

from lockstep.engine.python_strategy import Strategy


def below_average(bars):
    average = bars["close"].rolling(11, center=True).mean()
    return (average / bars["close"] - 1).rename("signal")


class CentredMean(Strategy):
    features = below_average

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = CentredMean
