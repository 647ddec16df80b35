"""Vendors' folders that are wrong: LEAN's with map and factor files, and daily files with splits and dividends."""

import io
import zipfile

LEAN = ["data", "import", "mine", "lean", "--as", "lean", "--set", "resolution=daily"]
DAILY = ["data", "import", "mine", "daily", "--as", "daily", "--set", "source=x", "--set", "licence=y"]
ROW = "20200302 00:00,1000000,1010000,990000,1000000,100\n"
HEAD = "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
FIRST = HEAD + "2020-03-02,10,10.5,9.5,10,10,100,0,1\n"


def zipped(text):
    """Return a zip archive of one CSV file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inner.csv", text)
    return buffer.getvalue()


def next_day(close=10, dividend="0", split="1"):
    """Return two days in the daily layout."""
    return f"{FIRST}2020-03-03,{close},{close},{close},{close},10,100,{dividend},{split}\n"


FOLDERS = {
    "map of nothing": ({"map_files/spy.csv": ""}, "map_files/spy.csv: the file is empty"),
    "map of no date": ({"map_files/spy.csv": "soon,spy,Q\n20501231,spy,Q\n"}, "spy.csv:1: date = 'soon', expected"),
    "map backwards": (
        {"map_files/spy.csv": "20501231,spy,Q\n20000101,spy,Q\n"},
        "dates are not ascending; expected the oldest",
    ),
    "map of dates alone": ({"map_files/spy.csv": "20000101\n"}, "spy.csv:1: 1 values, expected date,ticker"),
    "ticker of two owners": (
        {f"map_files/{name}.csv": "20000101,spy,Q\n20501231,spy,Q\n" for name in ("spy", "old")},
        "SPY is claimed by OLD and SPY on 2000-01-01; mend the map files",
    ),
    "ticker of nobody": (
        {"map_files/spy.csv": "20200303,spy,Q\n20501231,spy,Q\n"},
        "no map file gives SPY an owner on 2020-03-02",
    ),
    "factor of zero": (
        {"factor_files/spy.csv": "20200302,0.9,0,100\n20501231,1,1,0\n"},
        "spy.csv:1: factors 0.9, 0, expected",
    ),
    "factor in words": (
        {"factor_files/spy.csv": "20200302,x,1,100\n20501231,1,1,0\n"},
        "spy.csv:1: price = 'x', expected a plain",
    ),
    "factor without reference": ({"factor_files/spy.csv": "20200302,1\n"}, "spy.csv:1: 2 values, expected 4"),
    "factor of another date": (
        {"factor_files/spy.csv": "2020-03-02,1,1,100\n20501231,1,1,0\n"},
        "date = '2020-03-02', expected a whole",
    ),
    "archive cut off": ({"daily/spy.zip": zipped(ROW)[:-9]}, "spy.zip: damaged or truncated zip file"),
    "archive of nothing": ({"daily/spy.zip": zipped("")}, "spy.zip: the file is empty"),
    "no archive": ({"daily/spy.zip": b"no archive"}, "spy.zip: damaged or truncated zip file .*; fetch it again"),
    "archive of other columns": ({"daily/spy.zip": zipped("20200302 00:00,1,2\n")}, "spy.zip:1: 3 values, expected 6"),
    "price in words": (
        {"daily/spy.zip": zipped(ROW.replace("1010000", "lots"))},
        "spy.zip:1: high = 'lots', expected a plain",
    ),
    "high below low": (
        {"daily/spy.zip": zipped(ROW.replace("1010000", "900000"))},
        "spy.zip:1: open 100 high 90 low 99",
    ),
    "no such day": ({"daily/spy.zip": zipped(ROW.replace("0302", "0230"))}, "time '20200230 00:00', expected YYYYMMDD"),
    "weekend": (
        {"daily/spy.zip": zipped(ROW.replace("0302", "0301"))},
        "SPY on 2020-03-01; expected a day on which XNYS was open",
    ),
}
OPTIONS = {
    "other ticker": ("tickers=zzz", "lean/daily: no trade files for ZZZ"),
    "ticker of a number": ("tickers=3", "tickers = 3, expected text"),
    "quotes of days": ("ticks=quote", "hours and days have no quotes"),
    "unknown rule": ("repair.typo=drop", "unknown rule 'typo'; expected one of order"),
    "option of tables": ("zone=UTC", "option 'zone' is unknown; expected resolution, ticks"),
}
DAYS = {
    "split of zero": (next_day(split="0"), "AAA.csv:3: split 0, expected new shares for one old share"),
    "negative split": (next_day(split="-2"), "AAA.csv:3: split -2, expected new shares"),
    "negative dividend": (next_day(dividend="-1"), "AAA.csv:3: dividend -1, expected 0 or dollars above 0"),
    "dividend in words": (next_day(dividend="free"), "AAA.csv:3: dividend_amount = 'free', expected a plain number"),
    "split undeclared": (next_day(close=5), "AAA.csv:3: AAA 2020-03-03: the price moved overnight like a 2:1 split"),
    "column missing": (FIRST.replace("volume", "size"), "AAA.csv:1: no column for volume; it has timestamp"),
}
SECTORS = {
    "sectors that are not there": ("none.csv", "none.csv: no such file"),
    "sectors without symbol": (
        "sectors.csv",
        "sectors.csv:1: column 'Symbol' is missing; expected Symbol, Name, Sector",
    ),
    "sectors of a number": ("3", "constituents = 3, expected text"),
}


def cases():
    """Return (arguments, code, words, files) by name."""
    spy = {"lean/daily/spy.zip": zipped(ROW)}
    lean = {
        name: (LEAN, 3, [words], {**spy, **{f"lean/{path}": content for path, content in files.items()}})
        for name, (files, words) in FOLDERS.items()
    }
    options = {name: ([*LEAN, "--set", option], 3, [words], spy) for name, (option, words) in OPTIONS.items()}
    days = {f"daily {name}": (DAILY, 3, [words], {"daily/AAA.csv": text}) for name, (text, words) in DAYS.items()}
    tables = {"daily/AAA.csv": next_day(), "sectors.csv": "a,b\n1,2\n"}
    sectors = {
        f"daily {name}": ([*DAILY, "--set", f"constituents={given}"], 3, [words], tables)
        for name, (given, words) in SECTORS.items()
    }
    return {**lean, **options, **days, **sectors}
