"""Drawn histories are lawful, futures agree up to their cut, and a leak shrinks to one edited event."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from lockstep.data.catalog import Catalog
from lockstep.research.leaks.history import load_table, write_history
from lockstep.research.leaks.hypotheses import NAME, blind, frames, futures, histories

FEW = settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
SHRINKING = settings(FEW, max_examples=200, phases=[Phase.generate, Phase.shrink])


@given(histories())
@FEW
def test_histories_are_lawful(history):
    rows = history.tables[NAME].rows
    assert (np.diff(rows["ts_event"]) >= 0).all()
    body = np.array([rows[name] for name in ("open", "low", "close")])
    assert (rows["high"] >= body.max(axis=0)).all()
    assert (rows["low"] <= rows["close"]).all()
    assert (rows["low"] > 0).all()


@given(futures())
@FEW
def test_futures_agree_up_to_the_cut_and_differ_after_it(future):
    one, other = frames(future.history), frames(future.other)
    assert future.history.times[0] <= future.cut < future.history.times[-1]
    for symbol, bars in one.items():
        known = bars.index.asi8 <= future.cut
        assert bars[known].equals(other[symbol][other[symbol].index.asi8 <= future.cut])
    if future.name in ("cocktail", "truncate"):
        assert any(not bars.equals(other[symbol]) for symbol, bars in one.items())


@given(futures())
@FEW
def test_a_causal_feature_is_blind(future):
    blind(lambda bars: bars["close"].ewm(span=5).mean() / bars["close"].rolling(3).max(), future)


def leaks(function):
    def shows(future):
        try:
            blind(function, future)
        except AssertionError:
            return True
        return False

    return shows


@pytest.mark.parametrize(
    "function",
    [lambda bars: bars["close"].shift(-1), lambda bars: bars["close"] / bars["close"].max()],
    ids=["next close", "future maximum"],
)
def test_a_leak_shrinks_to_one_edited_event(function):
    least = find(futures(histories(symbols=2, sessions=12, form="daily")), leaks(function), settings=SHRINKING)
    assert (least.name, len(least.edits)) == ("edit", 1)
    with pytest.raises(AssertionError, match="changes with what becomes known after"):
        blind(function, least)


def test_a_drawn_history_can_be_read_from_a_catalogue(tmp_path):
    history = find(histories(), lambda history: True, settings=settings(FEW, phases=[Phase.generate]))
    write_history(history, tmp_path)
    again = load_table(Catalog(tmp_path), NAME)
    assert len(again.rows) == history.length


def kinds(history):
    return set(history.tables[NAME].actions.column("kind").to_pylist())


def bars_of(history):
    rows = history.tables[NAME].rows
    return [{name: rows[name][rows["code"] == code] for name in rows.columns} for code in range(len(rows.ids))]


def lengths(history):
    sessions = history.tables[NAME].sessions
    first, last = np.searchsorted(sessions.close, history.times[[0, -1]])
    return (sessions.close - sessions.open)[first:last]


def offsets(history):
    sessions = history.tables[NAME].sessions
    first, last = np.searchsorted(sessions.close, history.times[[0, -1]])
    return (sessions.close % 86_400_000_000_000)[first:last][lengths(history) == lengths(history).max()]


def regimes(history):
    """The daily moves of one part are twice those of another."""
    moves = [np.abs(np.diff(np.log(bars["close"]))) for bars in bars_of(history)]
    return any(len(m) > 20 and max(np.median(m[:10]), 1e-9) * 2 < np.median(m[-10:]) for m in moves)


OCCURS = {
    "regime": regimes,
    "gap": lambda h: any((np.abs(b["open"][1:] / b["close"][:-1] - 1) > 0.15).any() for b in bars_of(h)),
    "halt": lambda h: "halt" in kinds(h),
    "half day": lambda h: (lengths(h) < lengths(h).max()).any(),
    "daylight saving": lambda h: len(np.unique(offsets(h))) > 1,
    "split": lambda h: "split" in kinds(h),
    "dividend": lambda h: "dividend" in kinds(h),
    "missing bar": lambda h: len({len(b["close"]) for b in bars_of(h)}) > 1 and "list" not in kinds(h),
    "late bars": lambda h: h.tables[NAME].delay > 0,
    "no volume": lambda h: any((b["volume"] == 0).any() for b in bars_of(h)),
    "flat bar": lambda h: any((b["high"] == b["low"]).any() for b in bars_of(h)),
    "ties in time": lambda h: len(np.unique(h.tables[NAME].known_at)) < len(h.tables[NAME].rows),
}


@pytest.fixture(scope="module")
def occurred():
    found = set()

    @given(histories())
    @settings(FEW, max_examples=150, phases=[Phase.generate])
    def draw(history):
        found.update(name for name, occurs in OCCURS.items() if occurs(history))

    draw()
    return found


@pytest.mark.parametrize("name", OCCURS)
def test_what_markets_do_occurs(name, occurred):
    assert name in occurred
