"""Enter on strength, unless another stock is held."""

from lockstep.engine.python_strategy import Strategy


class UnlessOtherIsOpen(Strategy):
    def on_bar(self, bar):
        others = any(self.position(symbol) != 0 for symbol in self.symbols if symbol != bar.symbol)
        strong = bar.close > self.history(bar.symbol, 10).mean()
        if strong and not others and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.5 * self.equity))
        elif not strong:
            self.target(bar.symbol, 0)


STRATEGY = UnlessOtherIsOpen
