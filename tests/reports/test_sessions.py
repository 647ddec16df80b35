import numpy as np
import pandas as pd
import pytest

from lockstep.reports import RunFolder, load, statistics

from .fabricate import Fabric

MANIFEST = dict(schema=1, run="r", scenario="s", initial_cash=100_000_000, periods_per_year=252, instruments=[])


def equity(times, values):
    frame = pd.DataFrame({"ts": pd.to_datetime(times, utc=True).astype("datetime64[ns, UTC]"), "equity": values})
    return frame.assign(cash=0.0, gross=0.0, net=0.0)


def marks_at(*times):
    ts = pd.to_datetime(list(times), utc=True).astype("datetime64[ns, UTC]")
    return pd.DataFrame({"ts": ts, "sleeve": "a", "equity": 0.0, "gross": 0.0, "realised": 0.0, "fees": 0.0})


def test_the_last_mark_of_each_session_counts_and_the_first_return_is_against_the_cash():
    times = ["2020-01-02 15:00", "2020-01-02 21:00", "2020-01-03 15:00", "2020-01-03 21:00"]
    run = RunFolder(manifest=MANIFEST, equity=equity(times, [90.0, 110.0, 50.0, 99.0]))
    assert run.sessions["equity"].tolist() == [110.0, 99.0]
    assert run.sessions["returns"].tolist() == pytest.approx([0.10, -0.10])
    assert run.sessions["drawdown"].tolist() == pytest.approx([0.0, -0.10])


def test_sessions_follow_the_session_tables_where_there_are_any():
    times = pd.date_range("2020-01-02 22:00", periods=8, freq="3h")
    ends = marks_at("2020-01-03 04:00", "2020-01-03 16:00")
    run = RunFolder(manifest=MANIFEST, equity=equity(times, np.arange(8.0) + 100), sleeves=ends)
    assert run.sessions["equity"].tolist() == [102.0, 106.0, 107.0]


def test_exposure_is_that_of_the_whole_day_and_not_of_its_end():
    times = ["2020-01-02 15:00", "2020-01-02 21:00", "2020-01-03 15:00", "2020-01-03 21:00"]
    frame = equity(times, [100.0] * 4).assign(gross=[40.0, 0.0, 0.0, 0.0], net=[-40.0, 0.0, 0.0, 0.0])
    run = RunFolder(manifest=MANIFEST, equity=frame)
    assert run.sessions["exposure"].tolist() == [0.2, 0.0]
    found = statistics(run)
    assert (found["average_gross"], found["max_gross"], found["average_net"]) == (0.1, 0.4, -0.1)
    assert found["time_in_market"] == 0.5


def test_the_number_of_slices_does_not_change_the_sessions(tmp_path):
    daily = load(Fabric(sessions=60, slices=1).run().write(tmp_path / "daily"))
    often = load(Fabric(sessions=60, slices=7).run().write(tmp_path / "often"))
    assert len(often.equity) == 7 * len(daily.equity)
    assert len(often.sessions) == len(daily.sessions) == 60


def test_returns_after_ruin_are_nan():
    run = RunFolder(manifest=MANIFEST, equity=equity(pd.date_range("2020-01-01", periods=3), [50.0, -10.0, 5.0]))
    assert run.sessions["returns"].tolist()[:2] == pytest.approx([-0.5, -1.2])
    assert np.isnan(run.sessions["returns"].iloc[2])


def test_the_benchmark_is_what_was_known_by_the_session():
    benchmark = pd.DataFrame(
        {
            "ts": pd.to_datetime(["2020-01-02 12:00", "2020-01-04 12:00"], utc=True).astype("datetime64[ns, UTC]"),
            "name": "SPY",
            "value": [300.0, 330.0],
        }
    )
    marks = equity(pd.date_range("2020-01-01 21:00", periods=4), 100.0)
    run = RunFolder(manifest=MANIFEST, equity=marks, benchmark=benchmark, sleeves=marks_at(*marks["ts"]))
    assert run.sessions["benchmark"].tolist()[1:] == [300.0, 300.0, 330.0]
    assert np.isnan(run.sessions["benchmark"].iloc[0])
    assert run.sessions["benchmark_returns"].tolist()[2:] == pytest.approx([0.0, 0.1])
