"""What the venue refuses, in Alpaca's words."""

import pytest

from .rig import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alpaca.common.exceptions import APIError

GOOD = {"symbol": "AAA", "qty": 10, "side": "buy", "type": "market", "time_in_force": "day"}
LIMIT = {**GOOD, "type": "limit", "limit_price": 90.0}
EXITS = {"take_profit": {"limit_price": 200.0}, "stop_loss": {"stop_price": 50.0}}
NO_STOP = {"order_class": "bracket", "take_profit": EXITS["take_profit"]}
NO_TARGET = {"order_class": "bracket", "stop_loss": EXITS["stop_loss"]}


@pytest.fixture(scope="module")
def shared(recordings):
    """One venue for what leaves nothing behind."""
    from lockstep.live.venue.recording import open_recording

    from .rig import Rig

    rig = Rig(open_recording(recordings, "minutes"))
    rig.go(10, wait=False)
    yield rig
    rig.close()


def refused(rig, body):
    with pytest.raises(APIError) as caught:
        rig.raw.post("/orders", body)
    return caught.value


@pytest.mark.parametrize(
    ("changes", "status", "code", "message"),
    [
        ({"symbol": "ZZZ"}, 422, 42210000, 'could not find asset "ZZZ"'),
        ({"symbol": None}, 422, 40010001, "symbol is required"),
        ({"qty": None}, 422, 40010001, "qty or notional is required"),
        ({"qty": 0}, 422, 42210000, "qty must be > 0"),
        ({"qty": -1}, 422, 42210000, "qty must be > 0"),
        ({"qty": "many"}, 422, 40010001, "invalid qty"),
        ({"qty": 0.1 + 0.2}, 422, 40010001, "at most 9 decimal places"),
        ({"qty": 1.5}, 403, 40310000, 'asset "AAA" is not fractionable'),
        ({"qty": None, "notional": 0.5}, 403, 40310000, "cost basis must be >= minimal amount of order 1"),
        ({"notional": 100}, 422, 40010001, "only one of qty or notional is accepted"),
        ({"side": "hold"}, 422, 40010001, "invalid side"),
        ({"type": "iceberg"}, 422, 40010001, "invalid type"),
        ({"time_in_force": "gtd"}, 422, 40010001, "invalid time_in_force"),
        ({"time_in_force": None}, 422, 40010001, "time_in_force is required"),
        ({"limit_price": 90.0}, 422, 40010001, "market orders must not have a limit price"),
        ({"type": "limit"}, 422, 40010001, "limit orders require a limit price"),
        ({"type": "stop"}, 422, 40010001, "stop orders require a stop price"),
        ({"type": "trailing_stop"}, 422, 40010001, "must specify one of trail_price or trail_percent"),
        ({"type": "trailing_stop", "trail_percent": 1}, 422, 42210000, "trail_percent is not simulated"),
        ({"client_order_id": "x" * 129}, 422, 40010001, "no more than 128 characters"),
        ({"extended_hours": True}, 422, 42210000, "extended hours order must be DAY limit orders"),
        ({"type": "stop", "stop_price": 110.0, "time_in_force": "opg"}, 422, 42210000, "opg orders must be market or"),
        ({"time_in_force": "cls", "order_class": "bracket", **EXITS}, 422, 42210000, "must be DAY or GTC orders"),
        ({**EXITS}, 422, 40010001, "need an order_class"),
        (NO_STOP, 422, 42210000, "require stop_loss.stop_price"),
        (NO_TARGET, 422, 42210000, "require take_profit.limit_price"),
        ({"order_class": "oto", **EXITS}, 422, 42210000, "oto orders require either take_profit or stop_loss"),
        ({"qty": 1_000_000}, 403, 40310000, "insufficient buying power"),
    ],
)  # fmt: skip
def test_orders_that_make_no_sense(shared, changes, status, code, message):
    error = refused(shared, {key: value for key, value in {**GOOD, **changes}.items() if value is not None})
    assert (error.status_code, error.code) == (status, code)
    assert message in error.message


@pytest.mark.parametrize(
    ("price", "good"), [(90.01, True), (90.001, False), (0.9999, True), (0.99999, False), (90.0, True)]
)
def test_prices_lie_on_the_grid(shared, price, good):
    if good:
        order = shared.raw.post("/orders", {**LIMIT, "limit_price": price})
        shared.raw.delete(f"/orders/{order['id']}")
        return
    error = refused(shared, {**LIMIT, "limit_price": price})
    assert error.message == (
        f"invalid limit_price {price}. sub-penny increment does not fulfill minimum pricing criteria"
    )


