"""Each shock against what it says in words, on real bars; and that nothing but the declared is changed."""

import numpy as np
import pytest

from lockstep.data.calendar import load_sessions
from lockstep.engine.events import (
    BAR,
    CLOSE,
    DIVIDEND,
    EVENT,
    HALT,
    QUOTE,
    RESUME,
    SPLIT,
    TRADE,
    Flag,
    empty,
    mark_slices,
)
from lockstep.engine.instruments import Instrument
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.shock_kernels import LEVEL
from lockstep.scenarios.stream import Market, Stage, apply, insert

OHLC = ("open", "high", "low", "close")
WINDOW = {"start": "2008-10-01", "end": "2008-10-20"}
SHOCKS = {
    "gap": {"kind": "gap", "at": "2008-10-06", "size": -0.15},
    "volatility": {"kind": "volatility", "factor": 2.0, **WINDOW},
    "halt": {"kind": "halt", "symbols": ["IBM", "AAPL"], **WINDOW},
    "missing": {"kind": "missing", "rate": 0.3, **WINDOW},
    "flash crash": {"kind": "flash_crash", "at": "2008-10-06", "size": -0.3},
    "slow crash": {
        "kind": "flash_crash", "at": "2008-10-06T21:00:00+00:00", "size": -0.3, "duration": "8d", "recovery": 0.5,
    },
    "stale feed": {"kind": "stale_feed", **WINDOW},
    "correlation": {"kind": "correlation", **WINDOW},
}  # fmt: skip


@pytest.fixture
def events(make, catalog):
    def build(*shocks, batch_rows=65_536, symbols=None):
        data = {"dataset": "ohlcv-5", "start": "2008-09-02", "end": "2008-11-28", "warmup": 5}
        if symbols:
            data["symbols"] = symbols
        plan = make_plan(make(data=data, shocks=list(shocks)), catalog, batch_rows=batch_rows)
        return np.concatenate([batch.astype(EVENT) for batch in plan.stream()], dtype=EVENT)

    return build


def bars(events, instrument=0):
    return events[(events["kind"] == BAR) & (events["instrument"] == instrument)]


def day(text):
    return np.datetime64(text, "ns").astype(np.int64)


def split_at(found, *dates):
    return [found["ts_event"] > day(date) for date in dates]


@pytest.mark.parametrize("name", SHOCKS)
@pytest.mark.parametrize("rows", [1, 7, 500])
def test_the_shocked_stream_does_not_depend_on_batches(events, name, rows):
    assert events(SHOCKS[name], batch_rows=rows).tobytes() == events(SHOCKS[name]).tobytes()


@pytest.mark.parametrize("name", SHOCKS)
def test_the_order_of_symbols_changes_nothing(events, name):
    one, other = (
        events(SHOCKS[name], symbols=["IBM", "MSFT", "AAPL"]),
        events(SHOCKS[name], symbols=["AAPL", "IBM", "MSFT"]),
    )
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", SHOCKS)
def test_before_its_time_a_shock_changes_nothing(events, name):
    start = day("2008-10-01")
    plain, shocked = events(), events(SHOCKS[name])
    assert plain[plain["ts_available"] < start].tobytes() == shocked[shocked["ts_available"] < start].tobytes()


@pytest.mark.parametrize("name", SHOCKS)
def test_bars_stay_whole_and_on_the_tick(events, name):
    found = events(SHOCKS[name])
    found = found[(found["kind"] == BAR) & ((found["flags"] & Flag.SHOCKED) != 0)]
    assert (found["high"] >= np.maximum(found["open"], found["close"])).all()
    assert (found["low"] <= np.minimum(found["open"], found["close"])).all()
    for field in OHLC:
        cents = found[field] * 100
        assert np.abs(cents - np.rint(cents)).max(initial=0) < 1e-6
        assert (found[field] > 0).all()


@pytest.mark.parametrize("name", SHOCKS)
def test_what_is_flagged_is_what_differs(events, name):
    plain, shocked = events(), events(SHOCKS[name])
    if len(plain) == len(shocked):
        differs = np.zeros(len(plain), bool)
        for field in (*OHLC, "volume", "ts_open"):
            differs |= plain[field].view(np.int64) != shocked[field].view(np.int64)
        assert differs.any()
        assert (((shocked["flags"] & Flag.SHOCKED) != 0) >= differs).all()


