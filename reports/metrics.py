"""Performance metrics of one series of simple returns, each a plain function.

Every function takes returns per session, shape (n,), and `periods`, the sessions in a year. NaN policy, the same
everywhere: NaN returns are dropped (pairwise where there is a benchmark); a metric that needs more observations than
there are, or divides by zero, is NaN. Returns have mean r̄ and standard deviation s (ddof 1). Sources: [B] Bacon,
"Practical Portfolio Performance Measurement and Attribution", 3rd ed. 2023; [L] Bailey and López de Prado, "The Sharpe
Ratio Efficient Frontier", Journal of Risk 15(2), 2012.
"""

from math import erf, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def clean(returns: ArrayLike) -> Array:
    """Return the returns without NaN, as float64, shape (m,)."""
    array = np.asarray(returns, dtype=np.float64)
    return array[~np.isnan(array)]


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0 else float("nan")


def _deviation(array: Array) -> float:
    """Return the sample standard deviation; 0 where all values are equal (rounding of the mean aside)."""
    if len(array) < 2:
        return float("nan")
    return 0.0 if np.ptp(array) == 0 else float(array.std(ddof=1))


def total_return(returns: ArrayLike) -> float:
    """Return Π(1 + r) − 1; NaN without returns."""
    array = clean(returns)
    return float(np.prod(1 + array) - 1) if len(array) else float("nan")


def cagr(returns: ArrayLike, periods: float) -> float:
    """Return the compound annual growth rate, (Π(1 + r))^(periods / n) − 1 [B]; −1 after ruin."""
    array = clean(returns)
    if not len(array):
        return float("nan")
    growth = float(np.prod(1 + array))
    return growth ** (periods / len(array)) - 1 if growth > 0 else -1.0


def volatility(returns: ArrayLike, periods: float) -> float:
    """Return s · √periods [B]; NaN below two returns."""
    return _deviation(clean(returns)) * sqrt(periods)


def sharpe(returns: ArrayLike, periods: float, risk_free: float = 0.0) -> float:
    """Return (r̄ − f) / s · √periods, with f = (1 + risk_free)^(1 / periods) − 1 [B].

    Parameters
    ----------
    returns : array_like, shape (n,)
    periods : float
        Sessions in a year.
    risk_free : float
        Yearly risk-free rate.
    """
    excess = clean(returns) - ((1 + risk_free) ** (1 / periods) - 1)
    return _ratio(float(excess.mean()) * sqrt(periods), _deviation(excess)) if len(excess) else float("nan")


def sortino(returns: ArrayLike, periods: float) -> float:
    """Return r̄ · √periods / √(mean of min(r, 0)²), target 0, over all n returns [B]."""
    array = clean(returns)
    if not len(array):
        return float("nan")
    return _ratio(float(array.mean()) * sqrt(periods), sqrt(float(np.mean(np.minimum(array, 0) ** 2))))


def drawdowns(returns: ArrayLike) -> Array:
    """Return the drawdown after each return, W / max(1, W so far) − 1 with W = Π(1 + r), shape (m,), ≤ 0."""
    wealth = np.cumprod(1 + clean(returns))
    return wealth / np.maximum(np.maximum.accumulate(wealth), 1.0) - 1 if len(wealth) else wealth


def max_drawdown(returns: ArrayLike) -> float:
    """Return the deepest drawdown, ≤ 0 [B]; NaN without returns."""
    depths = drawdowns(returns)
    return float(depths.min()) if len(depths) else float("nan")


def calmar(returns: ArrayLike, periods: float) -> float:
    """Return cagr / |max_drawdown| over the whole time [B]; NaN where there is no drawdown."""
    return _ratio(cagr(returns, periods), -max_drawdown(returns))


def ulcer(returns: ArrayLike) -> float:
    """Return √(mean of drawdown²), Martin's Ulcer index as a fraction [B]."""
    depths = drawdowns(returns)
    return sqrt(float(np.mean(depths**2))) if len(depths) else float("nan")


def skewness(returns: ArrayLike) -> float:
    """Return the adjusted Fisher-Pearson skewness G₁ = g₁ √(n(n−1)) / (n−2); NaN below three returns."""
    array = clean(returns)
    n = len(array)
    return _moment(array, 3) * sqrt(n * (n - 1)) / (n - 2) if n > 2 else float("nan")


