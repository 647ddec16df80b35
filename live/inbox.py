"""What has come in and has not been taken yet: bounded, for it sheds quotes, then trades, but never bars or orders."""

from collections import deque
from typing import Any

LIMIT = 20_000
"""Messages of market data that may wait; above it, only the last quote of each symbol in a frame is kept."""
HARD_LIMIT = 100_000
"""Above it, trades are shed like quotes."""


class Inbox:
    """Frames of market data and messages about orders, in the order in which they came."""

    def __init__(self) -> None:
        self._frames: deque[tuple[list[Any], int]] = deque()
        self._updates: deque[tuple[Any, str, int]] = deque()
        self.backlog = 0
        self.shed = 0

    def market(self, messages: list[Any], received: int) -> None:
        """Take a frame of market data."""
        if self.backlog + len(messages) > LIMIT:
            kept = thin(messages, trades=self.backlog > HARD_LIMIT)
            self.shed += len(messages) - len(kept)
            messages = kept
        self._frames.append((messages, received))
        self.backlog += len(messages)

    def update(self, message: Any, text: str, received: int) -> None:
        """Take a message about orders."""
        self._updates.append((message, text, received))

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._frames and not self._updates

    def take_updates(self) -> list[tuple[Any, str, int]]:
        """Return all messages about orders."""
        taken = list(self._updates)
        self._updates.clear()
        return taken

    def take_market(self, room: int) -> tuple[list[Any], int]:
        """Return at most `room` messages of market data, and when the first of them came in, monotonic ns."""
        taken: list[Any] = []
        first = self._frames[0][1] if self._frames else 0
        while self._frames and len(taken) < room:
            messages, received = self._frames.popleft()
            space = room - len(taken)
            if len(messages) > space:
                self._frames.appendleft((messages[space:], received))
                messages = messages[:space]
            taken += messages
        self.backlog -= len(taken)
        return taken, first


def thin(messages: list[Any], *, trades: bool) -> list[Any]:
    """Return the messages without quotes (and trades) that a later one of the same symbol replaces."""
    shed = ("q", "t") if trades else ("q",)
    last: dict[tuple[Any, Any], int] = {}
    for place, message in enumerate(messages):
        if isinstance(message, dict) and message.get("T") in shed:
            last[message["T"], message.get("S")] = place
    kept = frozenset(last.values())
    return [
        message
        for place, message in enumerate(messages)
        if not isinstance(message, dict) or message.get("T") not in shed or place in kept
    ]
