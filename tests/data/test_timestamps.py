"""When a bar could be known: at its close, whatever its label says."""

import numpy as np
import pytest

from lockstep.data.feed import Replay
from lockstep.engine.errors import DataError
from lockstep.engine.events import BAR


def bars(catalog):
    events = np.concatenate([batch[batch["kind"] == BAR].copy() for batch in Replay(catalog, "mine")])
    return [(utc(e["ts_open"]), utc(e["ts_event"])) for e in events]


def utc(ts):
    return str(np.datetime64(int(ts), "ns").astype("datetime64[m]"))


def line(time):
    return f"time,open,high,low,close,volume\n{time},10,10,10,10,5\n"


@pytest.mark.parametrize(
    ("time", "declared", "opened", "closed"),
    [
        ("2020-03-02 09:30", {"label": "open"}, "2020-03-02T14:30", "2020-03-02T14:31"),
        ("2020-03-02 09:31", {"label": "close"}, "2020-03-02T14:30", "2020-03-02T14:31"),
        ("2020-03-09 09:31", {"label": "close"}, "2020-03-09T13:30", "2020-03-09T13:31"),
        ("2020-03-02 06:30", {"label": "open", "zone": "America/Los_Angeles"}, "2020-03-02T14:30", "2020-03-02T14:31"),
        ("2020-03-02T14:30:00Z", {"label": "open"}, "2020-03-02T14:30", "2020-03-02T14:31"),
        ("2020-03-02T09:30:00-05:00", {"label": "open", "zone": "Asia/Tokyo"}, "2020-03-02T14:30", "2020-03-02T14:31"),
        ("2020-03-02 09:00", {"label": "open", "timeframe": "1h"}, "2020-03-02T14:30", "2020-03-02T15:00"),
        ("2020-03-02 15:00", {"label": "open", "timeframe": "1h"}, "2020-03-02T20:00", "2020-03-02T21:00"),
        ("2020-03-02 15:30", {"label": "open", "timeframe": "1h"}, "2020-03-02T20:30", "2020-03-02T21:00"),
        ("2015-12-24 12:30", {"label": "open", "timeframe": "1h"}, "2015-12-24T17:30", "2015-12-24T18:00"),
        ("2020-03-02", {"label": "session", "timeframe": "1d"}, "2020-03-02T14:30", "2020-03-02T21:00"),
        ("2015-12-24", {"label": "session", "timeframe": "1d"}, "2015-12-24T14:30", "2015-12-24T18:00"),
        (
            "2020-03-07",
            {"label": "session", "timeframe": "1d", "calendar": "24/7", "zone": "UTC"},
            "2020-03-07T00:00",
            "2020-03-08T00:00",
        ),
    ],
)
def test_a_bar_is_known_at_its_close(importer, time, declared, opened, closed):
    importer(line(time), **declared)
    assert bars(importer.catalog) == [(opened, closed)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_epochs_are_utc_whatever_the_zone(importer, unit):
    stamp = np.datetime64("2020-03-02T14:30", unit).astype(np.int64)
    importer(line(stamp), layout={"time_format": (f"epoch_{unit}",)})
    assert bars(importer.catalog) == [("2020-03-02T14:30", "2020-03-02T14:31")]


def test_date_and_time_in_two_columns(importer):
    text = "Date,Clock,Open,High,Low,Close,Volume\n03/02/2020,09:30,10,10,10,10,5\n"
    layout = {"columns": {"date": "Date", "time": "Clock"}, "time_format": ("%m/%d/%Y %H:%M",)}
    importer(text, layout=layout)
    assert bars(importer.catalog) == [("2020-03-02T14:30", "2020-03-02T14:31")]


def test_two_declared_formats_may_be_mixed(importer):
    text = "time,open,high,low,close,volume\n3/2/2020 9:30,10,10,10,10,5\n2020-03-02 09:31:00,10,10,10,10,5\n"
    with pytest.raises(DataError, match=r"bars.csv:3: time = '2020-03-02 09:31:00', expected %m"):
        importer(text, layout={"time_format": ("%m/%d/%Y %H:%M",)})
    importer(text, layout={"time_format": ("%m/%d/%Y %H:%M", "iso")})
    assert [opened for opened, _ in bars(importer.catalog)] == ["2020-03-02T14:30", "2020-03-02T14:31"]


ALWAYS = {"calendar": "24/7", "zone": "America/New_York", "timeframe": "1h", "label": "open"}


def test_a_local_time_that_daylight_saving_skips_is_refused_or_dropped(importer):
    text = line("2021-03-14 01:00") + "2021-03-14 02:00,9,9,9,9,1\n2021-03-14 03:00,9,9,9,9,1\n"
    with pytest.raises(DataError, match=r"bars.csv:3: 2021-03-14T02:00:00 is skipped by daylight saving"):
        importer(text, **ALWAYS)
    importer(text, **ALWAYS, repair={"nonexistent": "drop"})
    assert [opened for opened, _ in bars(importer.catalog)] == ["2021-03-14T06:00", "2021-03-14T07:00"]


@pytest.mark.parametrize(("choice", "opened"), [("first", "2021-11-07T05:00"), ("second", "2021-11-07T06:00")])
def test_a_local_time_that_daylight_saving_repeats_is_refused_or_chosen(importer, choice, opened):
    text = line("2021-11-07 01:00")
    with pytest.raises(DataError, match=r"bars.csv:2: 2021-11-07T01:00:00 is repeated by daylight saving"):
        importer(text, **ALWAYS)
    importer(text, **ALWAYS, repair={"ambiguous": choice})
    assert bars(importer.catalog)[0][0] == opened


def test_the_feed_delays_what_can_be_known(importer, texts):
    importer(texts["minutes"]())
    plain = np.concatenate(list(Replay(importer.catalog, "mine")))
    late = np.concatenate(list(Replay(importer.catalog, "mine", delay_ns=7)))
    assert np.array_equal(late["ts_event"], plain["ts_event"])
    assert set(late["ts_available"] - late["ts_event"]) == {7}
