"""Features written with pandas: computed once over the whole replay, read by a plain-Python strategy row by row.

1. The bars of the replay are taken as the strategy will see them: forward-adjusted, warm-up included.
2. The strategy's `features`, a function ``f(bars)`` or ``f(bars, parameters)``, is called for each symbol with a
   DataFrame ``open high low close volume``, indexed by the bars' closes (UTC). A function whose first parameter is
   called ``panel`` is called once, with a dictionary of them by symbol, and returns a dictionary.
3. What it returns (DataFrame, Series or array) is placed in time: a row of the same label as a bar is known when that
   bar is; a row of another label at its label.
4. ``self.feature(name, symbol)`` gives the last row known by the event at hand.

Nothing keeps such a function from looking ahead, since it has the whole history in its hands: `lockstep leaks` finds
out.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lockstep.engine.errors import LockstepError, StrategyError
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import FeatureColumns, Runner
from lockstep.engine.world import Sleeve, World

from .plan import Plan

COLUMNS = ("open", "high", "low", "close", "volume")
EVERYTHING = 2**40


class _Silent(Strategy):
    """Remembers every bar and does nothing."""

    bars_kept = EVERYTHING


def compute_features(plan: Plan) -> dict[int, FeatureColumns]:
    """Return the features of each sleeve that declares some, by its number.

    Raises
    ------
    StrategyError
        If a function fails or returns what cannot be placed in time.
    """
    bars, known = replayed_bars(plan)
    found: dict[int, FeatureColumns] = {}
    for k, sleeve in enumerate(plan.sleeves):
        function = getattr(sleeve.strategy, "features", None)
        if function is not None:
            found[k] = feature_columns(function, sleeve, bars, known)
    return found


def replayed_bars(plan: Plan) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """Return each symbol's bars as a strategy sees them, and when each is known (ns UTC)."""
    world = World(plan.feed.instruments, [Sleeve(_Silent)], plan.scenario.settings(), trade_from=2**62)
    runner = Runner(world)
    for batch in plan.stream():
        runner.feed(batch)
    runner.finish()
    frames, known = {}, {}
    for i, symbol in enumerate(runner.symbols):
        rows = runner.remembered(i)
        index = pd.DatetimeIndex(rows["ts"].astype("datetime64[ns]"), tz="UTC", name="ts")
        frames[symbol] = pd.DataFrame({name: rows[name] for name in COLUMNS}, index=index)
        known[symbol] = rows["ts_available"].copy()
    return frames, known


def feature_columns(
    function: Any, sleeve: Sleeve, bars: Mapping[str, pd.DataFrame], known: Mapping[str, np.ndarray]
) -> FeatureColumns:
    """Return a sleeve's features, from bars by symbol and when each is known (ns UTC).

    Raises
    ------
    StrategyError
        If the function fails or returns what cannot be placed in time.
    """
    names = list(inspect.signature(function).parameters)
    more = [dict(sleeve.parameters)] if len(names) > 1 else []
    where = f"{sleeve.name}: features"
    try:
        if names and names[0] == "panel":
            made = function({symbol: frame.copy() for symbol, frame in bars.items()}, *more)
        else:
            made = {symbol: function(frame.copy(), *more) for symbol, frame in bars.items()}
    except LockstepError:
        raise
    except Exception as error:  # a user's function may raise anything
        raise StrategyError(f"{where} failed: {type(error).__name__}: {error}") from error
    placed = {symbol: _place(made.get(symbol), bars[symbol], known[symbol], where) for symbol in bars}
    every = sorted({name for columns in placed.values() for name in columns})
    nothing = (np.zeros(0, np.int64), np.zeros(0))
    return {name: [columns.get(name, nothing) for columns in placed.values()] for name in every}


def _place(made: Any, bars: pd.DataFrame, known: np.ndarray, where: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the columns of what a function returned for one symbol, sorted by when each row is known."""
    if made is None:
        return {}
    if isinstance(made, np.ndarray) and len(made) == len(bars):
        made = pd.DataFrame(made, index=bars.index)
    if isinstance(made, pd.Series):
        made = made.to_frame("value" if made.name is None else made.name)
    if not isinstance(made, pd.DataFrame):
        raise StrategyError(
            f"{where} returned {type(made).__name__}, expected a DataFrame, a Series, or an array of {len(bars)} rows"
        )
    ts = _known(made.index, bars.index, known, where)
    order = np.argsort(ts, kind="stable")
    return {str(name): (ts[order], made[name].to_numpy(float, na_value=np.nan)[order]) for name in made.columns}


def _known(labels: pd.Index, index: pd.DatetimeIndex, known: np.ndarray, where: str) -> np.ndarray:
    if labels.equals(index) or (len(labels) == len(index) and not isinstance(labels, pd.DatetimeIndex)):
        return known
    if not isinstance(labels, pd.DatetimeIndex):
        raise StrategyError(f"{where} returned rows labelled by {type(labels).__name__}, expected the bars' index")
    utc = labels.tz_localize("UTC") if labels.tz is None else labels.tz_convert("UTC")
    ts = utc.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    place = index.get_indexer(utc)
    return np.where(place >= 0, known[np.maximum(place, 0)], ts)
