"""Where a cut is worth a run: a function over frames is called many times in one process, on other futures.

It costs a hundredth of a run, so that every shock, every hidden refit and much else can be tried. What it finds proves
nothing, since a function may remember its earlier calls and nobody need read what it returns: each find is a cut at
which whole runs are compared.

1. Each row of a symbol's frame is a place to cut: those with the largest moves, in turn with others at random.
2. The function is called on frames whose rows after the cut are other ones, or missing.
3. A row known by the cut that has changed makes the cut a find.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .futures import other_path
from .journal import ROUNDING, close_enough

MOST_FINDS = 48
MOST_CALLS = 400
FEW = 24
"""Rows at either end of a frame at which nothing is cut."""
SHOCKS = 0.25
"""Part of the cuts that go to the largest moves."""
Frames = Mapping[str, pd.DataFrame]
Known = Mapping[str, np.ndarray]
Values = dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]
"""By column and symbol: when each row became known (ns UTC, ascending), and its value."""


@dataclass(frozen=True)
class Find:
    """A row that changed though it was known by the cut.

    Parameters
    ----------
    cut, ts : int
        Where the future was changed, and when the first such row became known, ns UTC.
    column, symbol : str
        Which row; the symbol is empty where a column is nobody's own.
    future : str
        ``cocktail`` or ``truncate``.
    """

    cut: int
    ts: int
    column: str
    symbol: str
    future: str


@dataclass
class Scout:
    """A search for cuts.

    Parameters
    ----------
    call : callable
        Frames and when their rows became known to what the function under test makes of them.
    apart : bool
        Whether each symbol's values come from its frame alone, so that it may be called on one symbol's.
    wanted : sequence of str or None
        Columns that count; None: all.
    seconds, tolerance, seed
        As `suite.Options`; the tolerance holds where rows are missing.
    """

    call: Callable[[Frames, Known], Values]
    apart: bool
    wanted: Sequence[str] | None
    seconds: float
    tolerance: float
    seed: int

    def search(self, frames: Frames, known: Known) -> list[Find]:
        """Return finds, at most `MOST_FINDS`."""
        began, rng = time.perf_counter(), np.random.default_rng([self.seed, 5])
        groups = [[symbol] for symbol in sorted(frames)] if self.apart else [sorted(frames)]
        places = [_places(frames[group[0]], rng) for group in groups]
        bases: dict[int, Values] = {}
        finds: list[Find] = []
        for number in range(MOST_CALLS):
            if time.perf_counter() - began > self.seconds or len(finds) >= MOST_FINDS:
                break
            turn, round_ = number % len(groups), number // len(groups)
            own = (
                {symbol: frames[symbol] for symbol in groups[turn]},
                {symbol: known[symbol] for symbol in groups[turn]},
            )
            row = next(places[turn], -1)
            if row >= 0:
                if turn not in bases:
                    bases[turn] = self.call(*own)
                future = "truncate" if round_ % 3 == 2 else "cocktail"
                finds += self._try(*own, bases[turn], int(known[groups[turn][0]][row]), future, rng)
        return finds

    def _try(
        self, frames: Frames, known: Known, base: Values, cut: int, future: str, rng: np.random.Generator
    ) -> list[Find]:
        other, until = dict(frames), dict(known)
        for symbol, frame in frames.items():
            row = int(np.searchsorted(known[symbol], cut, "right"))
            other[symbol] = frame.iloc[:row] if future == "truncate" else _changed(frame, row, rng)
            until[symbol] = known[symbol][:row] if future == "truncate" else known[symbol]
        try:
            made = self.call(other, until)
        except Exception:  # noqa: BLE001 - a function may fail on other data; whole runs will tell
            return []
        return list(self._finds(base, made, cut, future))

    def _finds(self, base: Values, made: Values, cut: int, future: str) -> Iterator[Find]:
        tolerance = self.tolerance if future == "truncate" else 0.0
        for (column, symbol), (ts, values) in sorted(base.items()):
            if self.wanted is not None and column not in self.wanted:
                continue
            n = int(np.searchsorted(ts, cut, "right"))
            other_ts, other = made.get((column, symbol), (ts[:0], values[:0]))
            m = int(np.searchsorted(other_ts, cut, "right"))
            least = min(n, m)
            wrong = np.flatnonzero(~close_enough(values[:least], other[:least], tolerance))
            if len(wrong) or n != m:
                clear = np.flatnonzero(~close_enough(values[:least], other[:least], max(tolerance, ROUNDING)))
                row = int((clear if len(clear) else wrong)[0]) if len(wrong) else least
                at = ts if row < n else other_ts
                yield Find(cut, int(at[row]), column, symbol, future)


def _places(frame: pd.DataFrame, rng: np.random.Generator) -> Iterator[int]:
    """Yield rows to cut after: the largest moves in turn with others, each once."""
    n = len(frame)
    if n <= 2 * FEW:
        return
    usable = np.arange(FEW, n - 2)
    level = frame["close"] if "close" in frame else frame.iloc[:, 0]
    moves = np.abs(np.diff(np.log(np.maximum(level.to_numpy(float), 1e-9)), prepend=np.nan))
    usual = pd.Series(moves).rolling(60, min_periods=10).median().shift(1).to_numpy()
    size = np.nan_to_num(moves / np.maximum(usual, 1e-9))[usable]
    shocks, others = usable[np.argsort(-size, kind="stable")][: n // 8], rng.permutation(usable)
    step = round(1 / SHOCKS)
    mixed = np.insert(others, np.minimum(np.arange(len(shocks)) * (step - 1), len(others)), shocks)
    yield from dict.fromkeys(mixed.tolist())


def _changed(frame: pd.DataFrame, row: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return a frame with other values from a row on."""
    columns = {str(name): frame[name].to_numpy(float, copy=True) for name in frame.columns}
    if row < len(frame):
        other_path(columns, np.arange(row), np.arange(row, len(frame)), rng, 1e-6)
    return pd.DataFrame(columns, index=frame.index)
