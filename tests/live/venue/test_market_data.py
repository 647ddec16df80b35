"""Historical data by REST: in pages, in longer timeframes, and never from the future."""

from datetime import UTC, datetime

import pytest

from lockstep.data.declaration import declare
from lockstep.data.importers.table import Layout, read_tables
from lockstep.data.ingest import ingest

from .conftest import DECLARED
from .rig import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alpaca.common.exceptions import APIError
    from alpaca.data.requests import (
        CorporateActionsRequest,
        StockBarsRequest,
        StockLatestBarRequest,
        StockLatestQuoteRequest,
        StockQuotesRequest,
        StockTradesRequest,
    )
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

START = datetime(2020, 3, 2, tzinfo=UTC)


def bars(rig, symbols="AAA", timeframe=TimeFrame.Minute, start=START, **more):
    return rig.data.get_stock_bars(
        StockBarsRequest(symbol_or_symbols=symbols, timeframe=timeframe, start=start, **more)
    ).data


def test_history_is_what_was_streamed_and_nothing_else(venue):
    rig = venue()
    rig.go(30)
    found = bars(rig, ["AAA", "CCC"])
    for symbol in ("AAA", "CCC"):
        streamed = [(bar.timestamp, bar.open, bar.close, bar.volume) for bar in rig.bars if bar.symbol == symbol]
        assert [(bar.timestamp, bar.open, bar.close, bar.volume) for bar in found[symbol]] == streamed
    assert bars(rig, end=datetime(2021, 1, 1, tzinfo=UTC))["AAA"] == found["AAA"]
    assert bars(rig, "ZZZ") == {}


def test_pages_put_together_are_the_whole(venue):
    rig = venue(streams=False)
    rig.go(50, wait=False)
    whole = bars(rig, ["AAA", "BBB"])
    query = {"symbols": "AAA,BBB", "timeframe": "1Min", "start": "2020-03-02T00:00:00Z", "limit": 17}
    pages = [rig.data.get("/stocks/bars", query)]
    while token := pages[-1]["next_page_token"]:
        pages.append(rig.data.get("/stocks/bars", {**query, "page_token": token}))
    assert [sum(map(len, page["bars"].values())) for page in pages] == [17, 17, 17, 17, 17, 13]
    for symbol in ("AAA", "BBB"):
        joined = [row["t"] for page in pages for row in page["bars"].get(symbol, [])]
        assert joined == [f"{bar.timestamp:%Y-%m-%dT%H:%M:%SZ}" for bar in whole[symbol]]
    with pytest.raises(APIError, match="invalid page_token"):
        rig.data.get("/stocks/bars", {**query, "page_token": "nonsense"})


def test_thousands_of_symbols_in_one_question(venue):
    rig = venue(streams=False)
    rig.go(5, wait=False)
    names = ",".join(["AAA", *(f"S{number:05d}" for number in range(9_000))])
    query = {"symbols": names, "timeframe": "1Min", "start": "2020-03-02T00:00:00Z"}
    assert list(rig.data.get("/stocks/bars", query)["bars"]) == ["AAA"]


def test_start_and_end_are_inclusive_and_order_can_be_turned(venue):
    rig = venue(streams=False)
    rig.go(50, wait=False)
    window = {"start": datetime(2020, 3, 2, 14, 35, tzinfo=UTC), "end": datetime(2020, 3, 2, 14, 37, tzinfo=UTC)}
    found = [f"{bar.timestamp:%H:%M}" for bar in bars(rig, **window)["AAA"]]
    assert found == ["14:35", "14:36", "14:37"]
    assert [f"{bar.timestamp:%H:%M}" for bar in bars(rig, sort="desc", **window)["AAA"]] == found[::-1]
    assert [f"{bar.timestamp:%H:%M}" for bar in bars(rig, limit=2, **window)["AAA"]] == found[:2]


def test_longer_timeframes_are_made_of_the_recorded_one(venue):
    rig = venue(streams=False)
    rig.go(400, wait=False)
    minutes = bars(rig)["AAA"][:390]
    five = bars(rig, timeframe=TimeFrame(5, TimeFrameUnit.Minute))["AAA"][0]
    assert (five.timestamp, five.open, five.close) == (minutes[0].timestamp, minutes[0].open, minutes[4].close)
    assert (five.high, five.volume) == (max(bar.high for bar in minutes[:5]), sum(bar.volume for bar in minutes[:5]))
    day = bars(rig, timeframe=TimeFrame.Day)["AAA"][0]
    assert f"{day.timestamp:%m-%d %H:%M}" == "03-02 05:00"
    assert (day.open, day.close, day.low) == (minutes[0].open, minutes[-1].close, min(bar.low for bar in minutes))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"timeframe": "1Min"}, "symbols is required"),
        ({"symbols": "AAA", "timeframe": "x"}, "invalid timeframe"),
        ({"symbols": "AAA", "timeframe": "0Min"}, "invalid timeframe"),
        ({"symbols": "AAA", "timeframe": "30s"}, "minutes holds 1min"),
        ({"symbols": "AAA", "timeframe": "1Min", "adjustment": "all"}, "adjustment=raw only"),
        ({"symbols": "AAA", "timeframe": "1Min", "start": "soon"}, "invalid time"),
        ({"symbols": "AAA", "timeframe": "1Min", "limit": "-1"}, "invalid limit"),
    ],
)
def test_questions_that_cannot_be_answered(venue, query, message):
    rig = venue(streams=False)
    with pytest.raises(APIError, match=message):
        rig.data.get("/stocks/bars", query)


