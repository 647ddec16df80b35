"""The workloads' rule in plain Python, written as a user would."""

from lockstep.engine.parameters import Integer
from lockstep.engine.python_strategy import Bar, Strategy


class SmaCross(Strategy):
    """Hold `size` shares while the fast average of closes is above the slow one."""

    parameters = {"fast": Integer(20, 2, 255), "slow": Integer(100, 3, 255), "size": Integer(100, 1, 1_000_000)}  # noqa: RUF012

    def start(self) -> None:
        """Begin with no bars: a ring of closes, all zero."""
        self.ring = [0.0] * 256
        self.count = self.wanted = 0
        self.fast_sum = self.slow_sum = 0.0

    def on_bar(self, bar: Bar) -> None:
        """Compare the averages and ask for the position that they call for."""
        ring, count, close = self.ring, self.count, bar.close
        self.fast_sum = fast = self.fast_sum + (close - ring[count - self.fast & 255])
        self.slow_sum = slow = self.slow_sum + (close - ring[count - self.slow & 255])
        ring[count & 255] = close
        self.count = count + 1
        if count + 1 >= self.slow:
            wanted = self.size if fast * self.slow > slow * self.fast else 0
            if wanted != self.wanted:
                self.wanted = wanted
                self.target(bar.symbol, wanted)
