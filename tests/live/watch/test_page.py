"""The page in a real Chromium: it loads, moves without a reload, its kill switch works, other sites cannot reach it."""

import http.server
import threading

import pytest

from lockstep.live.publishing import Action
from lockstep.live.status import KillSwitch, Phase, StreamState
from lockstep.live.watch.server import WatchServer

from ...reports import chromium
from . import make

pytestmark = pytest.mark.skipif(
    chromium.find() is None, reason=f"no Chromium on the path: {', '.join(chromium.BINARIES)}"
)

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NUMBER = "Number(document.documentElement.dataset.number ?? 0)"
PATH = "document.querySelector('#chart-equity .js-line')?.getAttribute('d') ?? ''"


def text(identifier):
    return f"document.getElementById('{identifier}').textContent"


def cells(table):
    rows = f"[...document.querySelectorAll('#{table} tbody tr')]"
    return f"{rows}.map((row) => [...row.cells].map((cell) => cell.innerText))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    page = chromium.Chromium(chromium.find(), tmp_path_factory.mktemp("profile"))
    yield page
    page.close()


def visit(browser, address, width=1280, phone=False, dark=False):
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=2 if phone else 1,
        mobile=phone,
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.call("Emulation.setEmulatedMedia", features=[scheme])
    browser.call("Page.navigate", url="about:blank")
    browser.until("location.href === 'about:blank'")
    browser.events.clear()
    browser.call("Page.navigate", url=address)
    browser.until("document.readyState === 'complete'")


def click(browser, identifier):
    browser.evaluate(f"document.getElementById('{identifier}').click()")


def answer_dialog(browser, identifier, *, value=None, field=None, button):
    browser.until(f"document.getElementById('{identifier}').open")
    if field:
        browser.evaluate(f"document.getElementById('{field}').value = {value!r}")
    click(browser, button)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "phone"), [(1280, False), (360, True)], ids=["desktop", "phone"])
def test_it_shows_everything_and_moves_without_a_reload(browser, session, server, width, phone, dark):
    session.run()
    visit(browser, server.address, width, phone, dark)
    browser.evaluate("window.notReloaded = true")
    browser.until(f"{NUMBER} > 3")
    browser.until(f"({PATH}).length > 20")
    first, path = browser.evaluate(NUMBER), browser.evaluate(PATH)
    equity, decisions = browser.evaluate(text("equity")), browser.evaluate(cells("decisions"))
    browser.until(f"{NUMBER} > {first + 10}")
    browser.until(f"({PATH}) !== {path!r}")
    assert browser.evaluate(text("equity")) != equity
    assert browser.evaluate(cells("decisions")) != decisions
    assert browser.evaluate("window.notReloaded") is True
    assert browser.evaluate(OVERFLOW) == 0
    assert browser.complaints() == []
    assert {address.partition("#")[0].removeprefix(server.address) for address in browser.requests()} == {
        "/watch.css",
        "/watch.js",
        "/chart.js",
        "/plotly.js",
        "/stream",
    }


def test_every_part_says_what_the_snapshot_says(browser, session, server):
    session.step = 59
    session.publish()
    visit(browser, server.address)
    browser.until(f"{NUMBER} === 1")
    rows = {row[0]: row for row in browser.evaluate(cells("positions"))}
    assert rows["PDFS"][1:4] == ["300", "$271.35", "$81\u202f405.00"]
    assert rows["PDFS"][6] == "fed by AAPL"
    assert rows["TSLA"][1] == "\u221245"
    assert rows["TSLA"][6] == "halted"
    assert browser.evaluate(cells("orders"))[0] == [
        "59", "MSFT", "+80", "20", "limit, day", "$415.25", "", "partially filled", "15:29:00",
    ]  # fmt: skip
    assert browser.evaluate(cells("decisions"))[0] == ["15:30:00", "60", "AAPL", "+100", "+100", "approved"]
    refused = [row for row in browser.evaluate(cells("decisions")) if row[5] == "refused: gross limit"]
    assert len(refused) == 4
    limits = browser.evaluate("[...document.querySelectorAll('.limit')].map((e) => e.innerText)")
    assert "81.0% of 150.0%" in limits[0]
    assert "AAPL" in limits[1]
    assert "no limit" in limits[2]
    assert "3 of 10" in limits[4]
    widths = browser.evaluate("[...document.querySelectorAll('.limit .bar div')].map((e) => e.style.width)")
    assert widths[0] == "54%"
    assert browser.evaluate("document.querySelectorAll('.limit .near').length") == 1
    streams = browser.evaluate(cells("streams"))
    assert streams[1] == ["order updates", "up", "3\u202fmin ago", "0"]
    told = browser.evaluate(text("notices"))
    assert "PDFS is fed by AAPL" in told
    assert "hindsight" in told
    assert browser.evaluate(cells("latency"))[0][:3] == ["event to decision", "1.4\u202fµs", "2.1\u202fµs"]
    assert browser.evaluate(text("phase-below")) == "market open until 21:00:00 UTC"
    assert browser.complaints() == []


