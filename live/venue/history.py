"""What has become known so far: recent events in memory, older ones from the recording."""

from collections import deque
from typing import Any

import numpy as np

from lockstep.engine.events import Events, join

from .recording import Recording, shifted

KEPT_ROWS = 1_000_000
CHUNK_ROWS = 8_192


class History:
    """Events as they were sent, in memory up to `KEPT_ROWS`, before that from the recording.

    Nothing is here that the venue has not sent: nobody reads the future by REST.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._chunks: deque[Events] = deque()
        self._open: list[Events] = []
        self._open_rows = self._rows = 0
        self._dropped = -1
        self._shift = 0

    def begin_round(self, shift: int) -> None:
        """Note that the recording begins anew, moved by so many ns; earlier rounds are forgotten with their chunks."""
        self._shift = shift

    def absorb(self, events: Events) -> None:
        """Take events that follow on those before."""
        self._open.append(events.copy())
        self._open_rows += len(events)
        if self._open_rows >= CHUNK_ROWS:
            self._close()

    def _close(self) -> None:
        if not self._open:
            return
        chunk = join(*self._open)
        self._chunks.append(chunk)
        self._rows += len(chunk)
        self._open, self._open_rows = [], 0
        while self._rows > KEPT_ROWS and len(self._chunks) > 1:
            gone = self._chunks.popleft()
            self._rows -= len(gone)
            self._dropped = int(gone["ts_available"][-1])

    def select(self, instruments: list[int], kinds: tuple[int, ...], start: int, end: int) -> Events:
        """Return events of these instruments and kinds, in order.

        Parameters
        ----------
        start, end : int
            Bounds on `ts_event`, ns UTC, both inclusive.
        """
        # One array until the chunk is full: a chunk for each question would make the next one slower.
        self._open = [join(*self._open)] if self._open else []
        reach = self.recording.delay
        parts = [
            self._chosen(chunk, instruments, kinds, start, end)
            for chunk in (*self._chunks, *self._open)
            if start <= int(chunk["ts_available"][-1]) and int(chunk["ts_available"][0]) - reach <= end
        ]
        if self._dropped >= 0 and start <= self._dropped:
            parts = [self._older(instruments, kinds, start, min(end, self._dropped)), *parts]
        return join(*parts)

    def _chosen(self, chunk: Events, instruments: list[int], kinds: tuple[int, ...], start: int, end: int) -> Events:
        chosen = chunk[np.isin(chunk["kind"], kinds)]
        ts = chosen["ts_event"]
        return chosen[np.isin(chosen["instrument"], instruments) & (ts >= start) & (ts <= end)]

    def _older(self, instruments: list[int], kinds: tuple[int, ...], start: int, end: int) -> Events:
        parts: list[Any] = []
        for batch in self.recording.past(start - self._shift, end + 1 - self._shift):
            moved = shifted(batch, self._shift) if self._shift else batch
            known = moved[moved["ts_available"] <= self._dropped]
            parts.append(self._chosen(known, instruments, kinds, start, end))
        return join(*parts)
