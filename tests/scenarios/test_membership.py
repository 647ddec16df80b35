import numpy as np
import pytest

from lockstep.engine.events import EVENT, LIST
from lockstep.scenarios.membership import JOIN, LEAVE
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.run import execute

SPELLS = [
    {"symbol": "AAPL", "start": "2012-03-01", "end": "2012-06-01"},
    {"symbol": "AAPL", "start": "2012-08-01"},
    {"symbol": "FB", "start": "2012-09-01"},
    {"symbol": "IBM", "start": "2000-01-01"},
]


@pytest.fixture
def plan(make, catalog):
    def build(batch_rows=65_536, spells=SPELLS):
        data = {"dataset": "ohlcv-5", "start": "2012-01-03", "end": "2012-12-31", "warmup": 10}
        return make_plan(make(data=data, universe={"members": spells}), catalog, batch_rows=batch_rows)

    return build


def told(plan):
    events = np.concatenate([batch.astype(EVENT) for batch in plan.stream()], dtype=EVENT)
    rare = events[np.isin(events["kind"], (LIST, JOIN, LEAVE))]
    names = {LIST: "list", JOIN: "join", LEAVE: "leave"}
    return [
        (str(event["ts_available"].astype("datetime64[ns]"))[:10], plan.feed.instruments[event["instrument"]].symbol,
         names[int(event["kind"])])
        for event in rare
    ]  # fmt: skip


def test_only_symbols_that_are_ever_in_it_are_replayed(plan):
    assert [instrument.symbol for instrument in plan().feed.instruments] == ["AAPL", "FB", "IBM"]


def test_who_joins_and_leaves_is_told_at_midnight_exchange_time(plan):
    found = told(plan())
    assert [each for each in found if each[1] == "AAPL"] == [
        ("2011-12-16", "AAPL", "list"),
        ("2011-12-16", "AAPL", "leave"),
        ("2012-03-01", "AAPL", "join"),
        ("2012-06-02", "AAPL", "leave"),
        ("2012-08-01", "AAPL", "join"),
    ]
    assert [each[2] for each in found if each[1] == "FB"] == ["list", "leave", "join"]
    assert [each[2] for each in found if each[1] == "IBM"] == ["list"]


@pytest.mark.parametrize("rows", [1, 13])
def test_batches_do_not_matter(plan, rows):
    streams = [b"".join(batch.astype(EVENT).tobytes() for batch in plan(n).stream()) for n in (rows, 65_536)]
    assert streams[0] == streams[1]


def test_the_order_of_spells_does_not_matter(plan):
    assert told(plan(spells=SPELLS[::-1])) == told(plan())


def test_the_run_records_them(plan):
    pieces = []
    execute(plan(), lambda name, rows: pieces.append((name, rows)))
    kinds = [kind for name, rows in pieces if name == "events" for kind in rows.column("kind").to_pylist()]
    assert kinds.count("join") == 3
    assert kinds.count("leave") == 3
