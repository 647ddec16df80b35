"""What trading cost, how much was traded, and how much capital the run could bear."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from .run import RunFolder

COST_KINDS = {
    "commission": "Commission",
    "regulatory": "Regulatory fees",
    "other_fees": "Other fees",
    "spread": "Half-spread (in the price)",
    "impact": "Market impact (in the price)",
    "borrow": "Borrow fees",
    "interest": "Margin interest",
}


def traded(run: "RunFolder") -> "pd.Series[float]":
    """Return the traded notional |quantity · price| of each fill in dollars, shape (fills,)."""
    return (run.fills["quantity"] * run.fills["price"]).abs().fillna(0.0)


def average_equity(run: "RunFolder") -> float:
    """Return the mean equity over sessions, dollars; the initial cash where there are none."""
    equity = run.sessions["equity"]
    return float(equity.mean()) if len(equity) else run.initial_cash


def turnover(run: "RunFolder") -> float:
    """Return the one-way turnover a year: Σ |notional| / 2 / mean equity · periods / sessions; NaN without sessions."""
    n = len(run.sessions)
    return float(traded(run).sum() / 2 / average_equity(run) * run.periods / n) if n else float("nan")


def costs(run: "RunFolder") -> pd.DataFrame:
    """Return the costs by kind.

    Returns
    -------
    DataFrame
        Index: the keys of `COST_KINDS` and `total`. Columns: `amount` (dollars, a cost is positive), `share` (of the
        total), `bps` (of the traded notional, 1e-4; NaN without trades), `per_year` (of mean equity). Spread and
        impact lie in the fill prices, so they are part of the gross P&L already; the other kinds are cash flows.
    """
    fills, flows = run.fills, run.flows
    paid = -flows.loc[flows["amount"] < 0].groupby("kind")["amount"].sum()
    amounts = {
        "commission": fills["commission"].sum(),
        "regulatory": fills["regulatory"].sum(),
        "other_fees": (fills["fee"] - fills["commission"] - fills["regulatory"]).sum().round(6),
        "spread": fills["spread_cost"].sum(),
        "impact": fills["impact_cost"].sum(),
        "borrow": paid.get("borrow", 0.0),
        "interest": paid.get("interest", 0.0),
    }
    table = pd.DataFrame({"amount": pd.Series(amounts, dtype="float64")})
    table.loc["total"] = table["amount"].sum()
    years = len(run.sessions) / run.periods
    table["share"] = _over(table["amount"], float(table.loc["total", "amount"]))
    table["bps"] = _over(table["amount"], float(traded(run).sum())) * 1e4
    table["per_year"] = _over(table["amount"], average_equity(run) * years)
    return table


def _over(values: "pd.Series[float]", divisor: float) -> "pd.Series[float]":
    return values / divisor if divisor else values * np.nan


@dataclass(frozen=True)
class Capacity:
    """How much capital the strategy bears under the square-root law of impact.

    At k times the capital every order is k times as large; its impact per share grows with √k, so impact costs grow
    with k^1.5, and everything else with k: profit(k) = k · before − k^1.5 · impact. It is largest at k = (2/3 · before
    / impact)² and zero again at k = (before / impact)². The law: Tóth et al. 2011, "Anomalous price impact and the
    critical nature of liquidity in financial markets", Physical Review X 1, 021006, eq. 1.

    Parameters
    ----------
    before : float
        Net profit before impact, dollars.
    impact : float
        Impact cost in the fills, dollars.
    best, limit : float
        Capital of the largest profit and of none, dollars; NaN where it cannot be computed.
    reason : str
        Why it cannot be computed, else empty.
    capped : float
        Share of filled or partly filled orders that the volume cap cut; the capital is then already near its limit.
        NaN without orders.
    """

    before: float
    impact: float
    best: float
    limit: float
    reason: str
    capped: float


def capacity(run: "RunFolder") -> Capacity:
    """Estimate the capacity from the run's own impact costs; see `Capacity` for the formula and its assumptions."""
    impact = float(run.fills["impact_cost"].sum())
    profit = float(run.sessions["equity"].iloc[-1]) - run.initial_cash if len(run.sessions) else 0.0
    before = profit + impact
    reason = _no_capacity(run, before, impact)
    ratio = before / impact if not reason else float("nan")
    cash = run.initial_cash
    return Capacity(before, impact, cash * (ratio * 2 / 3) ** 2, cash * ratio**2, reason, _capped(run))


def _no_capacity(run: "RunFolder", before: float, impact: float) -> str:
    if run.fills.empty:
        return "The run has no fills."
    if impact <= 0:
        return "No fill carries an impact cost: the scenario has none, or the data has no volume to measure it by."
    return "" if before > 0 else "The run lost money even before impact; no amount of capital mends that."


def _capped(run: "RunFolder") -> float:
    touched = run.orders[(run.orders["filled"] != 0) | (run.orders["reason"] == "volume_cap")]
    return float((touched["reason"] == "volume_cap").mean()) if len(touched) else float("nan")
