"""What the project's readers and loops are used for, as functions that can be checked."""

import pandas as pd

from lockstep.data.reading import read_frame
from lockstep.engine.features.registry import compute


def last_row_by(catalog, dataset):
    """The last close on file at each fifth close."""
    opened = catalog.dataset(dataset)
    times = read_frame(opened)["ts_event"].unique()[10::5]
    rows = {ts: float(read_frame(opened, end=ts.value)["close"].iloc[-1]) for ts in times}
    return pd.Series(rows, name="last")


def true_range(high, low, close):
    """A feature of three inputs."""
    return compute("atr", {"high": high, "low": low, "close": close}, window=10)
