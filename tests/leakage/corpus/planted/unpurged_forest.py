"""A forest that predicts five-day returns, trained anew every 60 bars on all earlier rows and labels."""

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

from lockstep.engine.python_strategy import Strategy

HORIZON, EVERY = 5, 60


def predictions(bars):
    close = bars["close"]
    x = pd.DataFrame({n: close.pct_change(n) for n in (1, 5, 20)}).fillna(0.0).to_numpy()
    y = (close.shift(-HORIZON) / close - 1).fillna(0.0).to_numpy()
    made = np.full(len(bars), np.nan)
    for i in range(2 * EVERY, len(bars), EVERY):
        forest = RandomForestRegressor(5, max_depth=4, random_state=0).fit(x[:i], y[:i])
        made[i : i + EVERY] = forest.predict(x[i : i + EVERY])
    return pd.DataFrame({"predicted": made}, bars.index)


class UnpurgedForest(Strategy):
    features = predictions

    def on_bar(self, bar):
        predicted = self.feature("predicted", bar.symbol)
        if predicted > 0.002 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif predicted < 0:
            self.target(bar.symbol, 0)


STRATEGY = UnpurgedForest