def test_latest(venue):
    rig = venue()
    rig.go(10)
    latest = rig.data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=["AAA", "BBB"]))
    assert [latest[symbol].timestamp for symbol in ("AAA", "BBB")] == [rig.bars[-1].timestamp] * 2


def test_days_are_stamped_with_their_sessions_midnight(venue):
    rig = venue("days")
    rig.go(3)
    assert [f"{bar.timestamp:%m-%d %H:%M}" for bar in rig.bars] == ["03-02 05:00"] * 3 + ["03-03 05:00"] * 3
    day = bars(rig, timeframe=TimeFrame.Day)["AAA"]
    assert [(bar.timestamp, bar.close) for bar in day] == [
        (bar.timestamp, bar.close) for bar in rig.bars if bar.symbol == "AAA"
    ]


def tick_table(tmp_path, kind, columns, rows):
    path = tmp_path / f"{kind}.csv"
    lines = [f"time,symbol,{columns}", *(f"2020-03-02 09:30:{k:02d},AAA,{row}" for k, row in enumerate(rows))]
    path.write_text("\n".join(lines) + "\n")
    return read_tables([path], Layout(), declare(kind=kind, timeframe="tick", label="instant", **DECLARED))


def test_quotes_and_trades(recordings, venue, tmp_path):
    quotes = [f"{10 + k / 100:.2f},{10.02 + k / 100:.2f},{100 + k},200" for k in range(20)]
    ingest(recordings, "quotes", tick_table(tmp_path, "quotes", "bid,ask,bid_size,ask_size", quotes))
    ingest(
        recordings,
        "trades",
        tick_table(tmp_path, "trades", "price,size", [f"{10 + k / 100:.2f},50" for k in range(20)]),
    )
    rig = venue("quotes")
    rig.go(6)
    assert [(quote.bid_price, quote.ask_price, quote.bid_size) for quote in rig.quotes[:2]] == [
        (10.0, 10.02, 100), (10.01, 10.03, 101),
    ]  # fmt: skip
    found = rig.data.get_stock_quotes(StockQuotesRequest(symbol_or_symbols="AAA", start=START)).data["AAA"]
    assert [quote.timestamp for quote in found] == [quote.timestamp for quote in rig.quotes]
    last = rig.data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAA"))["AAA"]
    assert last.bid_price == rig.quotes[-1].bid_price
    order = rig.order(qty=10)
    rig.go()
    assert (rig.updates[-1].order.id, rig.updates[-1].price) == (order.id, rig.quotes[-1].ask_price)
    other = venue("trades")
    other.go(4)
    assert [(trade.price, trade.size) for trade in other.trades] == [(10.0, 50), (10.01, 50), (10.02, 50)]
    found = other.data.get_stock_trades(StockTradesRequest(symbol_or_symbols="AAA", start=START)).data["AAA"]
    assert len(found) == 3


def test_splits_and_dividends_once_their_day_has_come(recordings, venue, tmp_path):
    path, actions = tmp_path / "AAA.csv", tmp_path / "actions.csv"
    closes = [100.0, 101.0, 50.4, 50.1]
    days = ["2020-03-02", "2020-03-03", "2020-03-04", "2020-03-05"]
    rows = [f"{day},{c},{c * 1.01:.2f},{c * 0.99:.2f},{c},100000" for day, c in zip(days, closes, strict=True)]
    path.write_text("time,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    actions.write_text(
        "symbol,kind,date,numerator,denominator,amount,pay_date,terminal,new_symbol,note\n"
        "AAA,split,2020-03-04,2,1,,,,,\nAAA,dividend,2020-03-05,,,0.25,2020-03-20,,,\n"
    )
    from lockstep.data.commands import import_dataset

    import_dataset(
        recordings, "split", "table", paths=path, actions=actions, symbol="{symbol}.csv", timeframe="1d",
        label="session", **DECLARED,
    )  # fmt: skip
    rig = venue("split")
    rig.go(2)
    rig.order(qty=10)
    rig.go()
    asked = CorporateActionsRequest(symbols=["AAA"], start=START.date(), end=datetime(2020, 12, 31, tzinfo=UTC).date())
    assert rig.actions.get_corporate_actions(asked).data == {}
    rig.order(qty=10, side="sell", kind="limit", limit_price=140.0, tif="gtc")
    rig.go()  # the night of the split
    rig.sync()
    assert rig.names()[-1] == "restated"
    order = rig.updates[-1].order
    assert (order.qty, order.limit_price) == ("20", "70")
    assert rig.rest.get_open_position("AAA").qty == "20"
    found = rig.actions.get_corporate_actions(asked).data
    assert [(row.symbol, row.new_rate, row.old_rate, str(row.ex_date)) for row in found["forward_splits"]] == [
        ("AAA", 2.0, 1.0, "2020-03-04")
    ]
    rig.go(2)
    found = rig.actions.get_corporate_actions(asked).data
    assert [(row.rate, str(row.ex_date), str(row.payable_date)) for row in found["cash_dividends"]] == [
        (0.25, "2020-03-05", "2020-03-20")
    ]
