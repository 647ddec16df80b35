"""The web server over real connections: what it answers, to whom, and what it refuses."""

import contextlib
import http.client
import json
import socket
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lockstep.engine.errors import ConfigError
from lockstep.live.publishing import Action, Commands, Publisher
from lockstep.live.status import Phase, StreamState
from lockstep.live.watch.server import WatchServer

from . import make


def ask(server, method, path, body=None, host=None, **headers):
    """Return status, headers and text of one request; header names take _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    sent = {"Host": host or f"127.0.0.1:{server.port}"} | {k.replace("_", "-"): v for k, v in headers.items()}
    if body is not None and "Content-Type" not in sent:
        sent["Content-Type"] = "application/json"
    with contextlib.closing(connection):
        connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, sent)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def act(server, path, body, **headers):
    """Post as the page itself does; return status and JSON."""
    code, _, text = ask(server, "POST", path, body, Origin=server.address, **headers)
    return code, json.loads(text)


def bearer(server):
    return {"Authorization": f"Bearer {server.gate.token.get_secret_value()}"}


@contextlib.contextmanager
def stream(server):
    """Yield an iterator over ``(event, data)`` of the page's stream."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/stream", headers={"Host": f"127.0.0.1:{server.port}"})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")

    def events():
        found = {}
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                found[name] = value
            else:
                yield found["event"], json.loads(found["data"])
                found = {}

    yield events()
    answer.close()
    connection.close()


def metrics(server):
    code, headers, text = ask(server, "GET", "/metrics")
    assert code == 200
    assert headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# --- where it listens ---


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.7", "example.com", "localhost"])
def test_it_listens_on_this_machine_alone(host):
    with pytest.raises(ConfigError, match="for this machine alone"):
        WatchServer(Publisher(), Commands(), host=host, port=0)


def test_other_addresses_of_this_machine_find_nothing(server):
    others = {row[4][0] for row in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in sorted(address for address in others if not address.startswith("127.")):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, server.port), timeout=2)


def test_a_taken_port_is_named(server):
    with pytest.raises(ConfigError, match=rf"port {server.port}: .*choose another port"):
        WatchServer(Publisher(), Commands(), port=server.port)


def test_it_ends_with_pages_open(session):
    with WatchServer(session.publisher, session.commands, port=0) as server, stream(server) as events:
        next(events)
    assert not [thread for thread in threading.enumerate() if thread.name == "lockstep-watch"]
    with pytest.raises(ConnectionRefusedError):
        ask(server, "GET", "/")


# --- what it tells ---


def test_the_stream_begins_with_the_curve_and_goes_on(session, server):
    for _ in range(5):
        session.publish()
    with stream(server) as events:
        name, curve = next(events)
        assert (name, len(curve["points"])) == ("curve", 5)
        name, first = next(events)
        assert (name, first["number"], first["equity"]) == ("status", 5, session.publisher.latest.status.equity / 1e6)
        session.publish(halt="drift of 5 AAPL")
        name, second = next(events)
        assert (name, second["number"], second["halt"]) == ("status", 6, "drift of 5 AAPL")


def test_a_session_that_is_silent_still_has_a_beat(session, server):
    session.publish()
    with stream(server) as events:
        names = [next(events)[0] for _ in range(4)]
    assert names == ["curve", "status", "beat", "beat"]


def test_only_so_many_pages(session, server):
    session.publish()
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            next(stack.enter_context(stream(server)))
        code, _, text = ask(server, "GET", "/stream")
        assert code == 503
        assert "16 pages are open already" in text


def test_status_as_json(session, server):
    assert json.loads(ask(server, "GET", "/status")[2])["number"] == 0
    session.publish()
    found = json.loads(ask(server, "GET", "/status")[2])
    assert found["positions"][2]["proxy"] == "AAPL"
    assert found["limits"][2]["limit"] is None
    assert found["orders"][0]["order_id"] == "59"
    assert found["health"] == {"ok": True, "reasons": []}


