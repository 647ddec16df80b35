"""The faults of brokers, one by one: after each nothing is lost or doubled, the account is the venue's, replay agrees.

The numbers are those of the table of faults in ``docs/live.md``.
"""

import time

import pytest

from lockstep.engine.codes import Reason, Update
from lockstep.engine.events import BAR, ORDER, REVISION
from lockstep.live.journal import Reader

from .conftest import sessions_at

ONE_DAY = 'end = "2020-03-02"'
POST = {"method": "POST", "path": "/v2/orders"}


def rows(them, kind=ORDER):
    reader = Reader(them.folder)
    found = [event for batch in reader.batches() for event in batch.events if int(event["kind"]) == kind]
    reader.close()
    return found


def codes(them):
    return [Update(int(event["code"])) for event in rows(them)]


def acks(them):
    reader = Reader(them.folder)
    found = list(reader.acks())
    reader.close()
    return found


def alerts(them):
    return (them.runs / "alerts.txt").read_text()


def fired(them, fault):
    return sum(each["fired"] for each in them.venue.ask("/lockstep/faults") if each["fault"] == fault)


def outcome(them):
    """What came of a session: orders at the venue with what became of them, and its equity."""
    them.verdict, them.state = them.check()
    told = ("symbol", "side", "type", "qty", "status", "filled_qty", "filled_avg_price")
    orders = [tuple(str(order[name]) for name in told) for order in them.state["orders"]]
    return sorted(orders), len(them.state["fills"]), them.verdict.final_equity


@pytest.fixture
def one_day(lives):
    """A function that lets a session trade one day at a venue with faults, and checks what came of it."""

    def play(*faults, live='mute = "2s"', slices=390, **scenario):
        them = lives(data=ONE_DAY, live=live, **scenario)
        them.venue.fault(*faults)
        them.live_on()
        for fault in faults:
            assert fired(them, fault["fault"]) > 0, f"{fault['fault']} never happened"
        them.outcome = outcome(them)
        assert them.verdict.slices == slices
        return them

    return play


@pytest.fixture(scope="module")
def undisturbed(market, tmp_path_factory):
    """What comes of the day where nothing happens to it."""
    with sessions_at(market, tmp_path_factory.mktemp("undisturbed")) as begin:
        them = begin(data=ONE_DAY)
        them.live_on()
        return outcome(them)


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "drop_after"},  # 1
        {"fault": "drop_before"},  # 2
        {"fault": "504_after"},  # 3
        {"fault": "hang", "seconds": 20, "after": True},  # 6
        {"fault": "hang", "seconds": 20},
        {"fault": "raw_body", "status": 502, "body": "<html>bad gateway</html>", "after": True},  # 7
        {"fault": "raw_body", "status": 200, "body": "", "after": True},
        {"fault": "raw_body", "status": 200, "body": "<html>"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values())[:24],
)
def test_an_order_of_which_nobody_knows_whether_it_arrived(one_day, undisturbed, fault):
    them = one_day({**fault, "when": {**POST, "nth": 3}, "times": 2 if fault["fault"] != "hang" else 1})
    assert them.outcome == undisturbed


def test_4_an_order_that_arrived_twice_is_adopted(one_day, undisturbed):
    missing = {"fault": "raw_body", "status": 404, "body": '{"code":40410000,"message":"order not found"}', "times": 4}
    them = one_day(
        {"fault": "drop_after", "when": {**POST, "nth": 3}},
        {**missing, "when": {"method": "GET", "path": "/v2/orders:by_client_order_id"}},
    )
    assert them.outcome == undisturbed


def test_4_another_order_of_the_same_id_halts_new_risk(lives):
    them = lives(data=ONE_DAY)
    assert them.live("applied:40") == -9
    reader = Reader(them.folder)
    run, ids = reader.meta()["run"], [each.order_id for each in reader.intents()]
    reader.close()
    body = {"symbol": "AAA", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "gtc", "limit_price": "1"}
    for number in range(max(ids) + 1, max(ids) + 5):
        them.venue.trade({**body, "client_order_id": f"ls-{run}-{number}"})
    them.live_on()
    assert "clash" in alerts(them)
    assert any("another order of this id" in ack.detail for ack in acks(them))


