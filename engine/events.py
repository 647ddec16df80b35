"""The event record: one fixed layout for everything that can happen.

Header fields say when, what and to whom; payload fields overlap, since an event is only ever of one kind. The stream is
sorted by ``(ts_available, rank, instrument, sequence)``, where the rank is part of the kind: ``rank = kind // 16``.
"""

from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

NS = 1
US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Kind(IntEnum):
    """Kinds of events; sixteen to a rank, ranks in the order in which equal times are processed."""

    SPLIT = 0
    DIVIDEND = 1
    LIST = 16
    HALT = 17
    RESUME = 18
    RENAME = 19
    DELIST = 20
    ORDER = 32
    CONTROL = 33
    BAR = 48
    CLOSE = 49
    QUOTE = 50
    TRADE = 51
    HAND_OVER = 64
    TIMER = 80
    SESSION_CLOSE = 81
    SLICE = 96


class Flag(IntFlag):
    """Marks on an event."""

    SLICE_AFTER = 1
    SESSION_FIRST = 2
    SESSION_LAST = 4
    SYNTHETIC = 8
    SHOCKED = 16
    REVISION = 32


SPLIT, DIVIDEND = int(Kind.SPLIT), int(Kind.DIVIDEND)
LIST, HALT, RESUME, RENAME, DELIST = (int(k) for k in (Kind.LIST, Kind.HALT, Kind.RESUME, Kind.RENAME, Kind.DELIST))
ORDER, CONTROL = int(Kind.ORDER), int(Kind.CONTROL)
BAR, CLOSE, QUOTE, TRADE = int(Kind.BAR), int(Kind.CLOSE), int(Kind.QUOTE), int(Kind.TRADE)
HAND_OVER, TIMER, SESSION_CLOSE, SLICE = (
    int(Kind.HAND_OVER),
    int(Kind.TIMER),
    int(Kind.SESSION_CLOSE),
    int(Kind.SLICE),
)
SLICE_AFTER, SESSION_FIRST, SESSION_LAST = int(Flag.SLICE_AFTER), int(Flag.SESSION_FIRST), int(Flag.SESSION_LAST)
SYNTHETIC, SHOCKED, REVISION = int(Flag.SYNTHETIC), int(Flag.SHOCKED), int(Flag.REVISION)

_LAYOUT: tuple[tuple[str, str, int], ...] = (
    ("ts_available", "<i8", 0),
    ("ts_event", "<i8", 8),
    ("sequence", "<i8", 16),
    ("instrument", "<i4", 24),
    ("kind", "<i2", 28),
    ("flags", "<u2", 30),
    ("ts_open", "<i8", 32),
    ("open", "<f8", 40),
    ("high", "<f8", 48),
    ("low", "<f8", 56),
    ("close", "<f8", 64),
    ("volume", "<f8", 72),
    ("bid", "<f8", 40),
    ("ask", "<f8", 48),
    ("bid_size", "<f8", 56),
    ("ask_size", "<f8", 64),
    ("last", "<f8", 40),
    ("size", "<f8", 48),
    ("order_id", "<i8", 32),
    ("quantity", "<i8", 40),
    ("price", "<i8", 48),
    ("fee", "<i8", 56),
    ("slot", "<i4", 64),
    ("code", "<i2", 68),
    ("reason", "<i2", 70),
    ("filled", "<i8", 72),
    ("numerator", "<i8", 32),
    ("denominator", "<i8", 40),
    ("pay_ts", "<i8", 32),
    ("amount", "<i8", 40),
    ("terminal", "<f8", 40),
    ("job", "<i8", 32),
    ("timer", "<i8", 32),
    ("session", "<i8", 32),
    ("nights", "<i8", 40),
)
EVENT = np.dtype(
    {
        "names": [name for name, _, _ in _LAYOUT],
        "formats": [kind for _, kind, _ in _LAYOUT],
        "offsets": [offset for _, _, offset in _LAYOUT],
        "itemsize": 80,
    }
)
"""80 bytes, little endian; payload fields of different kinds share bytes 32 to 80."""

Events = NDArray[Any]
"""A C-contiguous one-dimensional array of `EVENT`."""


def empty(n: int) -> Events:
    """Return `n` zeroed events that belong to no instrument."""
    events = np.zeros(n, EVENT)
    events["instrument"] = -1
    return events


def join(*parts: Events) -> Events:
    """Return the parts one after another; `np.concatenate` would unpack the overlapping payload into another dtype."""
    joined = np.zeros(sum(map(len, parts)), EVENT)
    begin = 0
    for part in parts:
        joined[begin : begin + len(part)] = part
        begin += len(part)
    return joined


def sort_events(events: Events) -> Events:
    """Return a sorted copy in the stream's order; the order of arrival decides only where all keys are equal."""
    order = np.lexsort((events["sequence"], events["instrument"], events["kind"] // 16, events["ts_available"]))
    return np.ascontiguousarray(events[order])


def mark_slices(events: Events) -> Events:
    """Set `SLICE_AFTER` on the last event of each `ts_available` group that holds market data, in place.

    For complete, sorted streams with grace 0. Groups of only corporate actions or status changes decide nothing and
    get no slice.
    """
    if len(events) == 0:
        return events
    ts = events["ts_available"]
    last = np.flatnonzero(np.append(ts[1:] != ts[:-1], True))
    first = np.append(0, last[:-1] + 1)
    market = np.logical_or.reduceat(events["kind"] // 16 == BAR // 16, first)
    events["flags"] &= np.uint16(0xFFFF ^ SLICE_AFTER)
    events["flags"][last[market]] |= np.uint16(SLICE_AFTER)
    return events
