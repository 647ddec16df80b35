"""Jobs: ordinary Python on a schedule of exchange time, in replay and live alike.

1. A strategy declares jobs; the feed turns their schedules into timer events.
2. At its timer event the job runs with an `AsOf` view: copies of what was available by then and nothing later.
3. Its result takes effect at schedule + duration, through a hand-over event, all at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError, StrategyError, reads_ahead
from .events import BAR, CLOSE, MINUTE, Events

TIMERS_PER_SLEEVE = 64
BAR_COPY = np.dtype(
    [
        ("ts", "<i8"),
        ("ts_available", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<f8"),
    ]
)
"""A bar as jobs see it: forward-adjusted, `ts` its close in ns UTC."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is due, in exchange time.

    Parameters
    ----------
    at : str
        "HH:MM" in `zone`, or "open" or "close" of the session, shifted by `offset_ns`.
    every : {"session", "week", "month"}
        On every trading day, or on the first of each week or month.
    zone : str
        IANA name.
    offset_ns : int
        Added to the time, in ns.
    """

    at: str = "06:00"
    every: Literal["session", "week", "month"] = "session"
    zone: str = "America/New_York"
    offset_ns: int = 0

    def __post_init__(self) -> None:
        clock = self.at.split(":")
        valid = len(clock) == 2 and all(x.isdigit() for x in clock) and int(clock[0]) < 24 and int(clock[1]) < 60
        if self.at not in ("open", "close") and not valid:
            raise ConfigError(f"Schedule.at = {self.at!r}, expected 'HH:MM', 'open' or 'close'")
        if self.every not in ("session", "week", "month"):
            raise ConfigError(f"Schedule.every = {self.every!r}, expected 'session', 'week' or 'month'")


@dataclass(frozen=True, slots=True)
class Job:
    """Work in ordinary Python whose result a strategy takes over later.

    Parameters
    ----------
    name : str
        How it is called in journals and errors.
    schedule : Schedule
        When it sees the world.
    function : callable
        ``f(asof, parameters)`` → mapping of names of fields to values: fields of the strategy's own record take
        scalars, fields of its rows take arrays with one value for each instrument. A plain-Python strategy gets the
        mapping in `on_hand_over`.
    duration_ns : int
        How long it is declared to take; its result takes effect that much later.
    lookback : int
        Bars of each instrument that `AsOf` must be able to give.
    """

    name: str
    schedule: Schedule
    function: Callable[["AsOf", Mapping[str, Any]], Mapping[str, Any]]
    duration_ns: int = 5 * MINUTE
    lookback: int = 512

    def __post_init__(self) -> None:
        if self.duration_ns < 0:
            raise ConfigError(
                f"Job {self.name!r}: duration_ns = {self.duration_ns} hands its result over before it is computed; "
                "expected 0 or more"
            )


class _Tail:
    """The last `capacity` rows of what was added, in one buffer."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._buffer, self._n = capacity, np.zeros(0, BAR_COPY), 0

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows; the oldest go once there are more than the capacity."""
        rows = rows[max(len(rows) - self._capacity, 0) :]
        if self._n + len(rows) > len(self._buffer):
            kept = self.last(self._capacity)
            self._buffer = np.zeros(2 * (len(kept) + len(rows)), BAR_COPY)
            self._buffer[: len(kept)] = kept
            self._n = len(kept)
        self._buffer[self._n : self._n + len(rows)] = rows
        self._n += len(rows)

    def last(self, n: int) -> NDArray[Any]:
        """Return a copy of the last `n` rows, oldest first."""
        return self._buffer[max(self._n - n, 0) : self._n].copy()

    def revise(self, row: Any) -> None:
        """Put a row in the place of the one of the same time, or between its neighbours; too old a one is dropped."""
        kept = self.last(self._capacity)
        place = int(np.searchsorted(kept["ts"], row["ts"]))
        if place < len(kept) and kept["ts"][place] == row["ts"]:
            kept[place] = row
        elif place > 0:
            kept = np.insert(kept, place, row)
        self._buffer, self._n = kept, len(kept)


class Memory:
    """The bars that jobs may still ask for: for each instrument the last `capacity`, forward-adjusted."""

    def __init__(self, n_instruments: int, capacity: int) -> None:
        self.capacity = capacity
        self._tails = [_Tail(capacity) for _ in range(n_instruments)]

    def absorb(self, events: Events, factors: NDArray[np.float64], split_factors: NDArray[np.float64]) -> None:
        """Add the bars and closes among `events`, which all share these adjustment factors."""
        chosen = np.flatnonzero((events["kind"] == BAR) | (events["kind"] == CLOSE))
        index = events["instrument"][chosen]
        order = np.argsort(index, kind="stable")
        chosen, index = chosen[order], index[order]
        ends = np.append(np.flatnonzero(index[1:] != index[:-1]) + 1, len(index)) if len(index) else index
        for begin, end in zip(np.append(0, ends[:-1]), ends, strict=False):
            i = int(index[begin])
            rows = chosen[max(end - self.capacity, begin) : end]
            self._tails[i].add(self.copy(events, rows, float(factors[i]), float(split_factors[i])))

    @staticmethod
    def copy(events: Events, rows: NDArray[np.intp], factor: float, split_factor: float) -> NDArray[Any]:
        """Return `BAR_COPY` rows of some events of one instrument, which share these adjustment factors."""
        # Column by column: numpy copies an event as slowly as all its overlapping fields together.
        copy = np.zeros(len(rows), BAR_COPY)
        copy["ts"], copy["ts_available"] = events["ts_event"][rows], events["ts_available"][rows]
        closes, close = events["kind"][rows] == CLOSE, events["close"][rows]
        for name in ("open", "high", "low", "close"):
            copy[name] = np.where(closes, close, events[name][rows]) * factor
        copy["volume"] = np.where(closes, 0.0, events["volume"][rows] / split_factor)
        return copy

    def last(self, instrument: int, n: int) -> NDArray[Any]:
        """Return a copy of the last `n` bars of an instrument, oldest first."""
        return self._tails[instrument].last(n)

    def revise(self, event: Events, factor: float, split_factor: float) -> None:
        """Take a corrected bar, an array of one event: who asks from now on sees it."""
        self._tails[int(event["instrument"][0])].revise(self.copy(event, np.arange(1), factor, split_factor)[0])

    def frozen(self) -> "Memory":
        """Return a copy that does not change any more."""
        copy = Memory(len(self._tails), self.capacity)
        copy.set_state(self.state())
        return copy

    def state(self) -> list[NDArray[Any]]:
        """Return what a snapshot must hold."""
        return [tail.last(self.capacity) for tail in self._tails]

    def set_state(self, state: list[NDArray[Any]]) -> None:
        """Take over what `state` gave."""
        self._tails = [_Tail(self.capacity) for _ in state]
        for tail, rows in zip(self._tails, state, strict=True):
            tail.add(rows)


class AsOf:
    """What was known at one time: the view that a job gets.

    Parameters
    ----------
    now : int
        The time, ns UTC.
    symbols : tuple of str
        The instruments in canonical order.
    memory : Memory
        Everything that was available by `now`, and nothing later; each read is audited all the same.
    reader : str
        Who looks, for errors.
    """

    def __init__(self, now: int, symbols: tuple[str, ...], memory: Memory, reader: str = "AsOf") -> None:
        self.now, self.symbols, self._memory, self._reader = now, symbols, memory, reader
        self._index = {symbol: i for i, symbol in enumerate(symbols)}

    def bars(self, symbol: str, n: int, *, until: int | None = None) -> NDArray[Any]:
        """Return the last `n` bars of a symbol as a `BAR_COPY` array, oldest first, fewer where there are fewer.

        Raises
        ------
        LookaheadError
            If `until` (ns UTC) lies after `now`, `n` counts forward, or a bar to be given is not known yet.
        StrategyError
            If the symbol is unknown or `n` exceeds the declared lookback.
        """
        if until is not None and until > self.now:
            raise reads_ahead(self._reader, f"bars({symbol!r}, until={until})", self.now, until)
        if n < 0:
            raise reads_ahead(self._reader, f"bars({symbol!r}, {n})", self.now, None)
        if symbol not in self._index:
            raise StrategyError(f"AsOf.bars: unknown symbol {symbol!r}; known: {', '.join(self.symbols)}")
        if n > self._memory.capacity:
            raise StrategyError(
                f"AsOf.bars({symbol!r}, {n}): more than the declared lookback of {self._memory.capacity}; "
                "raise Job.lookback"
            )
        found = self._memory.last(self._index[symbol], n if until is None else self._memory.capacity)
        if until is not None:
            found = found[found["ts_available"] <= until]
            found = found[max(len(found) - n, 0) :]
        latest = int(found["ts_available"].max(initial=self.now))
        if latest > self.now:
            raise reads_ahead(self._reader, f"a bar of {symbol}", self.now, latest)
        return found

    def closes(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return ``(ts, prices)``: the last `n` times at which any bar closed, and closes of shape (n, symbols).

        NaN where a symbol has none.
        """
        parts = [self.bars(symbol, n) for symbol in self.symbols]
        times = np.unique(np.concatenate([part["ts"] for part in parts]))[-n:]
        prices = np.full((len(times), len(parts)), np.nan)
        for column, part in enumerate(parts):
            where = np.searchsorted(times, part["ts"])
            inside = part["ts"] >= times[0] if len(times) else np.zeros(0, bool)
            prices[where[inside], column] = part["close"][inside]
        return times, prices
