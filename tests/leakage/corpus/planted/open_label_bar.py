"""Momentum of daily bars as the vendor labels them: by their open."""

import numpy as np

from lockstep.data.reading import read_frame


def positions(catalog, dataset):
    bars = read_frame(catalog.dataset(dataset), adjust="forward")
    closes = bars.pivot(index="ts_open", columns="symbol", values="close")
    return np.sign(closes / closes.rolling(10, min_periods=2).mean() - 1).fillna(0.0)
