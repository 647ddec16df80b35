import numpy as np
import pytest

from lockstep.data.calendar import load_sessions
from lockstep.engine.events import HOUR, MINUTE
from lockstep.engine.jobs import Schedule
from lockstep.scenarios.schedules import instants, timers


@pytest.fixture(scope="module")
def sessions():
    return load_sessions("XNYS", "2021-03-01", "2021-04-30")


def local(ts):
    return [str(each)[:16] for each in np.array(ts, "datetime64[ns]")]


def test_a_clock_time_follows_daylight_saving(sessions):
    found = local(instants(Schedule("06:00"), sessions))
    assert "2021-03-12T11:00" in found  # EST
    assert "2021-03-15T10:00" in found  # EDT, from the next session on
    assert len(found) == len(sessions)


def test_open_and_close_are_the_session_s_and_can_be_shifted(sessions):
    assert instants(Schedule("open"), sessions) == sessions.open.tolist()
    assert instants(Schedule("close", offset_ns=-5 * MINUTE), sessions) == (sessions.close - 5 * MINUTE).tolist()


def test_the_first_session_of_week_and_month(sessions):
    assert local(instants(Schedule("12:00", every="month"), sessions)) == ["2021-03-01T17:00", "2021-04-01T16:00"]
    weeks = local(instants(Schedule("12:00", every="week"), sessions))
    assert weeks[:3] == ["2021-03-01T17:00", "2021-03-08T17:00", "2021-03-15T16:00"]
    assert "2021-04-05T16:00" in weeks
    assert len(weeks) == 9


def test_another_zone_s_clock(sessions):
    found = instants(Schedule("08:00", zone="Asia/Tokyo"), sessions)
    assert found[0] == np.datetime64("2021-02-28T23:00", "ns").astype(np.int64)


def test_timers_are_sorted_with_their_numbers(sessions):
    schedules = [(7, Schedule("close")), (3, Schedule("open"))]
    found = timers(schedules, sessions, int(sessions.midnight[0]), int(sessions.close[1]))
    assert [number for _, number in found] == [3, 7, 3, 7]
    assert found == sorted(found)
    assert found[1][0] - found[0][0] == 6 * HOUR + 30 * MINUTE


def test_nothing_is_due_outside_the_replay(sessions):
    schedules = [(1, Schedule("06:00")), (2, Schedule("20:00"))]
    found = timers(schedules, sessions, int(sessions.open[3]), int(sessions.close[4]))
    assert [(local([ts])[0], number) for ts, number in found] == [
        ("2021-03-05T01:00", 2),
        ("2021-03-05T11:00", 1),
        ("2021-03-06T01:00", 2),
    ]


def test_the_start_of_a_replay_is_not_the_start_of_a_month(sessions):
    found = timers([(1, Schedule("06:00", every="month"))], sessions, int(sessions.open[9]), int(sessions.close[-1]))
    assert local([ts for ts, _ in found]) == ["2021-04-01T10:00"]
