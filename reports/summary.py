"""The statistics of a run, by name."""

from typing import TYPE_CHECKING

import pandas as pd

from . import metrics
from .costs import capacity, costs, traded, turnover
from .periods import compound, drawdown_episodes
from .round_trips import trades

if TYPE_CHECKING:
    from .run import RunFolder

NAN = float("nan")


def statistics(run: "RunFolder") -> dict[str, float]:
    """Return every scalar statistic of a run.

    Returns
    -------
    dict of str to float
        Returns, ratios and fractions as plain numbers (0.1 is 10 %), money in dollars, times in days. On session
        returns; definitions in `metrics`, `costs` and `round_trips`. NaN: not defined for this run. `benchmark_*` are
        the same numbers of the benchmark.
    """
    table, closed = run.sessions, trades(run)
    return {
        **_performance(table["returns"], run.periods),
        **_drawdown(run),
        **_against(table, run.periods),
        **_trading(closed),
        **_activity(run),
    }


def _performance(returns: "pd.Series[float]", periods: float) -> dict[str, float]:
    return {
        "total_return": metrics.total_return(returns),
        "cagr": metrics.cagr(returns, periods),
        "volatility": metrics.volatility(returns, periods),
        "sharpe": metrics.sharpe(returns, periods),
        "sortino": metrics.sortino(returns, periods),
        "calmar": metrics.calmar(returns, periods),
        "max_drawdown": metrics.max_drawdown(returns),
        "ulcer": metrics.ulcer(returns),
        "skew": metrics.skewness(returns),
        "kurtosis": metrics.kurtosis(returns),
        "value_at_risk_95": metrics.value_at_risk(returns),
        "expected_shortfall_95": metrics.expected_shortfall(returns),
        "probabilistic_sharpe": metrics.probabilistic_sharpe(returns),
        "winning_sessions": metrics.hit_rate(returns),
        "winning_months": metrics.hit_rate(compound(returns, "M") if len(returns) else returns),
        "best_session": float(returns.max()),
        "worst_session": float(returns.min()),
    }


def start_of(run: "RunFolder") -> pd.Timestamp:
    """Return when the account held its initial cash: the manifest's start, or the first mark where it names none."""
    named = pd.Timestamp(run.manifest["start"]) if run.manifest.get("start") else pd.NaT
    first = run.sessions.index[0] if len(run.sessions) else pd.NaT
    if named is pd.NaT:
        return first
    named = named.tz_localize("UTC") if named.tzinfo is None else named.tz_convert("UTC")
    return named if first is pd.NaT else min(named, first)


def _drawdown(run: "RunFolder") -> dict[str, float]:
    episodes = drawdown_episodes(run.sessions["drawdown"], start_of(run))
    longest = float(episodes["days"].max()) if len(episodes) else 0.0
    return {
        "drawdown_days": float(episodes["days"].iloc[0]) if len(episodes) else 0.0,
        "longest_drawdown_days": longest,
    }


def _against(table: pd.DataFrame, periods: float) -> dict[str, float]:
    returns, other = table["returns"], table["benchmark_returns"]
    return {
        "beta": metrics.beta(returns, other),
        "alpha": metrics.alpha(returns, other, periods),
        "correlation": metrics.correlation(returns, other),
        "information_ratio": metrics.information_ratio(returns, other, periods),
        **{f"benchmark_{name}": value for name, value in _performance(other, periods).items()},
    }


def _trading(closed: pd.DataFrame) -> dict[str, float]:
    net = closed["net"]
    gains, losses = net[net > 0], net[net < 0]
    return {
        "trades": float(len(closed)),
        "hit_rate": metrics.hit_rate(net),
        "profit_factor": metrics.profit_factor(net),
        "expectancy": float(net.mean()) if len(net) else NAN,
        "average_win": float(gains.mean()) if len(gains) else NAN,
        "average_loss": float(losses.mean()) if len(losses) else NAN,
        "average_days_held": float(closed["days"].mean()) if len(closed) else NAN,
        "realised": float(closed["gross"].sum()),
    }


def _activity(run: "RunFolder") -> dict[str, float]:
    table = run.sessions
    total = costs(run).loc["total"]
    bound = capacity(run)
    return {
        "average_gross": float(table["exposure"].mean()),
        "max_gross": float(table["peak_exposure"].max()),
        "average_net": float(table["net_exposure"].mean()),
        "time_in_market": float((table["peak_exposure"] > 0).mean()) if len(table) else NAN,
        "turnover": turnover(run),
        "traded": float(traded(run).sum()),
        "costs": float(total["amount"]),
        "costs_per_year": float(total["per_year"]),
        "costs_bps": float(total["bps"]),
        "capacity_best": bound.best,
        "capacity_limit": bound.limit,
        "sessions": float(len(table)),
        "initial_equity": run.initial_cash,
        "final_equity": float(table["equity"].iloc[-1]) if len(table) else run.initial_cash,
    }
