"""Buy in the morning when the day's close lies above the previous one: a daily frame joined to minutes by date."""

from lockstep.engine.python_strategy import Strategy


def gap(bars):
    days = bars.index.tz_convert("America/New_York").normalize()
    closes = bars["close"].groupby(days).last()
    change = closes.pct_change()
    return change.reindex(days).set_axis(bars.index).rename("gap")


class DayCloseGap(Strategy):
    features = gap

    def on_bar(self, bar):
        gap = self.feature("gap", bar.symbol)
        if gap > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.2 * self.equity))
        elif gap < 0:
            self.target(bar.symbol, 0)


STRATEGY = DayCloseGap
