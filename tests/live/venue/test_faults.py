"""The 25 faults: the venue produces each, as the unmodified SDK sees it."""

import json
import logging
import threading
import time

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .rig import KEY, SECRET, warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alpaca.common.exceptions import APIError
    from alpaca.trading.client import TradingClient
    from alpaca.trading.requests import ReplaceOrderRequest

POST = {"method": "POST", "path": "/v2/orders"}


@pytest.fixture
def rig(venue):
    """A venue some minutes into its first session."""
    made = venue()
    made.go(5)
    return made


@pytest.fixture
def quiet(venue):
    """The same without streams."""
    made = venue(streams=False)
    made.go(5, wait=False)
    return made


def orders(rig):
    return [order["client_order_id"] for order in rig.state()["orders"]]


def by_id(rig, name):
    return rig.rest.get_order_by_client_id(name)


def test_01_the_connection_dies_after_the_order_was_taken(quiet):
    quiet.script({"fault": "drop_after", "when": POST})
    with pytest.raises(requests.ConnectionError):
        quiet.order(client_order_id="a")
    assert by_id(quiet, "a").status == "new"


def test_02_the_connection_dies_before(quiet):
    quiet.script({"fault": "drop_before", "when": POST})
    with pytest.raises(requests.ConnectionError):
        quiet.order(client_order_id="a")
    with pytest.raises(APIError, match="order not found for a"):
        by_id(quiet, "a")
    assert quiet.order(client_order_id="a").client_order_id == "a"


def test_03_a_504_after_the_order_was_taken_and_the_sdk_sends_again(quiet, monkeypatch):
    quiet.script({"fault": "504_after", "when": POST})
    stubborn = quiet.client(TradingClient)
    stubborn._retry, stubborn._retry_wait = 3, 0
    order = {"symbol": "AAA", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}
    assert "id" in stubborn.post("/orders", order)
    assert len(orders(quiet)) == 2  # no client id: the retry has doubled the order
    quiet.script({"fault": "504_after", "when": POST})
    with pytest.raises(APIError, match="client_order_id must be unique"):
        stubborn.post("/orders", {**order, "client_order_id": "a"})
    assert by_id(quiet, "a").status == "new"
    quiet.script({"fault": "504_after", "when": POST})
    with pytest.raises(APIError) as caught:
        quiet.order(client_order_id="b")
    assert caught.value.status_code == 504


def test_04_a_duplicate_client_order_id(quiet):
    quiet.order(client_order_id="a")
    with pytest.raises(APIError) as caught:
        quiet.order(client_order_id="a")
    assert (caught.value.status_code, caught.value.code) == (422, 40010001)
    assert len(orders(quiet)) == 1


def test_05_a_burst_of_429(quiet):
    quiet.script({"fault": "429", "times": 3, "when": {"path": "/v2/orders"}})
    for _ in range(3):
        with pytest.raises(APIError) as caught:
            quiet.order()
        assert (caught.value.status_code, caught.value.code) == (429, 42910000)
        assert int(caught.value.response.headers["X-Ratelimit-Reset"]) > 0
    quiet.order()
    assert len(orders(quiet)) == 1


@pytest.mark.parametrize("after", [False, True])
def test_06_rest_hangs_and_time_goes_on_without_it(quiet, after):
    quiet.script({"fault": "hang", "after": after, "when": POST})
    session = quiet.rest._session
    with pytest.raises(requests.ReadTimeout):
        session.post(
            f"{quiet.url}/v2/orders", headers=quiet.rest._get_default_headers(), timeout=0.3,
            json={"symbol": "AAA", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"},
        )  # fmt: skip
    assert len(orders(quiet)) == int(after)
    asking = threading.Thread(target=_ignore, args=(quiet.rest.get_clock,))
    quiet.script({"fault": "hang", "seconds": 1.0, "when": {"path": "/v2/clock"}})
    asking.start()
    time.sleep(0.1)
    before = quiet.said["slice"]
    assert quiet.go(wait=False)["slice"] == before + 1
    assert asking.is_alive()
    asking.join()


def _ignore(call):
    try:
        call()
    except requests.ConnectionError:
        return


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"status": 502, "body": "<html>Bad Gateway</html>"}, APIError),
        ({"status": 200, "body": ""}, TypeError),
        ({"status": 200, "body": "<html></html>", "after": True}, requests.exceptions.JSONDecodeError),
    ],
)
def test_07_html_and_empty_bodies(quiet, reply, error):
    quiet.script({"fault": "raw_body", "when": POST, **reply})
    with pytest.raises(error) as caught:
        quiet.order()
    if error is APIError:
        with pytest.raises(json.JSONDecodeError):
            _ = caught.value.code
    assert len(orders(quiet)) == int(reply.get("after", False))


