"""The parts of features against brute force over each window, at every phase of their blocks."""

import numpy as np
import pytest

from lockstep.engine.compile import kernel
from lockstep.engine.features import moments, windows
from lockstep.engine.features.runner import runner

N = 400
WINDOWS = [1, 2, 3, 7, 64]
CAPACITY = 64


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(11)
    return np.round(rng.normal(size=N), 1), np.round(rng.normal(size=N), 1)


def run(update, dtype, window, *columns, outputs=1):
    states, out = np.zeros(1, dtype), np.empty((columns[0].size, outputs))
    windows.begin(states[0], window)
    runner(update, len(columns), outputs)(states, *columns, out)
    return out


def brute(function, window, *columns):
    rows = [function(*(c[i - window + 1 : i + 1] for c in columns)) for i in range(window - 1, columns[0].size)]
    return np.array(rows, dtype=float).reshape(len(rows), -1)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    ("push", "dtype", "function"),
    [
        (windows.sum_push, windows.sum_dtype, np.sum),
        (windows.weighted_push, windows.weighted_dtype, lambda x: x @ np.arange(1, x.size + 1)),
        (windows.highest_push, windows.extreme_dtype, np.max),
        (windows.lowest_push, windows.extreme_dtype, np.min),
        (windows.peak_push, windows.peak_dtype, lambda x: np.argmax(x[::-1])),
    ],
    ids=["sum", "weighted", "highest", "lowest", "peak"],
)
def test_pushes(push, dtype, function, window, values):
    x = values[0]
    np.testing.assert_allclose(
        run(push, dtype(CAPACITY), window, x)[window - 1 :], brute(function, window, x), atol=1e-11
    )


@pytest.mark.parametrize("window", WINDOWS)
def test_lag(window, values):
    out = run(windows.lag_push, windows.lag_dtype(CAPACITY), window, values[0])[:, 0]
    assert np.isnan(out[:window]).all()
    assert (out[window:] == values[0][:-window]).all()


@kernel
def spread_row(state, x):
    moments.spread_push(state, x)
    squares = moments.spread_squares(state)
    return moments.spread_mean(state), squares, moments.spread_distance(state, x)


@kernel
def shape_row(state, x):
    moments.shape_push(state, x)
    return moments.shape_moments(state)


@kernel
def pair_row(state, x, y):
    moments.pair_push(state, x, y)
    return moments.pair_products(state)


@kernel
def trend_row(state, x):
    moments.trend_push(state, x)
    mean, squares, product = moments.trend_products(state)
    return state.anchor + mean, squares, product


@kernel
def sorted_row(state, x):
    windows.sorted_push(state, x)
    quarter = windows.sorted_quantile(state, 0.25)
    return quarter, windows.sorted_quantile(state, 1.0), float(windows.sorted_below(state, x))


def central(x, power):
    return ((x - x.mean()) ** power).mean()


def products(x, y):
    dx, dy = x - x.mean(), y - y.mean()
    return dx @ dx, dy @ dy, dx @ dy


ROWS = {
    "spread": (spread_row, moments.spread_dtype, 1, lambda x: (x.mean(), central(x, 2) * x.size, x[-1] - x.mean())),
    "shape": (shape_row, moments.shape_dtype, 1, lambda x: (central(x, 2), central(x, 3), central(x, 4))),
    "pair": (pair_row, moments.pair_dtype, 2, products),
    "trend": (
        trend_row,
        moments.trend_dtype,
        1,
        lambda x: (x.mean(), central(x, 2) * x.size, (x - x.mean()) @ np.arange(x.size)),
    ),
    "sorted": (sorted_row, windows.sorted_dtype, 1, lambda x: (np.quantile(x, 0.25), x.max(), (x < x[-1]).sum())),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("kind", ROWS)
def test_rows(kind, window, values):
    update, dtype, inputs, function = ROWS[kind]
    out = run(update, dtype(CAPACITY), window, *values[:inputs], outputs=3)
    np.testing.assert_allclose(out[window - 1 :], brute(function, window, *values[:inputs]), atol=1e-12)


@pytest.mark.parametrize("kind", ["spread", "shape", "pair", "trend"])
def test_squares_keep_their_digits_far_from_zero(kind, values):
    update, dtype, inputs, _ = ROWS[kind]
    far = [2.0**40 + x * 10.0 for x in values[:inputs]]  # exact: multiples of 1
    near = [x * 10.0 for x in values[:inputs]]
    column = {"spread": 1, "shape": 2, "pair": 2, "trend": 2}[kind]
    at_far, at_near = (run(update, dtype(CAPACITY), 13, *x, outputs=3)[12:, column] for x in (far, near))
    np.testing.assert_allclose(at_far, at_near, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("kind", ["spread", "shape", "pair", "trend"])
@pytest.mark.parametrize("level", [0.1, 1e9 / 3])
def test_a_constant_has_no_spread_at_all(kind, level):
    update, dtype, inputs, _ = ROWS[kind]
    out = run(update, dtype(CAPACITY), 7, *[np.full(50, level)] * inputs, outputs=3)
    assert (out[6:, 1] == 0.0).all()


@pytest.mark.parametrize("window", [0, -1, 65])
def test_a_window_that_does_not_fit_is_refused(window):
    with pytest.raises(ValueError, match="larger capacity"):
        windows.begin(np.zeros(1, windows.sum_dtype(CAPACITY))[0], window)


def test_a_state_that_was_never_started_stays_within_its_ring():
    states = np.zeros(2, windows.sum_dtype(CAPACITY))
    states["window"][1] = 99
    for x in range(50):
        windows.sum_push(states[0], float(x))
    assert states["place"][0] == 0
    assert states["window"][1] == 99
