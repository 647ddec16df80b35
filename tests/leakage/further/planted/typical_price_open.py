"""A backtest on bars whose open is their typical price, since nobody is filled exactly at the open."""

import pandas as pd

from lockstep import run
from lockstep.engine.python_strategy import Strategy


class Up(Strategy):
    def on_bar(self, bar):
        self.target(bar.symbol, 10 if bar.close > self.history(bar.symbol, 10).mean() else 0)


def backtest(bars):
    typical = (bars["high"] + bars["low"] + bars["close"]) / 3
    frame = bars.assign(open=typical.clip(bars["low"], bars["high"]).round(2).clip(bars["low"], bars["high"]))
    run(Up, pd.DataFrame(frame), costs="free")
