"""Declarations of an import that are wrong: `bars.toml` beside sound minute bars."""

IMPORT = ["data", "import", "mine", "bars.csv", "--declaration", "bars.toml"]
BARS = "time,open,high,low,close,volume\n2020-03-02 09:30:00,10,10.5,9.5,10,100\n"
KEYS = {
    "timeframe": '"1min"',
    "label": '"open"',
    "zone": '"America/New_York"',
    "adjusted": '"raw"',
    "source": '"a test"',
    "licence": '"none"',
    "symbol": '"AAA"',
}


def declaration(**changes):
    """Return the TOML of a declaration; None leaves a key out."""
    return "".join(f"{key} = {value}\n" for key, value in {**KEYS, **changes}.items() if value is not None)


CHANGES = {
    "zone that is none": ({"zone": '"New York"'}, "zone = 'New York': expected an IANA zone"),
    "zone that climbs": ({"zone": '"../../etc/passwd"'}, "expected an IANA zone"),
    "unknown label": ({"label": '"left"'}, "label = 'left': expected 'open', 'close'"),
    "unknown timeframe": ({"timeframe": '"5m"'}, "timeframe = '5m': expected a number and s, min, h or d"),
    "days labelled by their open": (
        {"timeframe": '"1d"'},
        "label='open' with timeframe='1d': days are labelled by session",
    ),
    "bars that are ticks": ({"timeframe": '"tick"'}, "timeframe='tick' with label='open': only ticks are instants"),
    "trades that are bars": ({"kind": '"trades"'}, "label='open' with kind='trades': ticks, and only they"),
    "unknown kind": ({"kind": '"candles"'}, "kind = 'candles': expected 'bars', 'closes'"),
    "unknown adjustment": ({"adjusted": '"dividends"'}, "adjusted = 'dividends': expected 'raw', 'split' or 'total'"),
    "unknown calendar": ({"calendar": '"XNYX"'}, "calendar='XNYX' is not known; expected '24/7' or a name"),
    "tick of zero": ({"tick": "0"}, "tick = 0: expected a whole number from 1"),
    "tick of a fraction": ({"tick": "0.01"}, "tick = 0.01: expected a whole number"),
    "no lots": ({"lots_per_unit": "0"}, "lots_per_unit = 0: expected a whole number from 1"),
    "too many lots": ({"lots_per_unit": "10000000000"}, "lots_per_unit = 10000000000: expected a whole number up to"),
    "currency in words": ({"currency": '"dollars"'}, "currency = 'dollars': expected three capital letters"),
    "neither true nor false": ({"shortable": '"maybe"'}, "shortable = 'maybe': expected true or false"),
    "source of a number": ({"source": "3"}, "source = 3: expected text"),
    "source of nothing": ({"source": '""'}, "source = '': expected some text"),
    "unknown option": ({"colour": '"red"'}, "option 'colour' is unknown; .*columns"),
    "misspelt option": ({"time_fromat": '"iso"'}, "option 'time_fromat' is unknown; did you mean time_format?"),
    "no timeframe": ({"timeframe": None}, "timeframe is missing; declare it"),
    "no label": ({"label": None}, "label is missing; declare it"),
    "no zone": ({"zone": None}, "zone is missing; declare it"),
    "no adjustment": ({"adjusted": None}, "adjusted is missing; declare it"),
    "no source": ({"source": None}, "source is missing; declare it"),
    "no licence": ({"licence": None}, "licence is missing; declare it"),
    "no symbol": ({"symbol": None}, "bars.csv:1: no column for symbol; declare symbol=AAPL"),
    "symbol of a number": ({"symbol": "3"}, "symbol = 3, expected text"),
    "pattern that does not fit": (
        {"symbol": '"{symbol}_1min.csv"'},
        r"bars.csv: does not fit symbol='\{symbol\}_1min.csv'",
    ),
    "repair as text": ({"repair": '"drop"'}, "repair = 'drop': expected a table of rule = repair"),
    "unknown rule": ({"repair": "{typo = 'drop'}"}, "unknown rule 'typo'; expected one of order, duplicates"),
    "unknown repair": ({"repair": "{order = 'drop'}"}, "order = 'drop'; expected one of sort"),
    "columns as text": ({"columns": '"time"'}, "columns = 'time', expected a table of field = column"),
    "column of no field": (
        {"columns": "{price = 'close'}"},
        "columns.price is no field of bars; expected one of time, date",
    ),
    "column that is not there": (
        {"columns": "{close = 'last'}"},
        r"bars.csv:1: column 'last' \(for close\) is missing; it has time",
    ),
    "unknown time format": ({"time_format": '"rfc822"'}, "time_format = 'rfc822', expected iso, epoch_s"),
    "no time format": ({"time_format": "[]"}, "time_format = 'nothing', expected iso"),
    "header as text": ({"header": '"time"'}, "header = 'time', expected a list of names"),
    "delimiter of two": ({"delimiter": '"ab"'}, "delimiter = 'ab', expected one character"),
    "price unit of zero": ({"price_unit": "0"}, "price_unit = 0, expected a number above 0"),
    "price unit in words": ({"price_unit": '"cents"'}, "price_unit = 'cents', expected a number above 0"),
    "pattern of a number": ({"files": "3"}, r"files = 3, expected a pattern such as '\*.csv'"),
    "actions of a number": ({"actions": "3"}, "actions = 3, expected the name of a CSV file"),
    "actions that are not there": ({"actions": '"none.csv"'}, "none.csv: cannot be read: No such file"),
}


def cases():
    """Return (arguments, code, words, files) by name."""
    found = {
        name: (IMPORT, 3, [words], {"bars.csv": BARS, "bars.toml": declaration(**changes)})
        for name, (changes, words) in CHANGES.items()
    }
    found["not TOML"] = (
        IMPORT,
        2,
        ["bars.toml: not valid TOML", "line 1"],
        {"bars.csv": BARS, "bars.toml": "zone =\n"},
    )
    found["not UTF-8"] = (
        IMPORT, 2, ["bars.toml: byte 8 is not UTF-8; save"], {"bars.csv": BARS, "bars.toml": b"zone = '\xff'\n"},
    )  # fmt: skip
    return found
