"""Direction of four hours, merged on their open."""

from lockstep.engine.python_strategy import Strategy


def four_hours(bars):
    longer = bars.resample("4h").agg({"open": "first", "close": "last"}).dropna()
    return (longer["close"] / longer["open"] - 1).reindex(bars.index, method="ffill").rename("signal")


class FourHoursOnOpen(Strategy):
    features = four_hours

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = FourHoursOnOpen