def test_08_keys_revoked_in_the_middle_of_the_day(rig):
    rig.script({"fault": "revoke_key", "close": True})
    with pytest.raises(APIError) as caught:
        rig.rest.get_account()
    assert caught.value.status_code == 401
    with pytest.raises(KeyError):
        _ = caught.value.code
    rig.until(lambda: rig.venue.updates.live is None and rig.venue.market.live is None)
    rig.script({"fault": "restore_key"})
    rig.until(rig.listening)
    assert rig.rest.get_account().status == "ACTIVE"


def test_09_buying_power_gone(quiet):
    quiet.script({"fault": "shrink_account", "buying_power": 500.0})
    assert quiet.rest.get_account().buying_power == "500"
    with pytest.raises(APIError, match="insufficient buying power") as caught:
        quiet.order(qty=10)
    assert (caught.value.status_code, caught.value.code) == (403, 40310000)
    quiet.order(qty=4)
    quiet.script({"fault": "shrink_account"})
    quiet.order(qty=10)


def test_10_a_wash_trade(quiet):
    resting = quiet.order(kind="limit", limit_price=90.0)
    with pytest.raises(APIError, match="potential wash trade detected") as caught:
        quiet.order("AAA", 5, side="sell")
    assert str(resting.id) in str(caught.value)
    quiet.rest.cancel_order_by_id(resting.id)
    quiet.order("AAA", 5, side="sell")


def test_11_the_fill_comes_before_the_reply(rig):
    rig.script({"fault": "delay_reply", "seconds": 0.3, "fill": True, "when": POST})
    seen = []
    asking = threading.Thread(target=lambda: seen.append(rig.order(client_order_id="a")))
    asking.start()
    rig.until(lambda: "fill" in rig.names())
    assert seen == []
    asking.join()
    assert (seen[0].client_order_id, seen[0].status) == ("a", "pending_new")
    assert rig.updates[-1].order.client_order_id == "a"


def test_12_updates_twice_and_in_the_wrong_order(rig):
    rig.script({"fault": "dup", "count": 2, "when": {"event": "fill"}})
    rig.order(client_order_id="a")
    rig.go()
    assert rig.names() == ["new", "fill", "fill", "fill"]
    assert len({update.execution_id for update in rig.updates[1:]}) == 1
    assert rig.rest.get_open_position("AAA").qty == "10"
    rig.updates.clear()
    rig.script({"fault": "shuffle", "count": 1})
    rig.order()
    rig.go()
    assert rig.names() == ["fill", "new"]


def test_13_a_fill_while_the_stream_is_down(rig):
    order = rig.order()
    rig.sync()
    rig.script({"fault": "drop_stream", "stream": "updates", "seconds": 0.5})
    rig.until(lambda: rig.venue.updates.live is None)
    assert rig.go(wait=False)["updates"] == 0
    rig.until(lambda: rig.venue.updates.live is not None)
    assert rig.go(wait=False)["updates"] == 0  # nobody sends it again
    assert rig.names() == ["new"]
    assert rig.rest.get_order_by_id(order.id).status == "filled"
    assert len(rig.rest.get("/account/activities/FILL")) == 1


def test_14_a_fill_overtakes_the_cancellation(rig):
    order = rig.order(kind="limit", limit_price=90.0)
    rig.script({"fault": "fill_on_cancel"})
    with pytest.raises(APIError, match="already in") as caught:
        rig.rest.cancel_order_by_id(order.id)
    assert (caught.value.status_code, caught.value.code) == (422, 42210000)
    rig.sync()
    assert rig.names() == ["new", "fill"]
    assert (rig.updates[-1].price, rig.rest.get_open_position("AAA").qty) == (90.0, "10")


