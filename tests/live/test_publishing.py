"""Snapshots reach those who watch, commands reach the session, from any thread and without waiting."""

import dataclasses
import itertools
import json
import threading

import pytest

from lockstep.engine.errors import ConfigError
from lockstep.live import publishing
from lockstep.live.encoding import as_dict, as_json, moment
from lockstep.live.publishing import MOST_POINTS, Action, Command, Commands, EquityPoint, Publisher
from lockstep.live.status import Utilisation

from .watch import make


@pytest.fixture
def publisher():
    return Publisher()


def test_the_latest_snapshot_with_its_number(publisher):
    assert publisher.latest is None
    assert publisher.age() == float("inf")
    for step in range(1, 4):
        publisher.publish(make.status(step))
    assert publisher.latest == (3, make.status(3))
    assert 0 <= publisher.age() < 60


def test_waiting_for_the_next_one(publisher):
    assert publisher.wait(0, 0.01) is None
    publisher.publish(make.status(1))
    assert publisher.wait(0, 0.0).number == 1
    assert publisher.wait(1, 0.01) is None
    thread = threading.Timer(0.05, publisher.publish, [make.status(2)])
    thread.start()
    assert publisher.wait(1, 10.0).number == 2
    thread.join()


def test_many_readers_see_snapshots_in_order_and_the_last_one(publisher):
    seen = {k: [] for k in range(4)}

    def read(k):
        number = 0
        while number < 500:
            number, status = publisher.wait(number, 10.0)
            seen[k].append((number, status.ts))

    readers = [threading.Thread(target=read, args=[k]) for k in seen]
    for reader in readers:
        reader.start()
    base = make.status(1)
    for step in range(1, 501):
        publisher.publish(dataclasses.replace(base, ts=step))
    for reader in readers:
        reader.join(20)
    for found in seen.values():
        assert found == sorted(found)
        assert found[-1] == (500, 500)
        assert all(number == ts for number, ts in found)


def test_a_snapshot_is_due_after_a_tenth_of_a_second(publisher, monkeypatch):
    now = [10**12]
    monkeypatch.setattr(publishing, "monotonic", lambda: now[0])
    assert publisher.due()
    publisher.publish(make.status(1))
    assert not publisher.due()
    now[0] += 99_999_999
    assert not publisher.due()
    now[0] += 1
    assert publisher.due()


def test_the_curve_stays_short_and_spans_everything(publisher):
    base = make.status(1)
    total = 10 * MOST_POINTS
    for step in range(total):
        publisher.publish(dataclasses.replace(base, ts=step + 1, equity=step))
        assert len(publisher._points) < MOST_POINTS
    curve = publisher.curve()
    assert MOST_POINTS / 4 < len(curve) <= MOST_POINTS
    assert curve[0] == EquityPoint(1, 0)
    assert curve[-1] == EquityPoint(total, total - 1)
    gaps = {later.ts - before.ts for before, later in itertools.pairwise(curve[:-1])}
    assert len(gaps) == 1


def test_the_curve_from_before_a_restart_comes_first(publisher):
    publisher.publish(make.status(10))
    publisher.remember([(1, 5), (2, 6)])
    assert publisher.curve()[:2] == [EquityPoint(1, 5), EquityPoint(2, 6)]
    assert publisher.curve()[2].ts == make.status(10).ts


def test_one_time_has_one_point(publisher):
    base = make.status(1)
    for equity in (5, 6, 7):
        publisher.publish(dataclasses.replace(base, equity=equity))
    publisher.publish(dataclasses.replace(base, equity=None))
    assert publisher.curve() == [EquityPoint(base.ts, 7)]


def test_a_command_is_queued_when_it_is_confirmed():
    commands, woken = Commands(), []
    commands.listen(lambda: woken.append(True))
    ticket = commands.propose(Action.KILL_ON, "me")
    assert commands.drain() == []
    assert commands.confirm(ticket, "news") == Command(Action.KILL_ON, "me", "news")
    assert woken == [True]
    assert commands.drain() == [Command(Action.KILL_ON, "me", "news")]
    assert commands.drain() == []


@pytest.mark.parametrize("ticket", ["", "unknown"])
def test_nothing_is_confirmed_without_a_ticket(ticket):
    with pytest.raises(ConfigError, match="ask for the action again"):
        Commands().confirm(ticket)


def test_a_ticket_is_good_once_and_for_a_minute(monkeypatch):
    now = [0]
    monkeypatch.setattr(publishing, "monotonic", lambda: now[0])
    commands = Commands()
    first, second = commands.propose(Action.KILL_ON, "me"), commands.propose(Action.KILL_OFF, "me")
    commands.confirm(first)
    with pytest.raises(ConfigError):
        commands.confirm(first)
    now[0] = 60 * make.SECOND
    with pytest.raises(ConfigError):
        commands.confirm(second)
    assert [each.action for each in commands.drain()] == [Action.KILL_ON]


def test_many_proposals_do_not_pile_up():
    commands = Commands()
    tickets = [commands.propose(Action.KILL_ON, "me") for _ in range(1000)]
    assert len(commands._proposed) <= 64
    commands.confirm(tickets[-1])


def test_json_of_a_snapshot(publisher):
    publisher.publish(make.status(60, limits=(Utilisation(name="x", used=float("nan"), limit=float("inf")),)))
    found = json.loads(as_json(as_dict(publisher.latest)))
    assert found["number"] == 1
    assert found["ts"] == "2026-11-20T15:30:00.000000Z"
    assert found["equity"] == publisher.latest.status.equity / 1e6
    assert found["limits"][0] == {"name": "x", "used": None, "limit": None, "share": 0.0, "where": ""}
    assert found["orders"][0]["stop"] is None
    assert found["feed"]["delay"] == 0.082
    assert found["latency"][0]["p50"] == 1.4e-6


def test_every_field_of_a_snapshot_is_in_its_json(publisher):
    publisher.publish(make.status(60))
    found = as_dict(publisher.latest)
    fields = {field.name for field in dataclasses.fields(publisher.latest.status)}
    assert set(found) == fields | {"number"}
    for name in ("positions", "orders", "decisions", "fills", "streams", "latency"):
        record = getattr(publisher.latest.status, name)[0]
        assert set(found[name][0]) == {field.name for field in dataclasses.fields(record)}


@pytest.mark.parametrize(
    ("ts", "text"),
    [(0, None), (1, "1970-01-01T00:00:00.000000Z"), (1_795_188_600_123_456_789, "2026-11-20T15:30:00.123456Z")],
)
def test_times(ts, text):
    assert moment(ts) == text
