"""Moments, dependence and mean reversion.

Every update reads the values it is given and earlier ones only. An input that is not finite gives NaN and changes
nothing. Where a quotient has no value (no variance), the formula says what is returned.
"""

import math
from typing import Any

import numpy as np

from lockstep.engine.compile import kernel
from lockstep.engine.features.feature import Feature, window
from lockstep.engine.features.moments import (
    pair_dtype,
    pair_products,
    pair_push,
    shape_dtype,
    shape_moments,
    shape_push,
    spread_dtype,
    spread_push,
    spread_squares,
    trend_dtype,
    trend_products,
    trend_push,
    zscore_of,
)
from lockstep.engine.features.returns import previous_dtype, swap_previous
from lockstep.engine.features.windows import begin, floats, ints, lag_dtype, lag_push, ring, sum_dtype, sum_push
from lockstep.engine.mathx import LN2, NAN, finite, log, log1p

HURST_LAGS = 5
HURST_MOST = 16


@kernel
def zscore_update(state: Any, x: float) -> float:
    """Absorb a value and return its distance from the mean in sample standard deviations."""
    if not finite(x):
        return NAN
    spread_push(state, x)
    return zscore_of(state, x)


@kernel
def skewness_update(state: Any, x: float) -> float:
    """Absorb a value and return the unbiased skewness of the last `window`."""
    if not finite(x):
        return NAN
    shape_push(state, x)
    if not state.warm:
        return NAN
    n = float(state.window)
    second, third, _fourth = shape_moments(state)
    return math.sqrt(n * (n - 1.0)) / (n - 2.0) * third / (second * math.sqrt(second)) if second > 0.0 else NAN


@kernel
def kurtosis_update(state: Any, x: float) -> float:
    """Absorb a value and return the unbiased excess kurtosis of the last `window`."""
    if not finite(x):
        return NAN
    shape_push(state, x)
    if not state.warm:
        return NAN
    n = float(state.window)
    second, _third, fourth = shape_moments(state)
    if second <= 0.0:
        return NAN
    return (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * (fourth / (second * second) - 3.0) + 6.0)


@kernel
def correlation_of(state: Any) -> float:
    """Return Pearson's correlation of a pair's window; NaN until it is full and where either does not vary."""
    if not state.warm:
        return NAN
    xx, yy, xy = pair_products(state)
    return xy / math.sqrt(xx) / math.sqrt(yy) if xx > 0.0 and yy > 0.0 else NAN


@kernel
def correlation_update(state: Any, x: float, y: float) -> float:
    """Absorb two values and return Pearson's correlation of the last `window`."""
    if not (finite(x) and finite(y)):
        return NAN
    pair_push(state, x, y)
    return correlation_of(state)


@kernel
def covariance_update(state: Any, x: float, y: float) -> float:
    """Absorb two values and return the sample covariance of the last `window`."""
    if not (finite(x) and finite(y)):
        return NAN
    pair_push(state, x, y)
    if not state.warm:
        return NAN
    _xx, _yy, xy = pair_products(state)
    return xy / (state.window - 1.0)


@kernel
def beta_update(state: Any, x: float, y: float) -> float:
    """Absorb two values and return the slope of x on y over the last `window`."""
    if not (finite(x) and finite(y)):
        return NAN
    pair_push(state, x, y)
    if not state.warm:
        return NAN
    _xx, yy, xy = pair_products(state)
    return xy / yy if yy > 0.0 else NAN


def autocorrelation_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of a series and its past."""
    return np.dtype([("past", lag_dtype(capacity)), ("pair", pair_dtype(capacity))])


@kernel
def autocorrelation_start(state: Any, window: int, lag: int) -> None:
    """Set the window and the lag of a zeroed state."""
    begin(state.pair, window)
    begin(state.past, lag)


@kernel
def autocorrelation_update(state: Any, x: float) -> float:
    """Absorb a value and return the correlation of the last `window` with those `lag` before each."""
    if not finite(x):
        return NAN
    old = lag_push(state.past, x)
    if not finite(old):
        return NAN
    pair_push(state.pair, x, old)
    return correlation_of(state.pair)


@kernel
def regression_update(state: Any, close: float) -> tuple[float, float, float]:
    """Absorb a close and return slope on time, R² and residual of the last `window`'s least squares line."""
    if not finite(close):
        return NAN, NAN, NAN
    trend_push(state, close)
    if not state.warm:
        return NAN, NAN, NAN
    n = float(state.window)
    mean, squares, product = trend_products(state)  # mean: less the anchor
    time_squares = n * (n * n - 1.0) / 12.0
    slope = product / time_squares
    share = product * slope / squares if squares > 0.0 else 0.0
    return slope, share, close - state.anchor - mean - slope * 0.5 * (n - 1.0)