@pytest.mark.parametrize("name", SHOCKS)
def test_every_moment_with_market_data_ends_in_a_slice(events, name):
    found = events(SHOCKS[name])
    market = np.unique(found["ts_available"][(found["kind"] >= BAR) & (found["kind"] <= TRADE)])
    sliced = found["ts_available"][(found["flags"] & Flag.SLICE_AFTER) != 0]
    assert np.array_equal(market, sliced)


def test_a_gap_moves_the_level_for_good(events):
    plain, shocked = bars(events()), bars(events(SHOCKS["gap"]))
    (after,) = split_at(plain, "2008-10-06")
    for field in OHLC:
        assert np.array_equal(plain[field][~after], shocked[field][~after])
        assert shocked[field][after] == pytest.approx(plain[field][after] * 0.85, abs=0.006)
    assert np.array_equal(plain["volume"], shocked["volume"])


def test_a_gap_within_a_bar_spares_its_open(events):
    plain = bars(events())
    shocked = bars(events({"kind": "gap", "at": "2008-10-06T15:00:00+00:00", "size": -0.5}))
    row = int(np.argmax(plain["ts_event"] > day("2008-10-06")))
    assert shocked["open"][row] == plain["open"][row]
    assert shocked["high"][row] == plain["high"][row]
    assert shocked["low"][row] == pytest.approx(plain["low"][row] / 2, abs=0.006)
    assert shocked["close"][row] == pytest.approx(plain["close"][row] / 2, abs=0.006)


def test_volatility_multiplies_log_returns_and_keeps_the_level_reached(events):
    plain, shocked = bars(events()), bars(events(SHOCKS["volatility"]))
    after, over = split_at(plain, "2008-10-01", "2008-10-21")
    was, now = np.diff(np.log(plain["close"])), np.diff(np.log(shocked["close"]))
    inside = (after & ~over)[1:]
    assert now[inside] == pytest.approx(2 * was[inside], abs=3e-4)
    assert now[~inside] == pytest.approx(was[~inside], abs=3e-4)
    opens = np.log(shocked["open"][1:] / shocked["close"][:-1])
    assert opens[inside] == pytest.approx(2 * np.log(plain["open"][1:] / plain["close"][:-1])[inside], abs=3e-4)


def test_a_halt_silences_its_symbols_and_tells_the_engine(events):
    plain, shocked = events(), events(SHOCKS["halt"])
    rare = shocked[(shocked["kind"] == HALT) | (shocked["kind"] == RESUME)]
    assert [(int(kind), int(number)) for kind, number in zip(rare["kind"], rare["instrument"], strict=True)] == [
        (HALT, 0), (HALT, 3), (RESUME, 0), (RESUME, 3),
    ]  # fmt: skip
    assert [str(ts.astype("datetime64[ns]"))[:10] for ts in rare["ts_event"][[0, 2]]] == ["2008-10-01", "2008-10-21"]
    halted = bars(shocked)
    assert not ((halted["ts_event"] > day("2008-10-01")) & (halted["ts_event"] < day("2008-10-21"))).any()
    assert bars(shocked, 2).tobytes() == bars(plain, 2).tobytes()
    assert len(plain) - len(shocked) == 2 * 14 - 4


def test_missing_data_are_lost_at_the_declared_rate_and_by_the_seed(events, make, catalog):
    always = {"kind": "missing", "rate": 0.3, "start": "2008-09-02", "end": "2008-11-28"}
    plain, shocked = events(), events(always)
    lost = 1 - (shocked["kind"] == BAR).sum() / (plain["kind"] == BAR).sum()
    assert lost == pytest.approx(0.3, abs=0.06)
    assert set(shocked["ts_event"]) <= set(plain["ts_event"])
    make(seed=8)
    assert events(always).tobytes() != shocked.tobytes()
    warmup = plain[plain["ts_event"] < day("2008-09-02")]
    assert (events({**always, "rate": 1.0})["kind"] == BAR).sum() == (warmup["kind"] == BAR).sum()


def test_one_symbol_s_losses_do_not_depend_on_the_others(events):
    loss = {"kind": "missing", "rate": 0.5, **WINDOW}
    alone, among = events(loss, symbols=["IBM"]), events(loss)
    assert np.array_equal(bars(alone, 0)["ts_event"], bars(among, 3)["ts_event"])


def test_a_flash_crash_inside_a_daily_bar_shows_in_its_low_alone(events):
    plain, shocked = bars(events()), bars(events(SHOCKS["flash crash"]))
    row = int(np.argmax(plain["ts_event"] > day("2008-10-06")))
    assert shocked["low"][row] == pytest.approx(plain["low"][row] * 0.7, abs=0.006)
    for field in ("open", "high", "close"):
        assert np.array_equal(shocked[field], plain[field])
    assert np.array_equal(np.delete(shocked["low"], row), np.delete(plain["low"], row))


