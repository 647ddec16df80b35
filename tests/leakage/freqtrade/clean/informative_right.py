"""Direction of the last whole hour, joined at its close."""

from lockstep.engine.python_strategy import Strategy


def hour(bars):
    hours = bars["close"].resample("1h", label="right", closed="right").last().dropna().pct_change()
    return hours.reindex(bars.index, method="ffill").rename("signal")


class InformativeRight(Strategy):
    features = hour

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = InformativeRight
