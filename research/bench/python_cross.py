"""The workloads' rule in plain Python, written as a user would."""

from collections import deque

from lockstep.engine.parameters import Integer
from lockstep.engine.python_strategy import Bar, Strategy


class SmaCross(Strategy):
    """Hold `size` shares while the fast average of closes is above the slow one."""

    parameters = {"fast": Integer(20, 2, 255), "slow": Integer(100, 3, 255), "size": Integer(100, 1, 1_000_000)}  # noqa: RUF012

    def start(self) -> None:
        """Begin with no bars."""
        self.closes: deque[float] = deque(maxlen=self.slow + 1)
        self.fast_sum = self.slow_sum = 0.0
        self.wanted = 0

    def on_bar(self, bar: Bar) -> None:
        """Compare the averages and ask for the position that they call for."""
        closes, close = self.closes, bar.close
        closes.append(close)
        known = len(closes)
        self.fast_sum += close - (closes[-1 - self.fast] if known > self.fast else 0.0)
        self.slow_sum += close - (closes[0] if known > self.slow else 0.0)
        if known >= self.slow:
            wanted = self.size if self.fast_sum * self.slow > self.slow_sum * self.fast else 0
            if wanted != self.wanted:
                self.wanted = wanted
                self.target(bar.symbol, wanted)