def test_15_a_fill_overtakes_the_replacement(rig):
    order = rig.order(kind="limit", limit_price=90.0)
    rig.script({"fault": "fill_on_replace"})
    with pytest.raises(APIError, match='already in \\\\"filled\\\\" state'):
        rig.rest.replace_order_by_id(order.id, ReplaceOrderRequest(qty=5))
    rig.sync()
    assert rig.names() == ["new", "fill"]


def test_15_a_fill_on_the_way_rejects_the_replacement(recordings):
    """With latency the request is taken, and comes too late."""
    from dataclasses import replace

    from lockstep.engine.settings import Execution
    from lockstep.live.venue.recording import open_recording

    from .rig import Rig

    slow = open_recording(recordings, "minutes")
    settings = replace(slow.settings, execution=Execution(latency_ns=90 * 10**9, volume_share=1.0))
    rig = Rig(replace(slow, settings=settings))
    try:
        rig.connect()
        rig.go(5)
        order = rig.order(kind="limit", limit_price=round(rig.bars[-3].close + 1, 2))
        rig.go(1)
        new = rig.rest.replace_order_by_id(order.id, ReplaceOrderRequest(qty=5))
        assert rig.rest.get_order_by_id(order.id).status == "pending_replace"
        rig.go(3)
        assert rig.names() == ["new", "pending_replace", "fill", "order_replace_rejected", "rejected"]
        assert rig.rest.get_order_by_id(new.id).status == "rejected"
        assert rig.rest.get_open_position("AAA").qty == "10"
    finally:
        rig.close()


def test_16_a_part_fills_then_the_rest_is_cancelled_or_expires(rig):
    rig.script({"fault": "partial", "quantity": 4, "times": 2})
    order = rig.order(kind="limit", limit_price=90.0)
    rig.sync()
    assert rig.names() == ["new", "partial_fill"]
    rig.rest.cancel_order_by_id(order.id)
    rig.sync()
    last = rig.updates[-1]
    assert (last.event, last.order.filled_qty, last.order.qty) == ("canceled", "4", "10")
    rig.updates.clear()
    rig.order(kind="limit", limit_price=90.0)
    for _ in range(400):
        rig.go()
        if "expired" in rig.names():
            break
    last = rig.updates[-1]
    assert (last.event, last.order.filled_qty) == ("expired", "4")
    assert rig.rest.get_open_position("AAA").qty == "8"


def test_17_unknown_statuses_and_empty_data(rig, caplog):
    caplog.set_level(logging.ERROR, "alpaca")  # the session silences the SDK in its own process
    rig.script({"fault": "unknown_status", "when": {"event": "new"}}, {"fault": "null_data", "when": {"event": "fill"}})
    order = rig.order()
    rig.go(wait=False)
    rig.go(2, wait=False)
    rig.until(lambda: caplog.text.count("error during websocket communication") == 2)
    assert rig.updates == []  # the SDK has logged both and dropped them
    assert rig.rest.get_order_by_id(order.id).status == "filled"


def test_17_any_message_can_be_injected(rig):
    trade = {"T": "t", "S": "AAA", "i": 1, "x": "V", "p": 1.5, "s": 1, "c": [], "z": "C", "t": 10**18}
    rig.script(
        {"fault": "inject", "stream": "updates", "data": {"stream": "trade_updates", "data": None}},
        {"fault": "inject", "stream": "market", "data": [{"T": "error", "code": 500, "msg": "internal error"}, trade]},
    )  # fmt: skip
    rig.until(lambda: len(rig.trades) == 1)
    assert rig.trades[0].price == 1.5


def test_18_a_bust_and_a_restatement(rig):
    rig.order()
    rig.go()
    cash = float(rig.rest.get_account().cash)
    paid = rig.updates[-1].price
    rig.script({"fault": "restate", "symbol": "AAA", "price": paid + 1})
    assert float(rig.rest.get_account().cash) == pytest.approx(cash - 10)
    assert float(rig.rest.get_open_position("AAA").avg_entry_price) == pytest.approx(paid + 1)
    rig.order("BBB", 5)
    rig.go()
    rig.script({"fault": "bust", "symbol": "BBB"})
    rig.sync()
    assert rig.names()[-1] == "trade_bust"
    assert rig.updates[-1].position_qty == 0
    assert [position.symbol for position in rig.rest.get_all_positions()] == ["AAA"]
    assert float(rig.rest.get_account().cash) == pytest.approx(cash - 10)


