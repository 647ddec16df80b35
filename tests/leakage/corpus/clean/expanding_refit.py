"""Weekly returns by ridge regression, fitted every month on all that is known by then."""

import numpy as np
from sklearn.linear_model import Ridge

from lockstep.engine.jobs import Job, Schedule
from lockstep.engine.python_strategy import Strategy

HORIZON = 5


def fit(asof, parameters):
    """Return each symbol's predicted return; labels end at the last close."""
    _, closes = asof.closes(1000)
    if len(closes) < 80:
        return {"predicted": np.zeros(len(asof.symbols))}
    logs = np.log(closes)
    x = np.stack([logs[20:] - logs[:-20], logs[20:] - logs[15:-5]], axis=-1)
    y = logs[20 + HORIZON :] - logs[20:-HORIZON]
    seen = x[:-HORIZON].reshape(-1, 2), y.reshape(-1)
    whole = np.isfinite(seen[0]).all(axis=1) & np.isfinite(seen[1])
    model = Ridge(alpha=1e-3).fit(seen[0][whole], seen[1][whole])
    return {"predicted": model.predict(np.nan_to_num(x[-1]))}


class ExpandingRefit(Strategy):
    jobs = (Job("fit", Schedule("06:00", every="month"), fit, lookback=1000),)

    def on_hand_over(self, result):
        best = np.argsort(result["predicted"], kind="stable")[-3:]
        for i, symbol in enumerate(self.symbols):
            chosen = i in best and result["predicted"][i] != 0
            self.target(symbol, self.lots_for(symbol, 0.25 * self.equity) if chosen else 0)


STRATEGY = ExpandingRefit
