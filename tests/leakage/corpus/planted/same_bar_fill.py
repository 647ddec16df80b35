"""Enter at the open of days that close higher: a vectorised backtest that fills on the bar it decides by."""

import numpy as np
import pandas as pd


def backtest(bars):
    position = np.sign(bars["close"] - bars["open"])
    pnl = position * (bars["close"] / bars["open"] - 1)
    return pd.DataFrame({"position": position, "entry": bars["open"], "pnl": pnl})
