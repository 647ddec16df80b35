"""Files of market data that are wrong; each is imported as minute bars of AAA."""

from .declarations import IMPORT, declaration

HEAD = "time,open,high,low,close,volume\n"
GOOD = "2020-03-02 09:30:00,10,10.5,9.5,10,100\n"
NEXT = "2020-03-02 09:31:00,10,10.5,9.5,10,100\n"
LATER = "2020-03-02 09:32:00,10,10.5,9.5,10,100\n"


def row(time="2020-03-02 09:31:00", open_="10", high="10.5", low="9.5", close="10", volume="100"):
    return f"{time},{open_},{high},{low},{close},{volume}\n"


TEXTS = {
    "empty": (b"", "bars.csv: the file is empty"),
    "blank": (b" \n\n \n", "bars.csv: the file is empty"),
    "header alone": (HEAD, "bars.csv: a header and no rows"),
    "HTML": ("<!DOCTYPE html><html>Not found</html>", r"bars.csv:1: HTML or XML \('<!DOCTYPE html>"),
    "JSON error message": ('{"Error Message": "Invalid API call."}', "bars.csv:1: JSON .* error message"),
    "UTF-16": ((HEAD + GOOD).encode("utf-16"), "UTF-16 or UTF-32 text, expected UTF-8"),
    "not UTF-8": (
        HEAD.encode() + GOOD.encode() + b"2020-03-02 09:31:00,10,10.5,9.5,1\xff0,100\n",
        "bars.csv:3: byte 0xff",
    ),
    "NUL bytes": (HEAD + GOOD + "\x00\x00\x00", "bars.csv:3: a NUL byte"),
    "Parquet called CSV": (b"PAR1....", "bars.csv:1: Parquet"),
    "missing column": (
        "time,open,high,low,close\n" + "2020-03-02 09:30,10,11,9,10\n",
        "bars.csv:1: no column for volume",
    ),
    "missing time": (HEAD.replace("time", "when") + GOOD, "bars.csv:1: no column for time; it has when, open"),
    "column given twice": (HEAD.replace("high", "open") + GOOD, "bars.csv:1: column 'open' is given twice"),
    "too few values": (HEAD + GOOD + "2020-03-02 09:31:00,10,10.5\n", "bars.csv:3: 3 values, expected 6"),
    "too many values": (HEAD + GOOD + NEXT.strip() + ",1\n", "bars.csv:3: 7 values, expected 6"),
    "empty line": (HEAD + GOOD + "\n" + NEXT, "bars.csv:3: 1 values, expected 6|bars.csv:3: an empty line"),
    "wrong delimiter": ((HEAD + GOOD).replace(",", ";"), "bars.csv:1: no column for open"),
    "text in a number": (HEAD + GOOD + row(close="ten"), "bars.csv:3: close = 'ten', expected a plain number"),
    "thousands separator": (HEAD + GOOD + row(close='"1,010"'), "bars.csv:3: close = '1,010', expected a plain number"),
    "currency sign": (HEAD + GOOD + row(open_="$10"), r"bars.csv:3: open = '\$10'"),
    "hexadecimal": (HEAD + GOOD + row(volume="0x10"), "bars.csv:3: volume = '0x10'"),
    "NaN price": (HEAD + GOOD + row(close="NaN"), "bars.csv:3: close = nan; expected a finite number; .* missing=drop"),
    "empty price": (HEAD + GOOD + row(open_=""), "bars.csv:3: open = nan"),
    "infinite price": (HEAD + GOOD + row(high="inf"), "bars.csv:3: high = inf"),
    "zero price": (HEAD + GOOD + row(low="0"), "bars.csv:3: low = 0; expected a price above 0"),
    "negative price": (HEAD + GOOD + row(low="-9.5"), "bars.csv:3: low = -9.5; expected a price above 0"),
    "huge price": (
        HEAD + GOOD + row(high="1e300"),
        r"bars.csv:3: high = 1e\+300; expected a price above 0 and at most",
    ),
    "negative volume": (HEAD + GOOD + row(volume="-5"), "bars.csv:3: volume = -5; expected from 0"),
    "huge volume": (HEAD + GOOD + row(volume="1e30"), r"bars.csv:3: volume = 1e\+30; expected from 0"),
    "high below low": (
        HEAD + GOOD + row(high="9", low="11"),
        "bars.csv:3: open 10 high 9 low 11 close 10; expected low <=",
    ),
    "close above high": (HEAD + GOOD + row(close="12"), "bars.csv:3: open 10 high 10.5 low 9.5 close 12"),
    "unsorted": (HEAD + NEXT + GOOD, "bars.csv:3: AAA at 2020-03-02 09:31:00 EST; .* order=sort"),
    "exact duplicate": (HEAD + GOOD + GOOD, "bars.csv:3: AAA at 2020-03-02 09:31:00 EST; expected one row"),
    "weekend": (HEAD + row("2020-03-01 09:30:00"), "bars.csv:2: .* expected a day on which XNYS was open"),
    "holiday": (HEAD + row("2020-12-25 09:30:00"), "bars.csv:2: .* expected a day on which XNYS was open"),
    "before the open": (
        HEAD + row("2020-03-02 08:00:00") + GOOD,
        "bars.csv:2: AAA at 2020-03-02 08:01:00 EST; .* within the",
    ),
    "after a half day": (HEAD + row("2015-12-24 13:00:00"), "bars.csv:2: AAA at 2015-12-24 13:01:00"),
    "another zone": (
        HEAD + row("2020-03-02 06:30:00"),
        r"\(sessions seem to begin -3.0 h from the opening: is the zone",
    ),
    "another label": (
        HEAD + row("2020-03-02 16:00:00"),
        "the last bar would begin as the session closes: is the label",
    ),
    "mixed time formats": (
        HEAD + GOOD + row("3/2/2020 9:31"),
        "bars.csv:3: time = '3/2/2020 9:31', expected '0000-00-00",
    ),
    "times and dates": (
        HEAD + GOOD + row("2020-03-02"),
        "bars.csv:3: time = '2020-03-02', expected '0000-00-00 00:00:00'",
    ),
    "American dates": (HEAD + row("3/2/2020 9:30"), "bars.csv:2: time = '3/2/2020 9:30', expected"),
    "no such day": (HEAD + row("2020-02-30 09:30:00"), "bars.csv:2: time = '2020-02-30 09:30:00'"),
    "epoch unannounced": (HEAD + row("1583159400000"), "bars.csv:2: time = '1583159400000', expected"),
    "the future": (
        HEAD + row("2199-03-01 09:30:00"),
        "bars.csv:2: time 2199-03-01T14:30:00 UTC; expected times that lie in",
    ),
    "before there were computers": (HEAD + row("1815-06-18 09:30:00"), "bars.csv:2: time = .1815-06-18"),
    "nearer than declared": (HEAD + GOOD + row("2020-03-02 09:30:30"), "bars.csv:3: 30 s apart; expected labels 1min"),
    "isolated spike": (HEAD + GOOD + row(high="99") + LATER, "bars.csv:3: AAA 2020-03-02 open 10 high 99 low"),
}
"""Name → the file, a pattern that the sentence must match."""


def cases():
    """Return (arguments, code, words, files) by name."""
    return {
        name: (IMPORT, 3, [words], {"bars.csv": text, "bars.toml": declaration()})
        for name, (text, words) in TEXTS.items()
    }
