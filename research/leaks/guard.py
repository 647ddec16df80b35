"""Columns that end at a page which cannot be read: compiled code that reads one element further ends its process.

Such a read gives garbage without a word otherwise. A column's copy lies at the end of its own pages, the page behind
them is closed. Together with numba's checks of bounds (``NUMBA_BOUNDSCHECK``) this reaches all compiled code.
"""

import ctypes
import mmap
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd

from lockstep.engine.jobs import AsOf
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.runner import Runner
from lockstep.scenarios import features

from . import inputs


def guarded(values: np.ndarray) -> np.ndarray:
    """Return a copy of an array behind whose last element nothing can be read."""
    if values.nbytes == 0 or values.dtype.hasobject:
        return values
    page = mmap.PAGESIZE
    room = -(-values.nbytes // page) * page
    memory = mmap.mmap(-1, room + page)
    library = ctypes.CDLL(None, use_errno=True)
    library.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if library.mprotect(ctypes.addressof(ctypes.c_char.from_buffer(memory)) + room, page, 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    copy = np.frombuffer(memory, values.dtype, values.size, room - values.nbytes).reshape(values.shape)
    copy[...] = values
    return copy


def guard(value: Any) -> Any:
    """Return arrays, Series, frames, and tuples and dicts of them with every column guarded; all else as it is."""
    if isinstance(value, np.ndarray):
        return guarded(value)
    if isinstance(value, pd.Series) and isinstance(value.dtype, np.dtype):
        return pd.Series(guarded(value.to_numpy()), value.index, name=value.name, copy=False)
    if isinstance(value, pd.DataFrame) and value.columns.is_unique:
        return pd.DataFrame({name: guard(value[name]) for name in value.columns}, value.index, copy=False)
    if isinstance(value, dict):
        return {name: guard(each) for name, each in value.items()}
    return tuple(guard(each) for each in value) if type(value) is tuple else value


def guard_columns(noted: list[str]) -> None:
    """Guard all columns that a target is given in this process, and note what compiled callbacks could only print."""
    for owner, name in ((inputs, "_value"), (features, "replayed_bars"), (AsOf, "bars"), (AsOf, "closes")):
        setattr(owner, name, _giving(getattr(owner, name)))
    Strategy.history = _giving(Strategy.history)  # type: ignore[method-assign]
    feed = Runner.feed
    Runner.feed = lambda runner, batch: feed(runner, guarded(batch))  # type: ignore[method-assign]
    sys.unraisablehook = lambda raised: noted.append(f"{type(raised.exc_value).__name__}: {raised.exc_value}")


def _giving(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def given(*arguments: Any, **options: Any) -> Any:
        return guard(function(*arguments, **options))

    return given