def test_19_the_slot_is_held(rig):
    rig.script({"fault": "hold_slot", "stream": "market", "times": 2}, {"fault": "hold_slot", "stream": "updates"})
    began = time.monotonic()
    rig.script({"fault": "drop_stream", "stream": "market"}, {"fault": "drop_stream", "stream": "updates"})
    rig.until(lambda: rig.venue.market.live is None)
    rig.until(rig.listening)
    assert [fault["fired"] for fault in rig.side("GET", "faults").json()] == [2, 1, 1, 1]
    assert time.monotonic() - began > 0.1
    url = f"ws://127.0.0.1:{rig.port}/stream"
    rig.script({"fault": "drop_stream", "stream": "updates", "seconds": 0.4})
    with pytest.raises(Exception, match="HTTP 429"), connect(url, proxy=None):
        pass
    rig.until(rig.listening)


@pytest.mark.parametrize("frozen", [False, True])
def test_20_a_stream_is_open_and_mute(rig, frozen):
    rig.script({"fault": "mute", "stream": "market", "frozen": frozen})
    before = len(rig.bars)
    said = rig.go(5, wait=False)
    assert said["market"] == before + 15  # what a mute connection swallows counts as sent: its client can miss it
    assert len(rig.bars) == before
    assert rig.market_stream._ws.open
    pong = rig._call(rig.market_stream._ws.ping)
    time.sleep(0.2)
    assert pong.done() is not frozen
    rig.script({"fault": "unmute", "stream": "market"})
    rig.go(wait=False)
    rig.until(lambda: len(rig.bars) == before + 3)


@pytest.mark.parametrize(("stream", "step"), [("market", "welcome"), ("market", "auth"), ("updates", "auth")])
def test_21_the_handshake_is_never_answered(venue, stream, step):
    rig = venue(streams=False)
    rig.script({"fault": "nowelcome", "stream": stream, "step": step})
    rig.connect(wait=False)
    rig.until(lambda: rig.listening(trading=stream != "updates", market=stream != "market"))
    time.sleep(0.2)
    hanging = rig.market_stream if stream == "market" else rig.trading_stream
    assert hanging._ws is not None
    assert hanging._ws.open
    assert not hanging._running
    rig._call(hanging._ws.close)
    rig.until(rig.listening)


def test_21_listening_is_never_confirmed(venue):
    rig = venue(streams=False)
    rig.script({"fault": "nowelcome", "stream": "updates", "step": "listening"})
    with connect(f"ws://127.0.0.1:{rig.port}/stream", proxy=None) as socket:
        socket.send(json.dumps({"action": "authenticate", "data": {"key_id": KEY, "secret_key": SECRET}}))
        socket.recv(5)
        socket.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        with pytest.raises(TimeoutError):
            socket.recv(0.2)


def test_22_late_missing_repeated_and_corrected_bars(rig):
    del rig.bars[:]
    rig.script(
        {"fault": "late_bar", "slices": 2, "when": {"symbol": "AAA"}},
        {"fault": "missing_bar", "when": {"symbol": "BBB"}},
        {"fault": "repeat_bar", "when": {"symbol": "CCC"}},
        {"fault": "revise_bar", "price": 21.0, "when": {"symbol": "CCC"}},
    )
    rig.go(4)
    came = {
        symbol: [f"{bar.timestamp:%H:%M}" for bar in rig.bars if bar.symbol == symbol]
        for symbol in ("AAA", "BBB", "CCC")
    }
    assert came["AAA"] == ["14:35", "14:36", "14:34", "14:37"]
    assert came["BBB"] == ["14:35", "14:36", "14:37"]
    assert came["CCC"] == ["14:34", "14:34", "14:35", "14:36", "14:37"]
    assert [(bar.symbol, f"{bar.timestamp:%H:%M}", bar.close) for bar in rig.revised] == [("CCC", "14:35", 21.0)]


