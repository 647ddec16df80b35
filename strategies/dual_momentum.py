"""Hold the strongest of a few markets, or cash if none of them rises: a strategy in plain Python.

At the close of each month's first session the return over the lookback is asked of every symbol. The best one is held
whole if its return is positive; else the account stays in cash. Relative momentum chooses, absolute momentum
protects.

Source: Antonacci (2014), Dual Momentum Investing.

Parameters
----------
lookback : bars, 20 to 400
    Over which returns are compared.
exposure : part of equity, 0 to 2
    What is put into the best.
patience : slices, 1 to 20
    On how many the targets are asked for, since a day of large losses halts new risk.

Records `best`: the highest of the returns.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from lockstep.engine.jobs import Schedule
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.python_strategy import Notice, Strategy


class DualMomentum(Strategy):
    """Dual momentum; `history` gives prices up to the slice at hand and none later."""

    name = "Dual momentum"
    parameters: ClassVar = {
        "lookback": Integer(252, 20, 400),
        "exposure": Number(1.0, 0.0, 2.0),
        "patience": Integer(3, 1, 20),
    }
    state = (("asks", "<i8"), ("best", "<i8"), ("lots", "<i8"))
    series = ("best",)
    timers = (Schedule("close", every="month"),)

    @classmethod
    def warmup(cls, parameters: Mapping[str, Any]) -> int:
        """Return the bars that the lookback needs."""
        return int(parameters["lookback"]) + 1

    def on_timer(self, notice: Notice) -> None:
        """Note that a month has begun."""
        self.state.asks = self.patience

    def on_slice(self, ts: int) -> None:
        """Choose when the month has begun, then ask until patience ends."""
        state = self.state
        if state.asks == 0:
            return
        if state.asks == self.patience:
            self.choose()
        state.asks -= 1
        for number, symbol in enumerate(self.symbols):
            self.target(symbol, state.lots if number == state.best else 0)

    def choose(self) -> None:
        """Set which symbol to hold, -1 for none, and how many lots of it; what is held already keeps its size."""
        returns = [self.past_return(symbol) for symbol in self.symbols]
        best = max(range(len(returns)), key=returns.__getitem__)
        self.record("best", returns[best])
        self.state.best, symbol = best if returns[best] > 0.0 else -1, self.symbols[best]
        self.state.lots = self.position(symbol) or self.lots_for(symbol, self.exposure * self.equity)

    def past_return(self, symbol: str) -> float:
        """Return a symbol's return over the lookback, the worst possible one where its history is shorter."""
        closes = self.history(symbol, self.lookback + 1)
        return float(closes[-1] / closes[0] - 1.0) if len(closes) > self.lookback else -1.0


STRATEGY = DualMomentum
