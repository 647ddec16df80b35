"""Returns by month, by year and over rolling windows; the episodes of drawdown."""

import numpy as np
import pandas as pd

from . import metrics


def compound(returns: pd.Series, by: str) -> pd.Series:
    """Return compounded returns per calendar period.

    Parameters
    ----------
    returns : Series
        Simple returns per session, indexed by UTC time. NaN are skipped; a period of NaN alone is NaN.
    by : {"M", "Y"}
        Month or year of the UTC date.

    Returns
    -------
    Series
        Indexed by `Period`.
    """
    calendar = returns.index.tz_localize(None).to_period(by)
    return returns.groupby(calendar).agg(metrics.total_return)


def month_table(returns: pd.Series) -> pd.DataFrame:
    """Return compounded monthly returns: years by months 1 to 12, and `year`; NaN where there are no sessions."""
    months, years = compound(returns, "M"), compound(returns, "Y")
    table = months.groupby([months.index.year, months.index.month]).first().unstack().reindex(columns=range(1, 13))
    table["year"] = years.to_numpy()
    return table


def rolling_window(sessions: int, periods: float) -> int:
    """Return the window of the rolling statistics: half a year, or a quarter of a shorter run, at least 10 sessions."""
    half_year = round(periods / 2)
    return half_year if sessions >= 2 * half_year else max(10, sessions // 4)


def rolling(table: pd.DataFrame, periods: float, window: int) -> pd.DataFrame:
    """Return rolling `sharpe`, `volatility`, `beta` and `benchmark_volatility`.

    Parameters
    ----------
    table : DataFrame
        `RunFolder.sessions`.
    periods : float
        Sessions in a year.
    window : int
        Sessions; a value reads the window that ends with its own session and is NaN until the window is full, and
        where its deviation is zero. The definitions are those of `metrics`.
    """
    returns, other = table["returns"], table["benchmark_returns"]
    deviation = returns.rolling(window).std().where(lambda s: s > 1e-12)
    variance = other.rolling(window).var().where(lambda s: s > 1e-24)
    return pd.DataFrame(
        {
            "sharpe": returns.rolling(window).mean() / deviation * np.sqrt(periods),
            "volatility": returns.rolling(window).std() * np.sqrt(periods),
            "beta": returns.rolling(window).cov(other) / variance,
            "benchmark_volatility": other.rolling(window).std() * np.sqrt(periods),
        }
    )


def drawdown_episodes(drawdown: pd.Series, start: pd.Timestamp) -> pd.DataFrame:
    """Return every fall from a peak, deepest first.

    Parameters
    ----------
    drawdown : Series
        Depth after each session, ≤ 0, indexed by time, without NaN.
    start : Timestamp
        When the account was at its initial cash, the first peak.

    Returns
    -------
    DataFrame
        `peak`, `trough`, `recovery` (times; NaT: not yet), `depth`, `days` (calendar days from the peak to the
        recovery, or to the end where there is none).
    """
    under = (drawdown.to_numpy() < 0).astype(np.int8)
    edges = np.diff(np.concatenate([[0], under, [0]]))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    times = drawdown.index
    rows = [
        _episode(
            drawdown.iloc[begin:end], times[begin - 1] if begin else start, times[end] if end < len(times) else pd.NaT
        )
        for begin, end in zip(begins, ends, strict=True)
    ]
    columns = ["peak", "trough", "recovery", "depth", "days"]
    return pd.DataFrame(rows, columns=columns).sort_values("depth", kind="stable", ignore_index=True)


def _episode(part: pd.Series, peak: pd.Timestamp, recovery: pd.Timestamp) -> tuple[object, ...]:
    end = part.index[-1] if recovery is pd.NaT else recovery
    return peak, part.idxmin(), recovery, float(part.min()), (end - peak) / pd.Timedelta(days=1)
