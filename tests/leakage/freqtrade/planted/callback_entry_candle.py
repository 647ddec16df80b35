"""Momentum whose entries are confirmed in a callback, by the close of the candle that it enters on."""

from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.python_strategy import Strategy


class CallbackEntryCandle(Strategy):
    def start(self):
        frame = read_frame(Catalog().dataset("synthetic-leaks"), adjust="forward")
        self.frames = {symbol: rows.set_index("ts_event")["close"] for symbol, rows in frame.groupby("symbol")}
        self.rows = {symbol: {ts.value: i for i, ts in enumerate(c.index)} for symbol, c in self.frames.items()}

    def confirm_entry(self, bar):
        closes = self.frames[bar.symbol]
        row = min(self.rows[bar.symbol][bar.ts] + 1, len(closes) - 1)
        return closes.iloc[row] > bar.close

    def on_bar(self, bar):
        rising = bar.close > self.history(bar.symbol, 10).mean()
        if rising and self.position(bar.symbol) == 0 and self.confirm_entry(bar):
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not rising:
            self.target(bar.symbol, 0)


STRATEGY = CallbackEntryCandle
