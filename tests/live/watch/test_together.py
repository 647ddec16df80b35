"""Page, view and alerts begun together as `lockstep live` does; the kill switch from another terminal."""

import io
import json
import re
import threading
import urllib.request

import pytest
from rich.console import Console
from typer.testing import CliRunner

from lockstep.cli import app, main
from lockstep.engine.errors import ConfigError
from lockstep.live import keys
from lockstep.live.publishing import Action
from lockstep.live.status import Phase
from lockstep.live.watch.together import watching

from ..test_alerts import receiver, texts, until  # noqa: F401

TOKEN = "a-token-of-this-test-0123456789"


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path, monkeypatch):
    for name in (*keys.NAMES, keys.ENV_FILE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def page_of(console):
    return re.search(r"watch it at (http://127\.0\.0\.1:\d+)/#token=(\S+)", console.file.getvalue()).groups()


def test_without_a_terminal_it_tells_line_by_line(session):
    console = Console(file=io.StringIO(), width=80)
    with watching(session.publisher, session.commands, "sma-cross", console, port=0) as alert:
        address, token = page_of(console)
        assert len(token) >= 24
        session.publish()
        with urllib.request.urlopen(f"{address}/status") as answer:
            assert json.load(answer)["scenario"] == "sma-cross"
        until(lambda: "the session is trading" in console.file.getvalue())
        alert("update", "an order update was not understood")
        session.publish(phase=Phase.STOPPED)
    told = console.file.getvalue()
    assert "warning  an order update was not understood" in told
    assert "info     the session is stopped (local venue)" in told
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lockstep-")]


def test_alerts_go_to_the_webhook_too(session, receiver, monkeypatch):  # noqa: F811
    monkeypatch.setenv(keys.WEBHOOK, receiver.webhook.get_secret_value())
    console = Console(file=io.StringIO(), width=200)
    with watching(session.publisher, session.commands, "sma-cross", console, port=0) as alert:
        address, _ = page_of(console)
        alert("drift", "drift of 5 AAPL")
        until(lambda: len(texts(receiver)) == 1)
        with urllib.request.urlopen(f"{address}/metrics") as answer:
            metrics = answer.read().decode()
        assert re.search(r'lockstep_alerts_total\{outcome="(sent|replaced)"\} [01]\.0', metrics)
    assert texts(receiver) == [":large_orange_circle: sma-cross: drift of 5 AAPL"]
    assert "q1W2e3R4t5Y6" not in console.file.getvalue()


def test_without_a_page(session):
    console = Console(file=io.StringIO(), width=80)
    with watching(session.publisher, session.commands, "x", console, port=None):
        session.publish()
    assert "http" not in console.file.getvalue()


def test_the_token_may_be_chosen(session, monkeypatch):
    monkeypatch.setenv(keys.TOKEN, TOKEN)
    console = Console(file=io.StringIO(), width=80)
    with watching(session.publisher, session.commands, "x", console, port=0):
        assert page_of(console)[1] == TOKEN
    monkeypatch.setenv(keys.TOKEN, "short")
    began = watching(session.publisher, session.commands, "x", console, port=0)
    with pytest.raises(ConfigError, match="LOCKSTEP_TOKEN has 5 characters"), began:
        pass


def test_the_switch_from_another_terminal(session, server, monkeypatch, capsys):
    monkeypatch.setenv(keys.TOKEN, server.gate.token.get_secret_value())
    where = ["--address", server.address]
    assert main(["kill", "on", "--yes", "--reason", "news", *where]) == 0
    assert [(each.action, each.reason) for each in session.done] == [(Action.KILL_ON, "news")]
    assert session.publisher.latest.status.kill.on
    assert main(["kill", "off", "--yes", *where]) == 0
    assert not session.publisher.latest.status.kill.on
    assert "kill switch off" in capsys.readouterr().out


def test_the_switch_asks_for_token_and_confirmation(session, server):
    token = server.gate.token.get_secret_value()
    where = ["--address", server.address]
    done = CliRunner().invoke(app, ["kill", "on", *where], input=f"{token}\nn\n")
    assert done.exit_code == 1
    assert session.done == []
    done = CliRunner().invoke(app, ["kill", "on", *where], input=f"{token}\ny\n")
    assert done.exit_code == 0
    assert token not in done.output
    assert len(session.done) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kill", "maybe"], "expected on or off"),
        (["kill", "on", "--yes", "--address", "http://127.0.0.1:9"], "no session answers at http://127.0.0.1:9"),
        (["kill", "on", "--yes", "--address", "http://example.com"], "in the clear"),
    ],
)
def test_the_switch_that_cannot_be_reached(session, monkeypatch, capsys, arguments, said):
    monkeypatch.setenv(keys.TOKEN, TOKEN)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_the_switch_with_a_wrong_token(session, server, monkeypatch, capsys):
    monkeypatch.setenv(keys.TOKEN, TOKEN)
    assert main(["kill", "on", "--yes", "--address", server.address]) == 2
    assert "refused: an action needs the token" in capsys.readouterr().err
    assert session.done == []