def kurtosis(returns: ArrayLike) -> float:
    """Return the adjusted excess kurtosis G₂ = (n−1) / ((n−2)(n−3)) · ((n+1) g₂ + 6); NaN below four returns."""
    array = clean(returns)
    n = len(array)
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (_moment(array, 4) - 3) + 6) if n > 3 else float("nan")


def _moment(array: Array, order: int) -> float:
    """Return the standardised central moment with population deviations."""
    centred = array - array.mean()
    spread = float(np.mean(centred**2))
    return float(np.mean(centred**order)) / spread ** (order / 2) if np.ptp(array) > 0 else float("nan")


def value_at_risk(returns: ArrayLike, level: float = 0.95) -> float:
    """Return the historical value at risk as a return: the (1 − level) quantile, linearly interpolated [B]."""
    array = clean(returns)
    return float(np.quantile(array, 1 - level)) if len(array) else float("nan")


def expected_shortfall(returns: ArrayLike, level: float = 0.95) -> float:
    """Return the mean of the returns at or below `value_at_risk` [B]."""
    array = clean(returns)
    return float(array[array <= np.quantile(array, 1 - level)].mean()) if len(array) else float("nan")


def hit_rate(values: ArrayLike) -> float:
    """Return the share of values above zero among those that are not zero."""
    array = clean(values)
    return _ratio(float(np.sum(array > 0)), float(np.sum(array != 0)))


def profit_factor(values: ArrayLike) -> float:
    """Return Σ gains / |Σ losses|; NaN without losses."""
    array = clean(values)
    return _ratio(float(array[array > 0].sum()), -float(array[array < 0].sum()))


def paired(returns: ArrayLike, benchmark: ArrayLike) -> tuple[Array, Array]:
    """Return both series where neither is NaN.

    Raises
    ------
    ValueError
        If their shapes differ.
    """
    left, right = np.asarray(returns, dtype=np.float64), np.asarray(benchmark, dtype=np.float64)
    if left.shape != right.shape:
        raise ValueError(f"returns have shape {left.shape}, the benchmark {right.shape}; expected the same sessions")
    keep = ~(np.isnan(left) | np.isnan(right))
    return left[keep], right[keep]


def beta(returns: ArrayLike, benchmark: ArrayLike) -> float:
    """Return cov(r, b) / var(b), the slope of r on b [B]; NaN below two pairs."""
    left, right = paired(returns, benchmark)
    if len(left) < 2:
        return float("nan")
    centred = right - right.mean()
    return _ratio(float(np.sum(centred * left)), 0.0 if np.ptp(right) == 0 else float(np.sum(centred**2)))


def alpha(returns: ArrayLike, benchmark: ArrayLike, periods: float) -> float:
    """Return Jensen's alpha a year, (r̄ − beta · b̄) · periods, risk-free rate 0 [B]."""
    left, right = paired(returns, benchmark)
    return float(left.mean() - beta(left, right) * right.mean()) * periods if len(left) > 1 else float("nan")


def information_ratio(returns: ArrayLike, benchmark: ArrayLike, periods: float) -> float:
    """Return mean(r − b) / deviation(r − b) · √periods [B]."""
    left, right = paired(returns, benchmark)
    return sharpe(left - right, periods)


def correlation(returns: ArrayLike, benchmark: ArrayLike) -> float:
    """Return Pearson's correlation of the pairs; NaN where either is constant."""
    left, right = paired(returns, benchmark)
    if len(left) < 2 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])


def probabilistic_sharpe(returns: ArrayLike, threshold: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio exceeds a threshold [L].

    Φ((S − S*) √(n−1) / √(1 − g₁ S + (g₄ − 1)/4 · S²)), with S = r̄ / s per session and the sample skewness g₁ and
    kurtosis g₄ (3 for the normal distribution).

    Parameters
    ----------
    returns : array_like, shape (n,)
    threshold : float
        S*, per session, not a year.
    """
    array = clean(returns)
    if len(array) < 4 or _deviation(array) == 0:
        return float("nan")
    ratio = float(array.mean()) / _deviation(array)
    spread = 1 - _moment(array, 3) * ratio + (_moment(array, 4) - 1) / 4 * ratio**2
    z = (ratio - threshold) * sqrt(len(array) - 1) / sqrt(spread) if spread > 0 else float("nan")
    return 0.5 * (1 + erf(z / sqrt(2)))
