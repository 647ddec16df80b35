"""Event records as plain bytes: numpy's own functions copy overlapping fields one by one, or lay them out anew."""

from collections.abc import Sequence

import numpy as np

from lockstep.engine.events import EVENT, Events

from .calendar import Ints

BYTES = np.dtype((np.void, EVENT.itemsize))


def concatenate(parts: Sequence[Events]) -> Events:
    """Return all parts one after another; `np.concatenate` would return another dtype."""
    return np.concatenate([np.ascontiguousarray(part).view(BYTES) for part in parts]).view(EVENT)


def insert(events: Events, at: Ints, more: Events) -> Events:
    """Return `events` with `more` put before the places `at`."""
    return np.insert(np.ascontiguousarray(events).view(BYTES), at, more.view(BYTES)).view(EVENT)
