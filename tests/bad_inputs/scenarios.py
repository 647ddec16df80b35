"""Scenarios that are wrong: as they are read, and when they meet the data."""

import re

HEAD = '[data]\ndataset = "ohlcv-5"\nstart = "2008-06-02"\nend = "2008-12-31"\n'
USE = '[strategy]\nuse = "lockstep.strategies.sma_cross"\n'
GOOD = HEAD + USE

SCHEMA = {
    "not TOML": ("[data\n", ["not valid TOML", "line 1"]),
    "twice the same key": ("[data]\ndataset = 'a'\ndataset = 'b'\n", ["not valid TOML"]),
    "no data": (USE, ["data is missing", "[data]"]),
    "no strategy": (HEAD, ["expected either [strategy] or [[sleeves]]"]),
    "strategy and sleeves": (GOOD + "[[sleeves]]\nuse = 'a.b'\n", ["expected either [strategy] or [[sleeves]]"]),
    "unknown table": (GOOD + "[risks]\n", ["risks is not a key", "did you mean risk?"]),
    "misspelt key": (GOOD + "[risk]\nmax_postion = 1\n", [":8: risk.max_postion", "did you mean max_position?"]),
    "text for a number": (GOOD + "[risk]\nmax_gross = 'lots'\n", ["risk.max_gross = 'lots'", "expected a number"]),
    "number for text": (GOOD + "title = 3\n", ["strategy.title is not a key"]),
    "title of a number": ("title = 3\n" + GOOD, [":1: title = 3", "expected text in quotes"]),
    "fraction for a count": (GOOD + "[account]\nmax_orders = 10.5\n", ["account.max_orders = 10.5", "whole number"]),
    "truth for a number": (GOOD + "[account]\ncash = true\n", ["account.cash = True", "expected a number"]),
    "number for truth": (GOOD + "[risk]\nkill = 1\n", ["risk.kill = 1", "expected true or false"]),
    "below a range": (GOOD + "[costs]\nhalf_spread_bps = -3\n", ["costs.half_spread_bps = -3.0", "from 0 to 1000"]),
    "above a range": (GOOD + "[costs]\nborrow_rate = 11\n", ["costs.borrow_rate = 11.0", "from 0 to 10"]),
    "not a number": (GOOD + "[risk]\nmax_gross = nan\n", ["risk.max_gross = nan", "expected a number from 0"]),
    "no cash": (GOOD + "[account]\ncash = 0\n", ["account.cash = 0.0", "from 1"]),
    "too few orders": (GOOD + "[account]\nmax_orders = -1\n", ["account.max_orders = -1", "expected a number from"]),
    "unknown commission": (GOOD + "[costs]\ncommission = 'bp'\n", ["costs.commission = 'bp'", "'none', 'bps'"]),
    "latency without unit": (
        GOOD + "[execution]\nlatency = '50'\n",
        ["execution.latency = '50'", "number and one of ns"],
    ),
    "latency of a day and more": (GOOD + "[execution]\nlatency = '2d'\n", ["execution.latency = '2d'", "at most 1d"]),
    "negative delay": (GOOD + "[execution]\ndelay = '-1s'\n", ["execution.delay = '-1s'", "number and one of ns"]),
    "delay of a number": (GOOD + "[execution]\ndelay = 3\n", ["execution.delay = 3", "number and one of ns"]),
    "grace of nonsense": (GOOD + "[execution]\ngrace = 'soon'\n", ["execution.grace = 'soon'"]),
    "no volume share": (GOOD + "[execution]\nvolume_share = 0\n", ["execution.volume_share = 0.0"]),
    "a day that is none": (
        GOOD.replace("2008-06-02", "2008-06-31"),
        [":3: data.start = '2008-06-31'", "a date such as"],
    ),
    "a time without offset": (GOOD.replace('"2008-06-02"', "2008-06-02T10:00:00"), ["data.start", "offset"]),
    "neither dataset nor datasets": ("[data]\nstart = '2008-06-02'\n" + USE, ["either dataset or datasets"]),
    "dataset and datasets": (GOOD.replace("start", "datasets = ['a']\nstart"), ["either dataset or datasets"]),
    "no symbols": (GOOD.replace("start", "symbols = []\nstart"), ["data.symbols = []", "at least 1"]),
    "symbols as text": (GOOD.replace("start", "symbols = 'IBM'\nstart"), ["data.symbols = 'IBM'", "expected a list"]),
    "negative warm-up": (GOOD.replace("start", "warmup = -1\nstart"), ["data.warmup = -1", "or 'auto'"]),
    "name with spaces": ("name = 'my run'\n" + GOOD, ["name = 'my run'", "a-z"]),
    "name that climbs": ("name = '../x'\n" + GOOD, ["name = '../x'", "a-z"]),
    "negative seed": ("seed = -1\n" + GOOD, ["seed = -1", "at least 0"]),
    "dotted name with a space": (HEAD + "[strategy]\nuse = 'a b'\n", ["strategy.use = 'a b'", "a dotted name"]),
    "no share": (HEAD + "[[sleeves]]\nuse = 'a.b'\nshare = 0\n", ["sleeves[0].share = 0", "more than 0"]),
    "shares above one": (
        HEAD + "[[sleeves]]\nuse = 'a.b'\nshare = 0.7\n[[sleeves]]\nuse = 'a.c'\nshare = 0.7\n",
        ["add up to 1.4", "at most 1"],
    ),
    "list for a parameter": (GOOD + "parameters.fast = [1]\n", ["strategy.parameters.fast = [1]"]),
    "benchmark of no kind": (GOOD + "[benchmark]\nkind = 'spy'\n", ["benchmark.kind = 'spy'", "'auto', 'hold'"]),
    "benchmark without symbol": (GOOD + "[benchmark]\nkind = 'hold'\n", ["benchmark", "expected symbol"]),
    "shock without kind": (GOOD + "[[shocks]]\nat = '2008-09-15'\n", ["shocks[0].kind is missing", "'gap'"]),
    "shock of no kind": (GOOD + "[[shocks]]\nkind = 'crash'\n", ["shocks[0].kind = 'crash'", "'flash_crash'"]),
    "shock without size": (GOOD + "[[shocks]]\nkind = 'gap'\nat = '2008-09-15'\n", ["shocks[0].size is missing"]),
    "shock beyond nothing": (
        GOOD + "[[shocks]]\nkind = 'gap'\nat = '2008-09-15'\nsize = -1.2\n",
        ["shocks[0].size = -1.2", "at least -0.95"],
    ),
    "second shock's typo": (
        GOOD + "[[shocks]]\nkind = 'gap'\nat = '2008-09-15'\nsize = 0.1\n[[shocks]]\nkind = 'halt'\n"
        "start = '2008-09-15'\nends = '2008-09-16'\n",
        [":14: shocks[1].ends", "did you mean end?"],
    ),
    "shocks as a table": (GOOD + "[shocks]\nkind = 'gap'\n", ["shocks", "[[shocks]]"]),
    "empty universe": (GOOD + "[universe]\nmembers = []\n", ["universe.members", "at least 1"]),
    "universe without file": (GOOD + "[universe]\nfile = 'none.csv'\n", ["none.csv", "cannot be read"]),
    "risk as a number": ("risk = 3\n" + GOOD, [":1: risk = 3", "expected a table"]),
}
"""Name → text of the scenario, words that the sentence must hold."""

