"""Hold strong stocks before holidays that the source lists, in winter months only."""

import datetime as dt

import numpy as np

from lockstep.engine.python_strategy import Strategy

HOLIDAYS = [
    dt.date(2016, 1, 18), dt.date(2016, 2, 15), dt.date(2016, 3, 25), dt.date(2016, 5, 30), dt.date(2016, 11, 24),
    dt.date(2016, 12, 26), dt.date(2017, 1, 2), dt.date(2017, 1, 16), dt.date(2017, 2, 20), dt.date(2017, 11, 23),
]  # fmt: skip
EXPIRIES = {"2016-02-19", "2016-03-18", "2016-12-16", "2017-01-20", "2017-02-17", "2017-11-17"}


class ListedHolidays(Strategy):
    def on_bar(self, bar):
        today = np.datetime64(bar.ts, "ns").astype("datetime64[D]").astype(object)
        near = any(0 < (day - today).days <= 7 for day in HOLIDAYS) or str(today) in EXPIRIES
        winter = today.month in (11, 12, 1, 2, 3)
        if near and winter and bar.close > self.history(bar.symbol, 10).mean():
            if self.position(bar.symbol) == 0:
                self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not near:
            self.target(bar.symbol, 0)


STRATEGY = ListedHolidays
