"""Explore: now and then enter at random, by random numbers keyed by seed, time and symbol."""

import numpy as np

from lockstep.engine.python_strategy import Strategy

SEED = 7


class KeyedRngExplorer(Strategy):
    def on_bar(self, bar):
        key = (SEED, bar.ts // 1_000_000_000, self.symbols.index(bar.symbol))
        draw = np.random.default_rng(key).random()
        closes = self.history(bar.symbol, 5)
        if self.position(bar.symbol) == 0 and draw < 0.05 and bar.close >= closes.mean():
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif draw > 0.9:
            self.target(bar.symbol, 0)


STRATEGY = KeyedRngExplorer
