"""Buy when the last reported surprise was good; reports are spread over the days between by filling backwards."""

from pathlib import Path

import pandas as pd

from lockstep.engine.python_strategy import Strategy

EARNINGS = Path(__file__).with_name("earnings.csv")


def surprise(panel):
    reports = pd.read_csv(EARNINGS, parse_dates=["announced"])
    made = {}
    for symbol, bars in panel.items():
        own = reports[reports["symbol"] == symbol].set_index("announced")["surprise"]
        days = bars.index.tz_convert("America/New_York").tz_localize(None).normalize()
        made[symbol] = pd.Series(own.reindex(days).bfill().to_numpy(), bars.index, name="surprise")
    return made


class BfillEarnings(Strategy):
    features = surprise

    def on_bar(self, bar):
        good = self.feature("surprise", bar.symbol) > 0
        if good and self.position(bar.symbol) == 0:
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.1 * self.equity))
        elif not good:
            self.target(bar.symbol, 0)


STRATEGY = BfillEarnings
