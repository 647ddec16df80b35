"""Alerts against a real receiver on this machine: the format, the rates, retries, and that nobody waits for them."""

import http.server
import itertools
import json
import logging
import threading
import time

import pytest
from pydantic import SecretStr

from lockstep.cli import main
from lockstep.engine.errors import ConfigError
from lockstep.live import keys
from lockstep.live.alerts import Alert, Alerts, Pace, Severity, Totals, message

PATH = "/services/T0AB12CD3/B0EF45GH6/q1W2e3R4t5Y6u7I8o9P0"
QUICK = Pace(per_kind=0.0, spacing=0.0, first_retry=0.01, tries=4)
PATIENCE = 10


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it gets; answers what the test has laid out, then 200."""

    def do_POST(self):
        self.server.got.append(
            (time.monotonic(), self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        )
        self.server.gate.wait(PATIENCE)
        code, headers, text = self.server.answers.pop(0) if self.server.answers else (200, {}, "ok")
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
        with self.server.changed:
            self.server.changed.notify_all()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.answers, server.gate, server.changed = [], [], threading.Event(), threading.Condition()
    server.gate.set()
    server.webhook = SecretStr(f"http://127.0.0.1:{server.server_port}{PATH}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


def texts(receiver):
    return [body["text"] for _, _, body in receiver.got]


def until(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_slacks_format(receiver):
    with Alerts(lambda: receiver.webhook, "sma-cross", QUICK) as alerts:
        alerts.send(Alert("drift", "drift of 5 AAPL", Severity.CRITICAL))
    assert [(path, body) for _, path, body in receiver.got] == [
        (PATH, {"text": ":red_circle: sma-cross: drift of 5 AAPL"})
    ]
    assert alerts.totals == Totals(sent=1)


def test_nothing_in_a_text_is_read_as_a_mention_or_a_link():
    said = message(Alert("x", "<!channel> & <http://evil.example|click>"), "s")
    assert said.endswith("s: &lt;!channel&gt; &amp; &lt;http://evil.example|click&gt;")


def test_a_kind_is_sent_at_once_and_then_seldom_but_its_latest_is_not_lost(receiver):
    began = time.monotonic()
    with Alerts(lambda: receiver.webhook, "s", Pace(per_kind=0.6, spacing=0.0)) as alerts:
        for k in range(50):
            alerts.send(Alert("flapping", f"number {k}"))
            time.sleep(0.002)
        alerts.send(Alert("other", "another kind"))
        until(lambda: len(receiver.got) == 3)
    first, other, last = receiver.got
    assert first[2]["text"].endswith("number 0")
    assert first[0] - began < 0.3
    assert other[2]["text"].endswith("another kind")
    assert last[2]["text"].endswith("number 49 (48 more of this kind before it)")
    assert last[0] - first[0] >= 0.59
    assert alerts.totals == Totals(sent=3, replaced=48)


def test_all_kinds_together_keep_their_distance(receiver):
    with Alerts(lambda: receiver.webhook, "s", Pace(per_kind=0.0, spacing=0.2)) as alerts:
        for k in range(4):
            alerts.send(Alert(f"kind {k}", "x"))
        until(lambda: len(receiver.got) == 4)
    times = [at for at, _, _ in receiver.got]
    assert min(later - before for before, later in itertools.pairwise(times)) >= 0.19


def test_sending_never_waits_for_the_receiver(receiver):
    receiver.gate.clear()
    with Alerts(lambda: receiver.webhook, "s", QUICK) as alerts:
        alerts.send(Alert("first", "x"))
        until(lambda: receiver.got)
        longest = 0.0
        for k in range(1000):
            began = time.perf_counter()
            alerts.send(Alert(f"kind {k}", "x"))
            longest = max(longest, time.perf_counter() - began)
        assert longest < 0.1
        assert alerts.totals.dropped == 1000 - 64
        receiver.gate.set()
    assert alerts.totals == Totals(sent=65, dropped=936)


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_what_cannot_be_taken_now_is_tried_again(receiver, code):
    receiver.answers = [(code, {}, "later")] * 3
    with Alerts(lambda: receiver.webhook, "s", QUICK) as alerts:
        alerts.send(Alert("x", "x"))
        until(lambda: len(receiver.got) == 4)
    assert alerts.totals == Totals(sent=1)
    times = [at for at, _, _ in receiver.got]
    assert times[3] - times[2] > times[1] - times[0] >= 0.01


def test_the_receivers_own_time_is_kept(receiver):
    receiver.answers = [(429, {"Retry-After": "1"}, "slow down")]
    with Alerts(lambda: receiver.webhook, "s", QUICK) as alerts:
        alerts.send(Alert("x", "x"))
        until(lambda: len(receiver.got) == 2)
    assert receiver.got[1][0] - receiver.got[0][0] >= 1.0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {}, "invalid_token"), "refused (403): invalid_token"),
        ((404, {}, ""), "refused (404): Not Found"),
        ((410, {}, "channel_is_archived"), "refused (410)"),
        ((302, {"Location": "http://evil.example/"}, ""), "refused (302)"),
    ],
)
def test_what_is_refused_for_good_is_told_once_and_the_next_still_goes(receiver, caplog, answer, said):
    receiver.answers = [answer]
    with caplog.at_level(logging.WARNING), Alerts(lambda: receiver.webhook, "s", QUICK) as alerts:
        alerts.send(Alert("x", "first"))
        until(lambda: receiver.got)
        alerts.send(Alert("y", "second"))
    assert len(receiver.got) == 2
    assert alerts.totals == Totals(sent=1, failed=1)
    assert said in caplog.text


def test_a_receiver_that_is_not_there(caplog):
    gone = SecretStr(f"http://127.0.0.1:9{PATH}")
    with caplog.at_level(logging.DEBUG), Alerts(lambda: gone, "s", QUICK) as alerts:
        alerts.send(Alert("x", "x"))
        until(lambda: alerts.totals.failed)
    assert alerts.totals == Totals(failed=1)
    assert "no answer: ConnectionError" in caplog.text


def test_the_webhook_may_be_missing_wrong_or_replaced(receiver, caplog):
    now = [None]

    def address():
        if isinstance(now[0], Exception):
            raise now[0]
        return now[0]

    with Alerts(address, "s", QUICK) as alerts:
        alerts.send(Alert("a", "x"))
        until(lambda: alerts.totals.failed == 1)
        now[0] = ConfigError("the file is open to others")
        alerts.send(Alert("b", "x"))
        until(lambda: alerts.totals.failed == 2)
        now[0] = receiver.webhook
        alerts.send(Alert("c", "x"))
    assert alerts.totals == Totals(sent=1, failed=2)
    assert "no webhook is set" in caplog.text
    assert "the file is open to others" in caplog.text


def test_what_waits_is_sent_at_the_end(receiver):
    with Alerts(lambda: receiver.webhook, "s", Pace(per_kind=60.0, spacing=60.0)) as alerts:
        alerts.send(Alert("a", "first"))
        until(lambda: alerts.totals.sent == 1)
        alerts.send(Alert("a", "last words"))
        alerts.send(Alert("b", "the session has stopped"))
        began = time.monotonic()
    assert {text.partition("s: ")[2] for text in texts(receiver)} == {"first", "last words", "the session has stopped"}
    assert time.monotonic() - began < 5


def test_the_end_does_not_wait_for_retries(receiver):
    receiver.answers = [(503, {"Retry-After": "60"}, "")] * 9
    with Alerts(lambda: receiver.webhook, "s") as alerts:
        alerts.send(Alert("a", "x"))
        until(lambda: receiver.got)
        began = time.monotonic()
    assert time.monotonic() - began < 12
    assert alerts.totals == Totals(failed=1)


@pytest.fixture
def webhook_set(receiver, tmp_path, monkeypatch):
    for name in keys.NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(keys.WEBHOOK, receiver.webhook.get_secret_value())


def test_the_command(webhook_set, receiver, capsys):
    assert main(["alerts", "test"]) == 0
    assert "taken (200)" in capsys.readouterr().out
    assert texts(receiver) == [":large_blue_circle: lockstep: a test: alerts of Lockstep arrive here"]


def test_the_command_tells_a_refusal(webhook_set, receiver, capsys):
    receiver.answers = [(404, {}, f"no_service {PATH}")]
    assert main(["alerts", "test", "--text", "hello"]) == 2
    said = capsys.readouterr()
    assert "refused (404): no_service" in said.out
    assert "q1W2e3R4t5Y6" not in said.out + said.err


def test_the_command_without_a_webhook(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(keys.WEBHOOK, raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["alerts", "test"]) == 2
    assert "no LOCKSTEP_WEBHOOK in the environment or in .env" in capsys.readouterr().err
