"""A universe that changes over time: who is in it, told to the engine as status events.

`LEAVE` lets a symbol only be reduced, `JOIN` lets it be traded again. A symbol that is listed while it is outside the
universe, be it at the start of the replay, leaves at once.
"""

import csv
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.feed import instant
from lockstep.engine.errors import ConfigError
from lockstep.engine.events import EVENT, LIST, Events, empty

from .schema import Spell, Universe
from .stream import Market, Stage, insert

JOIN, LEAVE = 21, 22
LATEST = 2**62
_COLUMNS = ["symbol", "start", "end"]


def read_members(path: Path) -> list[dict[str, Any]]:
    """Read a CSV of spells: `symbol,start,end`, dates inclusive, an empty `end` for none.

    Raises
    ------
    ConfigError
        If it cannot be read or has other columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if reader.fieldnames != _COLUMNS:
                raise ConfigError(f"{path}: columns {reader.fieldnames}, expected {','.join(_COLUMNS)}")
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 CSV: {error}") from error
    return [{name: value for name, value in row.items() if value} for row in rows]


def stage(universe: Universe, market: Market) -> Stage:
    """Return the stage that tells the engine who joins and leaves.

    Raises
    ------
    ConfigError
        If a symbol is not replayed, or its spells overlap.
    """
    spells = _by_instrument(universe.members, market)
    return Stage(_Membership(spells, market).change, "")


class _Membership:
    def __init__(self, spells: list[list[tuple[int, int]]], market: Market) -> None:
        self._spells, self._delay = spells, market.delay
        changes = [change for number, own in enumerate(spells) for change in _changes(number, own, market.replay_from)]
        self._waiting = self._events(sorted(changes))

    def _events(self, changes: Sequence[tuple[int, int, int]]) -> Events:
        events = empty(len(changes))
        for event, (ts, kind, number) in zip(events, changes, strict=True):
            event["ts_event"], event["ts_available"] = ts, ts + self._delay
            event["kind"], event["instrument"] = kind, number
        return events

    def change(self, events: Events) -> Events:
        if len(events) == 0:
            return events
        ready = int(np.searchsorted(self._waiting["ts_available"], events["ts_available"][-1], "right"))
        added, self._waiting = self._waiting[:ready], self._waiting[ready:]
        listed = events[events["kind"] == LIST]
        again = self._events(
            [(int(each["ts_event"]), LEAVE, int(each["instrument"])) for each in listed if not self._holds(each)]
        )
        new = np.concatenate([added, again], dtype=EVENT)
        return insert(events, new) if len(new) else events

    def _holds(self, event: np.void) -> bool:
        return any(start <= event["ts_event"] < end for start, end in self._spells[int(event["instrument"])])


def _changes(number: int, spells: list[tuple[int, int]], begin: int) -> list[tuple[int, int, int]]:
    """Return (ts, kind, instrument) of one symbol's joins and leaves from `begin` on."""
    joins = [(start, JOIN, number) for start, _ in spells if start > begin]
    return joins + [(end, LEAVE, number) for _, end in spells if begin < end < LATEST]


def _by_instrument(members: Sequence[Spell], market: Market) -> list[list[tuple[int, int]]]:
    numbers = {name: n for n, each in enumerate(market.instruments) for name in (each.id, each.symbol)}
    found: list[list[tuple[int, int]]] = [[] for _ in market.instruments]
    for place, spell in enumerate(members):
        where = f"universe.members[{place}]"
        if spell.symbol not in numbers:
            raise ConfigError(f"{where}.symbol = {spell.symbol!r} is not replayed; add it to data.symbols or remove it")
        start = instant(spell.start, market.sessions.zone, 0)
        end = instant(spell.end, market.sessions.zone, LATEST, 1)
        if start >= end:
            raise ConfigError(f"{where}: start = {spell.start!r} is not before end = {spell.end!r}; swap them")
        found[numbers[spell.symbol]].append((start, end))
    for number, own in enumerate(found):
        own.sort()
        for before, after in pairwise(own):
            if after[0] < before[1]:
                raise ConfigError(f"universe.members: spells of {market.instruments[number].symbol} overlap; join them")
    return found
