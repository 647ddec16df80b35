"""A threshold that did best by the end of 2016, traded from 2017 on: select, tune, train and trade, cut at a date."""

import numpy as np

SPLIT = "2016-12-31"


def held(close, window):
    return np.sign(close / close.rolling(window).mean() - 1).shift(1).fillna(0.0)


def positions(bars):
    close = bars["close"]
    returns = close.pct_change().fillna(0.0)
    train = {window: (held(close, window) * returns)[:SPLIT].mean() for window in (5, 10, 20, 40)}
    best = max(train, key=train.get)
    return held(close, best)["2017-01-01":].rename("position")
