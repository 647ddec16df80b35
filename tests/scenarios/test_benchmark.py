import numpy as np
import pytest

from lockstep.engine.events import BAR, CLOSE, DELIST, DIVIDEND, EVENT, QUOTE, SESSION_CLOSE, SPLIT, TRADE, empty
from lockstep.scenarios.benchmark import ALL, Benchmark
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.run import make_benchmark


def stream(*rows):
    """Build events from (kind, instrument, fields) at times 1, 2, …"""
    events = empty(len(rows))
    for ts, (event, (kind, instrument, fields)) in enumerate(zip(events, rows, strict=True), start=1):
        event["ts_event"] = event["ts_available"] = ts
        event["kind"], event["instrument"] = kind, instrument
        for name, value in fields.items():
            event[name] = value
    return events


def session():
    return (SESSION_CLOSE, -1, {})


def price(instrument, close, kind=CLOSE):
    return (kind, instrument, {"close": close})


def path(events, n=2, member=ALL, start=0, cuts=()):
    benchmark = Benchmark("b", n, member, start, 1000.0)
    for part in np.split(events, cuts):
        benchmark.absorb(np.ascontiguousarray(part))
    return benchmark.path()[1].tolist()


def test_a_holding_follows_its_closes_from_the_first_session_on():
    events = stream(price(0, 10.0), session(), price(0, 12.0), price(1, 5.0), session(), price(0, 9.0), session())
    assert path(events, member=0) == pytest.approx([1000.0, 1200.0, 900.0])


def test_before_the_start_prices_are_only_noted():
    events = stream(price(0, 10.0), session(), price(0, 12.0), session(), price(0, 24.0), session())
    assert path(events, 1, start=3) == pytest.approx([1000.0, 2000.0])


def test_a_split_changes_nothing_and_a_dividend_is_reinvested_at_the_close():
    events = stream(
        price(0, 100.0), session(),
        (SPLIT, 0, {"numerator": 2, "denominator": 1}), price(0, 50.0), session(),
        (DIVIDEND, 0, {"amount": 5_000_000_000}), price(0, 45.0), session(),
    )  # fmt: skip
    assert path(events, 1) == pytest.approx([1000.0, 1000.0, 1000.0])


def test_equal_weight_is_the_mean_of_those_that_have_prices():
    events = stream(
        price(0, 10.0), session(),
        price(0, 11.0), price(1, 50.0), session(),
        price(0, 11.0), price(1, 55.0), session(),
    )  # fmt: skip
    assert path(events) == pytest.approx([1000.0, 1100.0, 1155.0])


def test_a_delisted_symbol_pays_its_terminal_value_and_is_gone():
    events = stream(
        price(0, 10.0), price(1, 10.0), session(),
        (DELIST, 1, {"terminal": 5.0}), price(0, 10.0), session(),
        price(0, 20.0), session(),
    )  # fmt: skip
    assert path(events) == pytest.approx([1000.0, 750.0, 1500.0])


def test_trades_and_quotes_are_prices_too():
    events = stream(
        (TRADE, 0, {"last": 10.0}), session(), (QUOTE, 0, {"bid": 11.0, "ask": 13.0}), session(),
        (QUOTE, 0, {"bid": 0.0, "ask": 0.0}), session(),
    )  # fmt: skip
    assert path(events, 1) == pytest.approx([1000.0, 1200.0, 1200.0])


@pytest.mark.parametrize("cuts", [[1], [1, 2, 3, 4, 5], [3]])
def test_batches_do_not_matter(cuts):
    events = stream(price(0, 10.0), session(), price(0, 12.0, BAR), price(1, 5.0), session(), session())
    assert path(events, cuts=cuts) == path(events)


def test_a_real_holding_is_the_total_return(make, catalog):
    plan = make_plan(make(benchmark__symbol="IBM"), catalog)
    benchmark = make_benchmark(plan)
    events = np.concatenate([batch.astype(EVENT) for batch in plan.stream()], dtype=EVENT)
    benchmark.absorb(events)
    ts, value = benchmark.path()
    bars = events[(events["kind"] == BAR) & (events["instrument"] == 3) & (events["ts_event"] >= ts[0])]
    paid = events[(events["kind"] == DIVIDEND) & (events["instrument"] == 3) & (events["ts_event"] > ts[0])]
    growth = 1.0
    for event in paid:
        close = bars["close"][bars["ts_event"] > event["ts_event"]][0]
        growth *= 1 + event["amount"] / 1e9 / close
    assert len(paid) > 2
    assert value[-1] / value[0] == pytest.approx(bars["close"][-1] / bars["close"][0] * growth)


@pytest.mark.parametrize(
    ("table", "symbols", "name"),
    [
        ({}, ["IBM"], "IBM, held"),
        ({}, ["IBM", "AAPL"], "Equal weight of 2"),
        ({"symbol": "AAPL"}, ["IBM", "AAPL"], "AAPL, held"),
        ({"symbol": "GOOG", "dataset": "ohlcv-5"}, ["IBM", "AAPL"], "GOOG, held"),
        ({"kind": "equal-weight"}, ["IBM"], "Equal weight of 1"),
        ({"kind": "none"}, ["IBM"], None),
    ],
)
def test_which_benchmark_a_scenario_gets(make, catalog, table, symbols, name):
    plan = make_plan(make(benchmark=table, data__symbols=symbols), catalog)
    found = make_benchmark(plan)
    assert (found.name if found else None) == name
