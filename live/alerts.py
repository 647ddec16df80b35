"""Alerts by webhook, in the format of Slack; sent by a thread of their own, so that the trading path never waits.

1. `Alerts.send` only leaves a note; of each kind one note waits, the latest, with a count of those it replaced.
2. A kind is sent at once, and then at most once a minute; all kinds together at most once a second, as Slack asks.
3. What the receiver cannot take now (no answer, 429, 5xx) is tried again, ever later, for some minutes; what it refuses
   for good (other 4xx) is not.
"""

import logging
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import requests
from pydantic import SecretStr

from lockstep.engine.errors import ConfigError
from lockstep.engine.events import SECOND

from .clock import monotonic
from .keys import is_loopback
from .secrecy import redact

log = logging.getLogger(__name__)

MOST_KINDS = 64
TIMEOUT = (5.0, 10.0)
TOO_MANY, FIRST_SERVER_ERROR = 429, 500
LONGEST_WAIT = 60.0
CLOSES_WITHIN = 8.0


class Severity(StrEnum):
    """How much somebody should hurry."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


SIGNS = {
    Severity.INFO: ":large_blue_circle:",
    Severity.WARNING: ":large_orange_circle:",
    Severity.CRITICAL: ":red_circle:",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that somebody should know; of a `kind` only the latest matters, so trouble and its end share one."""

    kind: str
    text: str
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class Pace:
    """How often alerts go out, in seconds."""

    per_kind: float = 60.0
    spacing: float = 1.0
    first_retry: float = 1.0
    tries: int = 9


@dataclass(frozen=True, slots=True)
class _Note:
    alert: Alert
    replaced: int
    due: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of the alerts so far; `replaced` ones were overtaken by a later one of their kind."""

    sent: int = 0
    replaced: int = 0
    failed: int = 0
    dropped: int = 0


class Alerts:
    """Sends alerts until it is closed; use it with ``with``. Thread-safe.

    Parameters
    ----------
    address : callable
        Returns the webhook in force, None where there is none; asked before each message, so that it can be replaced.
    source : str
        What the messages are about, such as the scenario and the run.
    pace : Pace
        How often.
    """

    def __init__(self, address: Callable[[], SecretStr | None], source: str, pace: Pace = Pace()) -> None:
        self._address, self._source, self._pace = address, source, pace
        self._changed = threading.Condition()
        self._notes: dict[str, _Note] = {}
        self._last: dict[str, int] = {}
        self._totals = Totals()
        self._closing = False
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lockstep-alerts", daemon=True)

    @property
    def totals(self) -> Totals:
        """What became of the alerts so far."""
        return self._totals

    def send(self, alert: Alert) -> None:
        """Leave a note of this alert; takes microseconds, never waits and never fails."""
        with self._changed:
            waiting = self._notes.get(alert.kind)
            if waiting is not None:
                self._notes[alert.kind] = replace(waiting, alert=alert, replaced=waiting.replaced + 1)
                self._count("replaced")
            elif len(self._notes) >= MOST_KINDS:
                self._count("dropped")
            else:
                earliest = self._last.get(alert.kind, -self._ns(self._pace.per_kind)) + self._ns(self._pace.per_kind)
                self._notes[alert.kind] = _Note(alert, 0, max(monotonic(), earliest))
            self._changed.notify()

    def __enter__(self) -> "Alerts":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Send at once what still waits, and end; what the receiver does not take within some seconds is lost."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSES_WITHIN)
        self._ends.set()
        self._thread.join(sum(TIMEOUT))

    def _run(self) -> None:
        with requests.Session() as client:
            while (note := self._next()) is not None:
                self._deliver(client, note)
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, self._pace.spacing)

    def _next(self) -> _Note | None:
        """Return the note that is due first, once it is due; None when closed and nothing is left."""
        with self._changed:
            while not self._ends.is_set():
                first = min(self._notes.values(), key=lambda note: note.due, default=None)
                if first is None and self._closing:
                    return None
                now = monotonic()
                if first is not None and (self._closing or first.due <= now):
                    del self._notes[first.alert.kind]
                    self._remember(first.alert.kind, now)
                    return first
                self._changed.wait(None if first is None else (first.due - now) / SECOND)
        return None

    def _remember(self, kind: str, now: int) -> None:
        self._last[kind] = now
        if len(self._last) > MOST_KINDS:
            oldest = now - self._ns(self._pace.per_kind)
            self._last = {known: sent for known, sent in self._last.items() if sent > oldest}

    def _deliver(self, client: requests.Session, note: _Note) -> None:
        text = message(note.alert, self._source, note.replaced)
        wait = self._pace.first_retry
        for attempt in range(self._pace.tries):
            outcome = self._try(client, text)
            if outcome.done or not outcome.again:
                break
            if attempt == self._pace.tries - 1 or self._ends.wait(min(outcome.after or wait, LONGEST_WAIT)):
                break
            wait *= 2
        self._count("sent" if outcome.done else "failed")
        if not outcome.done:
            log.warning("the alert %r was not delivered: %s", note.alert.text, outcome.why)

    def _try(self, client: requests.Session, text: str) -> "Outcome":
        try:
            address = self._address()
        except ConfigError as error:
            return Outcome(False, str(error))
        if address is None:
            return Outcome(False, "no webhook is set")
        return post(client, address, text)

    def _count(self, name: str) -> None:
        with self._changed:
            self._totals = replace(self._totals, **{name: getattr(self._totals, name) + 1})

    @staticmethod
    def _ns(seconds: float) -> int:
        return int(seconds * SECOND)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a message was taken; if not, why, and whether and after how many seconds it makes sense to try again."""

    done: bool
    why: str
    again: bool = False
    after: float = 0.0


def message(alert: Alert, source: str, replaced: int = 0) -> str:
    """Return an alert as a line of Slack's text: nothing in it is read as a link, a mention or a secret."""
    more = f" ({replaced} more of this kind before it)" if replaced else ""
    plain = redact(f"{source}: {alert.text}{more}")
    for letter, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        plain = plain.replace(letter, name)
    return f"{SIGNS[alert.severity]} {plain}"


def post(client: requests.Session, address: SecretStr, text: str) -> Outcome:
    """Post one message to a webhook."""
    target = address.get_secret_value()
    client.trust_env = not is_loopback(urllib.parse.urlsplit(target).hostname or "")
    try:
        answer = client.post(target, json={"text": text}, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        return Outcome(False, redact(f"no answer: {type(error).__name__}"), again=True)
    if answer.ok and not answer.is_redirect:
        return Outcome(True, f"taken ({answer.status_code})")
    again = answer.status_code == TOO_MANY or answer.status_code >= FIRST_SERVER_ERROR
    words = redact(answer.text.strip()[:200]) or answer.reason
    return Outcome(False, f"refused ({answer.status_code}): {words}", again, _retry_after(answer))


def _retry_after(answer: requests.Response) -> float:
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isdecimal() else 0.0
