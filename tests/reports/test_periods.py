import numpy as np
import pandas as pd
import pytest

from lockstep.reports import metrics, periods


def days(n, start="2019-11-04"):
    return pd.bdate_range(start, periods=n, tz="UTC") + pd.Timedelta(hours=21)


@pytest.fixture
def table():
    rng = np.random.default_rng(5)
    returns, other = rng.normal(0.0005, 0.01, 300), rng.normal(0.0003, 0.012, 300)
    return pd.DataFrame({"returns": returns, "benchmark_returns": other}, days(300))


def test_months_compound_to_years_and_years_to_the_whole(table):
    months = periods.compound(table["returns"], "M")
    years = periods.compound(table["returns"], "Y")
    assert (1 + months).prod() == pytest.approx((1 + table["returns"]).prod(), rel=1e-12)
    assert (1 + years).prod() == pytest.approx((1 + table["returns"]).prod(), rel=1e-12)
    first = table["returns"][table.index < "2019-12-01"]
    assert months.iloc[0] == pytest.approx(np.prod(1 + first) - 1)


def test_the_month_table_has_twelve_columns_and_gaps_where_nothing_ran(table):
    grid = periods.month_table(table["returns"])
    assert list(grid.columns) == [*range(1, 13), "year"]
    assert grid.loc[2019, 1:10].isna().all()
    assert grid.loc[2020, 3] == pytest.approx(periods.compound(table["returns"], "M")["2020-03"])
    assert grid.loc[2019, "year"] == pytest.approx((1 + grid.loc[2019, 11]) * (1 + grid.loc[2019, 12]) - 1)


@pytest.mark.parametrize("at", [59, 60, 200, 299])
def test_rolling_values_are_the_metrics_of_their_window(table, at):
    row = periods.rolling(table, 252, 60).iloc[at]
    window = table.iloc[at - 59 : at + 1]
    assert row["sharpe"] == pytest.approx(metrics.sharpe(window["returns"], 252), rel=1e-9)
    assert row["volatility"] == pytest.approx(metrics.volatility(window["returns"], 252), rel=1e-9)
    assert row["beta"] == pytest.approx(metrics.beta(window["returns"], window["benchmark_returns"]), rel=1e-9)


def test_rolling_values_wait_for_a_full_window_and_a_moving_account(table):
    table["returns"] = 0.0
    rolled = periods.rolling(table, 252, 60)
    assert rolled.iloc[:59].isna().all().all()
    assert rolled["sharpe"].isna().all()


def test_the_window_is_half_a_year_or_a_quarter_of_a_short_run():
    assert periods.rolling_window(1000, 252) == 126
    assert periods.rolling_window(100, 252) == 25
    assert periods.rolling_window(12, 365) == 10


def test_drawdown_episodes_by_hand():
    index = days(7)
    start = index[0] - pd.Timedelta(days=1)
    episodes = periods.drawdown_episodes(pd.Series([-0.1, -0.2, 0.0, 0.0, -0.3, -0.1, -0.25], index), start)
    deep, first = episodes.iloc[0], episodes.iloc[1]
    assert (first["peak"], first["trough"], first["recovery"], first["depth"]) == (start, index[1], index[2], -0.2)
    assert (deep["peak"], deep["trough"], deep["depth"]) == (index[3], index[4], -0.3)
    assert pd.isna(deep["recovery"])
    assert deep["days"] == (index[6] - index[3]).days
    assert first["days"] == 3.0


def test_no_fall_is_no_episode():
    assert periods.drawdown_episodes(pd.Series([0.0, 0.0], days(2)), days(1)[0]).empty
