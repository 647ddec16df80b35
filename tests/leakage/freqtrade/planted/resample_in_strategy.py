"""Weekly direction, resampled in the strategy and joined on the first day of the week."""

from lockstep.engine.python_strategy import Strategy


def week(bars):
    weeks = bars["close"].resample("W-MON", label="left", closed="left").last().pct_change()
    return weeks.reindex(bars.index, method="ffill").rename("signal")


class ResampleInStrategy(Strategy):
    features = week

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = ResampleInStrategy
