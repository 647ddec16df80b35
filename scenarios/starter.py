"""`lockstep new NAME`: a small strategy, its scenario and its test, which run at once."""

import keyword
import re
from pathlib import Path

from lockstep.engine.errors import ConfigError

from .loading import bundled_names

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")

STRATEGY = '''"""{name}: long while the close stands above its moving average, out otherwise.

Run it with `lockstep backtest {name}`, test it with `pytest {name}`.
To look inside, put breakpoint() into `on_bar` and run `lockstep backtest {name} --debug`.
"""

from typing import Any

from lockstep.engine.compile import kernel
from lockstep.engine.features.averages import sma_dtype, sma_start, sma_update
from lockstep.engine.orders import equity, held_quantity, lots_for, target
from lockstep.engine.parameters import Integer, Number
from lockstep.engine.strategy import KernelStrategy


@kernel
def start(me: Any, row: Any) -> None:
    """Prepare one instrument; `me` holds the parameters, `row` what is kept for each instrument."""
    sma_start(row.average, me.window)


@kernel
def on_bar(world: Any, me: Any, row: Any, bar: Any) -> None:
    """Decide at each bar; prices are adjusted for splits, orders fill at the next open."""
    average = sma_update(row.average, bar.close)
    held = held_quantity(world, bar.instrument)
    if held == 0 and bar.close > average:
        target(world, bar.instrument, lots_for(world, bar.instrument, me.weight * equity(world)))
    elif held > 0 and bar.close < average:
        target(world, bar.instrument, 0)


STRATEGY = KernelStrategy(
    "{name}",
    parameters={{"window": Integer(50, 2, 256), "weight": Number(0.2, 0.0, 1.0)}},
    row=[("average", sma_dtype(256))],
    start=start,
    on_bar=on_bar,
    warmup=lambda parameters: parameters["window"],
)
'''

SCENARIO = """title = "{name}"
description = "Long while the close stands above its moving average."

[data]
dataset = "ohlcv-5" # see `lockstep data list`
start = "2005-01-03"
end = "2012-12-31"

[strategy]
use = "strategy" # strategy.py in this folder, its STRATEGY

[strategy.parameters]
window = 50
weight = 0.2

[risk]
max_gross = 1.0

[costs]
half_spread_bps = 1.0
"""

TEST = '''"""Tests of {name}: it trades, within its limits, and the same run gives the same digest."""

from functools import cache
from pathlib import Path

import lockstep

SCENARIO = Path(__file__).with_name("{name}.toml")


@cache
def result() -> lockstep.Result:
    """Run the scenario once for all tests."""
    return lockstep.backtest(SCENARIO)


def test_it_trades() -> None:
    """There are fills."""
    assert len(result().fills) > 0


def test_it_stays_within_its_leverage() -> None:
    """`max_gross` of the scenario is 1; prices may move a little after an order was judged."""
    assert (result().equity["gross"] <= 1.05 * result().equity["equity"]).all()


def test_the_same_run_gives_the_same_digest() -> None:
    """Nothing but the scenario and the data decides."""
    assert lockstep.backtest(SCENARIO).digest == result().digest
'''


def write_starter(name: str, parent: Path) -> Path:
    """Write a starter strategy into a folder of its name.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and `_`.
    parent : Path
        Where the folder goes.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If the name will not do, or the folder is there already.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigError(f"name {name!r}: expected lower-case letters, digits and _, starting with a letter")
    if name in bundled_names():
        raise ConfigError(f"name {name!r} is that of a bundled scenario; choose another")
    folder = parent / name
    try:
        folder.mkdir()
    except FileExistsError as error:
        raise ConfigError(f"{folder} is there already; choose another name, or remove it") from error
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}") from error
    for file, text in (("strategy.py", STRATEGY), (f"{name}.toml", SCENARIO), (f"test_{name}.py", TEST)):
        (folder / file).write_text(text.format(name=name), encoding="utf-8")
    return folder
