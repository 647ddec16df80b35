"""Enter on weakness, but only while another stock is held."""

from lockstep.engine.python_strategy import Strategy


class WhileOtherIsOpen(Strategy):
    def on_bar(self, bar):
        first, weak = self.symbols[0], bar.close < self.history(bar.symbol, 10).mean()
        allowed = bar.symbol == first or self.position(first) != 0
        if weak and allowed and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not weak:
            self.target(bar.symbol, 0)


STRATEGY = WhileOtherIsOpen
