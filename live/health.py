"""Whether a session can trade as it should, and if not, why: one judgement for page, health and alerts."""

from dataclasses import dataclass

from .publishing import Publisher
from .status import Phase, Status, StreamState

STALE_AFTER = 30.0
"""Seconds without a snapshot after which the session counts as stuck; it publishes at least every few seconds."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong, in sentences; nothing wrong is healthy."""

    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.reasons


def health(publisher: Publisher) -> Health:
    """Judge a session by its latest snapshot and by that snapshot's age."""
    latest = publisher.latest
    if latest is None:
        return Health(("the session has not begun to report",))
    return Health((*_stuck(latest.status, publisher.age()), *troubles(latest.status)))


def troubles(status: Status) -> tuple[str, ...]:
    """Return what is wrong in one snapshot."""
    if status.phase is Phase.FAILED:
        return ("the session has failed",)
    if not status.market_open or status.phase in (Phase.STOPPING, Phase.STOPPED):
        return ()
    down = [each for each in status.streams if each.state not in (StreamState.UP, StreamState.OFF)]
    return tuple(f"{each.name} is {each.state} while the market is open" for each in down)


def _stuck(status: Status, age: float) -> tuple[str, ...]:
    if age <= STALE_AFTER or status.phase in (Phase.STOPPED, Phase.FAILED):
        return ()
    return (f"the session has not reported for {age:.0f} s",)
