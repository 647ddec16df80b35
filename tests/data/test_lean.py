"""LEAN folders: labels, permanent ids, factor files, ticks."""

import shutil
import zipfile

import numpy as np
import pytest

from lockstep.data.calendar import iso_date
from lockstep.data.feed import Replay
from lockstep.data.importers.lean import read_lean
from lockstep.data.importers.lean_files import Owners, read_map
from lockstep.data.ingest import ingest
from lockstep.data.reading import read_rows
from lockstep.engine.errors import DataError
from lockstep.engine.events import BAR, DELIST, RENAME


def utc(ts):
    return str(np.datetime64(int(ts), "ns").astype("datetime64[s]"))


class Folder:
    """A LEAN folder being written."""

    def __init__(self, root):
        self.root = root

    def text(self, path, content):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)
        return self

    def zip(self, path, content):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(self.root / path, "w") as archive:
            archive.writestr("inner.csv", content)
        return self


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "usa")


def daily(*rows):
    return "".join(f"{day} 00:00,{price}0000,{price + 1}0000,{price - 1}0000,{price}0000,100\n" for day, price in rows)


def test_minute_bars_are_labelled_by_their_open(folder, own):
    folder.zip("minute/spy/20200302_trade.zip", "34200000,1000000,1010000,990000,1000000,5\n")
    ingest(own, "mine", read_lean(folder.root, "minute"))
    rows = read_rows(own.dataset("mine"))
    assert (utc(rows["ts_open"][0]), utc(rows["ts_event"][0])) == ("2020-03-02T14:30:00", "2020-03-02T14:31:00")
    assert (rows["open"][0], rows["high"][0], rows["volume"][0]) == (100.0, 101.0, 5.0)


def test_whole_hours_are_cut_at_the_session(folder, own):
    lines = "".join(f"20200302 {hour:02d}:00,100000,100000,100000,100000,7\n" for hour in range(9, 16))
    folder.zip("hour/spy.zip", lines)
    ingest(own, "mine", read_lean(folder.root, "hour"))
    rows = read_rows(own.dataset("mine"))
    assert (utc(rows["ts_open"][0]), utc(rows["ts_event"][0])) == ("2020-03-02T14:30:00", "2020-03-02T15:00:00")
    assert utc(rows["ts_event"][-1]) == "2020-03-02T21:00:00"


def test_extended_hours_need_a_policy(folder, own):
    lines = "14400000,10000,10000,10000,10000,5\n34200000,10000,10000,10000,10000,5\n"
    folder.zip("minute/spy/20200302_trade.zip", lines)
    with pytest.raises(DataError, match=r"minute/spy/20200302_trade.zip:1: SPY at 2020-03-02 04:01:00 EST.*extended"):
        ingest(own, "mine", read_lean(folder.root, "minute"))
    assert ingest(own, "mine", read_lean(folder.root, "minute", repair={"extended": "drop"})).rows == 1
    assert ingest(own, "mine", read_lean(folder.root, "minute", repair={"extended": "keep"})).rows == 2


def renamed(folder):
    """OLD became NEW on 2020-03-05; another company took the ticker OLD a day later."""
    folder.text("map_files/new.csv", "20200302,old,Q\n20200304,old,Q\n20501231,new,Q\n")
    folder.text("map_files/old.1.csv", "20200306,old,Q\n20200309,old,Q\n")
    folder.zip("daily/old.zip", daily(("20200302", 10), ("20200303", 10), ("20200304", 10), ("20200306", 70)))
    folder.zip("daily/new.zip", daily(("20200305", 10), ("20200306", 10), ("20200309", 10)))
    return folder


