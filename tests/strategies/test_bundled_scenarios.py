"""All bundled scenarios: they trade, keep their books, wait for their warm-up, and see nothing of the future."""

import numpy as np
import pandas as pd
import pytest

from lockstep.scenarios.loading import bundled_names, load

NAMES = bundled_names()
SHORT = {
    "breakout": ("2005-01-03", "2006-06-30"),
    "buy-and-hold": ("1992-01-02", "1993-06-30"),
    "job-weights": ("2004-01-02", "2005-06-30"),
    "mean-reversion": ("2005-01-03", "2006-06-30"),
    "momentum-20": ("1992-01-02", "1994-06-30"),
    "pairs": ("1992-01-02", "1994-06-30"),
    "plain-python": ("2000-06-01", "2008-06-30"),
    "shock-correlation": ("2005-01-03", "2005-12-30"),
    "shock-flash-crash": ("2006-06-01", "2007-02-28"),
    "shock-gap": ("2012-01-03", "2012-07-31"),
    "shock-missing-bars": ("2019-01-22", "2019-02-15"),
    "shock-stale-feed": ("2008-06-02", "2008-12-31"),
    "sleeve-mix": ("2004-01-02", "2005-06-30"),
    "sma-cross": ("2005-01-03", "2006-06-30"),
    "synthetic-hours": ("2019-01-22", "2019-02-15"),
    "synthetic-pairs": ("2019-01-22", "2019-02-15"),
    "synthetic-quotes": (None, "2019-01-04"),
}
"""A part of each scenario that is long enough for its strategies to trade."""


@pytest.fixture
def part(run):
    def go(name):
        start, end = SHORT[name]
        return run(name, start=start, end=end)

    return go


def test_there_are_enough_and_each_has_a_part():
    assert len(NAMES) >= 8
    assert sorted(SHORT) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name):
    scenario = load(name).scenario
    assert 10 < len(scenario.title) < 60
    assert len(scenario.description) > 100
    assert bool(scenario.shocks) == name.startswith("shock-") == scenario.title.startswith("Shock: ")
    assert ("synthetic" in scenario.description.lower()) == ("synthetic" in scenario.data.dataset)


@pytest.mark.parametrize("name", NAMES)
def test_it_trades_and_records(name, part):
    done = part(name)
    assert done.outcome.counts["fills"] >= 10, done.outcome
    assert done.outcome.counts["refused"] < 0.5 * done.outcome.counts["decisions"]
    declared = {each for sleeve in done.plan.sleeves for each in sleeve.strategy.series}
    assert {each.rpartition(": ")[2] for each in done.series.name.unique()} == declared
    assert np.isfinite(done.series.value).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_decided_before_the_start(name, part):
    done = part(name)
    begins = pd.Timestamp(done.plan.window.trade_from, tz="UTC")
    assert done.decisions.ts.min() >= begins
    assert done.equity.ts.min() >= begins
    assert done.series.ts.min() >= begins
    if SHORT[name][0]:
        assert begins.strftime("%Y-%m-%d") == SHORT[name][0], "data before the start suffice for the warm-up"


@pytest.mark.parametrize("name", NAMES)
def test_what_follows_changes_no_earlier_decision(name, run, part):
    """The same scenario cut off before its end, but after its shock, decides the same until then."""
    whole = part(name)
    place = whole.equity.ts.iloc[3 * len(whole.equity) // 4].tz_convert("America/New_York")
    cut = run(name, start=SHORT[name][0], end=place.strftime("%Y-%m-%d"))
    last = cut.equity.ts.max()
    for table in ("decisions", "fills", "equity", "series"):
        one, other = getattr(cut, table), getattr(whole, table)
        key = "ts_known" if table == "fills" else "ts"
        one, other = one[one[key] <= last], other[other[key] <= last]
        pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True), obj=table)
    assert len(cut.decisions) > 0


@pytest.mark.parametrize("name", NAMES)
def test_each_strategy_declares_its_parameters_and_documents_them(name, plan_of):
    for sleeve in plan_of(name, start=SHORT[name][0], end=SHORT[name][1]).sleeves:
        strategy = sleeve.strategy
        module = __import__(strategy.__module__ if not strategy.is_kernel else _module(strategy), fromlist=["_"])
        words = module.__doc__
        for parameter in strategy.parameters:
            assert f"\n{parameter} :" in words or f"{parameter}," in words or f", {parameter}" in words, parameter
        for series in strategy.series:
            assert f"`{series}`" in words.rpartition("Records ")[2]


def _module(strategy):
    functions = (strategy.on_bar, strategy.on_tick, strategy.on_hand_over)
    return next(each.__module__ for each in functions if each is not None)
