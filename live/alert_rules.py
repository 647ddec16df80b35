"""What of a session is worth an alert: what changed from one snapshot to the next, and that none comes any more."""

import threading
from collections.abc import Iterator
from typing import Protocol

from .alerts import Alert, Severity
from .health import STALE_AFTER
from .publishing import Publisher
from .status import Phase, Status, StreamState

NEAR = 0.8
"""The share of the daily loss limit from which on it is told."""

PHASES = {
    Phase.TRADING: Severity.INFO,
    Phase.PAUSED: Severity.WARNING,
    Phase.STOPPED: Severity.INFO,
    Phase.FAILED: Severity.CRITICAL,
}


def changes(before: Status | None, after: Status) -> Iterator[Alert]:
    """Yield the alerts that lead from one snapshot to the next, the gravest first; `before` is None at the start."""
    yield from _phase(before, after)
    yield from _risk(before, after)
    yield from _streams(before, after)
    yield from _data(before, after)
    known = before.warnings if before else ()
    for warning in after.warnings:
        if warning not in known:
            yield Alert(f"warning: {warning}", warning)


def _phase(before: Status | None, after: Status) -> Iterator[Alert]:
    if after.phase in PHASES and (before is None or before.phase is not after.phase):
        yield Alert("phase", f"the session is {after.phase} ({after.venue} venue)", PHASES[after.phase])


def _data(before: Status | None, after: Status) -> Iterator[Alert]:
    """Yield which symbols do not have prices of their own."""
    for symbol, source in after.proxies.items():
        if before is None or before.proxies.get(symbol) != source:
            yield Alert(f"data of {symbol}", f"{symbol} is fed by {source}: these are not its prices")
    if after.synthetic and (before is None or before.synthetic != after.synthetic):
        yield Alert("synthetic", f"generated prices: {', '.join(after.synthetic)}")


def _risk(before: Status | None, after: Status) -> Iterator[Alert]:
    if after.kill.on != (before is not None and before.kill.on):
        why = f": {after.kill.reason}" if after.kill.reason else ""
        text = f"kill switch {'on' if after.kill.on else 'off'}, by {after.kill.by}{why}"
        yield Alert("kill switch", text, Severity.CRITICAL if after.kill.on else Severity.INFO)
    halted = before.halt if before else ""
    if after.halt != halted:
        text = f"new risk is refused: {after.halt}" if after.halt else f"new risk is taken again; before: {halted}"
        yield Alert("halt", text, Severity.CRITICAL if after.halt else Severity.INFO)
    if _loss(after) >= NEAR > (_loss(before) if before else 0.0):
        yield Alert("daily loss", f"{_loss(after):.0%} of the daily loss limit is used")


def _loss(status: Status) -> float:
    return max((limit.share for limit in status.limits if limit.name == "max_daily_loss"), default=0.0)


def _streams(before: Status | None, after: Status) -> Iterator[Alert]:
    """Yield what became of each connection; outside market hours it may come and go."""
    troubled = _troubled(before) if before else {}
    now = _troubled(after)
    for stream in after.streams:
        if stream.name in now and troubled.get(stream.name) != now[stream.name]:
            yield Alert(f"connection {stream.name}", f"{stream.name} is {now[stream.name]} while the market is open")
        elif stream.name in troubled and stream.state is StreamState.UP:
            yield Alert(f"connection {stream.name}", f"{stream.name} is up again", Severity.INFO)


def _troubled(status: Status) -> dict[str, StreamState]:
    if not status.market_open:
        return {}
    return {each.name: each.state for each in status.streams if each.state not in (StreamState.UP, StreamState.OFF)}


class Sends(Protocol):
    """Whatever takes an alert without waiting."""

    def send(self, alert: Alert) -> None:
        """Take an alert."""


class AlertWatch:
    """Turns published snapshots into alerts on a thread of its own; use it with ``with``."""

    def __init__(self, publisher: Publisher, alerts: Sends) -> None:
        self._publisher, self._alerts = publisher, alerts
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lockstep-alert-watch", daemon=True)

    def __enter__(self) -> "AlertWatch":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Tell what the last snapshot changed, then end."""
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        number, before, stuck = 0, None, False
        while True:
            ending = self._ends.is_set()
            latest = self._publisher.wait(number, 0.0 if ending else 0.5)
            if latest is not None:
                for alert in changes(before, latest.status):
                    self._alerts.send(alert)
                number, before = latest
            if ending:
                return
            stuck = self._tell_stuck(before, stuck)

    def _tell_stuck(self, status: Status | None, told: bool) -> bool:
        stuck = (
            status is not None
            and status.phase not in (Phase.STOPPED, Phase.FAILED)
            and self._publisher.age() > STALE_AFTER
        )
        if stuck and not told:
            text = f"the session has not reported for {self._publisher.age():.0f} s"
            self._alerts.send(Alert("stuck", text, Severity.CRITICAL))
        if told and not stuck:
            self._alerts.send(Alert("stuck", "the session reports again", Severity.INFO))
        return stuck