def test_a_slow_crash_is_deepest_at_half_time_and_recovers_in_part(events):
    plain, shocked = bars(events()), bars(events(SHOCKS["slow crash"]))
    ratio = shocked["close"] / plain["close"]
    deepest = int(np.argmin(ratio))
    assert str(plain["ts_event"][deepest].astype("datetime64[ns]"))[:10] == "2008-10-10"
    assert ratio[deepest] == pytest.approx(0.7, abs=5e-3)  # an hour before it is deepest
    assert ratio[-1] == pytest.approx(0.85, abs=1e-3)


def test_a_stale_feed_repeats_the_last_close_without_volume(events):
    plain, shocked = bars(events()), bars(events(SHOCKS["stale feed"]))
    after, over = split_at(plain, "2008-10-01", "2008-10-21")
    stale, last = shocked[after & ~over], plain["close"][~after][-1]
    assert all((stale[field] == last).all() for field in OHLC)
    assert (stale["volume"] == 0).all()
    assert shocked[~after | over].tobytes() == plain[~after | over].tobytes()


def test_correlation_one_gives_every_symbol_the_mean_return(events):
    plain, shocked = events(), events(SHOCKS["correlation"])
    present = [0, 2, 3, 4]  # FB was not listed yet
    was = np.array([np.diff(np.log(bars(plain, i)["close"])) for i in present])
    now = np.array([np.diff(np.log(bars(shocked, i)["close"])) for i in present])
    after, over = split_at(bars(plain)[1:], "2008-10-01", "2008-10-21")
    inside = after & ~over
    assert now[:, inside] == pytest.approx(np.tile(was.mean(axis=0), (4, 1))[:, inside], abs=1e-3)
    assert now[:, ~inside] == pytest.approx(was[:, ~inside], abs=1e-3)


def test_half_a_correlation_goes_half_the_way(events):
    plain, shocked = events(), events({**SHOCKS["correlation"], "strength": 0.5})
    was = np.array([np.diff(np.log(bars(plain, i)["close"])) for i in (0, 2, 3, 4)])
    now = np.array([np.diff(np.log(bars(shocked, i)["close"])) for i in (0, 2, 3, 4)])
    row = int(np.argmax(bars(plain)["ts_event"] > day("2008-10-10"))) - 1
    assert now[:, row] == pytest.approx(0.5 * was[:, row] + 0.5 * was[:, row].mean(), abs=1e-3)


def test_shocks_follow_one_another(events):
    gap, calm = SHOCKS["gap"], {"kind": "volatility", "factor": 0.5, **WINDOW}
    both = bars(events(gap, calm))
    other = bars(events(calm, gap))
    row = int(np.argmax(both["ts_event"] > day("2008-10-06")))
    jump, damped = (np.log(found["close"][row] / found["close"][row - 1]) for found in (other, both))
    assert jump - damped == pytest.approx(np.log(0.85) * 0.5, abs=2e-3)


class TestActions:
    """Splits and dividends pass through a shock as what they are."""

    def shock(self, function, *given, events):
        from lockstep.engine.arena import address

        rows = np.zeros(1, LEVEL)
        rows["member"], rows["level"], rows["tick"] = 1, 1.0, 10_000
        function(address(events), len(events), address(rows), *given)
        return events

    def stream(self):
        events = empty(4)
        events["instrument"] = 0
        events["kind"] = [CLOSE, SPLIT, DIVIDEND, CLOSE]
        events["ts_event"] = events["ts_available"] = [10, 20, 20, 30]
        events["close"][[0, 3]] = [100.0, 44.0]
        events["numerator"][1], events["denominator"][1] = 2, 1
        events["amount"][2] = 5_000_000_000
        return events

    def test_a_split_and_a_dividend_are_no_returns(self):
        from lockstep.scenarios.shock_kernels import stretch

        found = self.shock(stretch, 0, 100, 2.0, events=self.stream())
        # From 100 a 2:1 split leads to 50 and a dividend of 5 to 45; the return is 44/45.
        assert found["close"][3] == pytest.approx(45 * (44 / 45) ** 2)

    def test_a_dividend_falls_with_the_level(self):
        from lockstep.scenarios.shock_kernels import gap

        found = self.shock(gap, 5, -0.5, events=self.stream())
        assert found["amount"][2] == 2_500_000_000
        assert found["close"].tolist()[::3] == [50.0, 22.0]