def test_trouble_is_told(browser, session, server):
    session.publish()
    visit(browser, server.address)
    browser.until(f"{NUMBER} === 1")
    session.publish(
        streams=make.mute(StreamState.DOWN), halt="drift of 5 AAPL", phase=Phase.PAUSED, synthetic=("PDFS",), proxies={}
    )
    browser.until(f"{NUMBER} === 2")
    told = browser.evaluate(text("notices"))
    for sentence in ("market data is down while the market is open", "drift of 5 AAPL", "prices of PDFS are generated"):
        assert sentence in told
    assert browser.evaluate(text("phase")) == "paused"
    session.publish(streams=make.STREAMS, halt="", phase=Phase.TRADING, synthetic=())
    browser.until(f"!({text('notices')}).includes('drift')")


def test_a_session_that_knows_nothing_yet(browser, session, server):
    visit(browser, server.address)
    browser.until(f"({text('notices')}).includes('has not begun to report')")
    session.publish(
        phase=Phase.STARTING, equity=None, session_equity=None, initial_cash=None, cash=None, gross=None, net=None,
        positions=(), orders=(), decisions=(), fills=(), limits=(), streams=(), latency=(), counts={}, warnings=(),
        proxies={}, market_open=False, next_open=0, session="",
    )  # fmt: skip
    browser.until(f"{NUMBER} === 1")
    assert browser.evaluate(text("equity")) == "–"
    shown = browser.evaluate("document.body.innerText")
    for sentence in (
        "Nothing is held.",
        "No order is open.",
        "None so far.",
        "No limit is set.",
        "Nothing measured yet.",
    ):
        assert sentence in shown
    assert "NaN" not in shown
    assert "undefined" not in shown
    assert "null" not in shown
    assert browser.complaints() == []


def test_hostile_names_run_nothing(browser, session, server):
    bad = "<img src=x onerror=window.hit=1>"
    session.publish(
        scenario=bad,
        run=f"</script><script>window.hit=2</script>{bad}",
        positions=(make.position(bad, 1.0, 1.0, 1.0),),
        warnings=(bad,),
        halt=bad,
        proxies={bad: bad},
        counts={bad: 1},
    )
    visit(browser, server.address)
    browser.until(f"{NUMBER} === 1")
    assert bad in browser.evaluate(text("scenario"))
    assert browser.evaluate("typeof window.hit") == "undefined"
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.complaints() == []


def test_the_kill_switch_with_the_printed_address(browser, session, server):
    session.run()
    visit(browser, server.invitation)
    browser.until(f"{NUMBER} > 1")
    assert browser.evaluate("location.href") == f"{server.address}/"
    assert browser.evaluate("document.cookie") == ""
    click(browser, "kill")
    browser.until("document.getElementById('confirm').open")
    assert "cancels its open orders" in browser.evaluate(text("confirm-text"))
    assert "What is held stays held" in browser.evaluate(text("confirm-text"))
    answer_dialog(browser, "confirm", button="confirm-no")
    browser.until("!document.getElementById('confirm').open")
    assert session.done == []
    click(browser, "kill")
    answer_dialog(browser, "confirm", field="reason", value="news I do not trust", button="confirm-yes")
    browser.until(f"({text('kill')}) === 'Kill switch is on'")
    assert [(each.action, each.by, each.reason) for each in session.done] == [
        (Action.KILL_ON, "the web page", "news I do not trust")
    ]
    assert "news I do not trust" in browser.evaluate(text("notices"))
    click(browser, "kill")
    answer_dialog(browser, "confirm", button="confirm-yes")
    browser.until(f"({text('kill')}) === 'Kill switch'")
    assert [each.action for each in session.done] == [Action.KILL_ON, Action.KILL_OFF]
    assert browser.complaints() == []


def test_a_switch_that_closes_positions_says_so(browser, session, server):
    session.kill = KillSwitch(flattens=True)
    session.publish()
    visit(browser, server.invitation)
    browser.until(f"{NUMBER} === 1")
    click(browser, "kill")
    browser.until("document.getElementById('confirm').open")
    assert "closes all positions" in browser.evaluate(text("confirm-text"))
    assert browser.evaluate(text("confirm-yes")) == "Stop and close"


