"""What the project's readers and loops are used for, as functions that can be checked."""

import pandas as pd

import lockstep
from lockstep.data.reading import read_frame
from lockstep.engine.features.registry import compute

LENGTH = pd.Timedelta(minutes=30)


def last_row_by(catalog, dataset):
    """The last close on file at each fifth close."""
    opened = catalog.dataset(dataset)
    times = read_frame(opened)["ts_event"].unique()[10:-10:5]
    rows = {ts: float(read_frame(opened, end=ts.value)["close"].iloc[-1]) for ts in times}
    return pd.Series(rows, name="last")


def bars_from_frames(panel):
    """A run on the user's own half hours, labelled by their opens."""
    frames = {symbol: frame.set_axis(frame.index - LENGTH) for symbol, frame in panel.items()}
    run = lockstep.run(
        "lockstep.strategies.sma_cross", frames, timeframe="30min", label="open", zone="UTC",
        parameters={"fast": 2, "slow": 5},
    )  # fmt: skip
    return run.fills[["ts", "symbol", "quantity"]]


def true_range(high, low, close):
    """A feature of three inputs."""
    return compute("atr", {"high": high, "low": low, "close": close}, window=10)
