"""How a snapshot gets from the session's thread to those who watch, and commands back; neither waits for the other."""

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from lockstep.engine.errors import ConfigError
from lockstep.engine.events import MS, SECOND

from .clock import monotonic
from .status import Status

MOST_POINTS = 4_096
DUE_EVERY = 100 * MS
CONFIRM_WITHIN = 60 * SECOND
MOST_PROPOSED = 64


class Published(NamedTuple):
    """A snapshot and its running number, which starts at 1."""

    number: int
    status: Status


class EquityPoint(NamedTuple):
    """Equity in micros at an exchange time, ns UTC."""

    ts: int
    equity: int


class Publisher:
    """Keeps the latest snapshot and the equity so far; thread-safe.

    A watcher that is slow misses snapshots, never the latest one. The equity curve is thinned to every second point
    whenever it reaches 4 096 points, so that memory stays flat.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._latest: Published | None = None
        self._points: list[EquityPoint] = []
        self._stride, self._times, self._seen = 1, 0, -1
        self._last = -DUE_EVERY

    def due(self) -> bool:
        """Return whether the last snapshot is at least 0.1 s old: at full speed the session publishes only then."""
        return monotonic() - self._last >= DUE_EVERY

    def publish(self, status: Status) -> None:
        """Make this the latest snapshot and wake everyone who waits; takes microseconds and never blocks on them."""
        with self._changed:
            number = self._latest.number + 1 if self._latest else 1
            self._latest, self._last = Published(number, status), monotonic()
            if status.equity is not None:
                self._add(EquityPoint(status.ts, status.equity))
            self._changed.notify_all()

    def remember(self, points: Iterable[tuple[int, int]]) -> None:
        """Put the equity from before a restart, ``(ts, equity)`` in order of time, in front of the curve."""
        with self._changed:
            later, self._points = self._points, []
            self._stride, self._times, self._seen = 1, 0, -1
            for point in (*points, *later):
                self._add(EquityPoint(*point))

    @property
    def latest(self) -> Published | None:
        """The latest snapshot, None before the first."""
        return self._latest

    def age(self) -> float:
        """Return for how many seconds nothing was published; infinity before the first snapshot."""
        return (monotonic() - self._last) / SECOND if self._latest else float("inf")

    def curve(self) -> list[EquityPoint]:
        """Return the equity so far, thinned, with the latest point last."""
        with self._changed:
            points = list(self._points)
            latest = self._latest.status if self._latest else None
        if latest and latest.equity is not None and (not points or latest.ts > points[-1].ts):
            points.append(EquityPoint(latest.ts, latest.equity))
        return points

    def wait(self, after: int, timeout: float) -> Published | None:
        """Return the latest snapshot once its number exceeds `after`, or None after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._latest is not None and self._latest.number > after, timeout)
            return self._latest if self._latest is not None and self._latest.number > after else None

    def _add(self, point: EquityPoint) -> None:
        if point.ts == self._seen:
            if self._points and self._points[-1].ts == point.ts:
                self._points[-1] = point
            return
        self._seen = point.ts
        if self._times % self._stride == 0:
            self._points.append(point)
        self._times += 1
        if len(self._points) >= MOST_POINTS:
            del self._points[1::2]
            self._stride *= 2


class Action(StrEnum):
    """What a watcher may ask of a session."""

    KILL_ON = "kill_on"
    KILL_OFF = "kill_off"


@dataclass(frozen=True, slots=True)
class Command:
    """An action that somebody asked for and confirmed; the session carries it out and shows it in its snapshots."""

    action: Action
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Proposal:
    command: Command
    expires: int


class Commands:
    """Commands from watchers to the session; each is proposed first and queued when confirmed; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._proposed: dict[str, _Proposal] = {}
        self._queue: list[Command] = []
        self._listener: Callable[[], None] = lambda: None

    def propose(self, action: Action, by: str) -> str:
        """Return the ticket that confirms this command, once, within a minute."""
        ticket = secrets.token_urlsafe(16)
        with self._lock:
            now = monotonic()
            self._proposed = {key: value for key, value in self._proposed.items() if value.expires > now}
            while len(self._proposed) >= MOST_PROPOSED:
                del self._proposed[next(iter(self._proposed))]
            self._proposed[ticket] = _Proposal(Command(action, by, ""), now + CONFIRM_WITHIN)
        return ticket

    def confirm(self, ticket: str, reason: str = "") -> Command:
        """Queue the command of a ticket, with the reason that was given.

        Raises
        ------
        ConfigError
            If the ticket is unknown, used or older than a minute.
        """
        with self._lock:
            proposal = self._proposed.pop(ticket, None)
            if proposal is None or proposal.expires <= monotonic():
                raise ConfigError(
                    f"nothing to confirm: the ticket is unknown, used or older than {CONFIRM_WITHIN // SECOND} s; "
                    "ask for the action again"
                )
            command = replace(proposal.command, reason=reason)
            self._queue.append(command)
            listener = self._listener
        listener()
        return command

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called on the watcher's thread when a command was queued, to wake the session."""
        self._listener = listener

    def drain(self) -> list[Command]:
        """Return the queued commands in the order of their confirmation, and forget them."""
        with self._lock:
            queued, self._queue = self._queue, []
        return queued