def test_5_a_rate_limit_is_waited_for(one_day, undisturbed):
    them = one_day({"fault": "429", "times": 3, "seconds": 0.3, "when": POST})
    assert "limited" in alerts(them)
    assert them.outcome == undisturbed


def test_8_keys_that_no_longer_work_halt_new_risk(lives):
    them = lives(data=ONE_DAY, live='reconcile = "1s"')
    them.venue.fault({"fault": "revoke_key", "when": {"slice": 60}})
    child = them.begin()
    until = time.monotonic() + 60
    while not (them.runs / "alerts.txt").exists() or "denied" not in alerts(them):
        assert time.monotonic() < until
        time.sleep(0.2)
    them.venue.fault({"fault": "restore_key"})
    assert them.wait(child) == 0
    them.check()
    reader = Reader(them.folder)
    refused = {Reason(int(code)) for code in reader.logs("decisions")["code"]}
    reader.close()
    assert Reason.KILL_SWITCH in refused


def test_9_a_refused_order_is_rejected_and_the_account_stays_right(one_day):
    them = one_day({"fault": "shrink_account", "buying_power": 100.0, "when": {"slice": 50}})
    assert codes(them).count(Update.REJECTED) > 5
    assert any(ack.outcome == "refused" and "buying power" in ack.detail for ack in acks(them))


def test_10_a_wash_trade_is_avoided(lives):
    them = lives(strategy="opposite", data=ONE_DAY, execution='latency = "0s"')
    them.live_on()
    orders, _, _ = outcome(them)
    ended = {(side, kind, status, filled) for _, side, kind, _, status, filled, _ in orders}
    assert ended == {("sell", "limit", "canceled", "0"), ("buy", "market", "filled", "40")}
    assert {ack.outcome for ack in acks(them)} == {"bound", "landed"}


def test_11_a_fill_that_overtakes_the_reply(one_day):
    them = one_day({"fault": "delay_reply", "fill": True, "seconds": 0.3, "times": 4, "when": {**POST, "nth": 2}})
    early = [order for order in them.state["orders"] if order["filled_at"] == order["submitted_at"]]
    assert len(early) == 2  # the limits among the four that reach the price were filled before their reply


@pytest.mark.parametrize("event", ["fill", "canceled", "new"])
def test_12_repeated_updates_change_nothing(one_day, undisturbed, event):
    them = one_day({"fault": "dup", "count": 3, "times": 20, "when": {"event": event}})
    assert them.outcome == undisturbed


def test_12_updates_in_another_order(one_day, undisturbed):
    them = one_day({"fault": "shuffle", "count": 2, "times": 12, "when": {"nth": 5}})
    assert them.outcome == undisturbed


def test_13_updates_that_are_lost(one_day):
    one_day({"fault": "lose", "times": 6, "when": {"event": "fill", "nth": 3}})


@pytest.mark.parametrize("stream", ["updates", "market"])
def test_13_streams_that_break(one_day, undisturbed, stream):
    them = one_day(*({"fault": "drop_stream", "stream": stream, "when": {"slice": at}} for at in (40, 90, 200)))
    assert "stream" in alerts(them)
    assert them.outcome == undisturbed


def test_14_a_fill_that_overtakes_the_cancellation(one_day):
    one_day({"fault": "fill_on_cancel", "times": 3})


def test_15_a_fill_that_overtakes_the_replacement(one_day):
    one_day({"fault": "fill_on_replace", "times": 3})


def test_16_parts_are_kept_when_the_rest_is_cancelled(one_day):
    them = one_day({"fault": "partial", "times": 500, "fraction": 0.4})
    ended = [order for order in them.state["orders"] if order["status"] == "canceled" and order["filled_qty"] != "0"]
    assert ended


