"""Shocks: what happens to the stream of events on its way from the data to the engine.

Each rewrites, drops or adds events and flags what it has changed `SHOCKED`; what it must remember it keeps per
instrument. The result depends on the events, the scenario and its seed alone, not on where batches are cut or in which
order symbols are named.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from lockstep.data.calendar import Sessions
from lockstep.data.feed import instant
from lockstep.engine.arena import address
from lockstep.engine.errors import ConfigError
from lockstep.engine.events import BAR, CLOSE, EVENT, HALT, RESUME, TRADE, Events, Flag, empty

from . import shock_kernels as kernels
from .durations import nanoseconds
from .schema import Correlation, FlashCrash, Gap, Halt, Missing, Shock, Stale, Volatility
from .stream import Market, Stage, insert

_SHOCKED = np.uint16(Flag.SHOCKED)
_PRICES = ("ts_open", "open", "high", "low", "close", "volume")
"""The payload's six words, under a bar's names: every kind of event changes some of them."""


def prepare(shocks: Sequence[Shock], market: Market) -> list[Stage]:
    """Return the stages of a scenario's shocks, with fresh memory.

    Raises
    ------
    ConfigError
        If one names a symbol or a time that the run does not have.
    """
    return [_stage(shock, number, market) for number, shock in enumerate(shocks)]


def _rows(market: Market, members: np.ndarray) -> np.ndarray:
    rows = np.zeros(len(market.instruments), kernels.LEVEL)
    rows["level"] = 1.0
    rows["tick"] = [instrument.tick for instrument in market.instruments]
    rows["member"][members] = 1
    return rows


def _stage(shock: Shock, number: int, market: Market) -> Stage:
    where = f"shocks[{number}]"
    members = _members(shock.symbols, market, where)
    names = _named(members, market)
    if isinstance(shock, Gap | FlashCrash):
        return _at_a_time(shock, members, names, market, where)
    start, end = _window(shock.start, shock.end, market, where)
    span = f"from {shock.start} to {shock.end}"
    if isinstance(shock, Halt):
        return Stage(_Halt(members, start, end, market).change, f"{names} halted {span}")
    if isinstance(shock, Missing):
        lost = partial(_lose, _salts(market, number), members, start, end, shock.rate)
        return Stage(lost, f"{shock.rate:.0%} of the market data of {names} missing {span}")
    return _rewritten(shock, _rows(market, members), start, end, f"{names} {span}")


def _at_a_time(shock: Gap | FlashCrash, members: np.ndarray, names: str, market: Market, where: str) -> Stage:
    when, _ = _window(shock.at, shock.at, market, where)
    rows = _rows(market, members)
    change = "higher" if shock.size > 0 else "lower"
    if isinstance(shock, Gap):
        words = f"{names} {abs(shock.size):.0%} {change} from {shock.at} on"
        return Stage(partial(_rewrite, rows, kernels.gap, (when, shock.size)), words)
    length = nanoseconds(shock.duration)
    if len(shock.at) == 10:
        when = _middle(when, length, market.sessions)
    given = (when, length, shock.size, shock.recovery)
    words = f"{names} crashed by {-shock.size:.0%} and back within {shock.duration} on {shock.at}"
    return Stage(partial(_rewrite, rows, kernels.crash, given), words)


def _rewritten(shock: Volatility | Stale | Correlation, rows: np.ndarray, start: int, end: int, what: str) -> Stage:
    if isinstance(shock, Volatility):
        change = partial(_rewrite, rows, kernels.stretch, (start, end, shock.factor))
        return Stage(change, f"returns times {shock.factor:g} of {what}")
    if isinstance(shock, Stale):
        return Stage(partial(_rewrite, rows, kernels.freeze, (start, end)), f"stale prices of {what}")
    change = partial(_rewrite, rows, kernels.correlate, (start, end, shock.strength))
    return Stage(change, f"correlation {shock.strength:g} of {what}")


def _rewrite(rows: np.ndarray, function: Any, given: tuple[Any, ...], events: Events) -> Events:
    """Let a kernel rewrite events in place, and flag those that it has changed."""
    before = {name: events[name].copy() for name in _PRICES}
    function(address(events), len(events), address(rows), *given)
    changed = np.zeros(len(events), bool)
    for name, values in before.items():
        changed |= values.view(np.int64) != np.ascontiguousarray(events[name]).view(np.int64)
    events["flags"] |= np.where(changed, _SHOCKED, np.uint16(0))
    return events


def _lose(salts: np.ndarray, members: np.ndarray, start: int, end: int, rate: float, events: Events) -> Events:
    """Drop market events by a hash of what they are, so that each one's fate is its own."""
    hit = _market_of(events, members) & _between(events, start, end)
    place = np.flatnonzero(hit)
    words = salts[events["instrument"][place]] ^ events["ts_event"][place].view(np.uint64)
    words = _scatter(words + (events["kind"][place].astype(np.uint64) << np.uint64(48)))
    kept = np.ones(len(events), bool)
    kept[place] = (words >> np.uint64(11)).astype(np.float64) / 2.0**53 >= rate
    return events if kept.all() else events[kept]


