"""The same rule without an engine: a bare numba loop, and vectorbt."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .workloads import FAST, FEE_BPS, GRID, SIZE, SLOW

Floats = NDArray[np.float64]
_FEE = FEE_BPS * 1e-4


@njit(cache=True)
def _one(opens: Floats, closes: Floats, fast: int, slow: int, cash: float, equity: Floats) -> tuple[float, int]:
    """Trade one symbol; add the value of its position and cash changes to `equity` at every bar."""
    held = wanted = total_fast = total_slow = 0.0
    fills = 0
    for j in range(len(opens)):
        if wanted != held:
            change = wanted - held
            cash -= change * opens[j] + abs(change) * opens[j] * _FEE
            held = wanted
            fills += 1
        total_fast += closes[j] - (closes[j - fast] if j >= fast else 0.0)
        total_slow += closes[j] - (closes[j - slow] if j >= slow else 0.0)
        if j + 1 >= slow:
            wanted = SIZE if total_fast * slow > total_slow * fast else 0.0
        equity[j] += cash + held * closes[j]
    return cash + held * closes[-1], fills


@njit(cache=True)
def _many(opens: Floats, closes: Floats, fasts: Any, slows: Any, cash: float, equity: Floats) -> tuple[float, int]:
    total, fills = 0.0, 0
    for k in range(len(fasts)):
        final, n = _one(opens, closes, fasts[k], slows[k], cash, equity)
        total += final
        fills += n
    return total / len(fasts), fills


@njit(cache=True)
def _shared(opens: Floats, closes: Floats, fast: int, slow: int, cash: float, equity: Floats) -> tuple[float, int]:
    total, fills = cash, 0
    for k in range(opens.shape[0]):
        final, n = _one(opens[k], closes[k], fast, slow, 0.0, equity)
        total += final
        fills += n
    return total, fills


class BareLoop:
    """A bare numba loop over columns that are laid out as it likes them best."""

    def __init__(self, first: Floats, second: Floats) -> None:
        self._w1 = (np.ascontiguousarray(first[:, 0]), np.ascontiguousarray(first[:, 3]))
        self._w2 = (np.ascontiguousarray(second[:, :, 0]), np.ascontiguousarray(second[:, :, 3]))
        self._w3 = (self._w1[0][:50_000].copy(), self._w1[1][:50_000].copy())
        self._equity = np.zeros(len(first))
        self._pairs = tuple(np.array([point[name] for point in GRID]) for name in ("fast", "slow"))

    def run(self, workload: str) -> tuple[float, int]:
        """Return final equity (W3: mean) and fills."""
        self._equity[:] = 0.0
        if workload == "W1":
            return _one(*self._w1, FAST, SLOW, 1e6, self._equity)
        if workload == "W2":
            return _shared(*self._w2, FAST, SLOW, 1e7, self._equity)
        return _many(*self._w3, *self._pairs, 1e6, self._equity)


def vectorbt_run(workload: str, first: Floats, second: Floats) -> tuple[float, int]:
    """Return final equity (W3: mean) and fills of vectorbt: moving averages, comparison, orders at the next open."""
    import pandas as pd
    import vectorbt as vbt

    if workload == "W2":
        opens, closes = pd.DataFrame(second[:, :, 0].T), pd.DataFrame(second[:, :, 3].T)
        fast, slow = vbt.MA.run(closes, FAST), vbt.MA.run(closes, SLOW)
    else:
        bars = first if workload == "W1" else first[:50_000]
        opens, closes = pd.Series(bars[:, 0]), pd.Series(bars[:, 3])
        pairs = [(FAST, SLOW)] if workload == "W1" else [(point["fast"], point["slow"]) for point in GRID]
        fast = vbt.MA.run(closes, [pair[0] for pair in pairs])
        slow = vbt.MA.run(closes, [pair[1] for pair in pairs])
    wanted = np.where(fast.ma.to_numpy() > slow.ma.to_numpy(), float(SIZE), 0.0)
    wanted = wanted.reshape(len(closes), -1)
    size = np.zeros_like(wanted)
    size[1:] = np.diff(wanted, axis=0, prepend=0.0)[:-1]
    shared = workload == "W2"
    portfolio = vbt.Portfolio.from_orders(
        closes,
        size,
        price=opens,
        fees=_FEE,
        init_cash=1e7 if shared else 1e6,
        cash_sharing=shared,
        group_by=shared or None,
        freq="1min",
    )
    return float(np.mean(portfolio.final_value())), int(np.sum(portfolio.orders.count()))
