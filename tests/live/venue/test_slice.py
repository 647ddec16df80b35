"""The SDK trades on the venue: bars come in, orders go out, fills come back."""

import pytest


def test_bars_come_slice_by_slice_and_only_when_asked_for(venue):
    rig = venue()
    assert rig.go()["events"] == 0  # the listings, at midnight
    said = rig.go(2)
    assert (said["events"], said["market"]) == (3, 6)
    assert [(bar.symbol, bar.timestamp.strftime("%H:%M")) for bar in rig.bars] == [
        (symbol, at) for at in ("14:30", "14:31") for symbol in ("AAA", "BBB", "CCC")
    ]


def test_a_market_order_fills_at_the_next_open(venue):
    rig = venue()
    rig.go(3)
    order = rig.order(qty=10, client_order_id="mine")
    assert order.status == "pending_new"
    rig.go()
    assert rig.names() == ["new", "fill"]
    fill, bar = rig.updates[-1], rig.bars[-3]
    assert (fill.price, fill.qty, fill.position_qty) == (bar.open, 10, 10)
    assert (fill.order.client_order_id, fill.order.filled_avg_price) == ("mine", f"{bar.open:g}")
    position = rig.rest.get_open_position("AAA")
    assert (position.qty, position.side) == ("10", "long")
    account = rig.rest.get_account()
    assert float(account.cash) == pytest.approx(1_000_000 - 10 * bar.open)
    activities = rig.rest.get("/account/activities/FILL")
    assert [(row["order_id"], row["qty"]) for row in activities] == [(str(order.id), "10")]


def test_time_waits_for_the_client(venue):
    rig = venue()
    before = rig.go(3)
    assert rig.state()["slice"] == before["slice"]
    assert rig.rest.get_clock().timestamp.timestamp() * 1e9 == before["time"]
