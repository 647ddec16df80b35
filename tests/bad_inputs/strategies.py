"""Strategies that are wrong: `own.py` beside a sound scenario."""

SCENARIO = '[data]\ndataset = "ohlcv-5"\nstart = "2008-06-02"\nend = "2008-12-31"\n[strategy]\nuse = "own"\n'
PLAIN = "from lockstep.engine.python_strategy import Strategy\n\n\nclass STRATEGY(Strategy):\n"
BAR = PLAIN + "    def on_bar(self, bar):\n        "

TEXTS = {
    "syntax": ("def x(:\n", 4, ["strategy.use = 'own': loading it failed at .*own.py:1: SyntaxError"]),
    "raises as it is loaded": ("raise RuntimeError('no luck')\n", 4, ["own.py:1: RuntimeError: no luck"]),
    "import of nothing": ("import no_such_thing\n", 4, ["own.py:1: No module named 'no_such_thing'"]),
    "no strategy": ("x = 1\n", 2, ["own.py has no STRATEGY; strategies it has: none", "module:NAME"]),
    "a number": ("STRATEGY = 3\n", 4, ["it is an object of int, expected a KernelStrategy object or a class"]),
    "a plain class": ("class STRATEGY:\n    pass\n", 4, ["it is the class STRATEGY, expected a KernelStrategy"]),
    "parameter without range": (
        PLAIN + "    parameters = {'n': 3}\n",
        4,
        [r"parameters\['n'\] = 3, expected Integer, Number"],
    ),
    "constructor of its own kind": (
        PLAIN + "    def __init__(self, x):\n        pass\n",
        4,
        ["STRATEGY.__init__ cannot be called"],
    ),
    "callback without argument": (
        PLAIN + "    def on_bar(self):\n        pass\n",
        4,
        ["STRATEGY.on_bar cannot be called"],
    ),
    "raises": (
        BAR + "raise ValueError('not what I meant')\n",
        4,
        ["own.py:6 in on_bar: ValueError: not what I meant; mend"],
    ),
    "raises in two lines": (BAR + "raise ValueError('one\\ntwo')\n", 4, ["own.py:6 in on_bar: ValueError: one two;"]),
    "division by zero": (BAR + "1 / 0\n", 4, ["own.py:6 in on_bar: ZeroDivisionError: division by zero"]),
    "attribute that is not there": (BAR + "bar.clsoe\n", 4, ["'Bar' object has no attribute 'clsoe'"]),
    "exit": (BAR + "raise SystemExit(7)\n", 4, ["own.py:6 in on_bar: SystemExit: 7"]),
    "quantity that is none": (
        BAR + "self.target(bar.symbol, float('nan'))\n",
        4,
        ["own.py:6 in on_bar: ValueError: .*NaN"],
    ),
    "quantity in words": (BAR + "self.target(bar.symbol, 'lots')\n", 4, ["own.py:6 in on_bar: ValueError: .*'lots'"]),
    "order in what is not there": (BAR + "self.target('NOPE', 1)\n", 4, ["NOPE"]),
}


def cases():
    """Return (arguments, code, words, files) by name."""
    return {
        name: (["backtest", "bad.toml"], code, ["lockstep: bad: ", *words], {"bad.toml": SCENARIO, "own.py": text})
        for name, (text, code, words) in TEXTS.items()
    }
