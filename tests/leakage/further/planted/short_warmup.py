"""Declares a warm-up of 20 bars and decides by 200."""

from lockstep.engine.python_strategy import Strategy


class ShortWarmup(Strategy):
    @classmethod
    def warmup(cls, parameters):
        return 20

    def on_bar(self, bar):
        closes = self.history(bar.symbol, 200)
        if bar.close > closes.mean():
            if self.position(bar.symbol) == 0:
                self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        else:
            self.target(bar.symbol, 0)


STRATEGY = ShortWarmup
