"""All features by name, and the one way to compute them over arrays: the same kernel, one observation at a time."""

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.engine.arena import INTERPRETED
from lockstep.engine.errors import ConfigError
from lockstep.engine.features import (
    averages,
    bands,
    directional,
    momentum,
    order,
    ranges,
    returns,
    statistics,
    volatility,
    volume,
)
from lockstep.engine.features.feature import Feature, Range
from lockstep.engine.features.runner import runner

THEMES = {
    "Returns": returns.FEATURES,
    "Averages": averages.FEATURES,
    "Momentum": momentum.FEATURES,
    "Directional movement": directional.FEATURES,
    "Volatility from closes": volatility.FEATURES,
    "Volatility from bars": ranges.FEATURES,
    "Bands and channels": bands.FEATURES,
    "Volume and liquidity": volume.FEATURES,
    "Order statistics": order.FEATURES,
    "Moments, dependence, mean reversion": statistics.FEATURES,
}
FEATURES: dict[str, Feature] = {feature.name: feature for features in THEMES.values() for feature in features}
LEAST_CAPACITY = 64


def find(name: str) -> Feature:
    """Return a feature by name.

    Raises
    ------
    ConfigError : there is none of that name.
    """
    if name not in FEATURES:
        near = difflib.get_close_matches(name, FEATURES, n=3) or sorted(FEATURES)
        raise ConfigError(f"feature {name!r} does not exist; expected one of the registry, perhaps {', '.join(near)}")
    return FEATURES[name]


def parameters(name: str, **params: float) -> dict[str, float]:
    """Return all parameters of a feature, in the order of its `start`, with defaults for those not given.

    Raises
    ------
    ConfigError : a parameter that the feature does not have, outside its range, or a fraction where it is whole.
    """
    feature = find(name)
    for given in params:
        if given not in feature.params:
            expected = ", ".join(feature.params) or "none"
            raise ConfigError(f"feature {name}: parameter {given!r} does not exist; expected {expected}")
    return {key: _checked(name, key, params.get(key, bounds.default), bounds) for key, bounds in feature.params.items()}


def _checked(name: str, key: str, value: float, bounds: Range) -> float:
    kind = type(bounds.default)
    expected = f"expected {'a whole number' if kind is int else 'a number'} from {bounds.low} to {bounds.high}"
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ConfigError(f"feature {name}: {key} is {value!r} ({type(value).__name__}), {expected}")
    if not bounds.low <= value <= bounds.high or kind(value) != value:
        raise ConfigError(f"feature {name}: {key} is {value!r}, {expected}")
    return kind(value)


def warmup(name: str, **params: float) -> int:
    """Return how many finite observations a feature needs for its first value."""
    return find(name).warmup(**parameters(name, **params))


def state_dtype(name: str, **params: float) -> np.dtype[Any]:
    """Return the record that holds a feature's state, for use as a field of a strategy's own.

    Rings take the next power of two of places, so that windows of similar length share one record type and with it one
    compilation.
    """
    needed = find(name).places(**parameters(name, **params))
    return find(name).dtype(max(LEAST_CAPACITY, 1 << (int(needed) - 1).bit_length()))


def begin(name: str, **params: float) -> NDArray[Any]:
    """Return a started state, an array of one record; the feature's ``update(states[0], …)`` advances it."""
    states = np.zeros(1, state_dtype(name, **params))
    states = states.view(np.recarray) if INTERPRETED else states
    find(name).start(states[0], *parameters(name, **params).values())
    return states


def compute(name: str, columns: Mapping[str, ArrayLike], **params: float) -> NDArray[np.float64]:
    """Run a feature's kernel over arrays.

    Parameters
    ----------
    name : the feature.
    columns : its inputs by name, each of shape (n,), float64 or convertible, in the order of time; others are not read.
    params : its parameters; defaults for those not given.

    Returns
    -------
    Array of shape (n,), or (n, k) for k outputs. Row i depends on rows 0 … i of the columns alone, bit for bit. It is
    NaN until warm, and where an input is not finite: such a row is passed over as if it were not there.

    Raises
    ------
    ConfigError : an unknown feature or parameter, a missing column, columns of different shapes.
    """
    feature = find(name)
    states = begin(name, **params)
    inputs = _inputs(feature, columns)
    out = np.empty((inputs[0].size, len(feature.outputs)))
    runner(feature.update, len(inputs), len(feature.outputs))(states, *inputs, out)
    return out[:, 0] if len(feature.outputs) == 1 else out


def _inputs(feature: Feature, columns: Mapping[str, ArrayLike]) -> list[NDArray[np.float64]]:
    missing = [key for key in feature.inputs if key not in columns]
    if missing:
        given = ", ".join(columns) or "none"
        raise ConfigError(
            f"feature {feature.name}: column {missing[0]!r} is missing; expected {feature.inputs}, got {given}"
        )
    arrays = [np.ascontiguousarray(columns[key], dtype=np.float64) for key in feature.inputs]
    shapes = {key: array.shape for key, array in zip(feature.inputs, arrays, strict=True)}
    if any(array.shape != (arrays[0].size,) for array in arrays):
        raise ConfigError(f"feature {feature.name}: columns have the shapes {shapes}, expected one and the same (n,)")
    return arrays
