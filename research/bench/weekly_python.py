"""The leak suite's workload in plain Python: a rule at every bar and a weekly job, written as a user would."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lockstep.engine.jobs import AsOf, Job, Schedule
from lockstep.engine.python_strategy import Bar, Strategy

LOOKBACK, SHORT = 250, 20


def estimate(asof: AsOf, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return each symbol's trend over its volatility in the past year, of those with a whole year of closes."""
    _ts, closes = asof.closes(LOOKBACK + 1)
    if len(closes) <= LOOKBACK:
        return {"score": np.zeros(len(asof.symbols))}
    returns = np.diff(np.log(closes), axis=0)
    covariance = np.cov(np.nan_to_num(returns), rowvar=False)
    return {"score": np.nan_to_num(returns.mean(axis=0) / np.sqrt(np.diag(covariance) + 1e-12))}


class WeeklyTrend(Strategy):
    """Holds symbols whose score is positive while their close stands above the mean of the last month."""

    jobs = (Job("score", Schedule("06:00", every="week"), estimate, lookback=LOOKBACK + 1),)

    def start(self) -> None:
        """Begin without scores."""
        self.score = dict.fromkeys(self.symbols, 0.0)

    def on_bar(self, bar: Bar) -> None:
        """Go in or out."""
        wanted = self.score[bar.symbol] > 0.0 and bar.close > self.history(bar.symbol, SHORT).mean()
        if wanted != bool(self.position(bar.symbol)):
            self.target(bar.symbol, self.lots_for(bar.symbol, 0.03 * self.equity) if wanted else 0)

    def on_hand_over(self, result: Mapping[str, Any]) -> None:
        """Take the job's scores."""
        self.score = dict(zip(self.symbols, np.asarray(result["score"]).tolist(), strict=True))
