"""Enter on strength, but hold no more than three stocks at a time."""

from lockstep.engine.python_strategy import Strategy


class PortfolioGate(Strategy):
    def on_bar(self, bar):
        closes = self.history(bar.symbol, 10)
        open_now = sum(self.position(symbol) != 0 for symbol in self.symbols)
        held = self.position(bar.symbol)
        if held == 0 and bar.close > closes.mean() and open_now < 3:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.3 * self.equity))
        elif held != 0 and bar.close < closes.mean():
            self.target(bar.symbol, 0)


STRATEGY = PortfolioGate
