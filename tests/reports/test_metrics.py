import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lockstep.reports import metrics as m

PERIODS = 252


def returns(seed, n=750):
    rng = np.random.default_rng(seed)
    market = 0.0004 + 0.01 * rng.standard_t(4, n)
    return 0.6 * market + 0.006 * rng.standard_normal(n), market


@pytest.fixture(scope="module", params=[1, 2, 3])
def pair(request):
    return returns(request.param)


@pytest.fixture(scope="module")
def vectorbt():
    return pytest.importorskip("vectorbt")


@pytest.fixture(scope="module")
def skfolio():
    return pytest.importorskip("skfolio.measures")


OF_VECTORBT = {
    "total": m.total_return,
    "annualized": lambda r: m.cagr(r, PERIODS),
    "annualized_volatility": lambda r: m.volatility(r, PERIODS),
    "sharpe_ratio": lambda r: m.sharpe(r, PERIODS),
    "sortino_ratio": lambda r: m.sortino(r, PERIODS),
    "calmar_ratio": lambda r: m.calmar(r, PERIODS),
    "max_drawdown": m.max_drawdown,
    "value_at_risk": m.value_at_risk,
    "cond_value_at_risk": m.expected_shortfall,
}


@pytest.mark.parametrize("name", OF_VECTORBT)
def test_equal_to_vectorbt(pair, vectorbt, name):
    series = pd.Series(pair[0], pd.date_range("2018-01-01", periods=len(pair[0])))
    accessor = series.vbt.returns(freq="1D", year_freq="252D")
    assert OF_VECTORBT[name](pair[0]) == pytest.approx(float(getattr(accessor, name)()), rel=1e-10)


def test_beta_and_information_ratio_equal_vectorbt(pair, vectorbt):
    mine, market = (pd.Series(x, pd.date_range("2018-01-01", periods=len(x))) for x in pair)
    accessor = mine.vbt.returns(freq="1D", year_freq="252D")
    assert m.beta(mine, market) == pytest.approx(float(accessor.beta(market)), rel=1e-10)
    once = float(accessor.information_ratio(market))
    assert m.information_ratio(mine, market, PERIODS) == pytest.approx(once * math.sqrt(PERIODS), rel=1e-10)


def test_alpha_and_beta_equal_scipy_s_regression(pair):
    line = scipy.stats.linregress(pair[1], pair[0])
    assert m.beta(*pair) == pytest.approx(line.slope, rel=1e-10)
    assert m.alpha(*pair, PERIODS) == pytest.approx(line.intercept * PERIODS, rel=1e-10)
    assert m.correlation(*pair) == pytest.approx(line.rvalue, rel=1e-10)


def test_moments_equal_scipy(pair):
    assert m.skewness(pair[0]) == pytest.approx(scipy.stats.skew(pair[0], bias=False), rel=1e-10)
    assert m.kurtosis(pair[0]) == pytest.approx(scipy.stats.kurtosis(pair[0], bias=False), rel=1e-10)


def test_drawdown_measures_equal_skfolio(pair, skfolio):
    path = skfolio.get_drawdowns(pair[0], compounded=True)
    ours = m.drawdowns(pair[0])
    assert ours == pytest.approx(path, rel=1e-10, abs=1e-15)
    assert m.ulcer(pair[0]) == pytest.approx(skfolio.ulcer_index(path), rel=1e-10)
    assert -m.max_drawdown(pair[0]) == pytest.approx(skfolio.max_drawdown(path), rel=1e-10)


def test_deviation_equals_skfolio(pair, skfolio):
    assert m.volatility(pair[0], 1) == pytest.approx(skfolio.standard_deviation(pair[0]), rel=1e-10)


def test_probabilistic_sharpe_is_the_paper_s_formula(pair):
    array = pair[0]
    ratio = array.mean() / array.std(ddof=1)
    skew, kurtosis = scipy.stats.skew(array), scipy.stats.kurtosis(array, fisher=False)
    sigma = math.sqrt((1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / (len(array) - 1))
    assert m.probabilistic_sharpe(array) == pytest.approx(scipy.stats.norm.cdf(ratio / sigma), rel=1e-10)
    assert m.probabilistic_sharpe(array, threshold=ratio) == pytest.approx(0.5)


def test_a_risk_free_rate_lowers_the_sharpe_ratio(pair):
    excess = pair[0] - (1.05 ** (1 / PERIODS) - 1)
    assert m.sharpe(pair[0], PERIODS, risk_free=0.05) == pytest.approx(m.sharpe(excess, PERIODS), rel=1e-12)


def test_trade_measures_by_hand():
    nets = [100.0, -50.0, 0.0, 30.0, -20.0]
    assert m.hit_rate(nets) == 0.5
    assert m.profit_factor(nets) == 130 / 70
    assert math.isnan(m.profit_factor([1.0, 2.0]))


ONE_SERIES = [m.total_return, m.max_drawdown, m.ulcer, m.skewness, m.kurtosis, m.value_at_risk, m.expected_shortfall]
YEARLY = [m.cagr, m.volatility, m.sharpe, m.sortino, m.calmar]


@pytest.mark.parametrize("metric", [*ONE_SERIES, m.hit_rate, m.profit_factor, m.probabilistic_sharpe, *YEARLY])
def test_no_returns_give_nan(metric):
    arguments = ([float("nan")], PERIODS) if metric in YEARLY else ([],)
    assert math.isnan(metric(*arguments))


@pytest.mark.parametrize("metric", [m.sharpe, m.sortino, m.calmar])
def test_a_flat_account_has_no_ratio(metric):
    assert math.isnan(metric([0.0, 0.0, 0.0], PERIODS))


def test_equal_returns_have_no_sharpe_ratio_whatever_the_mean_rounds_to():
    assert math.isnan(m.sharpe([0.1] * 7, PERIODS))
    assert math.isnan(m.skewness([0.1] * 7))


@pytest.mark.parametrize("metric", [*ONE_SERIES, m.probabilistic_sharpe])
def test_nan_returns_are_dropped(metric, pair):
    holes = np.insert(pair[0], [0, 100, 750], np.nan)
    assert metric(holes) == metric(pair[0])


def test_pairs_with_nan_are_dropped_whole(pair):
    mine, market = pair[0].copy(), pair[1].copy()
    mine[5], market[9] = np.nan, np.nan
    keep = np.delete(np.arange(len(mine)), [5, 9])
    assert m.beta(mine, market) == pytest.approx(m.beta(pair[0][keep], pair[1][keep]), rel=1e-12)


def test_series_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"returns have shape \(2,\), the benchmark \(3,\)"):
        m.beta([0.1, 0.2], [0.1, 0.2, 0.3])


def test_ruin_is_a_loss_of_everything_a_year():
    assert m.cagr([-1.0, 0.5], PERIODS) == -1.0
    assert m.max_drawdown([-1.0]) == -1.0
