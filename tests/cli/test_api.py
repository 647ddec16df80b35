from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import lockstep
from lockstep.data.calendar import load_sessions
from lockstep.engine.errors import ConfigError, DataError, LockstepError, StrategyError
from lockstep.engine.parameters import Integer
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.settings import Costs, Execution, Risk
from lockstep.engine.world import Sleeve
from lockstep.strategies.sma_cross import STRATEGY

SMA = "lockstep.strategies.sma_cross"
QUICK = {"fast": 5, "slow": 20}


class Holds(Strategy):
    """Buys at the first bar of each symbol and holds."""

    name = "holds"
    parameters: ClassVar = {"lots": Integer(100, 1, 10**6)}

    def start(self):
        self.bought = {}

    def on_bar(self, bar):
        if bar.symbol not in self.bought:
            self.bought[bar.symbol] = True
            self.market(bar.symbol, self.lots)


class Counts(Strategy):
    """Notes when it is called by its timers."""

    name = "counts"
    times: ClassVar = []

    def on_timer(self, notice):
        self.times.append(notice.ts)


def frame(seed=1, sessions=300, first="2019-01-02", last="2020-12-31"):
    days = load_sessions("XNYS", first, last).date[:sessions]
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0005, 0.015, len(days))))
    columns = {"open": close * 0.999, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1e6}
    return pd.DataFrame(columns, index=pd.to_datetime(days, unit="D")).round(2)


@pytest.fixture(scope="module")
def result(catalog_root):
    return lockstep.run(
        STRATEGY, "ohlcv-5", start="2008-06-02", end="2008-12-31", parameters=QUICK, catalog=catalog_root
    )


def test_five_lines_in_a_notebook_are_enough(home):
    import lockstep

    result = lockstep.run("lockstep.strategies.sma_cross", "ohlcv-5", start="2012-01-03")
    assert result.equity["equity"].iloc[-1] == result.final_equity
    assert result.statistics["total_return"] == pytest.approx(result.final_equity / 1e6 - 1)
    assert result.report("mine.html").stat().st_size > 100_000


def test_tables_are_in_dollars_and_shares(result):
    assert result.equity.index.name == "ts"
    assert result.fills["price"].between(1, 1000).all()
    assert (result.orders["filled"].abs() <= result.orders["quantity"].abs()).all()
    assert {"symbol", "net"} <= set(result.trades.columns)
    total = result.attribution["pnl"].sum()
    assert total == pytest.approx(result.final_equity - 1e6, abs=0.01)
    assert len(result.benchmark) == len(result.equity)
    assert set(result.decisions["verdict"]) <= {"approved", "shrunk", "refused"}


def test_a_dotted_name_an_object_and_a_scenario_give_the_same_digest(result, catalog_root, tmp_path):
    file = tmp_path / "same.toml"
    file.write_text(
        f'[data]\ndataset = "ohlcv-5"\nstart = "2008-06-02"\nend = "2008-12-31"\n[strategy]\nuse = "{SMA}"\n'
        "parameters = {fast = 5, slow = 20}\n"
    )
    given = {"start": "2008-06-02", "end": "2008-12-31", "parameters": QUICK, "catalog": catalog_root}
    assert lockstep.run(SMA, "ohlcv-5", **given).digest == result.digest
    assert lockstep.run(SMA, ["ohlcv-5"], **given).digest == result.digest
    assert lockstep.backtest(file, catalog=catalog_root).digest == result.digest
    other = lockstep.backtest(file, catalog=catalog_root, overrides=["strategy.parameters.fast=6"])
    assert other.digest != result.digest


@pytest.mark.parametrize(
    "tables",
    [
        {"costs": {"half_spread_bps": 3.0}, "risk": {"max_gross": 0.5}, "execution": {"latency": "1s"}},
        {"costs": Costs(half_spread_bps=3.0), "risk": Risk(max_gross=0.5), "execution": Execution(latency_ns=10**9)},
    ],
)
def test_settings_may_be_mappings_or_the_engine_s_own(tables):
    found = lockstep.run(STRATEGY, frame(), parameters=QUICK, **tables).manifest["config"]
    assert found["costs"]["half_spread_bps"] == 3.0
    assert found["risk"]["max_gross"] == 0.5
    assert found["execution"]["latency"] == "1s"


def test_free_costs_cost_nothing():
    found = lockstep.run(Holds, frame(), costs="free", cash=1e6)
    assert (found.fills["fee"] == 0).all()
    assert found.fills["price"].iloc[0] == frame()["open"].iloc[1]
    assert found.final_equity == pytest.approx(1e6 + 100 * (frame()["close"].iloc[-1] - frame()["open"].iloc[1]))


def test_a_mapping_of_frames_is_a_market_whatever_its_order():
    frames = {"B": frame(1), "A": frame(2)}
    one, other = (lockstep.run(Holds, dict(sorted(frames.items(), reverse=order))) for order in (True, False))
    assert one.digest == other.digest
    assert [each["symbol"] for each in one.manifest["instruments"]] == ["A", "B"]
    assert lockstep.run(Holds, frames, symbols=["A"]).manifest["instruments"][0]["symbol"] == "A"


def test_a_frame_of_closes_is_close_only():
    closes = pd.DataFrame({"X": frame(3)["close"], "Y": frame(4)["close"]})
    found = lockstep.run(Holds, closes)
    assert all(each["close_only"] for each in found.manifest["instruments"])
    assert len(found.fills) == 2


