"""Who decides when time goes on."""

import json
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from lockstep.engine.errors import ConfigError
from lockstep.live.venue.commands import proxies_of, speed_of

from .rig import TOKEN

HOUR = 3600 * 10**9


def test_the_venue_repeats_the_slice_it_stands_at_and_the_latest_client_has_the_pace(venue):
    rig = venue(streams=False)
    said = rig.go(3, wait=False)
    first = rig.pace()
    with connect(f"ws://127.0.0.1:{rig.port}/lockstep/pace?token={TOKEN}", proxy=None) as second:
        again = json.loads(second.recv(5))
        assert (again["slice"], again["time"], again["again"]) == (said["slice"], said["time"], True)
        with pytest.raises(ConnectionClosed):
            first.recv(5)
        second.send(json.dumps({"done": again["slice"]}))
        assert json.loads(second.recv(5))["slice"] == said["slice"] + 1


def test_done_of_another_slice_moves_nothing(venue):
    rig = venue(streams=False)
    said = rig.go(3, wait=False)
    rig.pace().send(json.dumps({"done": said["slice"] - 1}))
    with pytest.raises(TimeoutError):
        rig.pace().recv(0.2)


def test_wake_asks_for_a_slice_between_two_groups(venue):
    rig = venue("days", streams=False)
    said = rig.go(2, wait=False)
    early = rig.go(wait=False, wake=said["time"] + HOUR)
    assert (early["time"], early["events"]) == (said["time"] + HOUR, 0)
    following = rig.go(wait=False, wake=said["time"])  # in the past: nothing to wake for
    assert following["events"] == 3
    assert rig.state()["time"] == following["time"]


def test_time_does_not_pass_while_a_request_is_in_flight(venue):
    rig = venue(streams=False)
    said = rig.go(3, wait=False)
    rig.script({"fault": "delay_reply", "seconds": 0.0, "when": {"path": "/v2/clock", "nth": 9}})
    rig.venue.script.armed.clear()
    seen = []

    async def slow(venue_app, scope, receive, send):
        seen.append(rig.venue.slice)
        await asyncio.sleep(0.3)
        seen.append(rig.venue.slice)
        await venue_app(scope, receive, send)

    import asyncio

    gate = rig.server.config.app
    inner, gate.app = gate.app, None
    gate.app = lambda scope, receive, send: slow(inner, scope, receive, send)
    asking = threading.Thread(target=rig.rest.get_clock)
    asking.start()
    rig.until(lambda: len(seen) == 1)
    rig.pace().send(json.dumps({"done": said["slice"]}))
    asking.join()
    assert seen == [said["slice"]] * 2
    assert json.loads(rig.pace().recv(5))["slice"] == said["slice"] + 1
    gate.app = inner


def test_sync_tells_how_much_has_been_sent(venue):
    rig = venue()
    rig.go(3)
    rig.order()
    rig.pace().send(json.dumps({"sync": "x"}))
    answer = json.loads(rig.pace().recv(5))
    assert answer == {"sync": "x", "market": 6, "updates": 1}


def test_counts_are_those_of_the_connection_at_hand(venue):
    rig = venue()
    assert rig.go(3)["market"] == 6
    rig.script({"fault": "drop_stream", "stream": "market"})
    rig.until(lambda: rig.venue.market.live is None)
    rig.until(rig.listening)
    assert rig.go(wait=False)["market"] == 3


def test_the_end(venue):
    rig = venue("days", streams=False)
    said = rig.go(4, wait=False)
    while not said.get("end"):
        said = rig.go(wait=False)
    assert rig.state()["ended"]
    assert rig.rest.get_clock().is_open is False


def test_a_loop_goes_on_at_a_later_date(venue):
    rig = venue("days", loop=True)
    while len(rig.bars) < 12:
        rig.go()
    days = [bar.timestamp for bar in rig.bars if bar.symbol == "AAA"]
    assert [day.weekday() for day in days] == [0, 1, 2, 0]
    assert (days[3] - days[0]).days == 364
    closes = [bar.close for bar in rig.bars if bar.symbol == "AAA"]
    assert closes[3] == closes[0]
    assert rig.rest.get_clock().timestamp.year == 2021
    rig.order(qty=1)
    rig.go()
    assert rig.names()[-1] == "fill"


def test_at_a_speed_of_its_own_the_venue_waits_for_nobody(venue):
    rig = venue(speed=6_000.0)
    began = time.monotonic()
    rig.until(lambda: len(rig.bars) >= 60, 20)
    took = time.monotonic() - began
    assert took == pytest.approx(20 * 60 / 6_000, abs=0.5)
    one, two = rig.rest.get_clock().timestamp, rig.rest.get_clock().timestamp
    assert two > one
    rig.order(qty=1)
    rig.until(lambda: "fill" in rig.names())


def test_nights_are_skipped_at_a_speed_of_its_own(venue):
    rig = venue("days", speed=100_000.0)
    rig.until(lambda: len(rig.bars) == 9, 5)


@pytest.mark.parametrize(("text", "speed"), [("max", 0.0), ("1", 1.0), ("60x", 60.0), ("0.5x", 0.5)])
def test_speeds(text, speed):
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "x", "nan"])
def test_speeds_that_are_none(text):
    with pytest.raises(ConfigError, match="expected 'max' or a positive number"):
        speed_of(text)


def test_pairs_of_proxies():
    assert proxies_of(["PDFS=AAPL", "X = Y"]) == {"PDFS": "AAPL", "X": "Y"}
    with pytest.raises(ConfigError, match="expected SYMBOL=OTHER"):
        proxies_of(["PDFS"])
