"""Follow the last hour's move; summer time is taken off once more from times that already have it."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy


def hour_move(bars):
    hours = bars["close"].resample("1h", offset="30min", label="right", closed="right").last().dropna()
    summer = hours.index.tz_convert("America/New_York").map(lambda ts: bool(ts.dst()))
    shifted = hours.index.where(~summer, hours.index - pd.Timedelta(hours=1))
    return np.log(hours).diff().set_axis(shifted).rename("move").groupby(level=0).last()


class DstSession(Strategy):
    features = hour_move

    def on_bar(self, bar):
        move = self.feature("move", bar.symbol)
        if move > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.2 * self.equity))
        elif move < 0:
            self.target(bar.symbol, 0)


STRATEGY = DstSession