@pytest.mark.parametrize("path", ["/", "/watch.js", "/chart.js", "/watch.css", "/plotly.js"])
def test_files(server, path):
    code, headers, text = ask(server, "GET", path)
    assert code == 200
    assert text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"].split("script-src")[1].split(";")[0]
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/nothing", "/../keys.py", "/%2e%2e/guards.py", "/watch.html"])
def test_nothing_else_is_served(server, path):
    assert ask(server, "GET", path)[0] == 404


def test_health_before_the_first_snapshot(server):
    code, _, text = ask(server, "GET", "/healthz")
    assert (code, json.loads(text)["reasons"]) == (503, ["the session has not begun to report"])


@pytest.mark.parametrize("state", [StreamState.DOWN, StreamState.MUTE, StreamState.CONNECTING, StreamState.REFUSED])
def test_health_while_a_stream_is_not_up(session, server, state):
    session.publish(streams=make.mute(state))
    code, _, text = ask(server, "GET", "/healthz")
    assert code == 503
    assert json.loads(text)["reasons"] == [f"market data is {state} while the market is open"]
    session.publish(market_open=False)
    assert ask(server, "GET", "/healthz")[0] == 200
    session.publish(market_open=True, streams=make.STREAMS)
    assert ask(server, "GET", "/healthz")[0] == 200


def test_health_after_a_failure(session, server):
    session.publish(phase=Phase.FAILED, market_open=False)
    assert ask(server, "GET", "/healthz")[0] == 503


def test_health_of_a_session_that_is_stuck(session, server, monkeypatch):
    session.publish()
    monkeypatch.setattr("lockstep.live.health.STALE_AFTER", -1.0)
    code, _, text = ask(server, "GET", "/healthz")
    assert code == 503
    assert "has not reported for 0 s" in text


def test_metrics(session, server):
    assert metrics(server)["lockstep_healthy",] == 0
    session.publish(streams=make.mute())
    found = metrics(server)
    assert found["lockstep_healthy",] == 0
    assert found["lockstep_equity_dollars",] == session.publisher.latest.status.equity / 1e6
    assert found["lockstep_position_dollars", "TSLA"] == -45 * 402.9
    assert found["lockstep_stream_up", "market data"] == 0
    assert found["lockstep_stream_up", "order updates"] == 1
    assert found["lockstep_risk_limit", "max_sector"] == float("inf")
    assert found["lockstep_risk_used", "max_gross"] == 0.81
    assert found["lockstep_latency_seconds", "0.99", "event_to_decision"] == 7.8e-6
    assert found["lockstep_count_total", "orders"] == 61
    assert found["lockstep_phase", "trading"] == 1
    assert found["lockstep_kill_switch",] == 0
    assert found["process_resident_memory_bytes",] > 0


