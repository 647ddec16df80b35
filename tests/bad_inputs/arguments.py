"""Command lines that are wrong."""

from .declarations import BARS, declaration

SHORT = ["backtest", "sma-cross", "--start", "2008-06-02", "--end", "2008-12-31"]
SET = ["backtest", "sma-cross", "--set"]
MAKE = ["data", "import", "synthetic-x", "--as", "synthetic", "--set"]
LEAN = ["data", "import", "x", "mine", "--as", "lean"]
FILES = {"bars.csv": BARS, "bars.toml": declaration(), "mine/empty.csv": ""}

LINES = {
    "no such command": (["nonsense"], 2, ["No such command 'nonsense'", "lockstep --help"]),
    "no such option": (["backtest", "--nonsense"], 2, ["No such option: --nonsense"]),
    "no such scenario": (["backtest", "nope"], 2, ["scenario 'nope': neither a bundled scenario", "sma-cross"]),
    "second scenario unknown": (["backtest", "sma-cross", "nope"], 2, ["scenario 'nope'"]),
    "folder without scenario": (["backtest", "mine"], 2, ["scenario 'mine': neither .* of its name"]),
    "key misspelt": ([*SET, "risk.max_gros=1"], 2, ["risk.max_gros is not a key; did you mean max_gross?"]),
    "key without value": ([*SET, "risk"], 2, ["--set 'risk': expected key=value with a dotted key"]),
    "value without key": ([*SET, "=3"], 2, ["--set '=3': expected key=value"]),
    "key through a value": ([*SET, "data.dataset.x=3"], 2, ["data.dataset = 'ohlcv-5' is no table"]),
    "past a list's end": (
        ["backtest", "sleeve-mix", "--set", "sleeves.9.share=0.1"],
        2,
        ["sleeves.9 does not exist; .* 3 entries"],
    ),
    "into a list": (["backtest", "sleeve-mix", "--set", "sleeves.share=0.1"], 2, ["sleeves is a list; name an entry"]),
    "parameter out of range": (
        [*SET, "strategy.parameters.fast=0"],
        2,
        ["fast = 0, expected a whole number from 2 to"],
    ),
    "start in words": (
        ["backtest", "sma-cross", "--start", "tomorrow"],
        2,
        ["data.start = 'tomorrow', expected a date such"],
    ),
    "American start": (
        ["backtest", "sma-cross", "--start", "01/03/2012"],
        2,
        ["data.start = '01/03/2012', expected a date"],
    ),
    "start after end": (
        ["backtest", "sma-cross", "--start", "2012-01-03", "--end", "2011-01-03"],
        2,
        ["not before data.end", "swap"],
    ),
    "more cash than there is": ([*SET, "account.cash=1e18"], 2, ["account.cash = 1e\\+18"]),
    "more money than can be counted": (
        ["backtest", "buy-and-hold", "--set", "account.cash=1e12", "--set", "risk.max_position=1"],
        5,
        ["buy-and-hold: A position or cash flow exceeded .*: lower the account's cash, or check the prices"],
    ),
    "unknown dataset": (
        [*SET, "data.dataset=none-such"],
        3,
        ["'none-such' is not in the catalogue", "lockstep data import"],
    ),
    "unknown symbol": ([*SET, "data.symbols=['XYZ']"], 3, ["symbol 'XYZ' is not in ohlcv-5; expected one of AAPL"]),
    "catalogue of no kind": (
        [*SHORT, "--catalog", "gopher://x"],
        3,
        ["catalogue 'gopher://x': expected a folder or a URL"],
    ),
    "catalogue that is a file": (
        [*SHORT, "--catalog", "bars.csv"],
        3,
        ["catalogue 'bars.csv' is a file, expected a folder"],
    ),
    "runs into a file": ([*SHORT, "--runs-dir", "bars.csv"], 2, ["runs folder bars.csv: File exists; choose another"]),
    "runs below a file": (
        [*SHORT, "--runs-dir", "bars.csv/runs"],
        2,
        ["bars.csv/runs: Not a directory; choose another"],
    ),
    "verify of nothing": (["verify"], 2, ["Missing argument 'RUN'"]),
    "verify of no run": (["verify", "nope"], 2, ["nope is no run folder: .*expected a folder such as runs/<id>"]),
    "report of no run": (["report", "nope"], 3, ["nope is not a run folder: .*expected a folder such as runs/<id>"]),
    "name with a space": (["new", "Not Good"], 2, ["name 'Not Good': expected lower-case letters"]),
    "name that is a keyword": (["new", "import"], 2, ["name 'import'"]),
    "name that climbs": (["new", "../x"], 2, ["name '../x'"]),
    "name that is taken": (["new", "mine"], 2, ["mine is there already; choose another name"]),
    "too few runs of a benchmark": (["bench", "--runs", "0"], 2, ["'--runs'", "greater than or equal to 1"]),
    "show of nothing": (["data", "show", "none-such"], 3, ["'none-such' is not in the catalogue"]),
    "show of a stranger": (["data", "show", "ohlcv-5", "--symbol", "XYZ"], 3, ["symbol 'XYZ' is not in ohlcv-5"]),
    "show from no day": (["data", "show", "ohlcv-5", "--start", "soon"], 3, ["time 'soon': expected a date such as"]),
    "show of minus one row": (
        ["data", "show", "ohlcv-5", "--rows", "-1"],
        2,
        ["'--rows'", "greater than or equal to 0"],
    ),
    "check that climbs": (["data", "check", "../x"], 3, ["dataset name '../x': expected 1 to 64 of"]),
    "unknown importer": (
        ["data", "import", "x", "--as", "magic"],
        3,
        ["importer 'magic', expected one of bundled, daily"],
    ),
    "declaration that is not there": (
        ["data", "import", "x", "--declaration", "no.toml"],
        2,
        ["no.toml: cannot be read"],
    ),
    "dataset's name": (
        ["data", "import", "My Data", "bars.csv", "--declaration", "bars.toml"],
        3,
        ["dataset name 'My Data'"],
    ),
    "import of nothing": (["data", "import", "x"], 3, ["paths is missing; name the files or the folder"]),
    "import of no file": (["data", "import", "x", "no.csv", "--declaration", "bars.toml"], 3, ["no.csv: no such file"]),
    "import of an empty file": (
        ["data", "import", "x", "mine", "--declaration", "bars.toml"],
        3,
        ["mine/empty.csv: the file is empty"],
    ),
    "bundled dataset of no name": (
        ["data", "import", "x", "--as", "bundled"],
        3,
        ["bundled dataset 'x': expected one of skfolio-20"],
    ),
    "option of a bundled dataset": (
        ["data", "import", "ohlcv-5", "--as", "bundled", "--set", "speed=1"],
        3,
        ["option 'speed' is unknown"],
    ),
    "daily files that are not there": (
        ["data", "import", "x", "no", "--as", "daily", "--set", "source=a", "--set", "licence=b"],
        3,
        ["no: no such file"],
    ),
    "LEAN without resolution": (LEAN, 3, ["resolution is missing; expected tick, second, minute"]),
    "LEAN by the week": (
        [*LEAN, "--set", "resolution=weekly"],
        3,
        ["resolution='weekly', expected one of tick, second"],
    ),
    "LEAN of no folder": (
        [*LEAN, "--set", "resolution=daily"],
        3,
        ["mine/daily: no such folder; expected a LEAN folder"],
    ),
    "synthetic without saying so": (
        ["data", "import", "x", "--as", "synthetic"],
        3,
        ["a synthetic dataset must be named so"],
    ),
    "synthetic of one symbol": ([*MAKE, "symbols=1"], 3, ["symbols = 1, expected from 2 to 999"]),
    "synthetic of too many pairs": (
        [*MAKE, "pairs=9"],
        3,
        ["pairs = 9, expected from 0 to 6: two of the 12 symbols each"],
    ),
    "synthetic of many": ([*MAKE, "symbols=many"], 3, ["symbols = 'many', expected a value of type int"]),
    "synthetic of minus two splits": ([*MAKE, "splits=-2"], 3, ["splits = -2, expected from 0 to 8"]),
    "synthetic of minus two halts": ([*MAKE, "halts=-2"], 3, ["halts = -2, expected from 0 to"]),
    "synthetic of a negative seed": ([*MAKE, "seed=-2"], 3, ["seed = -2, expected from 0 to"]),
    "synthetic from someday": ([*MAKE, "start=someday"], 3, ["start = 'someday', expected a date such as"]),
    "synthetic on the moon": ([*MAKE, "calendar=MOON"], 3, ["calendar='MOON' is not known"]),
    "synthetic by seven minutes": ([*MAKE, "step=7"], 3, ["step=7, expected minutes that divide 30"]),
    "synthetic by the hour": ([*MAKE, "form=hourly"], 3, ["form='hourly', expected one of intraday"]),
    "synthetic option misspelt": ([*MAKE, "seeds=1"], 3, ["option 'seeds' is unknown; did you mean seed?"]),
}


def cases():
    """Return (arguments, code, words, files) by name."""
    return {name: (*line, FILES) for name, line in LINES.items()}
