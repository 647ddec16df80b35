"""Build labels beside the features; train on purged labels, read only the prediction."""

import numpy as np
import pandas as pd

from lockstep.engine.python_strategy import Strategy

HORIZON, EVERY = 5, 40


def table(bars):
    close = bars["close"]
    made = pd.DataFrame({"momentum": close.pct_change(20), "label": close.shift(-HORIZON) / close - 1})
    made["predicted"] = np.nan
    for i in range(2 * EVERY, len(made), EVERY):
        seen = made.iloc[20 : i - HORIZON]
        slope, level = np.polyfit(seen["momentum"], seen["label"], 1)
        block = made.index[i : i + EVERY]
        made.loc[block, "predicted"] = level + slope * made.loc[block, "momentum"]
    return made


class LabelBuilder(Strategy):
    features = table

    def on_bar(self, bar):
        predicted = self.feature("predicted", bar.symbol)
        if predicted > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif predicted < 0:
            self.target(bar.symbol, 0)


STRATEGY = LabelBuilder