def test_a_window_of_a_frame_is_traded_after_its_warm_up():
    whole = frame()
    found = lockstep.run(STRATEGY, whole, start="2019-06-03", end="2019-12-31", parameters=QUICK)
    assert found.manifest["start"] == "2019-06-03T04:00:00+00:00"
    assert str(found.equity.index[0])[:10] == "2019-06-03"
    assert str(found.equity.index[-1])[:10] == "2019-12-31"
    # Whether the frame itself is cut makes no difference beyond the warm-up.
    cut = whole.loc["2019-05-03":"2019-12-31"]
    assert lockstep.run(STRATEGY, cut, start="2019-06-03", parameters=QUICK).digest == found.digest


def test_shocks_reach_frames():
    plain = lockstep.run(Holds, frame())
    gap = lockstep.run(Holds, frame(), shocks=[{"kind": "gap", "at": "2019-06-03", "size": -0.2}])
    assert gap.final_equity < plain.final_equity
    assert gap.manifest["shocks"][0]["kind"] == "gap"
    assert any("20% lower" in each for each in gap.manifest["warnings"])


def test_timers_are_called_in_exchange_time():
    from lockstep.engine.jobs import Schedule

    class Weekly(Counts):
        timers = (Schedule("09:00", every="week"),)
        times: ClassVar = []

    lockstep.run(Weekly, frame(sessions=30))
    found = [str(ts) for ts in np.array(Weekly.times, "datetime64[ns]").astype("datetime64[m]")]
    assert found[-3:] == ["2019-01-28T14:00", "2019-02-04T14:00", "2019-02-11T14:00"]


def test_a_job_s_result_is_handed_over_after_its_duration():
    from lockstep.engine.events import HOUR
    from lockstep.engine.jobs import Job, Schedule

    seen = []

    class Learns(Strategy):
        name = "learns"
        jobs = (Job("mean", Schedule("06:00"), lambda asof, parameters: {"bars": len(asof.bars("ASSET", 9))}, HOUR, 9),)

        def on_hand_over(self, result):
            seen.append((int(self.now), int(result["bars"])))

    lockstep.run(Learns, frame(sessions=6))
    assert [bars for _, bars in seen] == [0, 1, 2, 3, 4, 5]
    assert str(np.datetime64(seen[1][0], "ns").astype("datetime64[m]")) == "2019-01-03T12:00"


def test_delay_and_grace_postpone_what_is_known():
    times = []

    class Watches(Strategy):
        name = "watches"

        def on_bar(self, bar):
            times.append(("bar", int(self.now) - bar.ts))

        def on_slice(self, ts):
            times.append(("slice", int(self.now)))

    lockstep.run(Watches, frame(sessions=3), execution={"delay": "15min", "grace": "1s"})
    bars = [late for kind, late in times if kind == "bar"]
    assert bars == [15 * 60 * 10**9] * 3
    assert [kind for kind, _ in times] == ["bar", "slice"] * 3


def test_sleeves_share_an_account():
    sleeves = [Sleeve(STRATEGY, QUICK, 0.5, "quick"), Sleeve(Holds, {"lots": 10}, 0.5, "held")]
    with pytest.raises(LockstepError):
        lockstep.run(sleeves, frame(), parameters={"fast": 3})
    found = lockstep.run([sleeves[0], Sleeve(STRATEGY, {"fast": 10, "slow": 50}, 0.5, "slow")], frame())
    assert set(found.sleeves["sleeve"]) == {"quick", "slow"}


@pytest.mark.parametrize(
    ("strategy", "data", "options", "kind", "words"),
    [
        (STRATEGY, "none-such", {}, DataError, "'none-such' is not in the catalogue"),
        (STRATEGY, "ohlcv-5", {"calendar": "24/7"}, ConfigError, "'calendar' goes with DataFrames only"),
        (STRATEGY, frame(), {"parameters": {"fast": 0}}, ConfigError, "fast = 0"),
        (STRATEGY, frame(), {"costs": 3}, ConfigError, "costs = 3, expected a mapping"),
        (STRATEGY, frame(), {"costs": {"spread": 3}}, ConfigError, "costs.spread is not a key"),
        (STRATEGY, frame(), {"cash": -1.0}, ConfigError, "account.cash = -1"),
        (STRATEGY, frame(), {"start": "2030-01-02"}, ConfigError, "leaves nothing to trade"),
        (STRATEGY, frame(), {"start": "someday"}, ConfigError, "data.start = 'someday'"),
        (STRATEGY, frame(), {"benchmark": "SPY"}, ConfigError, "benchmark.symbol = 'SPY' is not replayed"),
        (STRATEGY, frame().rename(columns={"close": "last"}), {}, DataError, ""),
        (STRATEGY, frame().iloc[::-1], {}, DataError, ""),
        (STRATEGY, {}, {}, DataError, ""),
        (42, frame(), {}, StrategyError, "it is an object of int"),
        (frame, frame(), {}, StrategyError, "expected a KernelStrategy object or a class"),
        ("no.such:THING", frame(), {}, ConfigError, "there is no module 'no'"),
        ([STRATEGY], frame(), {}, ConfigError, "holds Sleeve objects"),
    ],
)
def test_what_is_wrong_is_told(home, strategy, data, options, kind, words):
    with pytest.raises(kind) as caught:
        lockstep.run(strategy, data, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        lockstep.nothing  # noqa: B018


def test_importing_the_package_loads_nothing(home):
    import subprocess
    import sys

    code = "import sys, lockstep; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "numba"} & set(done.stdout.split())
