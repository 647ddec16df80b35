"""The one place that reads the machine's clock."""

import asyncio
import threading
import time


def now() -> int:
    """Return the wall clock's time, ns UTC."""
    return time.time_ns()


def monotonic() -> int:
    """Return nanoseconds of a clock that never goes back; its zero means nothing."""
    return time.monotonic_ns()


async def sleep(seconds: float) -> None:
    """Let other tasks run for so many seconds."""
    await asyncio.sleep(max(seconds, 0.0))


def pause(seconds: float, event: threading.Event) -> bool:
    """Block a thread for so many seconds, or until an event is set; return whether it was."""
    return event.wait(max(seconds, 0.0))


class ExchangeTime:
    """Exchange time: the wall clock's, corrected by what the broker says."""

    paced = False

    def __init__(self, offset: int = 0) -> None:
        self._offset = offset

    def now(self) -> int:
        """Return exchange time, ns UTC."""
        return now() + self._offset

    def seconds_until(self, ts: int) -> float:
        """Return for how many seconds of the wall clock it is earlier than `ts`."""
        return (ts - self.now()) / 1e9


class VenueTime(ExchangeTime):
    """The time of a venue that replays: it says where it stands, and how fast it goes.

    Parameters
    ----------
    ts : int
        Where it stands, ns UTC.
    speed : float
        Venue seconds to a second of the wall clock; 0: it stands still until it says otherwise.
    """

    def __init__(self, ts: int, speed: float = 0.0) -> None:
        super().__init__()
        self._ts, self._at, self.speed = ts, monotonic(), speed
        self.paced = speed == 0.0

    def set(self, ts: int) -> None:
        """Note where it stands."""
        self._ts, self._at = max(ts, self._ts), monotonic()

    def now(self) -> int:
        """Return the venue's time, ns UTC."""
        return self._ts + int((monotonic() - self._at) * self.speed)

    def seconds_until(self, ts: int) -> float:
        """Return for how many seconds of the wall clock it is earlier than `ts`; infinity where time stands still."""
        return (ts - self.now()) / 1e9 / self.speed if self.speed else float("inf")


def block(seconds: float) -> None:
    """Block this thread for so many seconds."""
    time.sleep(max(seconds, 0.0))
