"""The equity curve of days bought at the open that close higher."""

import numpy as np


def backtest(bars):
    up = np.sign(bars["close"] - bars["open"])
    earned = up * (bars["close"] / bars["open"] - 1)
    return (1 + earned).cumprod().rename("equity")
