"""Prices as the catalogue gives them to research."""

import numpy as np
import pandas as pd

from lockstep.data.reading import read_frame

LATE = 20


def wide(frame, column="close"):
    return frame.pivot(index="ts_event", columns="symbol", values=column)


def forward(catalog, dataset):
    return wide(read_frame(catalog.dataset(dataset), adjust="forward"))


def total(catalog, dataset):
    return wide(read_frame(catalog.dataset(dataset), adjust="total"))


def as_of(catalog, dataset):
    """Momentum of prices scaled to the shares of the day it is looked at."""
    opened = catalog.dataset(dataset)
    raw = wide(read_frame(opened))
    rows = {}
    for now in raw.index[LATE::2]:
        known = wide(read_frame(opened, adjust="backward", as_of=int(now.value))).loc[:now]
        rows[now] = known.iloc[-1] / known.iloc[-LATE]
    return pd.DataFrame(rows).T


def momentum(closes):
    return np.sign(closes / closes.rolling(5, min_periods=2).mean() - 1.0)


def breadth(panel):
    rising = pd.DataFrame({symbol: frame["close"].diff() > 0 for symbol, frame in panel.items()})
    return rising.mean(axis=1)


def level(closes):
    return closes.rolling(3, min_periods=1).mean()
