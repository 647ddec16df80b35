"""Hold while the day's last close stands higher."""

from lockstep.engine.python_strategy import Strategy


def day_last(bars):
    last = bars["close"].groupby(bars.index.normalize()).transform("last")
    return (last / bars["close"] - 1).rename("signal")


class DayLast(Strategy):
    features = day_last

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = DayLast