def test_quotes_and_trades_are_shocked_too():
    from lockstep.engine.arena import address
    from lockstep.scenarios.shock_kernels import freeze

    events = empty(4)
    events["instrument"] = 0
    events["kind"] = [QUOTE, TRADE, QUOTE, TRADE]
    events["ts_event"] = [1, 2, 11, 12]
    for row, (bid, ask) in ((0, (9.0, 11.0)), (2, (19.0, 21.0))):
        events["bid"][row], events["ask"][row], events["bid_size"][row] = bid, ask, 5.0
    events["last"][[1, 3]], events["size"][[1, 3]] = (10.5, 20.5), 3.0
    rows = np.zeros(1, LEVEL)
    rows["member"], rows["level"] = 1, 1.0
    freeze(address(events), 4, address(rows), 10, 20)
    assert (events["bid"][2], events["ask"][2], events["bid_size"][2]) == (10.5, 10.5, 0.0)
    assert (events["last"][3], events["size"][3]) == (10.5, 0.0)
    assert (events["bid"][0], events["size"][1]) == (9.0, 3.0)


def test_inserted_events_keep_the_stream_s_order():
    events = empty(3)
    events["ts_available"], events["kind"], events["instrument"] = [10, 10, 20], [SPLIT, BAR, BAR], [1, 0, 0]
    added = empty(2)
    added["ts_available"], added["kind"], added["instrument"] = [10, 20], [HALT, RESUME], [0, 0]
    assert insert(events, added)["kind"].tolist() == [SPLIT, HALT, BAR, RESUME, BAR]


def test_the_run_warns_of_each_shock(make, catalog):
    shocks = list(SHOCKS.values())
    data = {"dataset": "ohlcv-5", "start": "2008-09-02", "end": "2008-11-28"}
    warnings = make_plan(make(data=data, shocks=shocks), catalog).warnings
    assert len(warnings) == len(shocks)
    assert warnings[0] == "Shock: all symbols 15% lower from 2008-10-06 on."
    assert warnings[2] == "Shock: AAPL, IBM halted from 2008-10-01 to 2008-10-20."


def test_a_bar_that_closes_at_the_end_of_a_window_lies_inside(events):
    closes = [str(ts.astype("datetime64[ns]"))[:19] + "+00:00" for ts in bars(events())["ts_event"][10:13]]
    halted = bars(events({"kind": "halt", "start": closes[0], "end": closes[2]}))
    assert len(bars(events())) - len(halted) == 2


class TestStream:
    """What every stage relies on."""

    def market(self, grace=0):
        instruments = tuple(Instrument(name, name, tick=50_000) for name in "AB")
        return Market(instruments, load_sessions("XNYS", "2008-01-02", "2008-01-31"), 0, 100, 0, grace, 0)

    def moments(self):
        events = empty(4)
        events["kind"], events["instrument"] = BAR, [0, 1, 0, 1]
        events["ts_event"] = events["ts_available"] = [10, 10, 20, 20]
        for field in OHLC:
            events[field] = 10.02
        return mark_slices(events)

    def run(self, change, grace=0, rows=3):
        return np.concatenate(list(apply([self.moments()], [Stage(change, "")], self.market(grace), rows)), dtype=EVENT)

    def test_the_slice_moves_to_what_is_left_of_a_moment(self):
        found = self.run(lambda events: events[events["instrument"] == 0])
        assert found["flags"].tolist() == [Flag.SLICE_AFTER, Flag.SLICE_AFTER]

    def test_with_a_grace_slices_are_events_and_stay_as_they_are(self):
        found = self.run(lambda events: events[events["instrument"] == 0], grace=5)
        assert found["flags"].tolist() == [0, 0]

    def test_only_shocked_prices_are_put_on_the_tick(self):
        def change(events):
            events["flags"][events["instrument"] == 1] |= np.uint16(Flag.SHOCKED)
            return events

        assert self.run(change)["close"].tolist() == [10.02, 10.0, 10.02, 10.0]

    def test_a_piece_may_vanish(self):
        assert len(self.run(lambda events: events[events["ts_event"] > 10])) == 2
        assert list(apply([self.moments()], [Stage(lambda events: events[:0], "")], self.market(), 9)) == []

    def test_the_source_is_left_alone(self):
        events = self.moments()
        before = events.tobytes()

        def change(piece):
            piece["close"] = 1.0
            return piece

        list(apply([events], [Stage(change, "")], self.market(), 9))
        assert events.tobytes() == before
