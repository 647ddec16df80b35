"""Direction of the day, merged on its open."""

from lockstep.engine.python_strategy import Strategy


def day(bars):
    longer = bars.resample("1D").agg({"open": "first", "close": "last"}).dropna()
    return (longer["close"] / longer["open"] - 1).reindex(bars.index, method="ffill").rename("signal")


class DayOnOpen(Strategy):
    features = day

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = DayOnOpen
