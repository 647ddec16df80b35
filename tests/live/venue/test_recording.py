"""What the venue replays: datasets, scenarios, proxies; and the command that starts it."""

import json
import subprocess
import sys

import pytest
import requests

from lockstep.engine.errors import ConfigError
from lockstep.engine.events import BAR, HALT
from lockstep.live.venue.core import Options, Venue
from lockstep.live.venue.recording import open_recording
from lockstep.live.venue.server import bind

SCENARIO = """
title = "t"
[data]
dataset = "days"
start = "2020-03-03"
warmup = 1
[account]
cash = 5000.0
[execution]
latency = "1ms"
[strategy]
use = "lockstep.strategies.buy_and_hold"
[[shocks]]
kind = "halt"
symbols = ["BBB"]
start = "2020-03-04"
end = "2020-03-04"
"""


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SCENARIO)
    return str(path)


def test_a_scenario_brings_account_window_execution_and_shocks(recordings, scenario):
    recording = open_recording(recordings, scenario)
    assert (recording.name, recording.settings.account.cash) == ("mine", 5000.0)
    assert recording.settings.execution.latency_ns == 1_000_000
    venue = Venue(recording, Options())
    assert str(venue.hours.clock()["timestamp"]) == "2020-03-03T05:00:00Z"
    warm = venue.history.select([0, 1, 2], (BAR,), 0, 2**62)
    assert len(warm) == 3
    while not venue.ended:
        venue.advance()
    assert len(venue.history.select([1], (HALT,), 0, 2**62)) == 1
    assert len(venue.history.select([1], (BAR,), 0, 2**62)) == 2


def test_proxies_play_another_symbols_data_event_for_event(venue):
    rig = venue(proxies={"AAB": "CCC", "PDFS": "AAA"})
    rig.go(4)
    of = {symbol: [(bar.timestamp, bar.close) for bar in rig.bars if bar.symbol == symbol]
          for symbol in ("AAA", "AAB", "CCC", "PDFS")}  # fmt: skip
    assert of["PDFS"] == of["AAA"]
    assert of["AAB"] == of["CCC"]
    assert len(of["AAA"]) == 3
    rig.order("PDFS")
    rig.go()
    assert (rig.updates[-1].order.symbol, rig.updates[-1].price) == ("PDFS", rig.bars[-1].open)
    assert rig.state()["proxies"] == {"AAB": "CCC", "PDFS": "AAA"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proxies": {"AAA": "BBB"}}, "AAA has data of its own"),
        ({"proxies": {"PDFS": "ZZZ"}}, "ZZZ is not replayed"),
        ({"start": "2030-01-02"}, "lies after the last row"),
        ({"overrides": ["risk.kill=true"]}, "--set goes with a scenario"),
    ],
)
def test_recordings_that_cannot_be(recordings, options, message):
    with pytest.raises(ConfigError, match=message):
        open_recording(recordings, "minutes", **options)


def test_what_came_before_the_start_is_history(venue):
    rig = venue(start="2020-03-03", streams=False)
    assert f"{rig.rest.get_clock().timestamp:%Y-%m-%d %H:%M}" == "2020-03-03 05:00"
    bars = rig.data.get("/stocks/bars", {"symbols": "AAA", "timeframe": "1Min", "start": "2020-03-01", "limit": 1000})
    assert len(bars["bars"]["AAA"]) == 390
    assert rig.go(wait=False)["events"] == 3


def test_history_beyond_memory_comes_from_the_recording(venue, monkeypatch):
    from lockstep.live.venue import history

    query = {"symbols": "AAA,BBB", "timeframe": "1Min", "start": "2020-03-01", "limit": 10_000}
    whole = venue(start="2020-03-04", streams=False).data.get("/stocks/bars", query)
    monkeypatch.setattr(history, "KEPT_ROWS", 600)
    monkeypatch.setattr(history, "CHUNK_ROWS", 64)
    rig = venue(start="2020-03-04", streams=False)
    assert len(rig.venue.history._chunks) < 20
    assert rig.data.get("/stocks/bars", query) == whole
    assert len(whole["bars"]["AAA"]) == 780


def test_the_same_in_every_run(recordings):
    def play():
        venue = Venue(open_recording(recordings, "minutes"), Options())
        told = []
        venue.updates.send = told.append
        for number in range(50):
            venue.advance()
            if number % 7 == 3:
                from lockstep.live.venue.rules import parse

                body = {"symbol": "AAA", "qty": 3, "side": "buy", "type": "market", "time_in_force": "day"}
                venue.desk.submit(parse(body, venue.desk.find))
        return told

    one = play()
    assert len(one) == 14
    assert one == play()


def test_a_port_that_is_taken():
    with bind(0) as door:
        door.listen()
        with pytest.raises(ConfigError, match=r"--port \d+: Address already in use; choose another one, or 0"):
            bind(door.getsockname()[1])


def test_the_command(recordings, tmp_path):
    command = [
        sys.executable, "-m", "lockstep.cli", "venue", "days", "--port", "0", "--json", "--catalog",
        str(recordings.storage.url), "--token", "abc", "--proxy", "PDFS=AAA",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        told = json.loads(process.stdout.readline())
        assert (told["recording"], told["proxies"], told["token"]) == ("days", {"PDFS": "AAA"}, "abc")
        with requests.Session() as session:
            session.trust_env = False
            state = session.get(f"{told['rest']}/lockstep/state", headers={"X-Lockstep-Token": "abc"}, timeout=5)
        assert state.json()["symbols"] == ["AAA", "BBB", "CCC", "PDFS"]
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert "PROXY: PDFS has no data; AAA's prices are played in its place." in errors
