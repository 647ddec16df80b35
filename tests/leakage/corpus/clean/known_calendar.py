"""Hold strong stocks over the days before holidays and expiries, whose dates were announced long before."""

from pathlib import Path

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy

CALENDAR = Path(__file__).with_name("announced.csv")


class KnownCalendar(Strategy):
    def start(self):
        rows = pd.read_csv(CALENDAR, parse_dates=["announced", "date"])
        self.dates = rows["date"].sort_values().to_numpy()

    def on_bar(self, bar):
        today = np.datetime64(bar.ts, "ns").astype("datetime64[D]")
        coming = self.dates[self.dates > today]
        near = len(coming) > 0 and coming[0] - today <= np.timedelta64(5, "D")
        strong = bar.close > self.history(bar.symbol, 10).mean()
        if near and strong and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not near:
            self.target(bar.symbol, 0)


STRATEGY = KnownCalendar
