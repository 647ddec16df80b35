"""A trend follower whose entries are filtered and sized by the Sharpe ratio of the 20 days that follow."""

from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.python_strategy import Strategy

AHEAD = 20


class FutureSharpeMetaAndSize(Strategy):
    def start(self):
        frame = read_frame(Catalog().dataset("synthetic-leaks"), adjust="forward")
        returns = frame.pivot(index="ts_event", columns="symbol", values="close").ffill().pct_change()
        rolling = returns.rolling(AHEAD)
        sharpe = (rolling.mean() / rolling.std()).shift(-AHEAD).fillna(0.0)
        self.sharpe = {(ts.value, symbol): value for (ts, symbol), value in sharpe.stack().items()}

    def on_bar(self, bar):
        closes = self.history(bar.symbol, 20)
        if len(closes) < 20:
            return
        sharpe = self.sharpe.get((bar.ts, bar.symbol), 0.0)
        if bar.close > closes.mean() and sharpe > 0 and self.position(bar.symbol) == 0:
            weight = 0.3 * sharpe / (1 + sharpe)
            self.target(bar.symbol, self.lots_for(bar.symbol, weight * self.equity))
        elif bar.close < closes.mean():
            self.target(bar.symbol, 0)


STRATEGY = FutureSharpeMetaAndSize