def test_without_the_token_the_switch_asks_for_it(browser, session):
    with WatchServer(session.publisher, session.commands, port=0) as server:
        session.run()
        visit(browser, server.address)
        browser.until(f"{NUMBER} > 1")
        click(browser, "kill")
        answer_dialog(browser, "login", field="token", value="wrong", button="login-yes")
        browser.until(f"({text('login-trouble')}).includes('not the token')")
        token = server.gate.token.get_secret_value()
        answer_dialog(browser, "login", field="token", value=token, button="login-yes")
        answer_dialog(browser, "confirm", button="confirm-yes")
        browser.until(f"({text('kill')}) === 'Kill switch is on'")
        assert token not in browser.evaluate("document.documentElement.outerHTML")
        # Loading the page again needs no second token.
        visit(browser, server.address)
        browser.until(f"({text('kill')}) === 'Kill switch is on'")
        click(browser, "kill")
        answer_dialog(browser, "confirm", button="confirm-yes")
        browser.until(f"({text('kill')}) === 'Kill switch'")


def test_a_session_that_goes_away_is_noticed_and_found_again(browser, session):
    with WatchServer(session.publisher, session.commands, port=0) as server:
        session.publish()
        visit(browser, server.address)
        browser.until(f"{NUMBER} === 1")
    browser.until(f"({text('notices')}).includes('Not connected')")
    assert browser.evaluate("document.getElementById('kill').disabled") is True
    session.publish()
    with WatchServer(session.publisher, session.commands, port=server.port):
        browser.until(f"{NUMBER} === 2")
        browser.until(f"!({text('notices')}).includes('Not connected')")
        assert browser.evaluate("document.getElementById('kill').disabled") is False


ATTACK = """<!doctype html><title>attack</title><script>
const target = "{target}";
window.results = {{}};
const note = (name) => (value) => {{ window.results[name] = value; }};
const send = (name, path, options) => fetch(target + path, options).then((r) => note(name)(r.type + " " + r.status), (e) => note(name)("failed"));
window.attack = async () => {{
  const json = JSON.stringify({{ action: "kill_on" }});
  await send("read", "/status", {{ credentials: "include" }});
  await send("blind", "/status", {{ mode: "no-cors", credentials: "include" }});
  await send("json", "/actions", {{ method: "POST", credentials: "include", headers: {{ "Content-Type": "application/json" }}, body: json }});
  await send("simple", "/actions", {{ method: "POST", mode: "no-cors", credentials: "include", headers: {{ "Content-Type": "text/plain" }}, body: json }});
  await new Promise((done) => {{ const s = new EventSource(target + "/stream"); s.onerror = () => {{ note("stream")("failed"); s.close(); done(); }}; s.addEventListener("curve", () => {{ note("stream")("read"); s.close(); done(); }}); }});
  await new Promise((done) => {{ const s = document.createElement("script"); s.src = target + "/watch.js"; s.onload = () => {{ note("script")("ran"); done(); }}; s.onerror = () => {{ note("script")("failed"); done(); }}; document.head.append(s); }});
  await new Promise((done) => {{ const f = document.createElement("iframe"); f.src = target + "/"; f.onload = () => {{ let seen = "blocked"; try {{ seen = f.contentDocument ? (f.contentDocument.getElementById("kill") ? "framed" : "blocked") : "blocked"; }} catch (e) {{ seen = "blocked"; }} note("frame")(seen); done(); }}; document.body.append(f); }});
  const form = document.createElement("form"); form.method = "POST"; form.action = target + "/actions"; form.enctype = "text/plain"; form.target = "sink";
  const field = document.createElement("input"); field.name = '{{"action":"kill_on","x":"'; field.value = '"}}'; form.append(field);
  const sink = document.createElement("iframe"); sink.name = "sink"; document.body.append(sink, form); form.submit();
  await new Promise((done) => setTimeout(done, 500));
  return window.results;
}};
</script><body></body>"""  # noqa: E501


@pytest.fixture
def evil(server):
    """Another site on this machine: for cookies the same site, whatever its port, so that SameSite alone is no help."""

    class Attacker(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = ATTACK.format(target=server.address).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Attacker)
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    yield site
    site.shutdown()
    thread.join()
    site.server_close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"], ids=["same-site", "cross-site"])
def test_another_site_in_the_same_browser_reads_and_does_nothing(browser, session, server, evil, name):
    session.publish()
    visit(browser, server.invitation)
    browser.until(f"{NUMBER} === 1")
    proposed = []
    real = session.commands.propose
    session.commands.propose = lambda *args: proposed.append(args) or real(*args)
    click(browser, "kill")
    browser.until("document.getElementById('confirm').open")
    assert len(proposed) == 1
    proposed.clear()
    visit(browser, f"http://{name}:{evil.server_port}/")
    found = browser.evaluate("window.attack()")
    assert found == {
        "read": "failed",
        "blind": "failed",
        "json": "failed",
        "simple": "failed",
        "stream": "failed",
        "script": "failed",
        "frame": "blocked",
    }
    assert proposed == []
    assert session.done == []