def test_23_a_flood_that_a_slow_client_does_not_survive(rig):
    rig.script({"fault": "flood", "count": 5_000})
    rig.until(lambda: len(rig.quotes) == 5_000)  # the SDK keeps up with that
    rig.venue.market.connection.backlog = 100_000
    rig.script({"fault": "flood", "count": 50_000})
    rig.until(lambda: rig.venue.market.connection is None or rig.venue.market.connection.sent < 5_000)
    rig.until(rig.listening)
    assert len(rig.quotes) < 55_000


def test_24_halts(rig):
    rig.script({"fault": "halt", "symbol": "AAA"})
    order = rig.order()
    rig.go(3)
    assert [(status.status_code, status.symbol) for status in rig.statuses] == [("H", "AAA")]
    assert rig.rest.get_order_by_id(order.id).status == "new"
    rig.script({"fault": "resume", "symbol": "AAA"})
    rig.go()
    assert [status.status_code for status in rig.statuses] == ["H", "T"]
    assert rig.names() == ["new", "fill"]


def test_24_an_early_close(rig):
    rig.order(kind="limit", limit_price=90.0)
    rig.script({"fault": "early_close", "minutes": 380})
    assert f"{rig.rest.get_clock().next_close:%H:%M}" == "14:40"
    closes = {f"{day.date:%m-%d}": f"{day.close:%H:%M}" for day in rig.rest.get_calendar()}
    assert (closes["03-02"], closes["03-03"]) == ("09:40", "16:00")
    while "expired" not in rig.names():
        rig.go()
    assert f"{max(bar.timestamp for bar in rig.bars):%H:%M}" == "14:39"
    assert f"{rig.rest.get_clock().next_open:%m-%d}" == "03-03"
    assert not rig.rest.get_clock().is_open
    rig.go()
    assert f"{rig.bars[-1].timestamp:%m-%d %H:%M}" == "03-03 14:30"


def test_25_the_client_dies_and_its_position_has_changed_when_it_comes_back(rig):
    order = rig.order(qty=10, client_order_id="a")
    said = rig.go()
    rig.trading_stream._ws.transport.abort()
    rig.market_stream._ws.transport.abort()
    rig._stack.close()
    rig._pace = None
    rig.script({"fault": "adjust_position", "symbol": "AAA", "quantity": 10, "price": 0.0})
    rig.until(rig.listening)
    rig.pace()
    assert (rig.said["slice"], rig.said["again"]) == (said["slice"], True)
    assert by_id(rig, "a").id == order.id
    assert rig.rest.get_open_position("AAA").qty == "20"
    assert rig.go(wait=False)["slice"] == said["slice"] + 1


def test_a_script_that_makes_no_sense_is_refused(quiet):
    for script, words in (
        ([{"fault": "earthquake"}], "Input should be"),
        ([{"fault": "dup", "colour": 1}], "Extra inputs"),
        ({"fault": "dup"}, "expected a list"),
        ([{"fault": "halt", "symbol": "ZZZ"}], "'ZZZ' is not traded here"),
        ([{"fault": "bust"}], "nothing of any symbol has filled yet"),
    ):
        answer = quiet.side("POST", "faults", script)
        assert answer.status_code in (404, 422)
        assert words in answer.json()["message"]
    assert quiet.side("DELETE", "faults").json() == []


def test_conditions(quiet):
    at = {"slice": quiet.said["slice"] + 2}
    quiet.script(
        {"fault": "halt", "symbol": "AAA", "when": at},
        {"fault": "halt", "symbol": "BBB", "when": {"time": "2020-03-02T14:37:00Z"}},
        {"fault": "drop_before", "when": {"method": "DELETE", "nth": 2}},
    )
    fired = []
    for _ in range(4):
        fired.append([fault["fired"] for fault in quiet.side("GET", "faults").json()])
        quiet.go(wait=False)
    assert fired == [[0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 1, 0]]
    quiet.rest.cancel_orders()
    with pytest.raises((requests.ConnectionError, ConnectionClosed)):
        quiet.rest.cancel_orders()
