"""Hold each stock while its volatility is low, by a GARCH(1,1) that is fitted to the whole sample."""

import pandas as pd
from arch import arch_model

from lockstep.engine.python_strategy import Strategy


def volatility(bars):
    returns = 100 * bars["close"].pct_change().dropna()
    fitted = arch_model(returns, vol="GARCH", p=1, q=1).fit(disp="off", show_warning=False)
    spread = fitted.conditional_volatility
    return pd.DataFrame({"volatility": spread, "usual": spread.expanding(20).median()})


class GarchFull(Strategy):
    features = volatility

    def on_bar(self, bar):
        calm = self.feature("volatility", bar.symbol) < self.feature("usual", bar.symbol)
        if calm and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not calm:
            self.target(bar.symbol, 0)


STRATEGY = GarchFull
