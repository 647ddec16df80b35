"""Returns over bars, overnight and within a bar.

Every update reads the bar it is given and earlier ones only. An input that is not finite gives NaN and changes nothing.
"""

from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.feature import NO_PARAMETERS, Feature, window
from lockstep.engine.features.windows import begin, floats, ints, lag_dtype, lag_push
from lockstep.engine.mathx import NAN, finite, log


@kernel
def change(new: float, old: float) -> float:
    """Return new / old - 1, NaN where old is 0 or unknown."""
    return new / old - 1.0 if finite(old) and old != 0.0 else NAN


@kernel
def log_change(new: float, old: float) -> float:
    """Return log(new / old), NaN unless both are known and positive."""
    return log(new / old) if new > 0.0 and old > 0.0 else NAN


@kernel
def simple_return_update(state: Any, close: float) -> float:
    """Absorb a close and return the simple return over `window` bars."""
    if not finite(close):
        return NAN
    return change(close, lag_push(state, close))


@kernel
def log_return_update(state: Any, close: float) -> float:
    """Absorb a close and return the logarithmic return over `window` bars."""
    if not finite(close):
        return NAN
    return log_change(close, lag_push(state, close))


def previous_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record that remembers one price; `capacity` is not used."""
    return np.dtype([*floats("previous"), *ints("warm")])


@kernel
def previous_start(state: Any) -> None:
    """Begin with no price known."""
    state.warm = 0


@kernel
def swap_previous(state: Any, price: float) -> float:
    """Remember a price and return the one before it, NaN where there is none."""
    old = state.previous if state.warm else NAN
    state.previous = price
    state.warm = 1
    return old


@kernel
def overnight_return_update(state: Any, open_: float, close: float) -> float:
    """Absorb a bar and return the open's return on the previous bar's close."""
    if not (finite(open_) and finite(close)):
        return NAN
    return change(open_, swap_previous(state, close))


@kernel
def intraday_return_update(state: Any, open_: float, close: float) -> float:
    """Absorb a bar and return the close's return on its own open."""
    if not finite(close):
        return NAN
    return change(close, open_)


LAG: dict[str, Any] = {"dtype": lag_dtype, "start": begin}
PREVIOUS: dict[str, Any] = {"dtype": previous_dtype, "start": previous_start}

FEATURES = (
    Feature(
        name="simple_return",
        inputs=("close",),
        params={"window": window(1)},
        warmup=lambda window: window + 1,
        update=simple_return_update,
        formula="close / close[-window] - 1",
        source="Campbell, Lo & MacKinlay (1997), 1.4",
        unit="fraction",
        **LAG,
    ),
    Feature(
        name="log_return",
        inputs=("close",),
        params={"window": window(1)},
        warmup=lambda window: window + 1,
        update=log_return_update,
        formula="log(close / close[-window])",
        source="Campbell, Lo & MacKinlay (1997), 1.4",
        unit="log",
        **LAG,
    ),
    Feature(
        name="overnight_return",
        inputs=("open", "close"),
        params=NO_PARAMETERS,
        warmup=lambda: 2,
        update=overnight_return_update,
        formula="open / close[-1] - 1",
        source="Lou, Polk & Skouras (2019), JFE 134",
        unit="fraction",
        **PREVIOUS,
    ),
    Feature(
        name="intraday_return",
        inputs=("open", "close"),
        params=NO_PARAMETERS,
        warmup=lambda: 1,
        update=intraday_return_update,
        formula="close / open - 1",
        source="Lou, Polk & Skouras (2019), JFE 134",
        unit="fraction",
        **PREVIOUS,
    ),
)
