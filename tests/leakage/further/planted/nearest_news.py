"""The surprise of the announcement nearest in time."""

from pathlib import Path

import pandas as pd

from lockstep.engine.python_strategy import Strategy

NEWS = pd.read_csv(Path(__file__).parent / "earnings.csv")


def signal(bars):
    news = NEWS.assign(date=pd.to_datetime(NEWS["announced"], utc=True).astype(bars.index.dtype)).sort_values("date")
    joined = pd.merge_asof(
        bars.reset_index()[["ts"]], news[["date", "surprise"]], left_on="ts", right_on="date", direction="nearest"
    )
    return pd.Series(joined["surprise"].to_numpy(), bars.index, name="signal")


class NearestNews(Strategy):
    features = signal

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = NearestNews
