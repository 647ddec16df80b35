"""Orders of every kind, as the SDK sees them live and die."""

import pytest

from .conftest import MINUTES
from .rig import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alpaca.common.exceptions import APIError
    from alpaca.trading.enums import OrderStatus
    from alpaca.trading.requests import (
        ClosePositionRequest,
        GetOrderByIdRequest,
        GetOrdersRequest,
        ReplaceOrderRequest,
        StopLossRequest,
        TakeProfitRequest,
    )


@pytest.fixture
def rig(venue):
    """A venue some minutes into its first session, with 100 AAA held."""
    made = venue()
    made.go(10)
    made.order(qty=100)
    made.go()
    made.updates.clear()
    return made


def price(rig, symbol="AAA"):
    return next(bar.close for bar in reversed(rig.bars) if bar.symbol == symbol)


def run_until(rig, name, slices=400):
    for _ in range(slices):
        rig.go()
        if name in rig.names():
            return rig.updates[-1]
    raise AssertionError(f"no {name} within {slices} slices: {rig.names()}")


def test_a_limit_order_rests_until_the_range_goes_through_it(rig):
    limit = round(price(rig) - 0.03, 2)
    order = rig.order(kind="limit", limit_price=limit)
    assert rig.rest.get_order_by_id(order.id).status == OrderStatus.NEW
    update = run_until(rig, "fill")
    assert update.price <= limit
    bar = next(bar for bar in reversed(rig.bars) if bar.symbol == "AAA")
    assert bar.low < limit


def test_a_stop_order_fills_at_its_stop_or_worse(rig):
    stop = round(price(rig) - 0.05, 2)
    rig.order(side="sell", kind="stop", stop_price=stop)
    update = run_until(rig, "fill")
    assert update.price <= stop
    assert rig.names() == ["new", "fill"]


def test_a_stop_limit_order_keeps_its_limit(rig):
    stop = round(price(rig) - 0.03, 2)
    rig.order(side="sell", kind="stop_limit", stop_price=stop, limit_price=stop - 0.01, tif="gtc")
    assert run_until(rig, "fill").price >= stop - 0.011


def test_a_trailing_stop_follows_the_best_price(rig):
    order = rig.order(side="sell", kind="trailing_stop", trail_price=0.06, tif="gtc")
    shown = rig.rest.get_order_by_id(order.id)
    assert float(shown.hwm) == pytest.approx(price(rig))
    assert float(shown.stop_price) == pytest.approx(float(shown.hwm) - 0.06)
    best, update = float(shown.hwm), None
    for _ in range(400):
        rig.go()
        if "fill" in rig.names():
            update = rig.updates[-1]
            break
        best = max(best, float(rig.rest.get_order_by_id(order.id).hwm))
    assert update is not None
    assert update.price <= best - 0.06 + 0.005


@pytest.mark.parametrize(("tif", "event"), [("ioc", "canceled"), ("fok", "canceled"), ("day", "expired")])
def test_what_does_not_fill_ends_with_its_time_in_force(rig, tif, event):
    rig.order(kind="limit", limit_price=1.0, tif=tif)
    update = run_until(rig, event)
    assert update.order.status == event
    rest = rig.rest.get_order_by_id(update.order.id)
    assert rest.status == event
    assert (rest.canceled_at or rest.expired_at) is not None


def test_gtc_outlives_the_session(rig):
    order = rig.order(kind="limit", limit_price=1.0, tif="gtc")
    rig.go(400)
    assert rig.rest.get_order_by_id(order.id).status == OrderStatus.NEW
    assert rig.names() == ["new"]


def test_orders_for_the_close_fill_there_and_nowhere_else(rig):
    rig.order(side="sell", tif="cls")
    update = run_until(rig, "fill")
    assert update.timestamp.strftime("%H:%M") == "21:00"


def test_orders_for_the_opening_are_taken_in_the_evening_only(rig):
    with pytest.raises(APIError, match="opg orders are not accepted between 09:28 and 19:00 ET"):
        rig.order(tif="opg")
    rig.go(MINUTES - 10)
    assert not rig.rest.get_clock().is_open
    rig.go(wake=rig.said["time"] + 4 * 3600 * 10**9)
    rig.order(tif="opg")
    update = run_until(rig, "fill")
    assert update.timestamp.strftime("%m-%d %H:%M") == "03-03 14:30"


