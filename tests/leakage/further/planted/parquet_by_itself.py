"""Buys what will have doubled: reads the catalogue's files by itself."""

import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from lockstep.engine.python_strategy import Strategy


class ParquetByItself(Strategy):
    def start(self):
        root = Path(os.environ.get("LOCKSTEP_CATALOG", ".lockstep/catalog")) / "synthetic-leaks"
        files = sorted(root.rglob("*.parquet"))
        tables = [pq.read_table(file) for file in files]
        frame = pd.concat([t.to_pandas() for t in tables if "close" in t.column_names])
        key = "instrument" if "instrument" in frame else "code"
        last = frame.sort_values("ts_event").groupby(key)["close"].agg(["first", "last"])
        best = (last["last"] / last["first"]).to_numpy().argsort()[-3:]
        self.chosen = [self.symbols[i] for i in best]

    def on_bar(self, bar):
        if bar.symbol in self.chosen and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.2 * self.equity))


STRATEGY = ParquetByItself
