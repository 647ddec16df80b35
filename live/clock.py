"""The one place that reads the machine's clock."""

import asyncio
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
