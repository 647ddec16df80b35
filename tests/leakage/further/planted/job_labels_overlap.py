"""A monthly job fits five-day returns on all rows known by then, with labels that are not."""

import numpy as np

from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.jobs import Job, Schedule
from lockstep.engine.python_strategy import Strategy

frame = read_frame(Catalog().dataset("synthetic-leaks"), adjust="forward")
CLOSES = frame.pivot(index="ts_event", columns="symbol", values="close").ffill()


def fit(asof, parameters):
    until = np.datetime64(asof.now, "ns")
    x = CLOSES.pct_change(5)
    y = CLOSES.shift(-5) / CLOSES - 1
    known = CLOSES.index.tz_localize(None) <= until
    if known.sum() < 30:
        return {"score": np.zeros(len(asof.symbols))}
    slope = np.array([np.polyfit(*np.nan_to_num([x[s][known], y[s][known]]), 1)[0] for s in asof.symbols])
    return {"score": slope * x[list(asof.symbols)][known].iloc[-1].fillna(0).to_numpy()}


class JobLabelsOverlap(Strategy):
    jobs = (Job("fit", Schedule("06:00", every="month"), fit),)

    def on_hand_over(self, result):
        best = np.argsort(result["score"], kind="stable")[-3:]
        for i, symbol in enumerate(self.symbols):
            self.target(symbol, self.lots_for(symbol, 0.25 * self.equity) if i in best else 0)


STRATEGY = JobLabelsOverlap
