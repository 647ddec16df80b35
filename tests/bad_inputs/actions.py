"""Files of corporate actions that are wrong, beside two sound days of AAA."""

from .declarations import IMPORT, declaration

BARS = "time,open,high,low,close,volume\n2020-03-02,10,10.5,9.5,10,100\n2020-03-03,10,10.5,9.5,10,100\n"
HEAD = "symbol,kind,date,numerator,denominator,amount,pay_date,terminal,new_symbol\n"

TEXTS = {
    "empty": ("", "actions.csv: no column symbol; expected symbol, kind, date"),
    "no date": ("symbol,kind\nAAA,split\n", "actions.csv: no column date; expected symbol, kind, date"),
    "unknown column": ("symbol,kind,date,colour\nAAA,split,2020-03-03,red\n", "column 'colour' is unknown; expected"),
    "not UTF-8": (b"symbol,kind,date\nAAA,split,2020-03-03\xff\n", "actions.csv: byte 37 is not UTF-8; save"),
    "too few values": (HEAD + "AAA,split\n", "actions.csv:2: 2 values, expected 9 as in the header"),
    "too many values": (HEAD + "AAA,split,2020-03-03,2,1,,,,,,\n", "actions.csv:2: 11 values, expected 9"),
    "unknown kind": (HEAD + "AAA,merger,2020-03-03,,,,,,\n", "actions.csv:2: kind 'merger', expected one of split"),
    "a line after a comment": (HEAD + "# note\nAAA,merger,2020-03-03,,,,,,\n", "actions.csv:3: kind 'merger'"),
    "American date": (HEAD + "AAA,split,03/03/2020,2,1,,,,\n", "date '03/03/2020', expected a date such as"),
    "year for a date": (HEAD + "AAA,dividend,2020,,,1,,,\n", "date '2020', expected a date such as"),
    "no such day": (HEAD + "AAA,dividend,2020-02-31,,,1,,,\n", "actions.csv:2: "),
    "split without denominator": (HEAD + "AAA,split,2020-03-03,2,,,,,\n", "split 2:0, expected whole numbers from 1"),
    "fraction in a split": (HEAD + "AAA,split,2020-03-03,1.5,1,,,,\n", "numerator '1.5', expected a whole number"),
    "negative dividend": (HEAD + "AAA,dividend,2020-03-03,,,-1,,,\n", "dividend -1.0, expected dollars above 0"),
    "dividend of nothing": (HEAD + "AAA,dividend,2020-03-03,,,,,,\n", "dividend 0.0, expected dollars above 0"),
    "dividend with exponent": (
        HEAD + "AAA,dividend,2020-03-03,,,1e3,,,\n",
        "amount '1e3', expected dollars as a plain",
    ),
    "paid before the ex-date": (HEAD + "AAA,dividend,2020-03-03,,,1,2020-02-03,,\n", "pay_date 2020-02-03 lies before"),
    "rename to nothing": (HEAD + "AAA,rename,2020-03-03,,,,,,\n", "rename without new_symbol; name the new ticker"),
    "rename to no ticker": (HEAD + "AAA,rename,2020-03-03,,,,,,a b/c\n", "new_symbol 'a b/c', expected a ticker such"),
    "negative terminal value": (
        HEAD + "AAA,delist,2020-03-03,,,,,-5,\n",
        "terminal -5, expected dollars a share from 0",
    ),
    "endless terminal value": (HEAD + "AAA,delist,2020-03-03,,,,,inf,\n", "terminal 'inf', expected dollars a share"),
    "given twice": (
        HEAD + 2 * "AAA,dividend,2020-03-03,,,0.1,,,\n",
        "actions.csv:3: AAA 2020-03-03 dividend 0.1 is given twice",
    ),
    "of a stranger": (
        HEAD + "ZZZ,split,2020-03-03,2,1,,,,\n",
        "'ZZZ' is not in the data, expected one of AAA; correct",
    ),
    "split that prices do not show": (
        HEAD + "AAA,split,2020-03-03,2,1,,,,\n",
        "bars.csv:3: AAA 2020-03-03: a split is declared, but",
    ),
}


def cases():
    """Return (arguments, code, words, files) by name."""
    declared = declaration(timeframe='"1d"', label='"session"', actions='"actions.csv"')
    return {
        name: (IMPORT, 3, [words], {"bars.csv": BARS, "bars.toml": declared, "actions.csv": text})
        for name, (text, words) in TEXTS.items()
    }
