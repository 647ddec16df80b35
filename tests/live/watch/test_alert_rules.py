"""What changes of a session are told, and that a session that falls silent is noticed."""

import dataclasses
import threading

import pytest

from lockstep.live.alert_rules import AlertWatch, changes
from lockstep.live.alerts import Severity
from lockstep.live.status import KillSwitch, Phase, StreamState, Utilisation

from . import make


def told(before, after):
    return [(alert.kind, alert.text, alert.severity) for alert in changes(before, after)]


def test_nothing_changed_is_no_news():
    assert told(make.status(1), make.status(2)) == []


def test_the_beginning_tells_phase_and_warnings():
    found = told(None, make.status(1))
    assert found[0] == ("phase", "the session is trading (local venue)", Severity.INFO)
    assert [kind for kind, _, _ in found[1:]] == [
        "data of PDFS",
        "warning: The recorded market holds a hindsight selection of stocks.",
    ]
    assert found[1][1] == "PDFS is fed by AAPL: these are not its prices"
    assert told(make.status(1), make.status(2, proxies={"PDFS": "MSFT"}))[0][1].startswith("PDFS is fed by MSFT")
    assert told(make.status(1), make.status(2, synthetic=("X", "Y")))[0][1] == "generated prices: X, Y"


@pytest.mark.parametrize(
    ("phase", "severity"),
    [(Phase.PAUSED, Severity.WARNING), (Phase.FAILED, Severity.CRITICAL), (Phase.STOPPED, Severity.INFO)],
)
def test_phases(phase, severity):
    assert told(make.status(1), make.status(2, phase=phase)) == [
        ("phase", f"the session is {phase} (local venue)", severity)
    ]


def test_the_kill_switch_and_back():
    on = make.status(2, kill=KillSwitch(on=True, by="the web page", reason="news"))
    assert told(make.status(1), on) == [("kill switch", "kill switch on, by the web page: news", Severity.CRITICAL)]
    off = make.status(3, kill=KillSwitch(by="the web page"))
    assert told(on, off) == [("kill switch", "kill switch off, by the web page", Severity.INFO)]
    assert told(None, on)[1][0] == "kill switch"


def test_a_halt_and_its_end():
    halted = make.status(2, halt="drift of 5 AAPL")
    assert told(make.status(1), halted) == [("halt", "new risk is refused: drift of 5 AAPL", Severity.CRITICAL)]
    assert told(halted, make.status(3)) == [("halt", "new risk is taken again; before: drift of 5 AAPL", Severity.INFO)]


def test_a_connection_goes_and_comes_while_the_market_is_open():
    down, mute = make.status(2, streams=make.mute(StreamState.DOWN)), make.status(3, streams=make.mute())
    kind = "connection market data"
    assert told(make.status(1), down) == [(kind, "market data is down while the market is open", Severity.WARNING)]
    assert told(down, mute) == [(kind, "market data is mute while the market is open", Severity.WARNING)]
    assert told(mute, make.status(4)) == [(kind, "market data is up again", Severity.INFO)]
    assert told(down, dataclasses.replace(down, ts=down.ts + 1)) == []


def test_a_connection_may_rest_while_the_market_is_closed():
    closed = make.status(2, market_open=False, streams=make.mute(StreamState.DOWN))
    assert told(make.status(1), closed) == []
    opened = make.status(3, streams=make.mute(StreamState.DOWN))
    assert [kind for kind, _, _ in told(closed, opened)] == ["connection market data"]


def test_the_daily_loss_is_told_before_it_halts():
    def used(part):
        return make.status(1, limits=(Utilisation(name="max_daily_loss", used=0.03 * part, limit=0.03),))

    assert told(used(0.5), used(0.79)) == []
    assert told(used(0.79), used(0.85)) == [("daily loss", "85% of the daily loss limit is used", Severity.WARNING)]
    assert told(used(0.85), used(0.9)) == []


class Heard:
    """Stands where alerts go out."""

    def __init__(self):
        self.alerts, self.changed = [], threading.Condition()

    def send(self, alert):
        with self.changed:
            self.alerts.append(alert)
            self.changed.notify()

    def until(self, kind, severity):
        with self.changed:
            found = self.changed.wait_for(
                lambda: any((each.kind, each.severity) == (kind, severity) for each in self.alerts), 10
            )
        assert found, self.alerts


def test_the_last_snapshot_is_told_at_the_end(session):
    heard = Heard()
    session.publish()
    with AlertWatch(session.publisher, heard):
        heard.until("phase", Severity.INFO)
        session.publish(phase=Phase.FAILED)
    assert heard.alerts[-1].text == "the session is failed (local venue)"


def test_a_session_that_falls_silent(session, monkeypatch):
    heard = Heard()
    monkeypatch.setattr("lockstep.live.alert_rules.STALE_AFTER", 0.7)
    session.publish()
    with AlertWatch(session.publisher, heard):
        heard.until("stuck", Severity.CRITICAL)
        session.publish()
        heard.until("stuck", Severity.INFO)
        assert [each.kind for each in heard.alerts].count("stuck") == 2
