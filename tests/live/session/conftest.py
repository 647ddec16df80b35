import contextlib
import os

import pytest

from lockstep.data.catalog import Catalog
from lockstep.data.declaration import declare
from lockstep.data.importers.table import Layout, read_tables
from lockstep.data.ingest import ingest

from .lives import Lives, VenueProcess, write_scenario

DECLARED = {"zone": "America/New_York", "adjusted": "raw", "source": "a test", "licence": "none"}
DAYS = ["2020-03-02", "2020-03-03"]
PRICES = {"AAA": 100.0, "BBB": 50.0, "CCC": 20.0}
MINUTES = 390


def walk(state):
    """Steps of -2 to 2 ticks, from a counter."""
    while True:
        state = (state * 1_103_515_245 + 12_345) % 2**31
        yield (state >> 16) % 5 - 2


def minute_rows():
    lines = ["time,symbol,open,high,low,close,volume"]
    for symbol, start in PRICES.items():
        steps, price = walk(int(start)), round(start * 100)
        for day in DAYS:
            for minute in range(570, 570 + MINUTES):
                opened, price = price + next(steps), price + next(steps)
                values = (opened, max(opened, price) + 1, min(opened, price) - 1, price)
                clock = f"{minute // 60:02d}:{minute % 60:02d}:00"
                lines.append(f"{day} {clock},{symbol},{','.join(str(each / 100) for each in values)},1000")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """The root of a catalogue with two days of minutes of three symbols."""
    folder = tmp_path_factory.mktemp("market")
    (folder / "minutes.csv").write_text(minute_rows())
    declared = declare(timeframe="1min", label="open", **DECLARED)
    ingest(Catalog(folder / "catalog"), "minutes", read_tables([folder / "minutes.csv"], Layout(), declared))
    return folder / "catalog"


@contextlib.contextmanager
def sessions_at(market, folder):
    """Give a function that begins a venue of its own and returns the lives of sessions at it."""
    venues = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCKSTEP_CATALOG", str(market))

        def begin(*arguments, **scenario):
            place = folder / str(len(venues))
            (place / "runs").mkdir(parents=True)
            path = write_scenario(place, **scenario)
            venues.append(VenueProcess(path, market, *arguments))
            return Lives(path, market, venues[-1], place / "runs")

        yield begin
        for venue in venues:
            venue.close()
        os.environ.pop("LOCKSTEP_VENUE_TOKEN", None)


@pytest.fixture
def lives(market, tmp_path):
    """A function that begins a venue of its own and returns the lives of sessions at it."""
    with sessions_at(market, tmp_path) as begin:
        yield begin
