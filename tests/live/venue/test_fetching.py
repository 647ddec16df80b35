"""Alpaca's history becomes a dataset: page by page, whatever happens on the way, and nothing by halves."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from lockstep.data.bundled import bundled
from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.data.synthetic.build import write_synthetic
from lockstep.data.synthetic.market import SyntheticMarket
from lockstep.engine.errors import DataError
from lockstep.live.fetching import fetch, wanted
from lockstep.live.importers import import_live
from lockstep.live.places import history_access

BARS = {"method": "GET", "path": "/v2/stocks/bars"}
MINUTES = {"symbols": "AAA,BBB", "start": "2020-03-02", "end": "2020-03-03", "timeframe": "1min", "page": 500}
FAST = 10_000


@pytest.fixture
def catalog(tmp_path):
    """An empty catalogue."""
    return Catalog(tmp_path / "catalog")


@pytest.fixture
def rig(venue):
    """A venue that has been through two days of minutes."""
    rig = venue(streams=False)
    rig.go(781, wait=False)
    return rig


def fetched(catalog, rig, name="got", **options):
    told = []
    asked = wanted({"requests_per_minute": FAST, **options})
    return fetch(catalog, name, asked, history_access(rig.url), told.append), told


def rows(catalog, name, symbols=None, **more):
    return read_frame(catalog.dataset(name), symbols, **more).reset_index(drop=True)


def left(catalog):
    return sorted((catalog.storage.local / ".fetch").glob("*"))


def test_minutes_are_those_that_were_traded(catalog, recordings, rig):
    manifest, told = fetched(catalog, rig, **MINUTES)
    expected = rows(recordings, "minutes", ["AAA", "BBB"], end="2020-03-03")
    pd.testing.assert_frame_equal(rows(catalog, "got"), expected)
    assert manifest.rows == 2 * 2 * 390
    assert [words.partition(":")[0] for words in told] == [*(f"page {n}" for n in (1, 2, 3, 4)), "corporate actions"]
    assert told[3] == "page 4: 1,560 rows"
    assert left(catalog) == []


def test_days_bring_their_splits_and_dividends(tmp_path, catalog, venue, recordings):
    bundled(recordings, ["ohlcv-5"])
    rig = venue("ohlcv-5", start="2000-06-01", end="2000-07-31", streams=False)
    rig.go(44, wait=False)
    manifest, _ = fetched(catalog, rig, symbols="AAPL,MSFT", start="2000-06-01", end="2000-07-31", timeframe="1d")
    assert manifest.label == "session"
    expected = rows(recordings, "ohlcv-5", ["AAPL", "MSFT"], start="2000-06-01", end="2000-07-31")
    found = rows(catalog, "got")
    expected = expected[expected["ts_event"] <= found["ts_event"].max()].drop(columns="adj_close", errors="ignore")
    assert len(found) >= 80
    pd.testing.assert_frame_equal(found, expected)
    actions = catalog.dataset("got").actions().to_pylist()
    assert [(each["kind"], str(each["date"]), each["numerator"]) for each in actions] == [("split", "2000-06-21", 2)]


@pytest.mark.parametrize("kind", ["quotes", "trades"])
def test_ticks(catalog, venue, recordings, kind):
    market = SyntheticMarket(symbols=2, sessions=1, pairs=0, splits=0, halts=0, late=0, delisted=0, step=30)
    write_synthetic(recordings, f"synthetic-{kind}", market, kind, per_step=20)
    rig = venue(f"synthetic-{kind}", streams=False)
    rig.go(120, wait=False)
    first = rows(recordings, f"synthetic-{kind}")["ts_event"].iloc[0]
    day = f"{first:%Y-%m-%d}"
    _, told = fetched(catalog, rig, symbols=["SYN001", "SYN002"], start=day, end=day, kind=kind, page=50)
    found = rows(catalog, "got")
    expected = rows(recordings, f"synthetic-{kind}")
    expected = expected[expected["ts_event"] <= found["ts_event"].max()]
    assert len(found) >= 100
    assert len(told) > 2
    expected = expected.sort_values(["ts_event", "symbol"], kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)


def test_what_goes_wrong_on_the_way_is_asked_again(catalog, rig, recordings):
    rig.script(
        {"fault": "429", "times": 2, "seconds": 0.1, "when": BARS},
        {"fault": "raw_body", "status": 502, "body": "<html>", "when": BARS},
        {"fault": "drop_after", "when": BARS},
    )
    fetched(catalog, rig, **MINUTES)
    assert all(each["fired"] for each in rig.side("GET", "faults").json())
    pd.testing.assert_frame_equal(rows(catalog, "got"), rows(recordings, "minutes", ["AAA", "BBB"], end="2020-03-03"))


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path, catalog, rig, recordings):
    code = "import sys; from lockstep.cli import main; sys.exit(main())"
    options = {**MINUTES, "page": 100, "url": rig.url, "requests_per_minute": 300}
    command = [
        sys.executable,
        "-c",
        code,
        "data",
        "import",
        "got",
        "--as",
        "alpaca",
        "--catalog",
        str(catalog.storage.local),
    ]
    command += [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("page 4"):
                break
        process.send_signal(signal.SIGKILL)
    (folder,) = left(catalog)
    there = {path.name: path.stat().st_mtime_ns for path in folder.glob("page-*.parquet")}
    assert 4 <= len(there) < 16
    assert "got" not in catalog.names()
    time.sleep(0.01)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"page {len(there)}:" not in done.stderr
    assert f"page {len(there) + 1}:" in done.stderr
    pd.testing.assert_frame_equal(rows(catalog, "got"), rows(recordings, "minutes", ["AAA", "BBB"], end="2020-03-03"))
    assert left(catalog) == []


def test_what_is_refused_leaves_the_old_data(catalog, rig):
    fetched(catalog, rig, **MINUTES)
    before = catalog.dataset("got").manifest.hash
    with pytest.raises(DataError, match="no rows of these symbols in these days"):
        fetched(catalog, rig, **{**MINUTES, "symbols": "NOPE"})
    rig.script({"fault": "raw_body", "status": 403, "body": '{"message":"forbidden."}', "times": 9, "when": BARS})
    with pytest.raises(DataError, match=r"historical bars: .*403"):
        fetched(catalog, rig, **{**MINUTES, "symbols": "CCC"})
    assert catalog.dataset("got").manifest.hash == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symbols": []}, "symbols = "),
        ({"start": "yesterday"}, "start = 'yesterday'"),
        ({"kind": "news"}, "kind = 'news'"),
        ({"timeframe": "soon"}, "timeframe = 'soon'"),
        ({"colour": 1}, "colour = 1"),
        ({"requests_per_minute": 0}, "requests_per_minute = 0"),
    ],
)
def test_wrong_options_are_refused(catalog, rig, change, words):
    with pytest.raises(DataError, match=words):
        import_live(catalog, "got", "alpaca", {**MINUTES, "url": rig.url, **change}, print)
    assert catalog.names() == []