def test_a_ticker_change_keeps_the_permanent_id(folder, own):
    manifest = ingest(own, "mine", read_lean(renamed(folder).root, "daily"))
    assert [(entry.id, entry.symbol, entry.rows) for entry in manifest.instruments] == [
        ("NEW", "NEW", 6),
        ("OLD.1", "OLD", 1),
    ]
    assert manifest.instruments[0].symbols == (("2020-03-02", "OLD"), ("2020-03-05", "NEW"))
    events = np.concatenate([batch.copy() for batch in Replay(own, "mine")])
    rename = events[events["kind"] == RENAME]
    assert [utc(ts) for ts in rename["ts_event"]] == ["2020-03-05T05:00:00"]
    assert list(rename["instrument"]) == [0]
    assert Replay(own, "mine").renames() == {(int(rename["ts_event"][0]), 0): "OLD to NEW"}
    assert [utc(ts) for ts in events["ts_event"][events["kind"] == DELIST]] == ["2020-03-10T04:00:00"]
    assert list(events["close"][(events["kind"] == BAR) & (events["instrument"] == 0)]) == [10.0] * 6


def test_two_companies_of_one_ticker_are_told_apart_by_their_ids(folder, own):
    folder.text("map_files/new.csv", "20200306,old,Q\n20501231,old,Q\n")
    folder.text("map_files/old.1.csv", "20200302,old,Q\n20200304,old,Q\n")
    folder.zip("daily/old.zip", daily(("20200302", 10), ("20200303", 10), ("20200304", 10), ("20200306", 70)))
    ingest(own, "mine", read_lean(folder.root, "daily"))
    assert [each.symbol for each in Replay(own, "mine").instruments] == ["NEW", "OLD.1"]
    assert [each.symbol for each in Replay(own, "mine", ["NEW"]).instruments] == ["OLD"]


def test_a_ticker_has_one_owner_a_day(folder):
    owners = Owners(renamed(folder).root / "map_files")
    spans = {
        ticker: [(iso_date(a), iso_date(b), name) for a, b, name in owners.spans(ticker)] for ticker in ("OLD", "NEW")
    }
    assert spans["OLD"] == [("2020-03-02", "2020-03-04", "NEW"), ("2020-03-06", "2020-03-09", "OLD.1")]
    assert spans["NEW"] == [("2020-03-05", "2050-12-31", "NEW")]


def test_a_past_ticker_names_the_instrument_too(folder, own):
    folder.text("map_files/new.csv", "20200302,old,Q\n20200304,old,Q\n20501231,new,Q\n")
    folder.zip("daily/new.zip", daily(("20200305", 10)))
    ingest(own, "mine", read_lean(folder.root, "daily"))
    assert [instrument.id for instrument in Replay(own, "mine", ["OLD"]).instruments] == ["NEW"]


def test_rows_of_nobody_are_refused_or_dropped(folder, own):
    folder.text("map_files/fb.csv", "20200303,fb,Q\n20501231,fb,Q\n")
    folder.zip("daily/fb.zip", daily(("20200302", 5), ("20200303", 38)))
    with pytest.raises(DataError, match=r"daily/fb.zip:1: no map file gives FB an owner on 2020-03-02 \(1 such"):
        read_lean(folder.root, "daily")
    manifest = ingest(own, "mine", read_lean(folder.root, "daily", repair={"unmapped": "drop"}))
    assert manifest.rows == 1
    assert [(repair.rule, repair.count) for repair in manifest.repairs] == [("unmapped", 1)]


def test_a_ticker_without_map_file_is_its_own_id_and_says_so(folder, own):
    folder.zip("daily/shy.zip", daily(("20200302", 5)))
    manifest = ingest(own, "mine", read_lean(folder.root, "daily"))
    assert manifest.instruments[0].id == "SHY"
    assert manifest.findings[0].examples == ("SHY: no map file, the ticker serves as permanent id",)


def test_two_owners_of_a_ticker_on_one_day_are_refused(folder):
    folder.text("map_files/a.csv", "20200302,x,Q\n20501231,x,Q\n")
    folder.text("map_files/b.csv", "20200310,x,Q\n20501231,x,Q\n")
    with pytest.raises(DataError, match="X is claimed by A and B on 2020-03-10"):
        Owners(folder.root / "map_files")


