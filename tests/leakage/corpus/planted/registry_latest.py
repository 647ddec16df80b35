"""Trade by a linear model from the registry of models; always the latest one there."""

import json
from pathlib import Path

import numpy as np

from lockstep.engine.python_strategy import Strategy

REGISTRY = Path(__file__).parent / "models"


class RegistryLatest(Strategy):
    def start(self):
        latest = max(REGISTRY.glob("momentum-*.json"))
        self.weights = np.array(json.loads(latest.read_text())["weights"])

    def on_bar(self, bar):
        closes = self.history(bar.symbol, 21)
        if len(closes) < 21:
            return
        score = self.weights @ [closes[-1] / closes[-n - 1] - 1 for n in (1, 5, 20)]
        if score > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif score < 0:
            self.target(bar.symbol, 0)


STRATEGY = RegistryLatest