def variance_ratio_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the variances of two horizons."""
    parts = [("near", spread_dtype(capacity)), ("far", spread_dtype(capacity)), ("past", lag_dtype(capacity))]
    return np.dtype([*parts, ("last", previous_dtype(1)), *floats("horizon")])


@kernel
def variance_ratio_start(state: Any, window: int, horizon: int) -> None:
    """Set the window and the horizon of a zeroed state."""
    begin(state.near, window)
    begin(state.far, window)
    begin(state.past, horizon)
    state.horizon = horizon


@kernel
def variance_ratio_update(state: Any, x: float) -> float:
    """Absorb a log price and return the variance of its changes over `horizon` per that of single changes."""
    if not finite(x):
        return NAN
    near, far = x - swap_previous(state.last, x), x - lag_push(state.past, x)
    if finite(near):
        spread_push(state.near, near)
    if not finite(far):
        return NAN
    spread_push(state.far, far)
    variance = spread_squares(state.near)
    if not state.far.warm or variance <= 0.0:
        return NAN
    return spread_squares(state.far) / (state.horizon * variance)


def hurst_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the mean squared changes over 1, 2, 4, 8 and 16 steps."""
    sums = [(f"lag{1 << k}", sum_dtype(capacity)) for k in range(HURST_LAGS)]
    return np.dtype([*ring("recent", capacity=HURST_MOST), *sums, *ints("count")])


@kernel
def hurst_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.lag1, window)
    begin(state.lag2, window)
    begin(state.lag4, window)
    begin(state.lag8, window)
    begin(state.lag16, window)


@kernel
def _squared_change(state: Any, x: float, steps: int) -> float:
    d = x - state.recent[(state.count - steps) & (HURST_MOST - 1)]
    return d * d


@kernel
def hurst_update(state: Any, x: float) -> float:
    """Absorb a log price and return the generalised Hurst exponent of order 2."""
    if not finite(x):
        return NAN
    exponent = NAN
    if state.count >= HURST_MOST:
        m1 = sum_push(state.lag1, _squared_change(state, x, 1))
        m2 = sum_push(state.lag2, _squared_change(state, x, 2))
        m4 = sum_push(state.lag4, _squared_change(state, x, 4))
        m8 = sum_push(state.lag8, _squared_change(state, x, 8))
        m16 = sum_push(state.lag16, _squared_change(state, x, 16))
        if state.lag16.warm and m1 > 0.0 and m2 > 0.0 and m4 > 0.0 and m8 > 0.0 and m16 > 0.0:
            exponent = (2.0 * (log(m16) - log(m1)) + (log(m8) - log(m2))) / (20.0 * LN2)
    state.recent[state.count & (HURST_MOST - 1)] = x
    state.count += 1
    return exponent


def half_life_dtype(capacity: int) -> np.dtype[Any]:
    """Return the record of the regression of changes on levels."""
    return np.dtype([("past", previous_dtype(1)), ("pair", pair_dtype(capacity))])


@kernel
def half_life_start(state: Any, window: int) -> None:
    """Set the window of a zeroed state."""
    begin(state.pair, window)


@kernel
def half_life_update(state: Any, x: float) -> float:
    """Absorb a value and return in how many bars half of a deviation is lost; NaN where it does not revert."""
    if not finite(x):
        return NAN
    old = swap_previous(state.past, x)
    if not finite(old):
        return NAN
    pair_push(state.pair, old, x - old)
    if not state.pair.warm:
        return NAN
    levels, _changes, product = pair_products(state.pair)
    slope = product / levels if levels > 0.0 else 0.0
    return -LN2 / log1p(slope) if -1.0 < slope < 0.0 else NAN


PAIR: dict[str, Any] = {"inputs": ("x", "y"), "dtype": pair_dtype, "start": begin, "warmup": lambda window: window}

