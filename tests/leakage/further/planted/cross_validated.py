"""Out-of-fold predictions of five folds; each fold is predicted from later ones too."""

import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict

from lockstep.engine.python_strategy import Strategy


def signal(bars):
    close = bars["close"]
    x = pd.DataFrame({n: close.pct_change(n) for n in (1, 5, 20)}).fillna(0.0).to_numpy()
    y = close.pct_change().shift(-1).fillna(0.0).to_numpy()
    return pd.Series(cross_val_predict(Ridge(), x, y, cv=5), bars.index, name="signal")


class CrossValidated(Strategy):
    features = signal

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = CrossValidated