PLAN = {
    "unknown dataset": (GOOD.replace("ohlcv-5", "no-such"), 3, ["'no-such' is not in the catalogue"]),
    "dataset that climbs": (GOOD.replace("ohlcv-5", "../x"), 3, ["'../x'"]),
    "unknown symbol": (GOOD.replace("start", "symbols = ['APPL']\nstart"), 3, ["'APPL'", "AAPL"]),
    "other timeframe": (
        GOOD.replace("start", "timeframe = '1min'\nstart"), 2, ["data.timeframe = '1min'", "'1d'"],
    ),
    "other calendar": (GOOD.replace("start", "calendar = '24/7'\nstart"), 2, ["data.calendar", "'XNYS'"]),
    "end before start": (GOOD.replace("2008-12-31", "2008-01-31"), 2, ["data.start", "not before data.end"]),
    "before all data": (
        GOOD.replace("2008-06-02", "1980-01-01").replace("2008-12-31", "1981-01-01"),
        3,
        ["no rows between start and end"],
    ),
    "after all data": (
        GOOD.replace("2008-06-02", "2020-01-01").replace("2008-12-31", "2021-01-01"),
        2,
        ["leaves nothing to trade", "sessions from"],
    ),
    "endless warm-up": (GOOD.replace("start", "warmup = 5000\nstart"), 2, ["5000 sessions of warm-up"]),
    "delay of another dataset": (
        GOOD + "[execution]\ndelay = {other = '1s'}\n", 2, ["execution.delay.other", "ohlcv-5"],
    ),
    "no such module": (
        GOOD.replace("sma_cross", "sma_crss"), 2, ["no module", "mean lockstep.strategies.sma_cross?"],
    ),
    "no such package": (HEAD + "[strategy]\nuse = 'nowhere.at_all'\n", 2, ["there is no module 'nowhere'"]),
    "no such name": (GOOD.replace('cross"', 'cross:OTHER"'), 2, ["has no OTHER", "STRATEGY"]),
    "not a strategy": (GOOD.replace('cross"', 'cross:LONGEST"'), 4, ["an object of int", "KernelStrategy"]),
    "unknown parameter": (GOOD + "parameters.slwo = 3\n", 2, ["strategy.parameters", "'slwo'", "fast, slow"]),
    "parameter out of range": (GOOD + "parameters.fast = 1\n", 2, ["fast = 1", "from 2 to 512"]),
    "fraction for a parameter": (GOOD + "parameters.fast = 2.5\n", 2, ["fast = 2.5", "a whole number"]),
    "text for a parameter": (GOOD + "parameters.fast = 'x'\n", 2, ["fast = 'x'"]),
    "two sleeves of one name": (
        HEAD + 2 * "[[sleeves]]\nuse = 'lockstep.strategies.sma_cross'\nshare = 0.5\n",
        2,
        ["sleeves[1].name = 'SMA cross' is used twice"],
    ),
    "benchmark not replayed": (GOOD + "[benchmark]\nsymbol = 'SPY'\n", 2, ["benchmark.symbol = 'SPY'"]),
    "benchmark not in its dataset": (
        GOOD + "[benchmark]\nsymbol = 'SPY'\ndataset = 'ohlcv-5'\n", 3, ["'SPY'", "ohlcv-5"],
    ),
    "shock of a stranger": (
        GOOD + "[[shocks]]\nkind = 'gap'\nat = '2008-09-15'\nsize = -0.1\nsymbols = ['LEH']\n",
        2,
        ["shocks[0].symbols", "'LEH'"],
    ),
    "shock outside the run": (
        GOOD + "[[shocks]]\nkind = 'gap'\nat = '2012-09-15'\nsize = -0.1\n", 2, ["lies outside the run"],
    ),
    "shock that ends before it starts": (
        GOOD + "[[shocks]]\nkind = 'halt'\nstart = '2008-09-15'\nend = '2008-09-10'\n", 2, ["swap"],
    ),
    "spell of a stranger": (
        GOOD.replace("start", "symbols = ['IBM']\nstart", 1)
        + "[[universe.members]]\nsymbol = 'LEH'\nstart = '2008-01-01'",
        2,
        ["universe.members[0].symbol = 'LEH'"],
    ),
    "overlapping spells": (
        GOOD + 2 * "[[universe.members]]\nsymbol = 'IBM'\nstart = '2008-01-01'\n", 2, ["IBM overlap"],
    ),
}  # fmt: skip
"""Name → text of the scenario, exit code, words: what only the data or the strategy can tell."""


def cases():
    """Return (arguments, code, words, files) by name."""
    found = {name: (text, 2, words) for name, (text, words) in SCHEMA.items()} | PLAN
    refused = {
        name: (["backtest", "bad.toml"], code, [re.escape(each) for each in words], {"bad.toml": text})
        for name, (text, code, words) in found.items()
    }
    latin = (["backtest", "bad.toml"], 2, ["bad.toml: byte 9 is not UTF-8; save"], {"bad.toml": b"title = '\xe9'\n"})
    return {**refused, "not UTF-8": latin}
