"""Longer bars, built from shorter ones as they come."""

import pandas as pd

from lockstep.data.reading import read_frame
from lockstep.engine.consolidate import Consolidator
from lockstep.engine.events import HOUR
from lockstep.engine.python_strategy import Bar

VALUES = ["open", "high", "low", "close", "volume"]


def two_hours(catalog, dataset):
    opened = catalog.dataset(dataset)
    frame, closes = read_frame(opened, symbols=["SYN001"]), opened.sessions().close
    longer, made = Consolidator(span=2 * HOUR), []
    for _, bars in frame.groupby(frame["ts_event"].dt.date):
        longer.open_session(int(bars["ts_open"].iloc[0].value))
        for row in bars.itertuples():
            ts = int(row.ts_event.value)
            made += longer.update(Bar("SYN001", ts, *(float(getattr(row, name)) for name in VALUES)))
            last = longer.finish("SYN001", ts) if ts in closes else None
            made += [last] if last else []
    table = pd.DataFrame([each[2:] for each in made], columns=VALUES)
    return table.set_axis(pd.DatetimeIndex([each.ts for each in made], tz="UTC"), axis=0)
