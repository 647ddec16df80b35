"""Book to price, with the book value of each period as it stands in the vendor's file today."""

from pathlib import Path

import pandas as pd

from lockstep.engine.python_strategy import Strategy

FUNDAMENTALS = Path(__file__).with_name("fundamentals.csv")


class RestatedValue(Strategy):
    def start(self):
        vintages = pd.read_csv(FUNDAMENTALS, parse_dates=["published"]).sort_values("published")
        periods = vintages.groupby(["symbol", "period"], as_index=False)
        latest = periods.agg(known=("published", "first"), book=("book", "last")).sort_values("known")
        self.books = {symbol: rows.set_index("known")["book"] for symbol, rows in latest.groupby("symbol")}

    def on_bar(self, bar):
        book = self.books[bar.symbol].asof(pd.Timestamp(bar.ts).normalize() - pd.Timedelta(days=1))
        cheap = book / self.mark(bar.symbol) > 0.6
        if cheap and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not cheap:
            self.target(bar.symbol, 0)


STRATEGY = RestatedValue
