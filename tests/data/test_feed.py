"""The contract of replay: one order, whatever the batches, files, requests or threads were."""

import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

from lockstep.data.bundled import bundled
from lockstep.data.catalog import Catalog
from lockstep.data.feed import Replay
from lockstep.data.synthetic import SyntheticMarket, write_synthetic
from lockstep.engine.errors import DataError
from lockstep.engine.events import (
    BAR,
    CLOSE,
    DAY,
    DELIST,
    DIVIDEND,
    EVENT,
    HALT,
    LIST,
    MINUTE,
    RESUME,
    SECOND,
    SESSION_CLOSE,
    SESSION_FIRST,
    SESSION_LAST,
    SLICE,
    SLICE_AFTER,
    SPLIT,
    SYNTHETIC,
    TIMER,
    TRADE,
    mark_slices,
    sort_events,
)

SMALL = SyntheticMarket(symbols=5, sessions=9, pairs=1, splits=1, halts=1, late=1, delisted=1, start="2019-07-01")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Minutes and trades of one synthetic market, and its days under another name."""
    catalog = Catalog(tmp_path_factory.mktemp("market"))
    for form in ("intraday", "daily", "trades"):
        write_synthetic(catalog, f"synthetic-{form}", SMALL, form, per_step=2)
    bundled(catalog, ["ohlcv-5"])
    return catalog


def read(catalog, *args, **options):
    batches = list(Replay(catalog, *args, **options))
    assert all(len(batch) >= 1 and batch.dtype == EVENT and batch.flags.c_contiguous for batch in batches)
    return np.concatenate([batch.view("V80") for batch in batches]).view(EVENT)


def same(left, right):
    return left.tobytes() == right.tobytes()


SEVERAL = ["synthetic-intraday", "synthetic-daily", "synthetic-trades"]


@pytest.mark.parametrize("datasets", ["synthetic-intraday", "synthetic-daily", "ohlcv-5", SEVERAL])
def test_the_stream_is_in_the_engines_order_with_slices_marked(market, datasets):
    events = read(market, datasets)
    assert same(events, sort_events(events))
    marked = events.copy()
    assert same(events, mark_slices(marked))


@pytest.mark.parametrize("batch_rows", [1, 7, 1000, 10**6])
def test_batches_are_cut_anywhere(market, batch_rows):
    assert same(read(market, SEVERAL, end="2019-07-02", batch_rows=batch_rows), read(market, SEVERAL, end="2019-07-02"))


def test_threads_change_nothing(market):
    assert same(read(market, SEVERAL, ahead=0), read(market, SEVERAL, ahead=2))


def test_the_order_of_the_request_changes_nothing(market):
    symbols = ["SYN003", "SYN001", "SYN005"]
    one = Replay(market, SEVERAL, symbols)
    other = Replay(market, SEVERAL[::-1], symbols[::-1])
    assert one.instruments == other.instruments
    assert [instrument.id for instrument in one.instruments] == sorted(symbols)
    assert same(np.concatenate([b.view("V80") for b in one]), np.concatenate([b.view("V80") for b in other]))


@pytest.mark.parametrize("rows", [1, 50, 4096])
def test_row_groups_and_pieces_change_nothing(market, tmp_path, monkeypatch, rows):
    monkeypatch.setattr("lockstep.data.writer.ROW_GROUP", max(rows, 100))
    monkeypatch.setattr("lockstep.data.market.PIECE", rows)
    other = Catalog(tmp_path)
    write_synthetic(other, "synthetic-daily", SMALL, "daily")
    assert other.manifest("synthetic-daily").hash == market.manifest("synthetic-daily").hash
    assert same(read(other, "synthetic-daily"), read(market, "synthetic-daily"))


def test_a_part_of_the_instruments_has_the_events_of_the_whole(market):
    whole, part = read(market, "synthetic-intraday"), read(market, "synthetic-intraday", ["SYN004"])
    number = [entry.id for entry in market.manifest("synthetic-intraday").instruments].index("SYN004")
    chosen = whole[(whole["instrument"] == number) & (whole["kind"] == BAR)]
    bars = part[part["kind"] == BAR]
    for field in ("ts_event", "sequence", "open", "high", "low", "close", "volume", "ts_open"):
        assert np.array_equal(bars[field], chosen[field]), field


def test_kinds_carry_their_numbers(market):
    trades = read(market, "synthetic-trades", end="2019-07-01")
    trade = trades[trades["kind"] == TRADE]
    table = market.sql('SELECT price, size FROM "synthetic-trades" ORDER BY ts_event, id LIMIT 500').to_pydict()
    assert list(trade["last"][:500]) == table["price"]
    assert list(trade["size"][:500]) == table["size"]
    closes = read(bundled_closes(market), "sp500-index", end="1990-01-05")
    close = closes[closes["kind"] == CLOSE]
    assert list(close["close"]) == [359.69, 358.76, 355.67, 352.2]
    assert np.array_equal(close["ts_open"], close["ts_event"])
    assert not close["volume"].any()


def bundled_closes(catalog):
    bundled(catalog, ["sp500-index"])
    return catalog


def test_dates_are_inclusive_days_of_the_exchange(market):
    events = read(market, "ohlcv-5", ["AAPL"], "2005-02-25", "2005-02-28")
    seen = [(int(e["kind"]), str(e["ts_event"].astype("datetime64[ns]").astype("datetime64[m]"))) for e in events]
    assert seen == [
        (LIST, "2005-02-25T05:00"),
        (BAR, "2005-02-25T21:00"),
        (SESSION_CLOSE, "2005-02-25T21:00"),
        (SPLIT, "2005-02-28T05:00"),
        (BAR, "2005-02-28T21:00"),
        (SESSION_CLOSE, "2005-02-28T21:00"),
    ]
    split = events[3]
    assert (split["numerator"], split["denominator"]) == (2, 1)
    assert list(events["nights"][events["kind"] == SESSION_CLOSE]) == [3, 1]


def test_days_of_a_market_that_never_closes_end_at_midnight(own):
    always = SyntheticMarket(symbols=2, sessions=6, pairs=0, step=30, splits=0, late=0, delisted=0, calendar="24/7")
    write_synthetic(own, "synthetic-always", always, "daily")
    events = read(own, "synthetic-always", start="2019-01-03", end="2019-01-04", actions=False)
    told = [(int(e["kind"]), str(e["ts_event"].astype("datetime64[ns]").astype("datetime64[m]"))) for e in events]
    assert told == [
        *[(BAR, "2019-01-04T00:00")] * 2,
        (SESSION_CLOSE, "2019-01-04T00:00"),
        *[(BAR, "2019-01-05T00:00")] * 2,
        (SESSION_CLOSE, "2019-01-05T00:00"),
    ]
    assert list(events["nights"][events["kind"] == SESSION_CLOSE]) == [1, 1]


def test_instants_may_bound_a_replay(market):
    start, end = "2019-07-01T10:00:00-04:00", "2019-07-01T14:05:00Z"
    events = read(market, "synthetic-intraday", start=start, end=end)
    bars = events[events["kind"] == BAR]
    first = np.datetime64("2019-07-01T14:00", "ns").astype(np.int64)
    assert bars["ts_event"].min() == first + MINUTE
    assert bars["ts_event"].max() == first + 5 * MINUTE
    assert not (events["kind"] == SESSION_CLOSE).any()


@pytest.mark.parametrize("start", ["2019-07-01T10:00:00", "yesterday", "2019-13-01", "01/07/2019"])
def test_times_that_are_no_times_are_refused(market, start):
    with pytest.raises(DataError, match=r"expected a date such as 2015-12-31"):
        Replay(market, "ohlcv-5", start=start)


def test_nothing_in_the_window_is_an_error(market):
    with pytest.raises(DataError, match=r"the data runs from 2000-03-01T21:00:00 to 2013-03-01T21:00:00"):
        Replay(market, "ohlcv-5", start="2014-01-01")


def test_dividends_carry_nano_dollars(market):
    events = read(market, "ohlcv-5", ["IBM"], start="2000-05-01", end="2000-05-31")
    dividend = events[events["kind"] == DIVIDEND]
    assert list(dividend["amount"]) == [130_000_000]
    assert list(dividend["pay_ts"]) == [0]


def test_lists_come_at_the_first_row_and_delistings_after_the_last(market):
    events = read(market, "synthetic-intraday")
    for number, instrument in enumerate(Replay(market, "synthetic-intraday").instruments):
        own = events[events["instrument"] == number]
        assert own["kind"][0] == LIST, instrument.id
        first = own["ts_event"][own["kind"] == BAR][0]
        assert 0 < first - own["ts_event"][0] < DAY
        if (own["kind"] == DELIST).any():
            assert own["kind"][-1] == DELIST
            assert np.isnan(own["terminal"][-1])
    assert (events["kind"] == DELIST).sum() == 1


def test_no_bar_during_a_halt(market):
    events = read(market, "synthetic-intraday")
    halt, resume = events[events["kind"] == HALT], events[events["kind"] == RESUME]
    assert len(halt) == len(resume) == 1
    bars = events[(events["kind"] == BAR) & (events["instrument"] == halt["instrument"][0])]
    within = (bars["ts_event"] > halt["ts_event"][0]) & (bars["ts_open"] < resume["ts_event"][0])
    assert not within.any()


def test_synthetic_data_says_so_on_every_market_event_and_action(market):
    events = read(market, SEVERAL)
    ours = events[events["instrument"] >= 0]
    assert ((ours["flags"] & SYNTHETIC) != 0).all()
    assert all(instrument.synthetic for instrument in Replay(market, SEVERAL).instruments)
    assert not (read(market, "ohlcv-5")["flags"] & SYNTHETIC).any()


def test_sessions_are_marked_causally(market):
    events = read(market, "synthetic-intraday")
    bars = events[events["kind"] == BAR]
    closes = events["ts_event"][events["kind"] == SESSION_CLOSE]
    assert len(closes) == 9
    session = np.searchsorted(closes, bars["ts_event"])
    for number in range(5):
        for day in range(9):
            own = bars[(bars["instrument"] == number) & (session == day)]
            if len(own):
                first = (own["flags"] & SESSION_FIRST) != 0
                assert first[0]
                assert not first[1:].any()
                assert np.array_equal((own["flags"] & SESSION_LAST) != 0, own["ts_event"] == closes[day])


def test_marks_do_not_depend_on_what_follows(market):
    whole = read(market, "synthetic-intraday", end="2019-07-03")
    cut = read(market, "synthetic-intraday", end="2019-07-03T15:00:00Z")
    assert same(whole[: len(cut)], cut)


def test_a_grace_lets_slices_follow(market):
    plain, late = read(market, SEVERAL, end="2019-07-02"), read(market, SEVERAL, end="2019-07-02", grace_ns=90 * SECOND)
    slices = late[late["kind"] == SLICE]
    assert not (late["flags"] & SLICE_AFTER).any()
    groups = np.unique(plain["ts_available"][np.isin(plain["kind"], (BAR, TRADE))])
    assert np.array_equal(slices["ts_available"], groups + 90 * SECOND)
    assert np.array_equal(slices["ts_event"], groups)
    rest = late[late["kind"] != SLICE].copy()
    assert same(rest, without_marks(plain))
    assert same(late, sort_events(late))


def without_marks(events):
    events = events.copy()
    events["flags"] &= np.uint16(0xFFFF ^ SLICE_AFTER)
    return events


def test_delays_may_differ_by_dataset(market):
    delays = {"synthetic-daily": 15 * MINUTE}
    events = read(market, ["synthetic-intraday", "synthetic-daily"], end="2019-07-02", delay_ns=delays)
    assert same(events, sort_events(events))
    daily = events[(events["kind"] == BAR) & (events["ts_event"] - events["ts_open"] > MINUTE)]
    assert set(daily["ts_available"] - daily["ts_event"]) == {15 * MINUTE}
    closes = events[events["kind"] == SESSION_CLOSE]
    assert set(closes["ts_available"] - closes["ts_event"]) == {15 * MINUTE}


def test_an_action_keeps_its_place_among_delayed_rows(market):
    plain = read(market, "ohlcv-5", ["AAPL"], "2005-02-20", "2005-03-03")
    late = read(market, "ohlcv-5", ["AAPL"], "2005-02-20", "2005-03-03", delay_ns=100 * 3600 * SECOND)
    assert list(plain["kind"]) == list(late["kind"])


def test_timers_are_merged(market):
    at = np.datetime64("2019-07-02T10:00", "ns").astype(np.int64)
    events = read(market, "synthetic-intraday", end="2019-07-03", timers=[(int(at), 3), (int(at) - DAY, 1), (0, 9)])
    timers = events[events["kind"] == TIMER]
    assert [(int(e["ts_event"]), int(e["timer"])) for e in timers] == [(0, 9), (at - DAY, 1), (at, 3)]
    assert same(events, sort_events(events))


def test_actions_can_be_left_out(market):
    kinds = set(read(market, "ohlcv-5", actions=False)["kind"])
    assert kinds == {BAR, SESSION_CLOSE}


def test_the_prefetching_thread_ends_with_its_reader(market):
    feed = iter(Replay(market, "synthetic-intraday", batch_rows=10))
    next(feed)
    assert any(thread.name == "lockstep-prefetch" for thread in threading.enumerate())
    feed.close()
    gc.collect()
    assert not any(thread.name == "lockstep-prefetch" for thread in threading.enumerate())


def test_a_replay_starts_without_pandas(catalog):
    """It costs half a second, a quarter of what a first result may take."""
    code = """
