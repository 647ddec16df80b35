"""Breakouts from the range of each session's first half hour, flat before the close."""

import numpy as np

from lockstep.engine.jobs import Schedule
from lockstep.engine.python_strategy import Strategy

RANGE, MINUTE = 30, 60_000_000_000


class IntradayWarmup(Strategy):
    timers = (Schedule("open"), Schedule("close", offset_ns=-10 * MINUTE))
    state = (("opened", "<i8"), ("trading", "<i8"))

    def on_timer(self, notice):
        self.state["trading"] = notice.code == 0
        if notice.code == 0:
            self.state["opened"] = notice.ts
        for symbol in self.symbols:
            self.target(symbol, 0)

    def on_bar(self, bar):
        age = (bar.ts - self.state["opened"]) // MINUTE
        if not self.state["trading"] or not RANGE < age < 380 or self.position(bar.symbol) != 0:
            return
        highs = self.history(bar.symbol, int(age), "high")[:RANGE]
        if bar.close > np.max(highs):
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.2 * self.equity))


STRATEGY = IntradayWarmup
