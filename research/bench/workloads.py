"""Three workloads with known answers, agreed on by three independent programs.

Rule of all three: at each bar's close compare SMA(fast) with SMA(slow) once `slow` bars are known; fast above slow
wants 100 shares, otherwise none; the order fills at that instrument's next bar open; commission 1 bp of the notional
on every fill; no slippage, no volume cap, no tick rounding. The last bar's order stays unfilled.

W1  1 symbol, 1 000 000 one-minute bars, SMA 20/100, cash 1 000 000
W2  100 symbols, 5 000 daily bars, SMA 20/100, shared cash 10 000 000
W3  the first 50 000 bars of W1 under 400 pairs (fast 5, 7 … 43; slow 50, 60 … 240), cash 1 000 000 each
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.engine.events import BAR, DAY, MINUTE, SESSION_CLOSE, Events, empty, join, mark_slices, sort_events
from lockstep.engine.instruments import Instrument
from lockstep.engine.settings import INFINITE, Account, Costs, Execution, Settings

SEED = 20240607
FEE_BPS = 1.0
SIZE = 100
FAST, SLOW = 20, 100
GRID = [{"fast": fast, "slow": slow, "size": SIZE} for fast in range(5, 44, 2) for slow in range(50, 241, 10)]
W1_START, W2_START = 1_577_836_800 * 10**9, 1_199_145_600 * 10**9  # 2020-01-01, 2008-01-01
COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Answer:
    """Final equity in dollars (W3: the mean) and fills; each of `flows` cash flows may be off by one micro-dollar."""

    equity: float
    fills: int
    flows: int


ANSWERS = {
    "W1": Answer(984_636.2247223979, 13_763, 13_763),
    "W2": Answer(10_361_576.183149, 6_767, 6_767),
    "W3": Answer(1_000_270.6291194788, 262_880, 262_880 // 400),
}
W3_BEST = (43, 240, 1_002_186.86768922)


def _walk(rng: np.random.Generator, n: int, sigma: float, gap: float) -> NDArray[np.float64]:
    """Return (n, 5) open, high, low, close, volume of a random walk from 100 dollars, prices on 1e-6."""
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, sigma, n)))
    first = np.empty(n)
    first[0] = 100.0
    first[1:] = close[:-1] * np.exp(rng.normal(0, gap, n - 1))
    high = np.maximum(first, close) * np.exp(np.abs(rng.normal(0, sigma / 2, n)))
    low = np.minimum(first, close) * np.exp(-np.abs(rng.normal(0, sigma / 2, n)))
    volume = rng.integers(20_000, 200_000, n).astype(np.float64)
    first, high, low, close = (np.round(x, 6) for x in (first, high, low, close))
    high = np.maximum(high, np.maximum(first, close))
    low = np.minimum(low, np.minimum(first, close))
    return np.column_stack([first, high, low, close, volume])


def prices() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bars of W1, shape (1_000_000, 5), and of W2, shape (100, 5_000, 5)."""
    rng = np.random.default_rng(SEED)
    first = _walk(rng, 1_000_000, 0.0005, 0.0001)
    second = np.stack([_walk(rng, 5_000, 0.015, 0.003) for _ in range(100)])
    return first, second


def _sessions(start: int, end: int) -> Events:
    """Return the close of every UTC day from start to end: a market that never shuts."""
    closes = np.arange(start // DAY * DAY + DAY, end + 1, DAY)
    events = empty(len(closes))
    events["ts_available"] = events["ts_event"] = closes
    events["kind"], events["session"], events["nights"] = SESSION_CLOSE, np.arange(len(closes)), 1
    return events


def to_events(bars: NDArray[np.float64], start: int, step: int) -> Events:
    """Return the stream of bars of shape (instruments, n, 5), each `step` ns long, with sessions and slices."""
    count, n, _ = bars.shape
    events = empty(count * n)
    closes = np.tile(start + step * np.arange(1, n + 1), count)
    events["ts_available"] = events["ts_event"] = closes
    events["ts_open"] = closes - step
    events["instrument"], events["kind"] = np.repeat(np.arange(count), n), BAR
    events["sequence"] = np.tile(np.arange(n), count)
    for k, name in enumerate(COLUMNS):
        events[name] = bars[:, :, k].ravel()
    return mark_slices(sort_events(join(events, _sessions(start, int(closes.max())))))


def instruments(n: int) -> list[Instrument]:
    """Return n instruments on a tick of 1e-6 dollars."""
    return [Instrument(f"S{k:03d}", f"S{k:03d}", tick=1) for k in range(n)]


def settings(cash: float) -> Settings:
    """Return the workloads' settings: 1 bp commission, no other cost, no volume cap, risk limits at their defaults."""
    costs = Costs("bps", FEE_BPS, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0)
    return Settings(Account(cash), costs, Execution(latency_ns=0, volume_share=INFINITE))


def w1_events(bars: NDArray[np.float64]) -> Events:
    """Return the events of W1."""
    return to_events(bars[None], W1_START, MINUTE)


def w2_events(bars: NDArray[np.float64]) -> Events:
    """Return the events of W2."""
    return to_events(bars, W2_START, DAY)


def w3_events(bars: NDArray[np.float64]) -> Events:
    """Return the events of W3."""
    return to_events(bars[None, :50_000], W1_START, MINUTE)
