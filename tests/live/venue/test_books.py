"""Whatever is asked of the venue, its orders, the engine's and the ledger say the same."""

from decimal import Decimal

import numpy as np
import pytest

from lockstep.engine.events import BAR
from lockstep.engine.records import ORDER, SLOT
from lockstep.engine.settings import Account, Costs, Execution, Settings
from lockstep.live.venue.actions import fill_now
from lockstep.live.venue.core import Options, Venue
from lockstep.live.venue.orders import FINAL
from lockstep.live.venue.recording import open_recording
from lockstep.live.venue.rules import Refusal, parse

KINDS = ("market", "limit", "stop", "stop_limit", "trailing_stop", "bracket", "oco", "oto")
ROUGH = Settings(Account(max_orders=4_000), Costs(), Execution(latency_ns=20 * 10**9, volume_share=0.005))


class Hand:
    """Asks for things at random, from a seed."""

    def __init__(self, venue, seed):
        self.venue, self.random = venue, np.random.default_rng(seed)
        self.refused = self.done = 0

    def pick(self, among):
        return among[int(self.random.integers(len(among)))]

    def body(self):
        place = int(self.random.integers(3))
        at = int(self.venue.desk.position(place)["mark"]) / 1e6
        kind, buys = self.pick(KINDS), bool(self.random.integers(2))
        near = lambda ticks: round(at + ticks / 100, 2)  # noqa: E731
        sign, off = (1 if buys else -1), int(self.random.integers(1, 5))
        body = {
            "symbol": self.venue.recording.instruments[place].symbol, "qty": int(self.random.integers(1, 12)),
            "side": "buy" if buys else "sell", "type": "market", "time_in_force": self.pick(("day", "gtc")),
        }  # fmt: skip
        exits = {"take_profit": {"limit_price": near(off * sign)}, "stop_loss": {"stop_price": near(-off * sign)}}
        if kind in ("limit", "stop_limit"):
            body |= {"type": kind, "limit_price": near(off if self.random.integers(2) else -off)}
        if kind in ("stop", "stop_limit"):
            body |= {"type": kind, "stop_price": near(off * sign)}
        if kind == "trailing_stop":
            body |= {"type": kind, "trail_price": off / 100}
        if kind in ("bracket", "oto"):
            body |= (
                {"order_class": kind, **exits}
                if kind == "bracket"
                else {"order_class": kind, "stop_loss": exits["stop_loss"]}
            )
        if kind == "oco":
            body |= {"type": "limit", "order_class": "oco", "take_profit": {"limit_price": near(-off * sign)},
                     "stop_loss": {"stop_price": near(off * sign)}}  # fmt: skip
        if body["type"] in ("market", "limit") and "order_class" not in body:
            body["time_in_force"] = self.pick(("day", "gtc", "ioc", "fok"))
        return body

    def act(self):
        desk = self.venue.desk
        live = [order for order in desk.orders.values() if order.open]
        choice = int(self.random.integers(10)) if live else 0
        try:
            if choice <= 4:
                desk.submit(parse(self.body(), desk.find))
            elif choice <= 6:
                desk.cancel(self.pick(live))
            elif choice <= 8:
                order = self.pick(live)
                lots = max(order.filled + 1, order.quantity + int(self.random.integers(-3, 4)))
                changes = {"quantity": lots}
                if order.limit:
                    changes["limit"] = order.limit + int(self.random.integers(-2, 3)) * 10_000
                desk.replace(order, changes)
            else:
                order = self.pick(live)
                if order.status not in ("held", "pending_new") and order.kind in ("market", "limit"):
                    fill_now(self.venue, order, float(self.random.integers(1, 5)))
            self.done += 1
        except Refusal:
            self.refused += 1


def engine_orders(venue):
    world = venue.desk.counter.world
    header = world.header
    slots = world.block[int(header.off_open) :][: int(header.n_open) * SLOT.itemsize].view(SLOT)["slot"]
    rows = world.block[int(header.off_orders) :][: world.slots * ORDER.itemsize].view(ORDER)[slots]
    return {int(row["id"]): (int(row["instrument"]), int(row["quantity"]), int(row["filled"])) for row in rows}


def check(venue):
    desk = venue.desk
    known = {
        number: (order.instrument, order.sign * order.quantity, order.sign * order.filled)
        for number, order in desk.by_engine.items()
    }
    mine = engine_orders(venue)
    assert set(known) == set(mine)
    for number, (instrument, quantity, filled) in known.items():
        assert (instrument, filled) == (mine[number][0], mine[number][2])
        if desk.by_engine[number].status != "held" and number not in desk.replacing:
            assert quantity == mine[number][1]
    assert all(order.open for order in desk.by_engine.values())
    open_ones = [order for order in desk.orders.values() if order.open and order.engine]
    assert {id(order) for order in open_ones if order not in desk.replacing.values()} <= {
        id(o) for o in desk.by_engine.values()
    }
    held = [0, 0, 0]
    for row in desk.activities.rows:
        if row["activity_type"] == "FILL":
            held[desk.symbols[row["symbol"]]] += int(Decimal(row["qty"])) * (1 if row["side"] == "buy" else -1)
    assert held == [int(desk.position(place)["quantity"]) for place in range(3)]
    desk.counter.world.check()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rough", [False, True], ids=["frictionless", "rough"])
def test_the_books_agree(recordings, seed, rough):
    from dataclasses import replace

    recording = open_recording(recordings, "minutes")
    if rough:
        recording = replace(recording, settings=ROUGH)
    venue = Venue(recording, Options(lenient=bool(seed % 2)))
    told = []
    venue.updates.send = told.append
    hand = Hand(venue, seed)
    while not venue.ended:
        group_has_bars = venue.advance() > 0
        if group_has_bars:
            for _ in range(int(hand.random.integers(3))):
                hand.act()
        if venue.slice % 25 == 0:
            check(venue)
    check(venue)
    assert hand.done > 200
    last = {}
    for update in told:
        order = update["order"]
        if update["event"] == "order_replace_rejected":  # said of an order that has ended
            continue
        assert last.get(order["id"]) not in FINAL, (last[order["id"]], update["event"])
        last[order["id"]] = order["status"]
    for order in venue.desk.orders.values():
        if order.id in last:
            assert last[order.id] == order.status
    assert {"filled", "canceled", "replaced"} <= set(last.values())
    assert (venue.history.select([0], (BAR,), 0, 2**62)["close"] > 0).all()
