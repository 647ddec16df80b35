"""Enter at the open against the gap: dated by the open, decided by it and by the close before."""

import numpy as np
import pandas as pd


def entries(bars):
    opens = bars.index.tz_localize("America/New_York") + pd.Timedelta(hours=9, minutes=30)
    gap = bars["open"] / bars["close"].shift(1) - 1
    return pd.DataFrame({"decided_at": opens.tz_convert("UTC"), "side": -np.sign(gap).to_numpy()})
