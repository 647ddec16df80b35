"""Properties beyond prefix invariance: each has a reproducer that finds its leak again; their parts do what they say.

The planted leaks that only they find, and the clean counterparts, stand in ``tests/leakage/further``.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lockstep.research.leaks.announced import moved_source
from lockstep.research.leaks.corpus import ROOT
from lockstep.research.leaks.gather import MARKET, with_datasets
from lockstep.research.leaks.history import History
from lockstep.research.leaks.journal import Journal, Track
from lockstep.research.leaks.judge import Request, again, judge
from lockstep.research.leaks.nullmarket import CERTAIN, WORLDS, certainty, null_market
from lockstep.research.leaks.outputs import VALUE
from lockstep.research.leaks.shifting import YEARS, move
from lockstep.research.leaks.suite import Options

PLANTED = ROOT / "further" / "planted"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "function", "failed", "mended"),
    [
        ("open_by_range", ":entries", "field variant", ('bars["high"] - bars["open"]', 'bars["open"] - bars["open"]')),
        ("out_before_crash", "", "clock shift", ("crash or ", "")),
        ("short_warmup", "", "warm-up", ("return 20", "return 200")),
    ],
)
def test_a_reproducer_finds_its_leak_again_until_it_is_mended(tmp_path, name, function, failed, mended):
    source = Path(shutil.copy(PLANTED / f"{name}.py", tmp_path))
    found = judge(Request(f"{name}{function}", folder=tmp_path, options=Options(seconds=120.0, cuts=1)))
    assert (found.verdict, found.failed) == ("leak", failed), found.reason
    once_more = again(Path(found.reproducer))
    assert (once_more.verdict, once_more.failed, once_more.ts) == ("leak", failed, found.ts)
    text = source.read_text()
    assert mended[0] in text
    source.write_text(text.replace(*mended).replace('bars["open"] - bars["low"]', "0.0"))
    assert again(Path(found.reproducer)).verdict == "clean"


def test_28_years_on_it_is_the_same_weekday_at_the_same_local_time():
    days = pd.date_range("2005-01-01 16:00", "2021-12-31 16:00", tz="America/New_York")
    ts = days.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    for years in (YEARS, 2 * YEARS, -YEARS):
        moved = pd.DatetimeIndex(move(ts, "America/New_York", years), tz="UTC").tz_convert("America/New_York")
        assert (moved.day_of_week == days.day_of_week).all()
        assert (moved.strftime("%m-%d %H:%M") == days.strftime("%m-%d %H:%M")).all()
        assert (moved.year == days.year + years).all()
        assert (move(move(ts, "America/New_York", years), "America/New_York", -years) == ts).all()


CALENDARS = [
    'D = ["2016-01-18", "2016-02-15", "2016-03-25"]',
    'D = {"2016-01-18": 1, "2016-02-15": 2, "2016-03-25": 3}',
    "D = {dt.date(2016, 1, 18), dt.date(2016, 2, 15), dt.date(2016, 3, 25)}",
    'D = [pd.Timestamp("2016-01-18"), pd.Timestamp("2016-02-15"), pd.Timestamp("2016-03-25")]',
    "D = ((2016, 1, 18), (2016, 2, 15), (2016, 3, 25))",
    'D = """2016-01-18\n2016-02-15\n2016-03-25"""',
]
NO_CALENDARS = [
    'if today > "2016-01-18":\n    pass',
    "x = [2016, 1, 18, 5]",
    "def f(:",
    'SPAN = ("2016-01-18", "2016-05-02")',
]


@pytest.mark.parametrize("text", CALENDARS)
def test_a_calendar_that_a_source_lists_moves(text):
    assert moved_source(text, YEARS) == text.replace("2016", "2044")


@pytest.mark.parametrize("text", NO_CALENDARS)
def test_a_date_that_stands_alone_stays(text):
    assert moved_source(text, YEARS) == text


@pytest.fixture(scope="module")
def market(workshop) -> History:
    return with_datasets(workshop, History({}), {MARKET: 0})


def first_symbol(history):
    rows = history.tables[MARKET].rows
    return {name: rows[name][rows["code"] == 0] for name in ("open", "high", "low", "close")}


def earned(market, strategy, first=0):
    journals = []
    for world in range(first, first + WORLDS):
        pnl = np.nan_to_num(strategy(first_symbol(null_market(market, world)), np.random.default_rng([world, 1])))
        rows = np.zeros(len(pnl), VALUE)
        rows["value"] = pnl
        journals.append(Journal({"output.pnl": Track("output", np.arange(len(pnl)), rows)}))
    return certainty(journals, "output.pnl")


def returns(bars):
    return np.diff(bars["close"]) / bars["close"][:-1]


def test_a_peek_in_one_bar_of_twenty_earns_on_null_markets_and_none_does_not(market):
    def peeks(bars, rng):
        moves = returns(bars)
        seen = rng.random(len(moves)) < 0.05
        return np.where(seen, np.sign(moves), rng.choice((-1.0, 1.0), len(moves))) * moves

    def blind(bars, rng):
        moves = returns(bars)
        return np.append(0.0, -np.sign(moves[:-1])) * moves

    assert earned(market, peeks) > CERTAIN
    assert earned(market, blind) < CERTAIN


@pytest.mark.parametrize("below", [0.002, 0.006, 0.015])
def test_a_limit_within_the_bar_is_fair_on_null_markets(market, below):
    def buys_below(bars, rng):
        limit = bars["open"] * (1 - below)
        return np.where(bars["low"] <= limit, bars["close"] / limit - 1, 0.0)

    assert all(abs(earned(market, buys_below, first)) < CERTAIN for first in (0, 100))