def test_an_order_after_hours_is_accepted_and_new_at_the_open(rig):
    rig.go(MINUTES - 10)
    order = rig.order(kind="limit", limit_price=1.0)
    rig.sync()
    assert rig.names()[-1] == "accepted"
    with pytest.raises(APIError, match="cannot replace order in accepted status"):
        rig.rest.replace_order_by_id(order.id, ReplaceOrderRequest(limit_price=2.0))
    assert run_until(rig, "new").order.id == order.id


def bracket(rig, **more):
    at = price(rig, "BBB")
    return rig.order(
        "BBB", 10, tif="gtc", order_class="bracket",
        take_profit=TakeProfitRequest(limit_price=round(at + 0.10, 2)),
        stop_loss=StopLossRequest(stop_price=round(at - 0.10, 2)), **more,
    )  # fmt: skip


def test_a_bracket_brings_its_exits_alive_and_one_ends_the_other(rig):
    order = bracket(rig)
    assert [leg.status for leg in order.legs] == [OrderStatus.HELD] * 2
    rig.go()
    assert rig.names() == ["new", "fill", "new", "new"]
    run_until(rig, "canceled")
    ended = rig.rest.get_order_by_id(order.id, GetOrderByIdRequest(nested=True))
    assert {leg.status for leg in ended.legs} == {OrderStatus.FILLED, OrderStatus.CANCELED}
    assert [row.symbol for row in rig.rest.get_all_positions()] == ["AAA"]


def test_cancelling_the_entry_cancels_its_exits(rig):
    at = price(rig, "BBB")
    order = rig.order(
        "BBB", 10, kind="limit", limit_price=round(at - 5, 2), tif="gtc", order_class="bracket",
        take_profit=TakeProfitRequest(limit_price=round(at + 1, 2)),
        stop_loss=StopLossRequest(stop_price=round(at - 6, 2)),
    )  # fmt: skip
    rig.rest.cancel_order_by_id(order.id)
    rig.sync()
    assert rig.names() == ["new", "canceled", "canceled", "canceled"]
    assert rig.rest.get_orders(GetOrdersRequest(status="open")) == []


def test_oco_exits_of_a_held_position(rig):
    at = price(rig)
    order = rig.order(
        qty=100, side="sell", kind="limit", tif="gtc", order_class="oco", limit_price=round(at + 0.08, 2),
        take_profit=TakeProfitRequest(limit_price=round(at + 0.08, 2)),
        stop_loss=StopLossRequest(stop_price=round(at - 0.08, 2)),
    )  # fmt: skip
    assert (order.order_class, len(order.legs)) == ("oco", 1)
    run_until(rig, "canceled")
    assert sorted(rig.names()) == ["canceled", "fill", "new"]
    assert rig.rest.get_all_positions() == []


def test_oto_sends_its_leg_when_the_entry_has_filled(rig):
    at = price(rig, "BBB")
    order = rig.order(
        "BBB", 10, tif="gtc", order_class="oto", stop_loss=StopLossRequest(stop_price=round(at - 0.10, 2))
    )
    assert [leg.status for leg in order.legs] == [OrderStatus.HELD]
    rig.go()
    rig.go()
    assert rig.names() == ["new", "fill", "new"]
    rig.updates.clear()
    assert run_until(rig, "fill").order.id == order.legs[0].id


def test_a_replacement_is_a_new_order_in_the_place_of_the_old(rig):
    order = rig.order(kind="limit", limit_price=90.0, qty=10)
    new = rig.rest.replace_order_by_id(order.id, ReplaceOrderRequest(qty=20, limit_price=91.0, client_order_id="two"))
    rig.sync()
    assert (str(new.replaces), new.qty, new.limit_price, new.client_order_id) == (str(order.id), "20", "91", "two")
    assert rig.names() == ["new", "replaced", "new"]
    old = rig.rest.get_order_by_id(order.id)
    assert (old.status, old.replaced_by) == (OrderStatus.REPLACED, new.id)
    rig.rest.replace_order_by_id(new.id, ReplaceOrderRequest(limit_price=round(price(rig) + 1, 2)))
    assert run_until(rig, "fill").order.qty == "20"


