"""What comes next: the recording's groups, one ahead, and the sessions that a fault lets close early."""

from collections.abc import Callable, Iterator

import numpy as np

from lockstep.engine.events import BAR, QUOTE, SESSION_CLOSE, TRADE, Events

from .recording import Recording


class Timeline:
    """The groups of a recording, the next of them known beforehand.

    Parameters
    ----------
    recording : Recording
        What is replayed.
    begins : callable
        Told by how many ns a round is moved, just before its first group.
    """

    def __init__(self, recording: Recording, begins: Callable[[int], None]) -> None:
        self._cut, self._shift, self._begins = (0, 0), 0, begins
        self._groups = self._squeezed(recording.groups())
        self._next: tuple[int, Events] | None = next(self._groups, None)

    @property
    def next_time(self) -> int | None:
        """When the next group becomes known, ns UTC; None at the end."""
        return None if self._next is None else int(self._next[1]["ts_available"][0])

    def pop(self) -> Events:
        """Return the next group; there must be one."""
        assert self._next is not None
        shift, group = self._next
        self._next = next(self._groups, None)
        if shift != self._shift:
            self._shift = shift
            self._begins(shift)
        return group

    def close_early(self, close: int, until: int) -> None:
        """Let nothing trade after `close` in a session that should last `until` (ns UTC)."""
        self._cut = (close, until)
        ahead = self._next
        if ahead is not None:
            self._next = next(self._squeezed(iter([ahead])), None) or next(self._groups, None)

    def _squeezed(self, groups: Iterator[tuple[int, Events]]) -> Iterator[tuple[int, Events]]:
        for shift, group in groups:
            close, until = self._cut
            if not close < int(group["ts_event"].max()) <= until:
                yield shift, group
                continue
            kept = squeeze(group, close)
            if len(kept):
                yield shift, kept


def squeeze(group: Events, close: int) -> Events:
    """Return what of a group happens where trading ends at `close`: bars end with it, what begins later is dropped."""
    kind, late = group["kind"], group["ts_event"] > close
    begins_later = np.where(kind == BAR, group["ts_open"] >= close, (kind >= QUOTE) & (kind <= TRADE))
    kept = group[~(late & begins_later)]
    moved = (kept["ts_event"] > close) & (
        (kept["kind"] <= TRADE) & (kept["kind"] >= BAR) | (kept["kind"] == SESSION_CLOSE)
    )
    kept["ts_event"][moved] = kept["ts_available"][moved] = close
    return np.ascontiguousarray(kept)