import sys
from lockstep.data.catalog import Catalog
from lockstep.data.feed import Replay
print(sum(map(len, Replay(Catalog(sys.argv[1]), "ohlcv-5"))), "pandas" in sys.modules, "duckdb" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(catalog.storage.local)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "15524 False False\n"


def test_unknown_symbols_are_refused_with_the_nearest(market):
    with pytest.raises(DataError, match=r"symbol 'APPL' is not in ohlcv-5; expected one of AAPL"):
        Replay(market, "ohlcv-5", ["APPL"])


def test_one_instrument_in_two_datasets_of_one_timeframe_is_refused(market, tmp_path):
    write_synthetic(market, "synthetic-again", SMALL, "daily")
    with pytest.raises(DataError, match=r"SYN001: 1d bars are in both 'synthetic-again' and 'synthetic-daily'"):
        Replay(market, ["synthetic-daily", "synthetic-again"])


def test_prices_adjusted_otherwise_do_not_mix(catalog):
    with pytest.raises(DataError, match=r"AAPL: adjusted is 'raw' in dataset 'ohlcv-5' but 'total' in 'skfolio-20'"):
        Replay(catalog, ["skfolio-20", "ohlcv-5"])


def test_a_run_is_told_where_its_data_came_from(catalog):
    (told,) = Replay(catalog, "skfolio-20").describe()
    assert (told["dataset"], told["kind"], told["adjusted"], told["rows"]) == ("skfolio-20", "closes", "total", 166_260)
    assert told["first"] == "1990-01-02T21:00:00"
    assert "survived" in told["survivorship"]
    assert {"rule", "count", "detail"} == set(told["findings"][0])


def test_what_is_listed_after_the_end_is_not_told(catalog):
    batches = list(Replay(catalog, "ohlcv-5", end="2008-12-31"))
    listed = np.concatenate([batch["instrument"][batch["kind"] == LIST] for batch in batches])
    assert sorted(listed.tolist()) == [0, 2, 3, 4]  # FB, the second, came in 2012
    assert max(int(batch["ts_event"].max()) for batch in batches) < np.datetime64("2009-01-01", "ns").astype(int)
