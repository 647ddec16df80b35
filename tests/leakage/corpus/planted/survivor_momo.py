"""Momentum among the stocks of the dataset that still trade at its end."""

from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.jobs import Schedule
from lockstep.engine.python_strategy import Strategy


class SurvivorMomo(Strategy):
    timers = (Schedule("close", every="week"),)

    def start(self):
        last = read_frame(Catalog().dataset("synthetic-leaks")).groupby("symbol")["ts_event"].max()
        self.members = [symbol for symbol in self.symbols if last.get(symbol) == last.max()]

    def on_timer(self, notice):
        risen = {}
        for symbol in self.members:
            closes = self.history(symbol, 60)
            risen[symbol] = closes[-1] / closes[0] if len(closes) == 60 else 0.0
        best = sorted((s for s in risen if risen[s] > 0), key=risen.get)[-3:]
        for symbol in self.members:
            wanted = self.lots_for(symbol, 0.2 * self.equity) if symbol in best else 0
            self.target(symbol, wanted)


STRATEGY = SurvivorMomo
