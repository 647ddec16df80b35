"""Warming up the process that runs are forked from, so that no run pays for loading the engine's compiled code.

A kernel strategy and one in plain Python trade a few bars that are made here. No file is read and no thread is left
behind, which a fork would not survive.
"""

import numpy as np

from lockstep.engine import events as e
from lockstep.engine.instruments import Instrument
from lockstep.engine.python_strategy import Bar, Strategy
from lockstep.engine.runner import Runner
from lockstep.engine.world import Sleeve, World
from lockstep.strategies.sma_cross import STRATEGY

BARS = 12


class _Toggle(Strategy):
    """Buys and sells in turn, so that the broker, the risk layer and the ledger are all called."""

    name = "toggle"

    def on_bar(self, bar: Bar) -> None:
        """Go in, or out."""
        self.target(bar.symbol, 0 if self.position(bar.symbol) else 10)


def warm_up() -> None:
    """Load the engine's compiled code, compiling what no cache holds yet."""
    for sleeve in (Sleeve(STRATEGY, {"fast": 2, "slow": 3}), Sleeve(_Toggle)):
        runner = Runner(World([Instrument("A", "A")], [sleeve]))
        runner.feed(_bars())
        runner.finish()


def _bars() -> np.ndarray:
    rows = e.empty(BARS)
    ends = np.arange(1, BARS + 1) * e.MINUTE
    prices = 100.0 + 5.0 * np.sin(np.arange(BARS))
    rows["ts_event"], rows["ts_available"], rows["ts_open"] = ends, ends, ends - e.MINUTE
    rows["kind"], rows["instrument"], rows["sequence"], rows["volume"] = e.BAR, 0, np.arange(BARS), 1e6
    for name in ("open", "high", "low", "close"):
        rows[name] = prices
    return e.mark_slices(rows)
