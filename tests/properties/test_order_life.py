"""Whatever a strategy asks for, an order lives by the rules: drawn programmes of requests over a drawn market."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.engine.codes import FIRST_FINAL, Reason, Status, TimeInForce, Trigger, Update
from lockstep.engine.python_strategy import Strategy
from tests.engine.twins import market, run

KINDS = ("market", "limit", "stop", "stop_limit", "trailing_stop", "bracket", "oco", "target", "cancel", "replace")
TIFS = tuple(tif.name.lower() for tif in TimeInForce)
ENDS = {Update.CANCELLED: Status.CANCELLED, Update.EXPIRED: Status.EXPIRED, Update.REJECTED: Status.REJECTED}
ANSWERS = (Update.CANCEL_REJECTED, Update.REPLACE_REJECTED)


class Request(NamedTuple):
    """What is asked for at a bar; `edge` is a distance from its close, in hundredths of a percent."""

    kind: str
    quantity: int
    tif: str
    edge: int
    which: int


REQUESTS = st.builds(
    Request,
    st.sampled_from(KINDS),
    st.integers(-60, 60),
    st.sampled_from(TIFS),
    st.integers(-40, 40),
    st.integers(0, 7),
)


def programmed(requests):
    """A strategy that makes one request a bar, in turn, and keeps every update."""

    class Programmed(Strategy):
        name = "programmed"
        updates = defaultdict(list)  # noqa: RUF012
        asked = 0

        def on_bar(self, bar):
            request = requests[self.asked % len(requests)]
            type(self).asked += 1
            self.ask(request, bar.symbol, self.raw(bar.symbol, bar.close))

        def ask(self, it, symbol, close):
            near, far = close * (1 + it.edge / 1e4), close * (1 + 2 * it.edge / 1e4)
            known = sorted(self.updates)[-1 - it.which :] or [1]
            if it.kind == "market":
                self.market(symbol, it.quantity, tif=it.tif)
            elif it.kind == "limit":
                self.limit(symbol, it.quantity, near, tif=it.tif)
            elif it.kind == "stop":
                self.stop(symbol, it.quantity, near)
            elif it.kind == "stop_limit":
                self.stop_limit(symbol, it.quantity, near, far)
            elif it.kind == "trailing_stop":
                self.trailing_stop(symbol, it.quantity, close * (abs(it.edge) + 1) / 1e4)
            elif it.kind == "bracket":
                self.bracket(symbol, it.quantity, limit=near, target=close * 1.002, stop=close * 0.998, tif="day")
            elif it.kind == "oco":
                self.oco(symbol, abs(it.quantity), target=close * 1.001, stop=close * 0.999)
            elif it.kind == "target":
                self.target(symbol, it.quantity)
            elif it.kind == "cancel":
                self.cancel(known[0])
            else:
                self.replace(known[0], quantity=abs(it.quantity) * (it.which % 2), limit=near)

        def on_order(self, update):
            self.updates[update.order_id].append(update)

    return Programmed


def logged(runner, name):
    """The rows of a log, of the whole run."""
    return np.concatenate([rows[name] for rows in runner.rows])


def check_updates(updates):
    """Acceptance comes first, one end comes last, and after it nothing but answers to late requests."""
    codes = [Update(each.code) for each in updates]
    ended = [place for place, code in enumerate(codes) if code in ENDS]
    assert len(ended) <= 1, codes
    assert codes.count(Update.ACCEPTED) <= 1, codes
    assert all(code in ANSWERS for place in ended for code in codes[place + 1 :]), codes
    assert all(Reason(updates[place].reason) != Reason.NONE for place in ended), codes


def check_order(order, fills, updates):
    """The row of an ended order says what its fills and its last update say."""
    status, filled = Status(order["status"]), int(fills["quantity"].sum())
    if Update.RESCALED not in [each.code for each in updates]:  # a split restates what had been filled
        assert order["filled"] == filled
    assert abs(order["filled"]) <= abs(order["quantity"])
    assert np.all(np.sign(fills["quantity"]) == np.sign(order["quantity"]))
    assert status >= FIRST_FINAL or Reason(order["reason"]) != Reason.NONE, "an open order does not say why"
    assert (status == Status.FILLED) == (order["filled"] == order["quantity"] != 0)
    if status not in (Status.FILLED, Status.REPLACED):
        assert Reason(order["reason"]) != Reason.NONE, f"{status!r} without a reason"
    for each in updates:
        if each.code in ENDS:
            assert status == ENDS[Update(each.code)]
    if order["tif"] == TimeInForce.FOK:
        assert order["filled"] in (0, order["quantity"])
    if order["tif"] in (TimeInForce.IOC, TimeInForce.FOK):
        assert len(set(fills["ts"])) <= 1, "filled at two times"


def check_prices(order, fills):
    """No fill is worse than the limit that the order had, and none comes before its submission."""
    assert np.all(fills["ts"] >= order["submitted"])
    limited = fills["trigger"] == Trigger.LIMIT
    better = order["limit"] - fills["price"] if order["quantity"] > 0 else fills["price"] - order["limit"]
    assert np.all(better[limited] >= 0)


@settings(max_examples=40)
@given(st.lists(REQUESTS, min_size=3, max_size=40), st.integers(0, 2**16), st.sampled_from([0, 1, 90_000_000_000]))
def test_every_order_lives_by_the_rules(requests, seed, latency):
    strategy = programmed(requests)
    runner = run(strategy, market(seed, 160), latency=latency)
    orders, fills = logged(runner, "orders"), logged(runner, "fills")
    assert len(set(orders["order_id"])) == len(orders), "an order ended twice"
    assert set(fills["order_id"]) <= set(orders["order_id"])
    for order in orders:
        own, updates = fills[fills["order_id"] == order["order_id"]], strategy.updates[order["order_id"]]
        check_updates(updates)
        check_order(order, own, updates)
        replaced = any(each.code in (Update.REPLACED, Update.RESCALED) for each in updates)
        if not replaced:
            check_prices(order, own)
    runner.world.check()


def test_the_programmes_reach_every_end():
    """What the property ranges over: a fixed programme of all requests sees every final status and most reasons."""
    rng = np.random.default_rng(3)
    requests = [
        Request(
            KINDS[rng.integers(len(KINDS))],
            int(rng.integers(-60, 61)),
            TIFS[rng.integers(len(TIFS))],
            int(rng.integers(-40, 41)),
            int(rng.integers(8)),
        )
        for _ in range(997)
    ]
    strategy = programmed(requests)
    orders = logged(run(strategy, market(5, 800)), "orders")
    assert {Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REFUSED} <= set(orders["status"])
    assert set(orders["tif"]) == set(TimeInForce)
    assert len(set(orders["reason"])) >= 12
    assert {each.code for updates in strategy.updates.values() for each in updates} >= {
        Update.ACCEPTED,
        Update.FILL,
        Update.CANCELLED,
        Update.EXPIRED,
        Update.REPLACED,
        Update.TRIGGERED,
    }
