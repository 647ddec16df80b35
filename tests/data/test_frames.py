import numpy as np
import pandas as pd
import pytest

from lockstep.data.actions import Action
from lockstep.data.calendar import days
from lockstep.data.feed import Replay
from lockstep.data.frames import FrameFeed, events_from_frame
from lockstep.data.reading import read_frame
from lockstep.engine.errors import DataError
from lockstep.engine.events import (
    BAR,
    CLOSE,
    DIVIDEND,
    LIST,
    RENAME,
    SESSION_CLOSE,
    SLICE,
    SLICE_AFTER,
    SPLIT,
    SYNTHETIC,
    TIMER,
    mark_slices,
    sort_events,
)
from lockstep.engine.instruments import Instrument

DATES = pd.DatetimeIndex(["2020-03-02", "2020-03-03", "2020-03-04"])


def bars(index=DATES, price=10.0):
    close = price + 0.1 * np.arange(len(index))
    columns = {"Open": close, "High": close + 0.2, "Low": close - 0.2, "Close": close + 0.1, "Volume": 100}
    return pd.DataFrame(columns, index=index)


def test_a_frame_gives_the_events_of_a_replay(catalog):
    """The same data by either way is the same bytes."""
    dataset = catalog.dataset("ohlcv-5")
    frame = read_frame(dataset, ["AAPL", "MSFT"], "2005-01-03", "2005-12-30")
    frame["date"] = frame["ts_event"].dt.tz_convert("America/New_York").dt.normalize().dt.tz_localize(None)
    frames = {symbol: part.set_index("date") for symbol, part in frame.groupby("symbol")}
    paid = [
        Action(row["symbol"], row["kind"], days(str(row["date"])), row["numerator"], row["denominator"], row["amount"])
        for row in catalog.sql('SELECT * FROM "ohlcv-5/actions" ORDER BY ts_event').to_pylist()
        if row["symbol"] in ("AAPL", "MSFT") and str(row["date"]).startswith("2005")
    ]
    feed = FrameFeed(frames, actions=paid)
    replay = Replay(catalog, "ohlcv-5", ["AAPL", "MSFT"], "2005-01-03", "2005-12-30")
    whole = np.concatenate([batch.view("V80") for batch in replay])
    expected = whole.view(feed.events.dtype).copy()
    expected["sequence"] = feed.events["sequence"]
    assert feed.events.tobytes() == expected.tobytes()
    assert [i.id for i in feed.instruments] == [i.id for i in replay.instruments]


def test_the_stream_is_sorted_and_marked():
    events = events_from_frame({"B": bars(), "A": bars(price=20)})
    assert list(events["kind"]) == [LIST] * 2 + [BAR, BAR, SESSION_CLOSE] * 3
    assert events.tobytes() == sort_events(events).tobytes() == mark_slices(events.copy()).tobytes()
    assert list(events["open"][events["kind"] == BAR][:2]) == [20, 10]


@pytest.mark.parametrize(
    ("data", "kind", "symbols"),
    [
        (bars(), BAR, ["ASSET"]),
        (bars()[["Close"]], CLOSE, ["ASSET"]),
        (pd.DataFrame({"X": [1.0, 2, 2], "Y": [3.0, 4, 5]}, index=DATES), CLOSE, ["X", "Y"]),
        ({"X": pd.Series([1.0, 2, 2], index=DATES)}, CLOSE, ["X"]),
        (pd.concat({"X": bars(), "Y": bars()}, axis=1), BAR, ["X", "Y"]),
        (pd.concat({"X": bars(), "Y": bars()}, axis=1).swaplevel(axis=1), BAR, ["X", "Y"]),
    ],
)
def test_frames_of_several_shapes(data, kind, symbols):
    feed = FrameFeed(data, repair={"split": "keep"})
    assert [instrument.symbol for instrument in feed.instruments] == symbols
    assert set(feed.events["kind"]) == {LIST, kind, SESSION_CLOSE}
    assert all(instrument.close_only == (kind == CLOSE) for instrument in feed.instruments)


def test_columns_with_holes_have_rows_only_where_there_is_a_price():
    data = pd.DataFrame({"X": [1.0, 2, 2.1], "Y": [np.nan, 4, 4.1]}, index=DATES)
    events = events_from_frame(data, repair={"split": "keep"})
    assert list(events["instrument"][events["kind"] == CLOSE]) == [0, 0, 1, 0, 1]


def test_intraday_frames_declare_label_and_length():
    index = pd.date_range("2020-03-02 09:30", periods=3, freq="min", tz="America/New_York")
    with pytest.raises(DataError, match=r"declare timeframe, label, such as"):
        events_from_frame(bars(index))
    with pytest.raises(DataError, match=r"declare timeframe, label, zone"):
        events_from_frame(bars(index.tz_localize(None)))
    events = events_from_frame(bars(index), timeframe="1min", label="open")
    first = events[events["kind"] == BAR][0]
    assert pd.Timestamp(first["ts_event"], tz="UTC") == index[0] + pd.Timedelta(minutes=1)
    naive = events_from_frame(bars(index.tz_localize(None)), timeframe="1min", label="open", zone="America/New_York")
    assert naive.tobytes() == events.tobytes()


