"""What the rules find in data that is let in, and what they must not touch."""

import numpy as np
import pytest

from lockstep.data.actions import Action
from lockstep.data.calendar import days
from lockstep.data.declaration import declare
from lockstep.data.importers.table import Layout, read_tables
from lockstep.data.ingest import prepare
from lockstep.data.source import Source
from lockstep.engine.errors import DataError

NOW = int(np.datetime64("2021-01-01", "ns").astype(np.int64))


@pytest.fixture
def findings(tmp_path, texts):
    """Import text and return the findings by rule."""

    def look(text, actions=(), **changes):
        path = tmp_path / "days.csv"
        path.write_text(text)
        declaration = declare(**{**texts["DAYS"], **changes})
        read = read_tables([path], Layout(symbol="" if text.startswith("symbol") else "AAA"), declaration)
        prepared = prepare(Source(read.rows, declaration, (*read.actions, *actions)), NOW)
        return {finding.rule: finding for finding in prepared.findings}

    return look


def split(date, new, old=1, kind="split"):
    return Action("AAA", kind, days(date), new, old)


def test_missing_sessions_are_counted_and_named(findings, texts):
    found = findings(texts["days"](["2020-03-02", "2020-03-03", "2020-03-06"], [10, 10.1, 10.2]))
    assert found["gaps"].count == 2
    assert found["gaps"].examples == ("AAA 2020-03-04", "AAA 2020-03-05")
    assert found["gaps"].severity == "warning"


def test_holidays_are_no_gaps(findings, texts):
    assert "gaps" not in findings(texts["days"](["2020-07-02", "2020-07-06"], [10, 10.1]))


def test_an_undeclared_split_is_refused_a_declared_one_confirmed(findings, texts):
    text = texts["days"](texts["weekdays"]("2020-03-02", 4), [100, 101, 50.4, 50.1])
    with pytest.raises(DataError, match=r"days.csv:4: AAA 2020-03-04: .* like a 2:1 split, none is declared"):
        findings(text)
    found = findings(text, [split("2020-03-04", 2)])
    assert found["splits"].examples == ("AAA 2020-03-04",)
    assert "jumps" not in found


def test_a_reverse_split_looks_like_one_too(findings, texts):
    text = texts["days"](texts["weekdays"]("2020-03-02", 3), [1.0, 20.1, 20.0])
    with pytest.raises(DataError, match="like a 1:20 split, none is declared"):
        findings(text)
    assert findings(text, [split("2020-03-03", 1, 20)])["splits"].count == 1


def test_a_declared_split_that_the_price_does_not_show_is_refused(findings, texts):
    text = texts["days"](texts["weekdays"]("2020-03-02", 4), [100, 101, 100.4, 100.1])
    with pytest.raises(DataError, match="a split is declared, but the price did not move by its ratio"):
        findings(text, [split("2020-03-04", 2)])


def test_a_split_of_a_day_without_session_takes_effect_on_the_next(findings, texts):
    days_ = ["2020-03-05", "2020-03-06", "2020-03-09"]
    text = texts["days"](days_, [100, 101, 50.4])
    assert findings(text, [split("2020-03-07", 2)])["splits"].examples == ("AAA 2020-03-09",)


def test_a_crash_that_no_split_explains_stays_and_is_counted(findings, texts):
    found = findings(texts["days"](texts["weekdays"]("2020-03-02", 4), [53.5, 53.5, 25.75, 26]))
    assert found["jumps"].examples == ("AAA 2020-03-04 -52 %",)


def test_a_crash_that_looks_like_a_split_may_be_declared_genuine(findings, texts):
    text = texts["days"](texts["weekdays"]("2020-03-02", 4), [100, 100, 50, 50.5])
    found = findings(text, [split("2020-03-04", 0, 0, "genuine")])
    assert found["jumps"].count == 1
    with pytest.raises(DataError, match="kind genuine"):
        findings(text)


def test_a_source_that_lists_its_splits_is_believed(findings, texts):
    text = texts["days"](texts["weekdays"]("2020-03-02", 4), [100, 100, 50, 50.5])
    found = findings(text, splits_known=True)
    assert found["split_like"].examples == ("AAA 2020-03-04",)


def test_adjusted_prices_need_no_splits(findings, texts):
    text = texts["days"](texts["weekdays"]("2020-03-02", 3), [100, 50, 50.5])
    assert set(findings(text, adjusted="total")) == {"jumps"}


def vendor_text(close, adjusted):
    lines = ["time,open,high,low,close,volume,adj_close"]
    dates = ["2020-03-02", "2020-03-03", "2020-03-04", "2020-03-05"]
    lines += [f"{d},{c},{c},{c},{c},5,{a}" for d, c, a in zip(dates, close, adjusted, strict=True)]
    return "\n".join(lines) + "\n"


def test_the_vendors_adjusted_close_tells_a_split_from_a_crash(findings):
    crash = vendor_text([100, 100, 50, 51], [90, 90, 45, 45.9])
    assert set(findings(crash)) == {"jumps"}
    hidden = vendor_text([100, 100, 50, 51], [45, 45, 45, 45.9])
    with pytest.raises(DataError, match="like a 2:1 split"):
        findings(hidden)


