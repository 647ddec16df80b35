"""Walk forward: each window that is traded was picked on the days before it, and again every forty days."""

import numpy as np
import pandas as pd

WINDOWS, TRAIN, TEST = (5, 10, 20, 40), 120, 40


def held(close, window):
    return np.sign(close / close.rolling(window).mean() - 1).shift(1).fillna(0.0)


def positions(bars):
    close, parts = bars["close"], []
    returns = close.pct_change().fillna(0.0)
    for begin in range(TRAIN, len(close), TEST):
        past = slice(begin - TRAIN, begin)
        best = max(WINDOWS, key=lambda window: (held(close, window) * returns).iloc[past].mean())
        parts.append(held(close, best).iloc[begin : begin + TEST])
    return pd.concat(parts).rename("position")
