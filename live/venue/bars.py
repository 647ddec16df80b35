"""Bars that come late, twice, not at all, or are corrected."""

from typing import Any

import msgpack

from .faults import BARS, Fault, Script
from .messages import whole

CORRECTION = 1.001
"""By how much a corrected bar's close differs where the script gives no price."""


class BarScript:
    """Plays the faults of bars on their way to the stream; the account has seen them as they are."""

    def __init__(self, script: Script, symbols: tuple[str, ...]) -> None:
        self.script, self.symbols = script, symbols
        self._later: list[tuple[int, tuple[str, int, bytes]]] = []

    def play(self, messages: list[tuple[str, int, bytes]], slice_: int) -> list[tuple[str, int, bytes]]:
        """Return what is sent of a slice's messages, and of earlier ones that are due by now."""
        if not self._later and not any(armed.left and armed.fault.fault in BARS for armed in self.script.armed):
            return messages
        due = [message for at, message in self._later if at <= slice_]
        self._later = [(at, message) for at, message in self._later if at > slice_]
        sent = []
        for message in messages:
            is_bar = message[0] in ("bars", "dailyBars")
            fault = self.script.take(BARS, symbol=self.symbols[message[1]]) if is_bar else None
            sent.extend(self._played(fault, message, slice_))
        return sent + due

    def _played(
        self, fault: Fault | None, message: tuple[str, int, bytes], slice_: int
    ) -> list[tuple[str, int, bytes]]:
        if fault is None:
            return [message]
        if fault.fault == "missing_bar":
            return []
        if fault.fault == "repeat_bar":
            return [message] * (1 + fault.count)
        if fault.fault == "late_bar":
            self._later.append((slice_ + fault.slices, message))
            return []
        self._later.append((slice_ + fault.slices, revised(message, fault)))
        return [message]


def revised(message: tuple[str, int, bytes], fault: Fault) -> tuple[str, int, bytes]:
    """Return the corrected bar, for ``updatedBars``: another close and volume, the same time."""
    bar: dict[str, Any] = msgpack.unpackb(message[2])
    close = fault.price or round(bar["c"] * CORRECTION, 4)
    bar |= {"T": "u", "c": close, "h": max(bar["h"], close), "l": min(bar["l"], close), "v": whole(bar["v"] + 100)}
    return ("updatedBars", message[1], msgpack.packb(bar))
