import numpy as np
import pytest

from lockstep.data.calendar import days, iso_date, load_sessions, midnights
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY, HOUR, MINUTE


def at(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def test_a_session_of_the_exchange_in_summer_and_winter():
    found = load_sessions("XNYS", "2021-03-12", "2021-03-15")
    assert [iso_date(day) for day in found.date] == ["2021-03-12", "2021-03-15"]
    assert list(found.open) == [at("2021-03-12T14:30"), at("2021-03-15T13:30")]
    assert list(found.close) == [at("2021-03-12T21:00"), at("2021-03-15T20:00")]
    assert list(found.midnight) == [at("2021-03-12T05:00"), at("2021-03-15T04:00")]
    assert found.zone == "America/New_York"


def test_a_half_day_closes_at_one():
    found = load_sessions("XNYS", "2015-12-24", "2015-12-24")
    assert list(found.close - found.midnight) == [13 * HOUR]


def test_nights_count_calendar_days():
    found = load_sessions("XNYS", "2021-07-01", "2021-07-02", extra=1)
    assert list(found.nights()[:2]) == [1, 4]  # Thursday to Friday; Friday over Independence Day to Tuesday


def test_a_market_that_never_closes_has_a_session_each_utc_day():
    found = load_sessions("24/7", "2021-07-03", "2021-07-05")
    assert list(found.close - found.open) == [DAY] * 3
    assert list(found.nights()[:2]) == [1, 1]


def test_a_bar_belongs_to_the_session_in_which_it_closes():
    found = load_sessions("XNYS", "2021-07-01", "2021-07-02")
    ts = np.array([found.open[0], found.open[0] + MINUTE, found.close[0], found.close[0] + 1, found.close[1]])
    assert list(found.holding(ts)) == [-1, 0, 0, -1, 1]


def test_dates_without_session_have_no_number():
    found = load_sessions("XNYS", "2021-07-01", "2021-07-06")
    wanted = np.array([days(text) for text in ("2021-07-02", "2021-07-03", "2021-07-05", "2021-07-06", "2021-07-07")])
    assert list(found.of_date(wanted)) == [1, -1, -1, 2, -1]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Asia/Tokyo", "America/Sao_Paulo"])
def test_midnights_are_those_of_the_zone(zone):
    import pandas as pd

    dates = np.arange(days("2018-01-01"), days("2018-12-31"))
    expected = pd.DatetimeIndex(dates.astype("datetime64[D]")).tz_localize(zone, nonexistent="shift_forward")
    assert np.array_equal(midnights(dates, zone), expected.tz_convert("UTC").as_unit("ns").asi8)


@pytest.mark.parametrize("name", ["XNYX", "", "../../etc"])
def test_an_unknown_calendar_is_refused(name):
    with pytest.raises(DataError, match=r"not known; expected '24/7' or"):
        load_sessions(name, "2021-01-01", "2021-02-01")
