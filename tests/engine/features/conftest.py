import numpy as np
import pytest


def make_bars(n, seed=3):
    """A random walk's bars on a tick of a cent, and two dependent series x, y for the statistics."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, n)))
    open_ = close * np.exp(rng.normal(0.0, 0.005, n))
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 0.003, n)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 0.003, n)))
    prices = {"open": open_, "high": high, "low": low, "close": close}
    reverting = np.zeros(n)
    noise = rng.normal(size=n)
    for i in range(1, n):
        reverting[i] = 0.6 * reverting[i - 1] + noise[i]
    volume = rng.integers(1_000, 9_000, n).astype(float)
    return {name: np.round(values, 2) for name, values in prices.items()} | {
        "volume": volume,
        "x": 4.0 + reverting,
        "y": 0.5 * reverting + rng.normal(size=n),
    }


@pytest.fixture(scope="session")
def bars():
    return make_bars(600)