def test_an_undeclared_dividend_shows_against_the_vendors_adjusted_close(findings):
    text = vendor_text([100, 100, 99, 99], [99, 99, 99, 99])
    found = findings(text)
    assert found["vendor_adjusted"].count == 1
    assert found["vendor_adjusted"].examples[0].startswith("AAA 2020-03-04 -0.01")
    dividend = Action("AAA", "dividend", days("2020-03-04"), amount=10**9)
    assert "vendor_adjusted" not in findings(text, [dividend])


def test_a_flash_crash_is_not_taken_for_a_crash(findings):
    text = "time,open,high,low,close,volume\n" + "".join(
        f"2020-03-{day:02d},10,10.2,{low},10,5\n" for day, low in ((2, 9.9), (3, 3.0), (4, 9.8))
    )
    with pytest.raises(DataError, match=r"days.csv:3: AAA 2020-03-03 open 10 high 10.2 low 3 close 10.*keep it"):
        findings(text)


def test_a_crash_with_a_wide_range_that_the_next_day_confirms_is_no_bad_tick(findings):
    rows = [(12, 12.2, 11.8, 12), (11.9, 12, 4.7, 4.8), (4.5, 4.9, 3.5, 3.8)]
    text = "time,open,high,low,close,volume\n" + "".join(
        f"2020-03-{day:02d},{o},{h},{low},{c},5\n" for day, (o, h, low, c) in enumerate(rows, start=2)
    )
    assert "bad_tick" not in findings(text)


def test_a_split_is_no_bad_tick(findings, texts):
    text = texts["days"](texts["weekdays"]("2020-03-02", 3), [700, 100.5, 100])
    assert "splits" in findings(text, [split("2020-03-03", 7)])


def test_a_close_that_jumps_away_and_back_is_refused(findings):
    text = "time,close\n2020-03-02,100\n2020-03-03,31\n2020-03-04,101\n"
    with pytest.raises(DataError, match="AAA 2020-03-03 close 31 between 100 and 101"):
        findings(text, kind="closes", adjusted="total")
    with pytest.raises(DataError, match="have no range to clip"):
        findings(text, kind="closes", adjusted="total", repair={"bad_tick": "clip"})


def test_stale_prices_and_zero_volumes_are_counted(findings):
    text = "time,open,high,low,close,volume\n" + "".join(f"2020-03-{day:02d},7,7,7,7,0\n" for day in (2, 3, 4, 5, 6))
    found = findings(text)
    assert found["stale"].examples == ("AAA 2020-03-02 5 times 7",)
    assert found["zero_volume"].count == 5


def test_coarse_rounding_is_named(findings, texts):
    dates = texts["weekdays"]("2020-03-02", 25)
    text = "time,close\n" + "".join(f"{date},{0.264 + 0.003 * n:.3f}\n" for n, date in enumerate(dates))
    found = findings(text, kind="closes", adjusted="total")
    assert found["coarse"].examples == ("AAA at 0.264: one step is 0.38 %",)


def test_series_that_end_early_are_named_unless_delisted(findings):
    text = "symbol,time,close\nAAA,2020-03-02,10\nAAA,2020-03-03,10.1\nBBB,2020-03-02,10\n"
    closes = {"kind": "closes", "adjusted": "total"}
    assert findings(text, **closes)["ends_early"].examples == ("BBB 2020-03-02",)
    gone = Action("BBB", "delist", days("2020-03-03"))
    assert "ends_early" not in findings(text, [gone], **closes)


def test_half_days_and_sparse_sessions_are_counted(findings, texts):
    half = texts["minutes"]("2015-12-24", minutes=210)
    found = findings(half, **texts["MINUTES"])
    assert found["half_days"].examples == ("2015-12-24",)
    assert "sparse" not in found
    few = findings(texts["minutes"]("2015-12-23", minutes=5), **texts["MINUTES"])
    assert few["sparse"].examples == ("AAA has 5 of 390 bars",)


def test_a_label_that_is_off_shows_in_the_volume_of_the_auction(findings, texts):
    """Where extended hours are kept no bar lies outside, and only the opening auction gives the label away."""
    lines = ["time,open,high,low,close,volume"]
    for day in ("02", "03", "04", "05", "06", "09"):
        for minute in range(9 * 60, 10 * 60):
            volume = 9_000 if minute == 9 * 60 + 30 else 100
            lines.append(f"2020-03-{day} {minute // 60:02d}:{minute % 60:02d}:00,10,10,10,10,{volume}")
    text = "\n".join(lines) + "\n"
    kept = {**texts["MINUTES"], "repair": {"extended": "keep"}}
    assert "label" not in findings(text, **kept)
    assert "is label=close right?" in findings(text, **{**kept, "label": "close"})["label"].detail


def test_findings_do_not_depend_on_the_order_of_files(tmp_path, texts):
    names = ["a.csv", "b.csv"]
    halves = [texts["days"](["2020-03-02", "2020-03-03"], [10, 11]), texts["days"](["2020-03-05"], [12])]
    results = []
    for order in (halves, halves[::-1]):
        paths = [tmp_path / name for name in names]
        for path, text in zip(paths, order, strict=True):
            path.write_text(text)
        prepared = prepare(read_tables(paths, Layout(symbol="AAA"), declare(**texts["DAYS"])), NOW)
        results.append((prepared.findings, prepared.rows["close"].tolist()))
    assert results[0] == results[1]
