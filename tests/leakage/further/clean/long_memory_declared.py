"""An exponential average that forgets slowly; its warm-up and what that leaves open are declared."""

from lockstep.engine.python_strategy import Strategy


class LongMemory(Strategy):
    @classmethod
    def warmup(cls, parameters):
        return 100

    def start(self):
        self.means = {}

    def on_bar(self, bar):
        mean = self.means.get(bar.symbol, bar.close)
        self.means[bar.symbol] = mean = mean + (bar.close - mean) * 2 / 51
        wanted = 100 if bar.close > mean else 0
        if wanted != self.position(bar.symbol):
            self.target(bar.symbol, wanted)


STRATEGY = LongMemory