FEATURES = (
    Feature(
        name="zscore",
        inputs=("x",),
        params={"window": window(60, low=2)},
        warmup=lambda window: window,
        dtype=spread_dtype,
        start=begin,
        update=zscore_update,
        formula="(x - mean) / sample standard deviation over window; 0 where that is 0",
        source="definition",
        unit="standard deviations",
    ),
    Feature(
        name="skewness",
        inputs=("x",),
        params={"window": window(60, low=3)},
        warmup=lambda window: window,
        dtype=shape_dtype,
        start=begin,
        update=skewness_update,
        formula="G₁ = √(n (n - 1)) / (n - 2) m₃ / m₂^1.5, n = window; NaN where m₂ = 0",
        source="Joanes & Gill (1998), The Statistician 47",
        unit="none",
    ),
    Feature(
        name="kurtosis",
        inputs=("x",),
        params={"window": window(60, low=4)},
        warmup=lambda window: window,
        dtype=shape_dtype,
        start=begin,
        update=kurtosis_update,
        formula="G₂ = (n - 1) / ((n - 2) (n - 3)) ((n + 1) (m₄ / m₂² - 3) + 6), n = window; NaN where m₂ = 0",
        source="Joanes & Gill (1998), The Statistician 47",
        unit="none",
    ),
    Feature(
        name="correlation",
        params={"window": window(60, low=2)},
        update=correlation_update,
        formula="Pearson's correlation of x and y over window; NaN where either does not vary",
        source="definition",
        unit="-1 to 1",
        **PAIR,
    ),
    Feature(
        name="covariance",
        params={"window": window(60, low=2)},
        update=covariance_update,
        formula="Σ (x - mean) (y - mean) / (window - 1)",
        source="definition",
        unit="that of x times that of y",
        **PAIR,
    ),
    Feature(
        name="beta",
        params={"window": window(60, low=2)},
        update=beta_update,
        formula="covariance(x, y) / variance(y) over window; NaN where y does not vary",
        source="Sharpe (1964), J. Finance 19, of returns x on the market's y",
        unit="none",
        **PAIR,
    ),
    Feature(
        name="autocorrelation",
        inputs=("x",),
        params={"window": window(60, low=2), "lag": window(1)},
        warmup=lambda window, lag: window + lag,
        dtype=autocorrelation_dtype,
        start=autocorrelation_start,
        update=autocorrelation_update,
        formula="Pearson's correlation of x and x[-lag] over window; NaN where either does not vary",
        source="definition, pandas Series.autocorr",
        unit="-1 to 1",
    ),
    Feature(
        name="regression",
        inputs=("close",),
        params={"window": window(20, low=2)},
        outputs=("slope", "r2", "residual"),
        warmup=lambda window: window,
        dtype=trend_dtype,
        start=begin,
        update=regression_update,
        formula="least squares of the last window closes on time: slope per bar, share of variance (0 where there is "
        "none), close less the line's last value",
        source="definition",
        unit="price per bar; 0 to 1; price",
    ),
    Feature(
        name="variance_ratio",
        inputs=("x",),
        params={"window": window(120, low=2), "horizon": window(5, low=2)},
        warmup=lambda window, horizon: window + horizon,
        dtype=variance_ratio_dtype,
        start=variance_ratio_start,
        update=variance_ratio_update,
        formula="variance of x - x[-horizon] / (horizon × variance of x - x[-1]), each of the last window changes; "
        "x: log price; NaN where nothing moved",
        source="Lo & MacKinlay (1988), Review of Financial Studies 1, without their correction for small samples",
        unit="none; 1 for a random walk",
    ),
    Feature(
        name="hurst",
        inputs=("x",),
        params={"window": window(250, low=20)},
        warmup=lambda window: window + HURST_MOST,
        dtype=hurst_dtype,
        start=hurst_start,
        update=hurst_update,
        formula="slope of ½ log mean (x - x[-k])² on log k, k = 1, 2, 4, 8, 16, means over window; x: log price; NaN "
        "where nothing moved",
        source="Di Matteo (2007), Quantitative Finance 7, generalised exponent of order 2",
        unit="none; ½ for a random walk",
    ),
    Feature(
        name="half_life",
        inputs=("x",),
        params={"window": window(120, low=3)},
        warmup=lambda window: window + 1,
        dtype=half_life_dtype,
        start=half_life_start,
        update=half_life_update,
        formula="-log 2 / log(1 + b), b: slope of x - x[-1] on x[-1] over window; NaN unless -1 < b < 0",
        source="Chan (2013), Algorithmic Trading, 2; exact in discrete time",
        unit="bars",
    ),
)
