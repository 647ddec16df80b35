"""Rank at the close, trade in the next opening auction."""

from lockstep.engine.python_strategy import Strategy


class SessionOpenFill(Strategy):
    def on_slice(self, ts):
        moves = {}
        for symbol in self.symbols:
            closes = self.history(symbol, 6)
            if len(closes) == 6:
                moves[symbol] = closes[-1] / closes[0] - 1
        weakest = sorted(moves, key=moves.get)[:2]
        for symbol in moves:
            held = self.position(symbol)
            if symbol in weakest and held == 0:
                self.market(symbol, self.lots_for(symbol, 0.2 * self.equity), tif="opg")
            elif symbol not in weakest and held > 0:
                self.market(symbol, -held, tif="opg")


STRATEGY = SessionOpenFill
