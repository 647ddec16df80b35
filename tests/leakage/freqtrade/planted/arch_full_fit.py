"""Hold while volatility is below its level, by a GARCH model of the whole sample."""

from arch import arch_model

from lockstep.engine.python_strategy import Strategy


def calm(bars):
    returns = 100 * bars["close"].pct_change().dropna()
    fitted = arch_model(returns, vol="GARCH", p=1, q=1).fit(disp="off", show_warning=False)
    return (fitted.params["omega"] ** 0.5 * 3 - fitted.conditional_volatility).rename("signal")


class ArchFullFit(Strategy):
    features = calm

    def on_bar(self, bar):
        signal = self.feature("signal", bar.symbol)
        if signal > 0 and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif signal < 0:
            self.target(bar.symbol, 0)


STRATEGY = ArchFullFit