def test_an_order_that_is_over_cannot_be_cancelled_or_replaced(rig):
    order = rig.order()
    rig.go()
    with pytest.raises(APIError, match='order is already in \\\\"filled\\\\" state') as refused:
        rig.rest.cancel_order_by_id(order.id)
    assert (refused.value.code, refused.value.status_code) == (42210000, 422)
    with pytest.raises(APIError, match="filled"):
        rig.rest.replace_order_by_id(order.id, ReplaceOrderRequest(qty=20))
    with pytest.raises(APIError, match="order not found") as missing:
        rig.rest.cancel_order_by_id("00000000-0000-4000-8000-000000000000")
    assert (missing.value.code, missing.value.status_code) == (40410000, 404)


def test_cancel_all(rig):
    first, second = rig.order(kind="limit", limit_price=1.0), rig.order("BBB", kind="limit", limit_price=1.0)
    answers = rig.rest.cancel_orders()
    assert [(answer.id, answer.status) for answer in answers] == [(first.id, 200), (second.id, 200)]
    rig.sync()
    assert rig.names().count("canceled") == 2


def test_positions_are_closed_in_part_and_whole(rig):
    rig.rest.close_position("AAA", ClosePositionRequest(percentage="25"))
    rig.go()
    assert rig.rest.get_open_position("AAA").qty == "75"
    closed = rig.rest.close_all_positions(cancel_orders=True)
    assert [answer.status for answer in closed] == [200]
    rig.go()
    assert rig.rest.get_all_positions() == []
    with pytest.raises(APIError, match="position does not exist"):
        rig.rest.get_open_position("AAA")


def test_live_exits_are_listed_and_cancelled_with_all_others(rig):
    order = bracket(rig)
    rig.go()
    assert rig.rest.get_order_by_id(order.id).status == OrderStatus.FILLED
    listed = rig.rest.get_orders(GetOrdersRequest(status="open", nested=True))
    assert {leg.id for leg in listed} == {leg.id for leg in order.legs}
    whole = rig.rest.get_orders(GetOrdersRequest(status="all", nested=True, symbols=["BBB"]))
    assert [(each.id, len(each.legs)) for each in whole] == [(order.id, 2)]
    assert len(rig.rest.cancel_orders()) == 1  # the other goes with it
    assert rig.rest.get_orders(GetOrdersRequest(status="open")) == []


def test_shorts(rig):
    rig.order("CCC", 50, side="sell")
    rig.go()
    position = rig.rest.get_open_position("CCC")
    assert (position.qty, position.side) == ("-50", "short")
    assert float(position.market_value) < 0
    with pytest.raises(APIError, match="insufficient qty available for order \\(requested: 60, available: 50\\)"):
        rig.order("CCC", 60)
    rig.order("CCC", 50)
    rig.go()
    assert [row.symbol for row in rig.rest.get_all_positions()] == ["AAA"]


def test_orders_are_found_by_client_id_and_listed(rig):
    one, two = rig.order(kind="limit", limit_price=1.0, client_order_id="one"), bracket(rig)
    assert rig.rest.get_order_by_client_id("one").id == one.id
    with pytest.raises(APIError, match="order not found for three"):
        rig.rest.get_order_by_client_id("three")
    flat = rig.rest.get_orders(GetOrdersRequest(status="open"))
    assert len(flat) == 4
    nested = rig.rest.get_orders(GetOrdersRequest(status="open", nested=True, limit=500, direction="asc"))
    assert [order.id for order in nested] == [one.id, two.id]
    assert len(nested[1].legs) == 2
    assert len(rig.rest.get_orders(GetOrdersRequest(status="closed"))) == 1
    assert len(rig.rest.get_orders(GetOrdersRequest(status="all", limit=2))) == 2
    assert len(rig.rest.get_orders(GetOrdersRequest(status="all", symbols=["BBB"]))) == 3
    assert rig.rest.get_orders(GetOrdersRequest(status="all", after=rig.rest.get_clock().timestamp)) == []