def test_factor_files_become_splits_and_dividends(folder, own):
    rows = [("20200302", 100), ("20200303", 100), ("20200304", 50), ("20200305", 50)]
    folder.zip("daily/aaa.zip", daily(*rows))
    folder.text("map_files/aaa.csv", "19980102,aaa,N\n20501231,aaa,N\n")
    folder.text(
        "factor_files/aaa.csv",
        "19980102,0.9800000,0.5,1\n20200303,0.9800000,0.5,100\n20200304,0.9800000,1,50\n20501231,1,1,0\n",
    )
    manifest = ingest(own, "mine", read_lean(folder.root, "daily"))
    table = own.sql('SELECT kind, date, numerator, denominator, amount FROM "mine/actions" ORDER BY ts_event')
    told = [
        (row["kind"], str(row["date"]), row["numerator"], row["denominator"], row["amount"])
        for row in table.to_pylist()
    ]
    assert told == [("split", "2020-03-04", 2, 1, 0), ("dividend", "2020-03-05", 0, 0, 1_000_000_000)]
    assert {finding.rule for finding in manifest.findings} == {"splits"}


def test_trades_and_quotes_tick_by_tick(folder, own):
    trade = "34200000.5,1000000,100,P,0,0\n34200000.5,1000100,50,Q,0,0\n34201000,9000000,1,Q,0,1\n"
    quote = "34200000,999900,100,0,0,P,1,0\n34200000,0,0,1000100,200,P,1,0\n34200001,0,0,1000000,300,Q,1,0\n"
    folder.zip("tick/spy/20200302_trade.zip", trade)
    folder.zip("tick/spy/20200302_quote.zip", quote)
    with pytest.raises(DataError, match=r"tick/spy/20200302_trade.zip:3: a tick that the vendor flags as suspicious"):
        read_lean(folder.root, "tick")
    ingest(own, "trades", read_lean(folder.root, "tick", repair={"suspicious": "drop"}))
    rows = read_rows(own.dataset("trades"))
    assert rows["price"].tolist() == [100.0, 100.01]
    assert utc(rows["ts_event"][0]) == "2020-03-02T14:30:00"
    assert rows["ts_event"][0] % 10**9 == 500_000
    ingest(own, "quotes", read_lean(folder.root, "tick", ticks="quote"))
    rows = read_rows(own.dataset("quotes"))
    sides = ("bid", "ask", "bid_size", "ask_size")
    assert list(zip(*(rows[side].tolist() for side in sides), strict=True)) == [
        (99.99, 100.01, 100, 200),
        (99.99, 100.0, 100, 300),
    ]


def test_quote_bars_are_known_at_their_close(folder, own):
    folder.zip("minute/spy/20200302_quote.zip", "34200000,10000,10000,10000,20000,3,,,,,\n")
    ingest(own, "mine", read_lean(folder.root, "minute", ticks="quote"))
    rows = read_rows(own.dataset("mine"))
    assert utc(rows["ts_event"][0]) == "2020-03-02T14:31:00"
    assert (rows["bid"][0], rows["bid_size"][0], rows["ask_size"][0]) == (2.0, 3.0, 0.0)
    assert np.isnan(rows["ask"][0])


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("minute/spy/20200302_trade.zip", "34200000,1,1,1\n", "20200302_trade.zip:1: 4 values, expected 6|columns"),
        ("minute/spy/20200302_trade.zip", "noon,1,1,1,1,1\n", "20200302_trade.zip:1: time = 'noon'"),
        ("minute/spy/20200302_trade.zip", "99999999,1,1,1,1,1\n", "expected milliseconds since midnight"),
        ("minute/spy/20200230_trade.zip", "34200000,1,1,1,1,1\n", "no such day"),
        ("minute/..x/20200302_trade.zip", "34200000,1,1,1,1,1\n", "is no ticker"),
    ],
)
def test_files_that_are_wrong_are_refused(folder, path, content, message):
    folder.zip(path, content)
    with pytest.raises(DataError, match=message):
        read_lean(folder.root, "minute")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("20200302,a,b,c\n20501231,a,b,c\n", "4 values, expected date,ticker"),
        ("20200302,a\n", "one line, expected a first day"),
        ("2020-03-02,a\n20501231,a\n", "date = '2020-03-02', expected a whole number"),
        ("20200230,a\n20501231,a\n", "date 20200230, expected YYYYMMDD"),
        ("20501231,a\n20200302,a\n", "dates are not ascending"),
    ],
)
def test_map_files_that_are_wrong_are_refused(folder, content, message):
    folder.text("map_files/x.csv", content)
    with pytest.raises(DataError, match=message):
        read_map(folder.root / "map_files/x.csv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("weekly",), "resolution='weekly', expected one of tick, second"),
        (("daily", "quote"), "hours and days have no quotes"),
        (("minute", "trade", ["NONE"]), "no trade files for NONE"),
        (("second",), "no such folder; expected a LEAN folder"),
    ],
)
def test_requests_that_are_wrong_are_refused(folder, arguments, message):
    folder.zip("daily/spy.zip", daily(("20200302", 5)))
    folder.zip("minute/spy/20200302_trade.zip", "34200000,1,1,1,1,1\n")
    resolution, ticks, tickers = (*arguments, *(None,) * (3 - len(arguments)))
    with pytest.raises(DataError, match=message):
        read_lean(folder.root, resolution, ticks=ticks or "trade", tickers=tickers)