@pytest.mark.parametrize(
    ("side", "target", "stop", "message"),
    [
        ("buy", 90.0, 50.0, "take_profit.limit_price must be >= base_price + 0.01"),
        ("buy", 200.0, 150.0, "stop_loss.stop_price must be <= base_price - 0.01"),
        ("sell", 150.0, 200.0, "take_profit.limit_price must be <= base_price - 0.01"),
        ("sell", 50.0, 60.0, "stop_loss.stop_price must be >= base_price + 0.01"),
    ],
)
def test_exits_lie_on_either_side_of_the_entry(shared, side, target, stop, message):
    body = {**GOOD, "side": side, "order_class": "bracket"}
    error = refused(shared, {**body, "take_profit": {"limit_price": target}, "stop_loss": {"stop_price": stop}})
    assert error.message == message
    assert '"base_price"' in str(error)


def test_what_is_no_json(shared):
    answer = shared.raw._session.post(
        f"{shared.url}/v2/orders", data="{", headers=shared.raw._get_default_headers(), timeout=5
    )
    assert (answer.status_code, answer.json()["message"]) == (422, "request body format is invalid")
    assert refused(shared, ["a"]).message == "request body format is invalid"


def test_a_duplicate_client_order_id_is_refused_even_after_the_first_has_ended(shared):
    shared.raw.post("/orders", {**LIMIT, "client_order_id": "once"})
    shared.raw.delete("/orders")
    error = refused(shared, {**GOOD, "client_order_id": "once"})
    assert (error.status_code, error.code, error.message) == (422, 40010001, "client_order_id must be unique")


def test_shares_that_orders_hold_are_not_available(venue):
    rig = venue(streams=False)
    rig.go(3, wait=False)
    rig.order(qty=100)
    rig.go(wait=False)
    held = rig.order(qty=70, side="sell", kind="stop", stop_price=50.0, tif="gtc")
    error = refused(rig, {**GOOD, "side": "sell", "qty": 40})
    body = rig.raw.get("/positions/AAA")
    assert (error.status_code, error.code) == (403, 40310000)
    assert error.message == "insufficient qty available for order (requested: 40, available: 30)"
    assert [word in str(error) for word in ('"existing_qty":"100"', '"held_for_orders":"70"')] == [True, True]
    assert str(held.id) in str(error)
    assert body["qty_available"] == "30"


def test_one_order_does_not_turn_a_position_round_unless_allowed(venue):
    for lenient in (False, True):
        rig = venue(streams=False, lenient=lenient)
        rig.go(3, wait=False)
        rig.order(qty=10)
        rig.go(wait=False)
        if not lenient:
            assert "insufficient qty available" in refused(rig, {**GOOD, "side": "sell", "qty": 25}).message
            continue
        rig.order(qty=25, side="sell")
        rig.go(wait=False)
        assert rig.rest.get_open_position("AAA").qty == "-15"


def test_wash_trades(venue):
    rig = venue(streams=False)
    rig.go(3, wait=False)
    rig.order(qty=100)
    rig.go(wait=False)
    stop = rig.order(qty=50, side="sell", kind="stop", stop_price=50.0, tif="gtc")
    error = refused(rig, GOOD)
    assert (error.status_code, error.code) == (403, 40310000)
    assert error.message == "potential wash trade detected. use complex orders"
    assert '"reject_reason":"opposite side market/stop order exists"' in str(error)
    assert str(stop.id) in str(error)
    rig.rest.cancel_order_by_id(stop.id)
    rig.order(qty=50, side="sell", kind="limit", limit_price=110.0, tif="gtc")
    rig.order(kind="limit", limit_price=109.0)
    assert "opposite side limit order exists" in str(refused(rig, {**LIMIT, "limit_price": 110.0}))


def test_buying_power_counts_open_orders(venue):
    rig = venue(streams=False, multiplier=1)
    rig.go(3, wait=False)
    rig.order(qty=9_000, kind="limit", limit_price=100.0)
    assert float(rig.rest.get_account().buying_power) == pytest.approx(100_000)
    error = refused(rig, {**LIMIT, "qty": 2_000})
    assert error.message == "insufficient buying power"
    assert '"buying_power":"100000"' in str(error)


def test_keys_hosts_and_tokens(shared):
    for key, secret in (("LOCKSTEP", "wrong"), ("wrong", "local-venue")):
        client = shared.client(type(shared.raw), key=key, secret=secret)
        with pytest.raises(APIError) as caught:
            client.get("/account")
        assert caught.value.status_code == 401
    assert shared.side("GET", "state", token="wrong").status_code == 403
    assert shared.side("GET", "state", Origin="https://example.org").status_code == 403
    assert shared.side("GET", "state", Host="example.org:80").status_code == 403
    assert shared.side("GET", "state").status_code == 200


def test_paths_that_there_are_not(shared):
    with pytest.raises(APIError) as caught:
        shared.raw.get("/watchlists")
    assert (caught.value.status_code, caught.value.code) == (404, 40410000)
