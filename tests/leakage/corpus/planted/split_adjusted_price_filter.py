"""Momentum in low-priced stocks; the price is the back-adjusted one, low because of splits that were still to come."""

from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.python_strategy import Strategy

CHEAP = 60.0


class SplitAdjustedPriceFilter(Strategy):
    def start(self):
        prices = read_frame(Catalog().dataset("synthetic-leaks"), adjust="backward")
        self.prices = {symbol: rows.set_index("ts_event")["close"] for symbol, rows in prices.groupby("symbol")}
        self.row = dict.fromkeys(self.prices, 0)

    def on_bar(self, bar):
        price = self.prices[bar.symbol].iloc[self.row[bar.symbol]]
        self.row[bar.symbol] += 1
        closes = self.history(bar.symbol, 10)
        buy = price < CHEAP and bar.close > closes.mean()
        if buy and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not buy:
            self.target(bar.symbol, 0)


STRATEGY = SplitAdjustedPriceFilter
