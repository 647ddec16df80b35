"""What a feature is: its state record, its update, and what a reader must know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Range(NamedTuple):
    """A parameter's default and the least and largest value it takes; whole numbers where the default is one."""

    default: float
    low: float
    high: float


WINDOW_MOST = 4096
NO_PARAMETERS: Mapping[str, Range] = {}


def window(default: int, low: int = 1) -> Range:
    """Return the range of a number of observations."""
    return Range(default, low, WINDOW_MOST)


def _largest(**params: float) -> int:
    return max((value for value in params.values() if isinstance(value, int)), default=1)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """An incremental kernel and its description.

    Parameters
    ----------
    name : unique among all features.
    inputs : columns read, in the order of `update`'s arguments.
    params : parameters and their ranges, in the order of `start`'s arguments.
    outputs : names of the values that `update` returns: a float64, or a tuple of them where there are several.
    warmup : number of observations, from the parameters, that the first value needs; that of every output.
    dtype : the state's record, from the ring's capacity.
    start, update : the kernels.
    formula, source, unit : for the reader; `unit` of the outputs, `price` being that of the inputs.
    places : number of places that rings need, from the parameters; by default the largest whole parameter.
    """

    name: str
    inputs: tuple[str, ...]
    params: Mapping[str, Range]
    warmup: Callable[..., int]
    dtype: Callable[[int], np.dtype[Any]]
    start: Callable[..., None]
    update: Callable[..., Any]
    formula: str
    source: str
    unit: str
    places: Callable[..., int] = _largest
    outputs: tuple[str, ...] = ("value",)