def _scatter(words: np.ndarray) -> np.ndarray:
    """Mix 64-bit words; the finaliser of splitmix64 (Steele, Lea and Flood, 2014, figure 16)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _salts(market: Market, number: int) -> np.ndarray:
    texts = [f"{market.seed}/{number}/{instrument.id}" for instrument in market.instruments]
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64)


class _Halt:
    """Drops the market data of halted symbols and tells the engine when the halt begins and ends."""

    def __init__(self, members: np.ndarray, start: int, end: int, market: Market) -> None:
        self._members, self._start, self._end = members, start, end
        begins = _status(HALT, max(start, market.replay_from), members, market.delay)
        self._waiting = np.concatenate([begins, _status(RESUME, end, members, market.delay)], dtype=EVENT)

    def change(self, events: Events) -> Events:
        kept = events[~(_market_of(events, self._members) & _between(events, self._start, self._end))]
        if len(events) == 0:
            return events
        ready = int(np.searchsorted(self._waiting["ts_available"], events["ts_available"][-1], "right"))
        added, self._waiting = self._waiting[:ready], self._waiting[ready:]
        return insert(kept, added) if ready else kept


def _status(kind: int, ts: int, members: np.ndarray, delay: int) -> Events:
    events = empty(len(members))
    events["ts_event"], events["ts_available"] = ts, ts + delay
    events["instrument"], events["kind"], events["flags"] = members, kind, _SHOCKED
    return events


def _market_of(events: Events, members: np.ndarray) -> np.ndarray:
    kinds = events["kind"]
    return (kinds >= BAR) & (kinds <= TRADE) & np.isin(events["instrument"], members)


def _between(events: Events, start: int, end: int) -> np.ndarray:
    """Tell which bars close in (start, end] and which ticks happen in [start, end)."""
    ts, bars = events["ts_event"], events["kind"] <= CLOSE
    return np.where(bars, (start < ts) & (ts <= end), (start <= ts) & (ts < end))


def _members(symbols: list[str] | None, market: Market, where: str) -> np.ndarray:
    if symbols is None:
        return np.arange(len(market.instruments), dtype=np.int32)
    numbers = {name: n for n, each in enumerate(market.instruments) for name in (each.id, each.symbol)}
    for symbol in symbols:
        if symbol not in numbers:
            known = ", ".join(each.symbol for each in market.instruments[:20])
            raise ConfigError(f"{where}.symbols: {symbol!r} is not replayed; expected some of {known}")
    return np.array(sorted({numbers[symbol] for symbol in symbols}), np.int32)


def _named(members: np.ndarray, market: Market) -> str:
    if len(members) == len(market.instruments):
        return "all symbols"
    return ", ".join(market.instruments[number].symbol for number in members)


def _window(start: str, end: str, market: Market, where: str) -> tuple[int, int]:
    """Return a shock's window (ns UTC), which must meet the run's.

    Raises
    ------
    ConfigError
        If it is empty, or lies outside the run.
    """
    zone = market.sessions.zone
    begins, ends = instant(start, zone, 0), instant(end, zone, 0, 1)
    if begins > ends or (begins == ends and start != end):
        raise ConfigError(f"{where}: start = {start!r} is not before end = {end!r}; swap them")
    if begins > market.last or ends < market.replay_from:
        first, last = (str(np.datetime64(ts, "ns").astype("datetime64[m]")) for ts in (market.replay_from, market.last))
        given = start if start == end else f"{start} to {end}"
        raise ConfigError(f"{where}: {given} lies outside the run, which goes from {first} to {last} UTC")
    return begins, ends


def _middle(when: int, length: int, sessions: Sessions) -> int:
    """Return when a crash must begin to be deepest in the middle of the session that `when` lies in or before."""
    number = min(int(np.searchsorted(sessions.close, when, "right")), len(sessions) - 1)
    return int(sessions.open[number] + sessions.close[number]) // 2 - length // 2
