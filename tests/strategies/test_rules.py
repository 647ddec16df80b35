"""Each strategy does what its page says: its decisions beside those of a few lines of pandas."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from lockstep.engine.features.registry import compute
from lockstep.engine.jobs import AsOf, Memory
from lockstep.strategies import minimum_variance, pairs

NEW_YORK = "America/New_York"


def day(ts):
    return ts.dt.tz_convert(NEW_YORK).dt.strftime("%Y-%m-%d")


def rebalances(index, period):
    """The first session of each month or week among the times of an index."""
    dates = index.tz_convert(NEW_YORK).tz_localize(None).to_period(period)
    return index[np.append(True, dates[1:] != dates[:-1])]


def test_sma_cross_holds_while_the_fast_average_is_above(run, prices_of):
    window = {"start": "2005-01-03", "end": "2008-06-30"}
    done, prices = run("sma-cross", **window), prices_of("sma-cross", **window).close
    above = prices.rolling(20).mean() > prices.rolling(100).mean()
    fills = done.fills.assign(day=day(done.fills.ts))
    for symbol in prices.columns.drop("FB", errors="ignore"):
        close = prices[symbol].dropna()
        wanted = (close.rolling(20).mean() > close.rolling(100).mean()).shift(1, fill_value=False)
        wanted.index = wanted.index.tz_convert(NEW_YORK).strftime("%Y-%m-%d")
        own = fills[fills.symbol == symbol]
        bought = own[own.quantity > 0].day.tolist()
        sold = own[own.quantity < 0].day.tolist()
        wanted = wanted[wanted.index >= "2005-01-03"]
        turns = wanted.astype(int).diff()
        turns.iloc[0] = 0
        held_from_start = ["2005-01-04"] if wanted.iloc[1] and "2005-01-04" in bought else []
        assert sorted({*turns.index[turns == 1], *held_from_start}) == sorted(set(bought)), symbol
        assert turns.index[turns == -1].tolist() == sold, symbol
    assert above.any().sum() == 4


def test_buy_and_hold_buys_each_once_for_its_weight(run):
    done = run("buy-and-hold", start="1992-01-02", end="1993-06-30")
    assert sorted(done.fills.symbol) == sorted(each.symbol for each in done.plan.feed.instruments)
    value = done.fills.quantity * 1e-9 * done.fills.price
    assert ((value / 50_000e6 - 1).abs() < 0.1).all(), "five per cent each, but for one day's change"


def test_momentum_buys_the_winners_by_inverse_volatility(run, prices_of):
    window = {"start": "1995-01-03", "end": "1997-12-31"}
    limits = ("risk.max_position=1.0", "risk.max_order=1.0", "risk.max_sector=1.0", "risk.max_daily_loss=1.0")
    done, close = run("momentum-20", *limits, **window), prices_of("momentum-20", **window).close
    score = close.shift(21) / close.shift(252) - 1
    volatility = np.log(close).diff().rolling(63).std()
    marks = done.marks.pivot(index="ts", columns="symbol", values="quantity")
    equity = done.equity.set_index("ts").equity
    checked = 0
    for ts in rebalances(equity.index, "M"):
        best = score.loc[ts].nlargest(6).index
        weight = (1 / volatility.loc[ts, best]) / (1 / volatility.loc[ts, best]).sum()
        wanted = weight * equity[ts] / (close.loc[ts, best] * 1e6) * 1e9
        held = marks[marks.index > ts].iloc[2]  # two closes later the last repetition has filled
        assert sorted(held.index[held != 0]) == sorted(best)
        np.testing.assert_allclose(held[best].astype(float), wanted[best], rtol=1e-9)
        checked += 1
    assert checked == 36


def test_momentum_records_the_mean_return_of_the_winners(run, prices_of):
    window = {"start": "1995-01-03", "end": "1997-12-31"}
    done, close = run("momentum-20", **window), prices_of("momentum-20", **window).close
    score = close.shift(21) / close.shift(252) - 1
    for ts, value in zip(done.series.ts, done.series.value, strict=True):
        assert value == pytest.approx(score.loc[ts].nlargest(6).mean(), rel=1e-12)


def test_mean_reversion_bids_at_the_lower_band(run, prices_of):
    window = {"start": "2005-01-03", "end": "2006-12-29"}
    done, prices = run("mean-reversion", **window), prices_of("mean-reversion", **window)
    orders = done.orders[done.orders.parent.isna() | (done.orders.parent == 0)]
    entries = orders[(orders.type == "limit") & (orders.tif == "day")]
    assert len(entries) > 500
    for symbol, own in entries.groupby("symbol"):
        close = prices.close[symbol].dropna()
        middle, band = close.rolling(20).mean(), 2 * close.rolling(20).std(ddof=0)
        # A split before the next open rescales what rests.
        factor = prices.factor[symbol].dropna().shift(-1).ffill()
        lower = ((middle - band) / factor).loc[own.ts_submitted]
        # On the tick at or below the band.
        difference = lower.to_numpy() - own.limit_price.to_numpy() / 1e6
        assert (difference > -1e-9).all()
        assert (difference < 0.01 + 1e-9).all()


def test_mean_reversion_exits_at_average_stop_or_patience(run, prices_of):
    done = run("mean-reversion", start="2005-01-03", end="2006-12-29")
    held = done.marks[done.marks.quantity != 0].groupby("symbol").ts.apply(lambda ts: ts.diff().dt.days.le(5).mean())
    assert (held > 0.5).all()
    exits = done.orders[(done.orders.tif == "gtc") & (done.orders.status == "filled")]
    assert set(exits.type) == {"limit", "stop"}
    lasted = done.marks.assign(held=done.marks.quantity != 0)
    for _symbol, own in lasted.groupby("symbol"):
        streak = own.held.groupby((~own.held).cumsum()).sum()
        assert streak.max() <= 16, "fifteen bars and the one at whose open it is sold"


def test_breakout_buys_above_the_channel_and_always_has_a_stop(run, prices_of):
    window = {"start": "2005-01-03", "end": "2007-12-31"}
    done, prices = run("breakout", **window), prices_of("breakout", **window)
    entries = done.orders[done.orders.type == "market"]
    assert len(entries) > 20
    for symbol, own in entries.groupby("symbol"):
        high, close = prices.high[symbol].dropna(), prices.close[symbol].dropna()
        broke = close > high.rolling(55).max().shift(1)
        assert broke.loc[own.ts_submitted].all()
        assert (own.quantity > 0).all()
    stops = done.orders[done.orders.type == "trailing_stop"]
    assert len(stops) == len(done.fills[done.fills.quantity > 0])
    assert set(stops.status) <= {"filled", "open"}


def test_breakout_risks_a_fixed_part_of_equity(run, prices_of):
    window = {"start": "2005-01-03", "end": "2007-12-31"}
    done, prices = run("breakout", **window), prices_of("breakout", **window)
    equity = done.equity.set_index("ts").equity / 1e6
    for order in done.orders[done.orders.type == "market"].itertuples():
        columns = {n: getattr(prices, n)[order.symbol].dropna() for n in ("high", "low", "close")}
        atr = pd.Series(compute("atr", columns, window=20), columns["close"].index)[order.ts_submitted]
        close = columns["close"][order.ts_submitted]
        part = min(0.02 * close / (4.0 * atr), 0.15)
        # At its bar the equity holds the marks of the bars that came before; at the slice's end, all of them.
        raw = close / prices.factor[order.symbol][order.ts_submitted]
        assert order.quantity == pytest.approx(part * equity[order.ts_submitted] / raw, rel=0.02)


def test_trend_sizes_by_volatility(run, prices_of):
    window = {"start": "2005-01-03", "end": "2005-12-30"}
    alone = ("sleeves=[{use='lockstep.strategies.trend', parameters={volatility=0.25, band=0.0}}]",)
    done, close = run("sleeve-mix", *alone, **window), prices_of("sleeve-mix", *alone, **window).close
    returns = np.log(close).diff()
    volatility = np.sqrt((returns**2).ewm(alpha=0.03, adjust=False).mean() * 252)
    rising = close > close.shift(252)
    for ts, value in zip(done.series.ts, done.series.value, strict=True):
        part = (0.25 / volatility.loc[ts] / 20).clip(upper=0.2)[rising.loc[ts]]
        assert value == pytest.approx(part.sum(), rel=0.02), "the average began where the replay did"
    assert len(done.series) == 52


def test_dual_momentum_holds_the_best_or_nothing(run, prices_of):
    window = {"start": "2000-06-01", "end": "2008-06-30"}
    done, close = run("plain-python", **window), prices_of("plain-python", **window).close
    past = close / close.shift(252) - 1
    marks = done.marks.pivot(index="ts", columns="symbol", values="quantity")
    holdings = []
    for ts in rebalances(done.equity.ts.pipe(pd.DatetimeIndex), "M")[:-1]:
        best = past.loc[ts].idxmax() if past.loc[ts].max() > 0 else None
        held = marks[marks.index > ts].iloc[4]
        assert held.index[held != 0].tolist() == ([best] if best else [])
        holdings.append(best)
    assert {None, "SP500", "NASDAQ"} == set(holdings)


def asof_of(close: pd.DataFrame) -> AsOf:
    """What a job would see of a frame of closes."""
    from lockstep.engine.events import CLOSE, empty

    events = empty(close.size)
    events["kind"], events["instrument"] = CLOSE, np.tile(np.arange(close.shape[1]), len(close))
    events["ts_event"] = events["ts_available"] = np.repeat(close.index.as_unit("ns").asi8, close.shape[1])
    events["close"] = close.to_numpy().ravel()
    memory = Memory(close.shape[1], 1000)
    memory.absorb(events, np.ones(close.shape[1]), np.ones(close.shape[1]))
    return AsOf(int(events["ts_event"][-1]), tuple(close.columns), memory)


def test_pairs_regress_like_numpy(prices_of):
    close = prices_of("pairs", start="1992-01-02", end="1994-06-30").close[["KO", "PEP", "XOM", "CVX"]].tail(252)
    found = pairs.fit(asof_of(close), (("KO", "PEP"), ("XOM", "CVX"), ("KO", "ELSE")), 252)
    for first, second in ((0, 1), (2, 3)):
        y, x = np.log(close.iloc[:, first]), np.log(close.iloc[:, second])
        slope, level = np.polyfit(x, y, 1)
        residual = y - slope * x - level
        inside = pairs.SLOPES[0] < slope < pairs.SLOPES[1]
        assert found["partner"][first] == (second if inside else pairs.NOBODY)
        np.testing.assert_allclose(found["slope"][first], slope)
        np.testing.assert_allclose(found["level"][first], level, atol=1e-9)
        np.testing.assert_allclose(found["deviation"][first], np.sqrt((residual**2).sum() / 250))
    assert (found["partner"][[1, 3]] == pairs.NOBODY).all()
    assert len(pairs.fit(asof_of(close.tail(100)), (("KO", "PEP"),), 252)["partner"]) == 4
    assert (pairs.fit(asof_of(close.tail(100)), (("KO", "PEP"),), 252)["partner"] == pairs.NOBODY).all()


def test_pairs_open_and_close_both_legs_as_one_group(run):
    done = run("pairs", start="1992-01-02", end="1994-06-30")
    partners = {"XOM": "CVX", "KO": "PEP", "JPM": "BAC", "MRK": "PFE", "PG": "WMT"}
    groups = done.decisions.groupby("group")
    assert len(groups) > 20
    for _number, legs in groups:
        first, second = sorted(legs.symbol, key=lambda symbol: symbol not in partners)
        assert partners[first] == second
        signs = legs.set_index("symbol").approved.apply(np.sign)
        assert signs[first] == -signs[second]


def test_pairs_with_a_known_truth_earn(run):
    done = run("synthetic-pairs")
    assert done.outcome.final_equity > 1.02 * 1e12
    truth = {("SYN002", "SYN001"), ("SYN004", "SYN003")}
    for _number, legs in done.decisions.groupby("group"):
        assert {tuple(sorted(legs.symbol, reverse=True))} <= truth


@pytest.mark.parametrize("cap", [1.0, 0.3, 0.12, 0.01])
@pytest.mark.parametrize("seed", range(4))
def test_the_least_variance_is_that_of_scipy(seed, cap):
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 20))
    factor, own = random.uniform(0.3, 1.5, n), random.normal(size=(n, 3 * n))
    covariance = (np.outer(factor, factor) + own @ own.T / (3 * n)) * 1e-4
    found, most = minimum_variance.least_variance(covariance, cap), max(cap, 1 / n)
    best = minimize(
        lambda w: 1e4 * w @ covariance @ w,
        np.full(n, 1 / n),
        jac=lambda w: 2e4 * covariance @ w,
        bounds=[(0, most)] * n,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(n)},
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 1000},
    )
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0
    assert found.max() <= most + 1e-12
    assert found @ covariance @ found <= best.x @ covariance @ best.x * (1 + 1e-9)


def test_the_job_leaves_out_what_has_no_whole_history():
    dates = pd.date_range("2020-01-01", periods=40, freq="D", tz="UTC")
    close = pd.DataFrame(
        100 * np.exp(np.random.default_rng(1).normal(0, 0.01, (40, 4)).cumsum(axis=0)), dates, list("ABCD")
    )
    close["B"], close.loc[dates[:20], "C"] = 50.0, np.nan
    parameters = {"window": 30, "shrinkage": 0.1, "cap": 0.9, "exposure": 1.0, "band": 0.0}
    weight = minimum_variance.estimate(asof_of(close), parameters)["weight"]
    assert (weight > 0).tolist() == [True, False, False, True]
    assert weight.sum() == pytest.approx(1)
    assert minimum_variance.estimate(asof_of(close.tail(10)), parameters)["weight"].tolist() == [0, 0, 0, 0]


def test_the_weights_of_the_job_are_held_after_the_open(run):
    done = run("job-weights", start="2004-01-02", end="2005-06-30")
    weeks = day(done.decisions.ts).unique()
    assert 0.9 * len(done.series) < len(weeks) <= len(done.series)
    assert (pd.DatetimeIndex(done.decisions.ts).tz_convert(NEW_YORK).strftime("%H:%M") == "06:05").all()
    last = done.marks[done.marks.ts == done.marks.ts.max()].set_index("symbol")
    weight = last.value / done.equity.equity.iloc[-1]
    assert weight.sum() == pytest.approx(1, abs=0.03)
    assert weight.max() < 0.14


def test_two_timeframes_hold_nothing_overnight_and_buy_only_under_a_rising_hour(run, prices_of):
    window = {"start": "2019-01-22", "end": "2019-02-15"}
    done, prices = run("synthetic-hours", **window), prices_of("synthetic-hours", **window).close
    nights = done.marks[pd.DatetimeIndex(done.marks.ts).tz_convert(NEW_YORK).strftime("%H:%M") == "16:00"]
    assert len(nights)
    assert (nights.quantity == 0).all()
    entries = done.orders[done.orders.quantity > 0]
    assert len(entries) > 10
    for order in entries.itertuples():
        close = prices[order.symbol].dropna().loc[: order.ts_submitted]
        local = close.index.tz_convert(NEW_YORK)
        # An hour that closed exactly now is known; the one that is forming is not.
        hour = ((local.hour * 60 + local.minute - 571) // 60).to_numpy() + 10 * (local.normalize().asi8 // 8.64e13)
        ends = (local.minute == 30) | ((local.hour == 16) & (local.minute == 0))
        hours = close.groupby(hour).last()
        if not ends[-1]:
            hours = hours.iloc[:-1]
        average = hours.ewm(span=14, adjust=False).mean()
        assert hours.iloc[-1] > average.iloc[-1]
        assert compute("rsi", {"close": close}, window=14)[-1] < 20


def test_quotes_are_joined_at_the_bid_and_nothing_stays_overnight(run):
    done = run("synthetic-quotes", end="2019-01-04")
    entries = done.orders[(done.orders.tif == "day") & (done.orders.quantity > 0)]
    assert len(entries) > 20
    filled = done.fills[done.fills.order_id.isin(entries.order_id)].merge(
        entries, on="order_id", suffixes=("", "_order")
    )
    assert (filled.price <= filled.limit_price).all()
    nights = done.marks[pd.DatetimeIndex(done.marks.ts).tz_convert(NEW_YORK).strftime("%H:%M") == "16:00"]
    assert (nights.quantity == 0).all()