@pytest.mark.parametrize("fault", ["unknown_status", "null_data"])
def test_17_updates_that_make_no_sense_are_put_aside(one_day, fault):
    them = one_day({"fault": fault, "times": 3, "when": {"event": "fill", "nth": 2}})
    reader = Reader(them.folder)
    assert any(what == "order update" for what, _, _ in reader.oddities())
    reader.close()
    assert "not understood" in alerts(them)


@pytest.mark.parametrize("fault", ["bust", "restate"])
def test_18_a_fill_that_is_taken_back(one_day, fault):
    them = one_day({"fault": fault, "symbol": "AAA", "when": {"slice": 200}})
    assert Update.ADJUSTED in codes(them)
    assert "the broker" in alerts(them)


@pytest.mark.parametrize("stream", ["updates", "market"])
def test_19_a_slot_that_is_taken(one_day, undisturbed, stream):
    them = one_day(
        {"fault": "drop_stream", "stream": stream, "seconds": 2.0, "when": {"slice": 50}},
        {"fault": "hold_slot", "times": 2},
    )
    assert them.outcome == undisturbed


@pytest.mark.parametrize("stream", ["updates", "market"])
def test_20_a_stream_that_is_open_and_mute(one_day, undisturbed, stream):
    them = one_day({"fault": "mute", "stream": stream, "when": {"slice": 60}})
    assert "mute" in alerts(them)
    assert them.outcome == undisturbed


@pytest.mark.parametrize("step", ["welcome", "auth", "listening"])
def test_21_a_handshake_that_is_not_answered(one_day, undisturbed, step):
    stream = "updates" if step == "listening" else "market"
    them = one_day(
        {"fault": "nowelcome", "stream": stream, "step": step},
        {"fault": "drop_stream", "stream": stream, "when": {"slice": 30}},
    )
    assert them.outcome == undisturbed


def test_22_bars_that_come_late_twice_never_or_corrected(one_day):
    kinds = ("late_bar", "missing_bar", "repeat_bar", "revise_bar")
    faults = ({"fault": kind, "times": 5, "when": {"slice": 30 * k + 20}} for k, kind in enumerate(kinds))
    them = one_day(*faults, slices=388)  # where all three bars are late or missing there is nothing to decide on
    bars = rows(them, BAR)
    applied = [(int(bar["instrument"]), int(bar["ts_event"])) for bar in bars if not int(bar["flags"]) & REVISION]
    assert len(applied) == len(set(applied)), "a bar reached the kernels twice"
    late = 3  # of the five, those that come after a newer bar of their own
    assert len(applied) == 3 * 390 - 5 - late
    assert sum(bool(int(bar["flags"]) & REVISION) for bar in bars) == 5 + 5 + late


def test_23_a_flood_of_quotes_sheds_no_order_event(one_day, undisturbed):
    them = one_day(*({"fault": "flood", "symbol": "AAA", "count": 60_000, "when": {"slice": at}} for at in (100, 101)))
    assert them.outcome == undisturbed


def test_24_a_halt_blocks_entries(one_day):
    them = one_day(
        {"fault": "halt", "symbol": "AAA", "when": {"slice": 50}},
        {"fault": "resume", "symbol": "AAA", "when": {"slice": 250}},
    )
    assert Reason.HALTED in {Reason(int(event["reason"])) for event in rows(them)}


def test_24_a_session_that_closes_early(lives):
    them = lives(data=ONE_DAY)
    them.venue.fault({"fault": "early_close", "minutes": 60.0})
    them.live_on()
    verdict, _ = them.check()
    assert verdict.slices == 330


def test_25_a_position_that_changes_behind_our_back(one_day):
    them = one_day(
        {"fault": "adjust_position", "symbol": "BBB", "quantity": 7, "price": 50.0, "when": {"slice": 150}},
        live='reconcile = "500ms"',
    )
    assert Update.ADJUSTED in codes(them)
    assert "drift" in alerts(them)
