"""What watches, on a real session against the local venue: seen, stopped by the switch, and silent on keys."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from pydantic import SecretStr

from lockstep.live import keys
from lockstep.live.publishing import Action
from lockstep.live.watch.remote import switch

from ..test_alerts import receiver, texts  # noqa: F401
from ..test_secrecy import HOOK, KEY_ID, SECRET, leaks

PATIENCE = 120


def get(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def until(address, true):
    deadline = time.monotonic() + PATIENCE
    while not true(status := json.loads(get(f"{address}/status"))):
        assert time.monotonic() < deadline, status
        time.sleep(0.2)
    return status


def wait_for(receiver, words):  # noqa: F811
    deadline = time.monotonic() + PATIENCE
    while not any(words in text for text in texts(receiver)):
        assert time.monotonic() < deadline, texts(receiver)
        time.sleep(0.1)


@pytest.mark.slow
def test_a_session_is_watched_killed_and_ended(receiver, tmp_path):  # noqa: F811
    """Planted keys lie in the environment all the while, with everything logged; no file and no stream shows them."""
    path = HOOK.partition("hooks.example.com")[2]
    environment = os.environ | {
        keys.KEY_ID: KEY_ID,
        keys.SECRET_KEY: SECRET,
        keys.WEBHOOK: f"http://127.0.0.1:{receiver.server_port}{path}",
        "PYTHONUNBUFFERED": "1",
    }
    program = "import logging, sys; logging.basicConfig(level=0, filename='all.log'); from lockstep.cli import main; "
    command = ["live", "sma-cross", "--venue", "local", "--speed", "20000x", "--port", "0", "--start", "2003-06-02"]
    with subprocess.Popen(
        [sys.executable, "-c", program + f"sys.exit(main({command!r}))"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        said = ""
        while not (found := re.search(r"watch it at (\S+)/#token=(\S+)", said)):
            line = running.stderr.readline()
            assert line, said
            said += line
        address, token = found.groups()
        status = until(address, lambda status: status.get("phase") == "trading" and status["counts"]["slices"] > 0)
        assert status["scenario"] == "sma-cross"
        assert status["venue"] == "local"
        assert {stream["state"] for stream in status["streams"]} == {"up"}
        assert "lockstep_equity_dollars 1" in get(f"{address}/metrics")
        switch(address, SecretStr(token), Action.KILL_ON, "a test")
        status = until(address, lambda status: status["kill"]["on"])
        assert (status["kill"]["by"], status["kill"]["reason"]) == ("the web page", "a test")
        wait_for(receiver, "kill switch on, by the web page: a test")
        switch(address, SecretStr(token), Action.KILL_OFF, "")
        until(address, lambda status: not status["kill"]["on"])
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, said + err
    assert "identical" in out
    wait_for(receiver, "the session is stopped")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.name == "journal.sqlite" for file in files)
    everything = said.replace(token, "") + out + err + "".join(file.read_bytes().decode("latin-1") for file in files)
    assert "DEBUG" in everything
    assert leaks(everything) == []
    assert token not in out + "".join(file.read_bytes().decode("latin-1") for file in files)