def test_the_real_days(own, market_data):
    root = market_data / "lean_us_equity"
    with pytest.raises(DataError, match=r"aapl.zip:2948: AAPL 2009-09-21 open 184.44 high 185.16 low 10.59"):
        ingest(own, "lean", read_lean(root, "daily", repair={"unmapped": "drop"}))
    manifest = ingest(own, "lean", read_lean(root, "daily", repair={"unmapped": "drop", "bad_tick": "keep"}))
    entries = {entry.id: entry for entry in manifest.instruments}
    assert entries["GOOGL"].symbols == (("2004-08-19", "GOOG"), ("2014-04-03", "GOOGL"))
    assert entries["GOOG"].symbols == (("2014-03-27", "GOOCV"), ("2014-04-03", "GOOG"))
    assert {"FB", "FB.1", "TFCFA", "WM"} <= set(entries)
    found = {finding.rule: finding for finding in manifest.findings}
    assert {"AAPL 2000-09-29 -52 %", "AIG 2008-09-15 -58 %"} <= set(found["jumps"].examples)
    splits = own.sql(
        """SELECT symbol, date, numerator AS n, denominator AS d FROM "lean/actions" WHERE kind = 'split'"""
    )
    known = {(row["symbol"], str(row["date"])): (row["n"], row["d"]) for row in splits.to_pylist()}
    assert known["AAPL", "2014-06-09"] == (7, 1)
    assert known["AIG", "2009-07-01"] == (1, 20)
    dividends = own.sql("""SELECT count(*) AS n FROM "lean/actions" WHERE kind = 'dividend' AND symbol = 'AAPL'""")
    assert dividends.to_pydict()["n"][0] > 30


def test_the_real_minutes_with_their_bad_tick(own, market_data):
    root = market_data / "lean_us_equity"
    with pytest.raises(DataError, match=r"20140609_trade.zip:1: AAPL 2014-06-09 open 645.57 high 645.57 low 92.23"):
        ingest(own, "lean", read_lean(root, "minute", repair={"extended": "keep"}))
    manifest = ingest(own, "lean", read_lean(root, "minute", repair={"extended": "drop"}))
    halves = next(finding for finding in manifest.findings if finding.rule == "half_days")
    assert halves.examples == ("2015-12-24",)
    rows = read_rows(own.dataset("lean"), ["GOOG"], "2015-12-24", "2015-12-24")
    assert utc(rows["ts_event"][-1]) == "2015-12-24T18:00:00"
    assert "TFCFA" in {entry.id for entry in manifest.instruments}


def test_a_truncated_real_zip_is_refused(own, market_data, tmp_path):
    source = market_data / "lean_us_equity" / "minute" / "aapl" / "20140605_trade.zip"
    target = tmp_path / "usa" / "minute" / "aapl" / source.name
    target.parent.mkdir(parents=True)
    shutil.copyfile(source, target)
    target.write_bytes(target.read_bytes()[:-200])
    with pytest.raises(DataError, match="damaged or truncated zip file"):
        read_lean(tmp_path / "usa", "minute")
