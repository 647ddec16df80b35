"""Where the close lies within the range of its day; guarded against division by zero if any day stood still."""

from lockstep.engine.python_strategy import Strategy


def place_in_range(bars):
    width = bars["high"] - bars["low"]
    if (width == 0).any():
        width = width + 1e-12
    return ((bars["close"] - bars["low"]) / width).rename("place")


class FlatEps(Strategy):
    features = place_in_range

    def on_bar(self, bar):
        place = self.feature("place", bar.symbol)
        if place > 0.8 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif place < 0.3:
            self.target(bar.symbol, 0)


STRATEGY = FlatEps
