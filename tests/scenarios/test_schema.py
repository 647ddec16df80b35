import json
from dataclasses import fields

import pytest

from lockstep.engine import settings
from lockstep.engine.errors import ConfigError
from lockstep.engine.events import MS
from lockstep.scenarios.loading import validate
from lockstep.scenarios.schema import KINDS, Scenario


@pytest.mark.parametrize("name", ["Account", "Costs", "Risk"])
def test_a_table_has_the_settings_fields_and_defaults(name, make):
    table = getattr(make(), name.lower())
    mirrored = getattr(settings, name)()
    assert {f.name for f in fields(mirrored)} == set(type(table).model_fields)
    assert all(getattr(table, f.name) == getattr(mirrored, f.name) for f in fields(mirrored))


def test_execution_has_every_setting_but_takes_spans_as_text(make):
    own = set(type(make().execution).model_fields)
    assert own == {f.name for f in fields(settings.Execution)} - {"latency_ns"} | {"latency", "delay", "grace"}


def test_settings_carry_every_value(make):
    found = make(
        account__cash=5e4, costs__commission="bps", execution__latency="1.5s", risk__max_gross="unlimited"
    ).settings()
    assert found.account.cash == 5e4
    assert found.costs.commission == "bps"
    assert found.execution.latency_ns == 1_500 * MS
    assert found.risk.max_gross == float("inf")


def test_the_default_latency_is_the_engine_s(make):
    assert make().settings() == settings.Settings()


def test_a_dumped_scenario_is_json_and_validates_to_itself(make):
    whole = make(
        risk__max_order=float("inf"),
        execution__delay={"ohlcv-5": "15min"},
        shocks=[{"kind": "gap", "at": "2008-09-15", "size": -0.1}],
        universe={"members": [{"symbol": "AAPL", "start": "2008-01-01"}]},
    )
    text = json.dumps(whole.dump(), allow_nan=False)
    assert validate(json.loads(text), "again") == whole


def test_toml_s_own_dates_are_dates(make):
    import tomllib

    given = tomllib.loads("start = 2008-06-02\nend = 2009-01-01T10:00:00-05:00\ndataset = 'ohlcv-5'")
    data = make(data=given).data
    assert (data.start, data.end) == ("2008-06-02", "2009-01-01T10:00:00-05:00")


def test_how_it_trades_live_has_defaults_and_is_checked(make):
    assert make().live.at_exit == "cancel"
    assert make(live={"grace": "3s", "fresh": "auto"}).live.grace == "3s"
    for wrong in ({"anything": 1}, {"grace": "soon"}, {"at_exit": "panic"}, {"fresh": "never"}):
        with pytest.raises(ConfigError):
            make(live=wrong)


def test_sleeves_stand_for_a_strategy(tables):
    strategy = tables.pop("strategy")
    tables["sleeves"] = [strategy | {"name": "a", "share": 0.4}, strategy | {"name": "b", "share": 0.6}]
    assert [sleeve.share for sleeve in validate(tables, "x").every_sleeve] == [0.4, 0.6]


def test_a_symbol_alone_makes_the_benchmark_a_holding(make):
    assert make(benchmark__symbol="IBM").benchmark.kind == "hold"


def test_the_kinds_of_shocks_are_listed_whole():
    union = Scenario.model_json_schema()["properties"]["shocks"]["items"]["discriminator"]["mapping"]
    assert set(union) == set(KINDS)


def test_a_delay_may_differ_by_dataset(make):
    found = make(execution__delay={"ohlcv-5": "15min"}, execution__grace="1s")
    assert found.execution.delay == {"ohlcv-5": "15min"}
    assert found.execution.grace == "1s"
