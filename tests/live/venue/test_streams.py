"""The two websockets: signing in, subscribing, errors, slots, slow clients."""

import contextlib
import json
import time

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

GOOD = {"action": "auth", "key": "LOCKSTEP", "secret": "local-venue"}


@pytest.fixture
def rig(venue):
    return venue(streams=False)


class Market:
    """A bare market-data client, to see every frame."""

    def __init__(self, rig, feed="iex"):
        self.url = f"ws://127.0.0.1:{rig.port}/v2/{feed}"

    def __enter__(self):
        self.context = connect(self.url, proxy=None)
        self.socket = self.context.__enter__()
        return self

    def __exit__(self, *raised):
        return self.context.__exit__(*raised)

    def ask(self, message):
        self.socket.send(msgpack.packb(message) if not isinstance(message, bytes) else message)
        return self.hear()

    def hear(self, timeout=30):
        return msgpack.unpackb(self.socket.recv(timeout))

    def in_(self):
        self.hear()
        self.ask(GOOD)
        return self


def test_the_handshake(rig):
    with Market(rig) as market:
        assert market.hear() == [{"T": "success", "msg": "connected"}]
        assert market.ask(GOOD) == [{"T": "success", "msg": "authenticated"}]
        answer = market.ask({"action": "subscribe", "bars": ["AAA"], "trades": ["BBB"]})
        assert answer == [
            {
                "T": "subscription", "trades": ["BBB"], "quotes": [], "bars": ["AAA"], "updatedBars": [],
                "dailyBars": [], "statuses": [], "lulds": [], "corrections": ["BBB"], "cancelErrors": ["BBB"],
            }
        ]  # fmt: skip
        assert market.ask({"action": "unsubscribe", "bars": ["AAA"]})[0]["bars"] == []


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (b"\xc1", 400, "invalid syntax"),
        ({"no": "action"}, 400, "invalid syntax"),
        ({"action": "subscribe", "bars": ["AAA"]}, 401, "not authenticated"),
        ({**GOOD, "secret": "wrong"}, 402, "auth failed"),
    ],
)
def test_errors_before_signing_in(rig, message, code, words):
    with Market(rig) as market:
        market.hear()
        assert market.ask(message) == [{"T": "error", "code": code, "msg": words}]
        if code == 402:
            with pytest.raises(ConnectionClosed):
                market.hear()


@pytest.mark.parametrize(
    ("message", "code"),
    [(GOOD, 403), ({"action": "dance"}, 400), ({"action": "subscribe", "bars": ["AAA", "BBB"]}, 405)],
)
def test_errors_after_signing_in_leave_the_stream_open(venue, message, code):
    rig = venue(streams=False, symbol_limit=1)
    with Market(rig) as market:
        market.in_()
        assert market.ask(message)[0]["code"] == code
        assert market.ask({"action": "subscribe", "bars": ["AAA"]})[0]["bars"] == ["AAA"]


def test_who_does_not_sign_in_is_told_so(rig, monkeypatch):
    from lockstep.live.venue import streams

    monkeypatch.setattr(streams, "AUTH_SECONDS", 0.2)
    with Market(rig) as market:
        market.hear()
        assert market.hear() == [{"T": "error", "code": 404, "msg": "auth timeout"}]


def test_one_connection_each(rig):
    with Market(rig) as first:
        first.in_()
        with Market(rig) as second:
            second.hear()
            assert second.ask(GOOD) == [{"T": "error", "code": 406, "msg": "connection limit exceeded"}]
    with Market(rig) as third:
        assert third.in_()
    url = f"ws://127.0.0.1:{rig.port}/stream"
    with connect(url, proxy=None), pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 429


def test_a_slot_is_free_again_when_the_client_was_killed(rig):
    with Market(rig) as market:
        market.in_()
        market.socket.socket.close()  # no closing handshake
        time.sleep(0.1)
        with Market(rig) as other:
            assert other.in_()


def test_trade_updates_speak_json_in_binary_frames(rig):
    with connect(f"ws://127.0.0.1:{rig.port}/stream", proxy=None) as socket:
        socket.send(json.dumps({"action": "authenticate", "data": {"key_id": "LOCKSTEP", "secret_key": "wrong"}}))
        assert json.loads(socket.recv(5))["data"] == {"status": "unauthorized", "action": "authenticate"}
        socket.send(json.dumps({"action": "authenticate", "data": {"key_id": "LOCKSTEP", "secret_key": "local-venue"}}))
        assert json.loads(socket.recv(5)) == {
            "stream": "authorization", "data": {"status": "authorized", "action": "authenticate"},
        }  # fmt: skip
        socket.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates", "other"]}}))
        assert json.loads(socket.recv(5)) == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        rig.go(3, wait=False)
        rig.order()
        frame = socket.recv(5)
        assert isinstance(frame, bytes)
        update = json.loads(frame)
        assert (update["stream"], update["data"]["event"]) == ("trade_updates", "new")
        assert "price" not in update["data"]
        socket.send("what?")
        with pytest.raises(ConnectionClosed):
            socket.recv(5)


def test_who_reads_too_slowly_is_told_407_and_cut_off(rig):
    rig.venue.market.backlog = 20_000
    with Market(rig) as market:
        market.in_()
        market.ask({"action": "subscribe", "quotes": ["*"]})
        rig.go(2, wait=False)
        rig.script({"fault": "flood", "count": 100_000})
        frames = []
        with contextlib.suppress(ConnectionClosed):
            frames.extend(market.hear() for _ in range(1_000))
        assert len(frames) < 200
        assert {"T": "error", "code": 407, "msg": "slow client"} in frames[-1]


def test_large_subscriptions_come_in_fragments(venue):
    rig = venue(streams=False)
    symbols = [f"S{number:05d}" for number in range(9_000)]
    with Market(rig) as market:
        market.in_()
        whole = msgpack.packb({"action": "subscribe", "bars": ["AAA", *symbols]})
        market.socket.send([whole[start : start + 32_768] for start in range(0, len(whole), 32_768)])
        assert len(market.hear()[0]["bars"]) == 9_001
        rig.go(2, wait=False)
        assert [bar["S"] for bar in market.hear()] == ["AAA"]
