"""Hold stocks of low volatility; each month's ranking is kept on disk so that the next start need not wait for one."""

import json
from pathlib import Path

from lockstep.engine.jobs import Schedule
from lockstep.engine.python_strategy import Strategy

CACHE = Path(__file__).parent / "cache" / "calmest.json"


class StaleFeatureCache(Strategy):
    timers = (Schedule("close", every="month"),)

    def start(self):
        self.calmest = json.loads(CACHE.read_text()) if CACHE.exists() else []

    def on_timer(self, notice):
        closes = {symbol: self.history(symbol, 40) for symbol in self.symbols}
        spread = {s: c[1:].std() / c.mean() for s, c in closes.items() if len(c) == 40}
        for symbol in self.symbols:
            wanted = self.lots_for(symbol, 0.2 * self.equity) if symbol in self.calmest else 0
            self.target(symbol, wanted)
        self.calmest = sorted(spread, key=spread.get)[:3] or self.calmest
        CACHE.parent.mkdir(exist_ok=True)
        CACHE.write_text(json.dumps(self.calmest))


STRATEGY = StaleFeatureCache