def test_metrics_in_the_other_format(session, server):
    session.publish()
    _, headers, text = ask(server, "GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


# --- whom it refuses ---


@pytest.mark.parametrize("path", ["/", "/status", "/stream", "/metrics", "/healthz"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "0.0.0.0:{port}"]
)
def test_a_name_that_was_pointed_here_is_refused(server, path, host):
    assert ask(server, "GET", path, host=host.format(port=server.port))[0] == 421


def test_a_tunnel_with_another_port_is_served(server):
    assert ask(server, "GET", "/status", host="localhost:9999")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:9999"])
def test_another_origin_is_refused(session, server, origin):
    origin = origin.format(port=server.port)
    for method, path, body in (
        ("GET", "/status", None),
        ("GET", "/stream", None),
        ("POST", "/login", {"token": server.gate.token.get_secret_value()}),
        ("POST", "/actions", {"action": "kill_on"}),
        ("OPTIONS", "/actions", None),
    ):
        code, headers, _ = ask(server, method, path, body, Origin=origin, **bearer(server))
        assert code == 403
        assert not [name for name in headers if name.lower().startswith("access-control")]
    assert session.done == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/status", "/stream", "/metrics", "/watch.js", "/plotly.js"])
def test_what_another_sites_page_loads_is_refused(server, site, path):
    assert ask(server, "GET", path, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")[0] == 403


def test_a_link_from_elsewhere_leads_to_the_page_alone(server):
    follow = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert ask(server, "GET", "/", **follow)[0] == 200
    assert ask(server, "GET", "/status", **follow)[0] == 403


def test_an_action_without_an_origin_needs_the_token(session, server):
    cookie = login(server)
    assert ask(server, "POST", "/actions", {"action": "kill_on"}, Cookie=cookie)[0] == 403
    assert ask(server, "POST", "/actions", {"action": "kill_on"}, **bearer(server))[0] == 200


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
def test_a_form_is_refused(server, kind):
    headers = {"Content_Type": kind, "Origin": server.address}
    assert ask(server, "POST", "/actions", '{"action": "kill_on"}', **headers, **bearer(server))[0] == 415


@pytest.mark.parametrize("body", ["", "[]", "nothing", "{" * 5000, json.dumps({"action": "sell everything"})])
def test_nonsense_is_refused(session, server, body):
    code, _, _ = ask(server, "POST", "/actions", body, Content_Type="application/json", **bearer(server))
    assert code == 400
    assert session.done == []


# --- the kill switch ---


def login(server):
    code, headers, _ = ask(
        server, "POST", "/login", {"token": server.gate.token.get_secret_value()}, Origin=server.address
    )
    assert code == 200
    cookie = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    return cookie.partition(";")[0]


def test_the_token_opens_and_nothing_else_does(session, server):
    for token in ("", "wrong", server.gate.token.get_secret_value()[:-1], None, "é"):
        assert act(server, "/login", {"token": token})[0] == 401
    for headers in (
        {},
        {"Cookie": f"lockstep-{server.port}=wrong"},
        {"Cookie": f"lockstep-{server.port}="},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {server.gate.token.get_secret_value()}"},
    ):
        assert act(server, "/actions", {"action": "kill_on"}, **headers)[0] == 401
        assert act(server, "/actions/confirm", {"ticket": "x"}, **headers)[0] == 401
    assert session.done == []


@pytest.mark.parametrize("way", ["cookie", "bearer"])
def test_the_switch_works_after_a_confirmation(session, server, way):
    admitted = {"Cookie": login(server)} if way == "cookie" else bearer(server)
    for action in (Action.KILL_ON, Action.KILL_OFF):
        code, found = act(server, "/actions", {"action": action}, **admitted)
        assert code == 200
        before = len(session.done)
        assert act(server, "/actions/confirm", {"ticket": found["ticket"], "reason": " news "}, **admitted)[0] == 200
        assert len(session.done) == before + 1
        assert (session.done[-1].action, session.done[-1].reason) == (action, "news")
        assert json.loads(ask(server, "GET", "/status")[2])["kill"]["on"] is (action is Action.KILL_ON)
        code, found = act(server, "/actions/confirm", {"ticket": found["ticket"]}, **admitted)
        assert code == 409
        assert "ask for the action again" in found["error"]


def test_a_ticket_ages(session, server, monkeypatch):
    _, found = act(server, "/actions", {"action": "kill_on"}, **bearer(server))
    monkeypatch.setattr("lockstep.live.publishing.monotonic", lambda: 10**19)
    assert act(server, "/actions/confirm", found, **bearer(server))[0] == 409
    assert session.done == []


def test_cookies_end(server, monkeypatch):
    cookie = login(server)
    assert act(server, "/actions", {"action": "kill_on"}, Cookie=cookie)[0] == 200
    monkeypatch.setattr("lockstep.live.watch.guards.monotonic", lambda: 10**19)
    assert act(server, "/actions", {"action": "kill_on"}, Cookie=cookie)[0] == 401


def test_the_token_stands_in_no_answer(session, server):
    session.publish()
    token = server.gate.token.get_secret_value()
    assert token in server.invitation
    assert token not in repr(server.gate.token)
    for path in ("/", "/status", "/metrics", "/healthz", "/watch.js"):
        assert token not in ask(server, "GET", path)[2]
