import numpy as np
import pyarrow as pa
import pytest

from lockstep.engine import records as r
from lockstep.engine.codes import OrderType, Reason, Status, TimeInForce, Trigger
from lockstep.engine.events import DELIST, DIVIDEND, LIST, SPLIT, empty
from lockstep.engine.updates import FLOWS
from lockstep.scenarios.collect import Collector, detail
from lockstep.scenarios.tables import SCHEMAS, Columns

LOTS = 1_000_000_000


@pytest.fixture
def columns():
    return Columns(["A", "B"], [1, LOTS], ["main", "other"], ["first", "second"])


def rows(name, **values):
    found = np.zeros(len(next(iter(values.values()))), r.LOGS[name])
    for field, given in values.items():
        found[field] = given
    return found


@pytest.mark.parametrize("name", r.LOGS)
def test_every_log_becomes_a_table_of_the_schema(columns, name):
    table = columns.table(name, np.zeros(3, r.LOGS[name]))
    assert table.schema.equals(SCHEMAS[name])
    assert table.num_rows == 3


def test_numbers_become_names(columns):
    table = columns.table(
        "orders",
        rows(
            "orders", instrument=[0, 1], sleeve=[1, -1], type=[int(OrderType.STOP_LIMIT), 0],
            tif=[int(TimeInForce.GTC), 0], status=[int(Status.CANCELLED), int(Status.ACCEPTED)],
            reason=[int(Reason.SPLIT), int(Reason.END_OF_DATA)],
        ),
    ).to_pandas()  # fmt: skip
    first, second = table.to_dict("records")
    assert (first["symbol"], first["sleeve"], first["type"], first["tif"]) == ("A", "other", "stop_limit", "gtc")
    assert (first["status"], first["reason"]) == ("cancelled", "split")
    assert (second["symbol"], second["sleeve"], second["status"]) == ("B", "", "open")


def test_an_order_s_average_price_is_its_turnover_per_share(columns):
    table = columns.table(
        "orders",
        rows(
            "orders", instrument=[0, 1, 0], filled=[-3, LOTS // 2, 0], turnover=[30_000_001, 50_000_000, 0],
            limit=[0, 7, 0], submitted=[5, 5, 0],
        ),
    )  # fmt: skip
    assert table.column("average_price").to_pylist() == [10_000_000, 100_000_000, None]
    assert table.column("limit_price").to_pylist() == [None, 7, None]
    assert table.column("ts_submitted").is_null().to_pylist() == [False, False, True]


def test_a_verdict_names_its_reason(columns):
    table = columns.table(
        "decisions",
        rows(
            "decisions",
            instrument=[0, -1, 0],
            verdict=[0, 2, 1],
            code=[0, int(Reason.CAPACITY), int(Reason.GROSS_LIMIT)],
        ),
    )
    assert table.column("verdict").to_pylist() == ["approved", "refused", "shrunk"]
    assert table.column("code").to_pylist() == ["", "capacity", "gross_limit"]
    assert table.column("symbol").to_pylist() == ["A", "", "A"]


def test_a_dividend_paid_is_told_from_one_received(columns):
    kinds = [FLOWS.index(name) for name in ("dividend", "dividend", "interest", "terminal")]
    table = columns.table("flows", rows("flows", kind=kinds, amount=[5, -5, -3, 9], instrument=[0, 0, -1, 1]))
    assert table.column("kind").to_pylist() == ["dividend", "dividend_paid", "interest", "terminal"]
    assert table.column("symbol").to_pylist() == ["A", "A", "", "B"]


def test_a_fill_says_what_its_price_came_from(columns):
    found = rows("fills", instrument=[0], trigger=[int(Trigger.STOP)], spread=[3], impact=[4])
    table = columns.table("fills", found).to_pylist()[0]
    assert (table["reason"], table["spread_cost"], table["impact_cost"]) == ("stop", 3, 4)


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (SPLIT, {"numerator": 3, "denominator": 2}, "3:2"),
        (DIVIDEND, {"amount": 470_000_000}, "0.47 dollars a share"),
        (DELIST, {"terminal": float("nan")}, "at the last mark"),
        (DELIST, {"terminal": 1.25}, "1.25 dollars a share"),
        (LIST, {}, ""),
    ],
)
def test_an_event_is_told_in_words(kind, fields, words):
    event = empty(1)
    event["kind"] = kind
    for name, value in fields.items():
        event[name] = value
    assert detail(event[0]) == words


class TestCollector:
    """Pieces, counts and the thinning of equity."""

    @pytest.fixture
    def pieces(self):
        return {}

    @pytest.fixture
    def collector(self, columns, pieces):
        return Collector(columns, lambda name, table: pieces.setdefault(name, []).append(table), equity_slices=3)

    def logs(self, **given):
        return {name: given.get(name, np.zeros(0, dtype)) for name, dtype in r.LOGS.items()}

    def test_slices_up_to_the_limit_then_sessions(self, collector, pieces):
        collector.sink(self.logs(equity=rows("equity", ts=[1, 2]), sleeves=rows("sleeves", ts=[2, 2])))
        collector.sink(self.logs(equity=rows("equity", ts=[3, 4, 5, 5, 6]), sleeves=rows("sleeves", ts=[5])))
        ts = pa.concat_tables(pieces["equity"]).column("ts").cast(pa.int64()).to_pylist()
        assert ts == [1, 2, 3, 5]
        assert collector.rows["sessions"] == 2

    def test_orders_left_unfilled_are_counted_but_for_those_refused(self, collector):
        orders = rows(
            "orders", quantity=[5, 5, -5, 5, 5], filled=[5, 2, 0, 0, 0],
            status=[Status.FILLED, Status.EXPIRED, Status.CANCELLED, Status.REFUSED, Status.ACCEPTED],
            reason=[0, Reason.SESSION_END, Reason.OTHER_EXIT, Reason.GROSS_LIMIT, Reason.NOT_REACHED],
        )  # fmt: skip
        collector.sink(self.logs(orders=orders))
        assert dict(collector.unfilled) == {"session_end": 1, "other_exit": 1, "not_reached": 1}

    def test_every_table_exists_at_the_end(self, collector, pieces):
        collector.close()
        assert set(pieces) == set(SCHEMAS)