def test_splits_and_dividends_are_events():
    frame = bars().copy()
    frame.iloc[1:, :4] /= 2
    acts = [
        Action("ASSET", "split", days("2020-03-03"), 2, 1),
        Action("ASSET", "dividend", days("2020-03-04"), amount=5),
    ]
    events = events_from_frame(frame, actions=acts)
    assert list(events["kind"]) == [LIST, BAR, SESSION_CLOSE, SPLIT, BAR, SESSION_CLOSE, DIVIDEND, BAR, SESSION_CLOSE]
    with pytest.raises(DataError, match="like a 2:1 split, none is declared"):
        events_from_frame(frame)


def test_a_dividend_comes_before_a_split_of_the_same_day():
    """Its amount is per old share."""
    frame = bars().copy()
    frame.iloc[1:, :4] /= 2
    paid = Action("ASSET", "dividend", days("2020-03-03"), amount=5)
    cut = Action("ASSET", "split", days("2020-03-03"), 2, 1)
    for acts in ([paid, cut], [cut, paid]):
        events = events_from_frame(frame, actions=acts)
        assert list(events["kind"][3:5]) == [DIVIDEND, SPLIT]


def test_timers_delay_grace_and_labels_of_synthetic_data():
    at = int(np.datetime64("2020-03-03T10:00", "ns").astype(np.int64))
    feed = FrameFeed(bars(), timers=[(at, 4)], delay_ns=5, grace_ns=7, synthetic=True)
    events = feed.events
    assert list(events["timer"][events["kind"] == TIMER]) == [4]
    assert set((events["ts_available"] - events["ts_event"])[events["kind"] == BAR]) == {5}
    assert (events["kind"] == SLICE).sum() == 3
    assert not (events["flags"] & SLICE_AFTER).any()
    assert (events["flags"][events["kind"] == BAR] & SYNTHETIC).all()
    assert feed.instruments[0].synthetic


def test_only_generated_prices_may_lie_in_the_future():
    ahead = bars(pd.DatetimeIndex(["2099-03-02", "2099-03-03"]))
    with pytest.raises(DataError, match="times that lie in the past"):
        FrameFeed(ahead, calendar="24/7")
    assert len(FrameFeed(ahead, calendar="24/7", synthetic=True).events) == 5


def test_instruments_of_ones_own():
    mine = [Instrument("B", "B", tick=1), Instrument("A", "A", tick=5)]
    feed = FrameFeed({"A": bars(), "B": bars()}, instruments=mine)
    assert [instrument.tick for instrument in feed.instruments] == [5, 1]
    with pytest.raises(DataError, match=r"instruments \['A', 'B'\] differ"):
        FrameFeed({"A": bars(), "C": bars()}, instruments=mine)


def test_a_feed_can_be_read_twice_and_in_any_batches():
    feed = FrameFeed(bars(), batch_rows=2)
    first = b"".join(batch.tobytes() for batch in feed)
    assert first == b"".join(batch.tobytes() for batch in feed) == feed.events.tobytes()
    assert [len(batch) for batch in feed] == [2, 2, 2, 1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bars().reset_index(drop=True), "index of type RangeIndex, expected DatetimeIndex"),
        (bars().drop(columns="Low"), r"columns \['low'\] are missing"),
        (bars().rename(columns={"Close": "Last"}), r"columns \['high', 'last', .* expected open, high, low, close"),
        (bars().assign(Close="x"), r"ASSET.close: .*expected numbers"),
        (bars(pd.DatetimeIndex(["2020-03-01", "2020-03-02"])), "a day on which XNYS was open"),
        (bars().iloc[::-1], "times that ascend"),
        (bars().assign(High=1.0), "low <= open, close <= high"),
        ({}, "data holds no column"),
        ({"A": bars(), "B": bars()[["Close"]]}, "mixes bars and closes"),
        ({"A": bars(), "B": bars(DATES.tz_localize("UTC"))}, "mixes time zones"),
    ],
)
def test_frames_that_are_wrong_are_refused(data, message):
    with pytest.raises(DataError, match=message):
        FrameFeed(data)


def test_a_change_of_ticker_says_from_what_to_what():
    index = pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-04"])
    actions = [Action("XYZ", "rename", days("2024-01-03"), symbol="NEW")]
    feed = FrameFeed(pd.DataFrame({"XYZ": [10.0, 10.5, 10.2]}, index=index), actions=actions)
    (event,) = feed.events[feed.events["kind"] == RENAME]
    assert feed.renames() == {(int(event["ts_event"]), 0): "XYZ to NEW"}
