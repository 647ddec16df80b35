import pytest

from lockstep.data.catalog import Catalog
from lockstep.data.declaration import declare
from lockstep.data.importers.table import Layout, read_tables
from lockstep.data.ingest import ingest
from lockstep.live.venue.recording import open_recording

from .rig import Rig

DECLARED = {"zone": "America/New_York", "adjusted": "raw", "source": "a test", "licence": "none"}
DAYS = ["2020-03-02", "2020-03-03", "2020-03-04"]
PRICES = {"AAA": 100.0, "BBB": 50.0, "CCC": 20.0}
MINUTES = 390


def walk(seed):
    """Steps of -2 to 2 ticks, from a counter."""
    state = seed
    while True:
        state = (state * 1_103_515_245 + 12_345) % 2**31
        yield (state >> 16) % 5 - 2


def minute_rows():
    lines = ["time,symbol,open,high,low,close,volume"]
    for symbol, start in PRICES.items():
        steps, price = walk(len(symbol) + int(start)), round(start * 100)
        for day in DAYS:
            for minute in range(MINUTES):
                at = 570 + minute
                opened, price = price + next(steps), price + next(steps)
                high, low = max(opened, price) + 1, min(opened, price) - 1
                o, h, lo, c = (each / 100 for each in (opened, high, low, price))
                lines.append(f"{day} {at // 60:02d}:{at % 60:02d}:00,{symbol},{o},{h},{lo},{c},1000")
    return "\n".join(lines) + "\n"


def day_rows():
    lines = ["time,symbol,open,high,low,close,volume"]
    for symbol, start in PRICES.items():
        steps, price = walk(7 + int(start)), round(start * 100)
        for day in DAYS:
            opened, price = price + next(steps), price + next(steps)
            values = (opened, max(opened, price) + 20, min(opened, price) - 20, price)
            lines.append(f"{day},{symbol},{','.join(str(each / 100) for each in values)},100000")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A catalogue with three days of minutes and of days for three symbols."""
    folder = tmp_path_factory.mktemp("venue")
    catalog = Catalog(folder / "catalog")
    for name, text, timeframe, label in (
        ("minutes", minute_rows(), "1min", "open"),
        ("days", day_rows(), "1d", "session"),
    ):
        path = folder / f"{name}.csv"
        path.write_text(text)
        ingest(catalog, name, read_tables([path], Layout(), declare(timeframe=timeframe, label=label, **DECLARED)))
    return catalog


@pytest.fixture
def venue(recordings):
    """A function that starts a venue with clients on it; all are stopped after the test."""
    started = []

    def start(name="minutes", *, speed=0.0, streams=True, **options):
        wanted = {key: options.pop(key) for key in ("proxies", "loop", "start", "end", "symbols") if key in options}
        rig = Rig(open_recording(recordings, name, **wanted), speed=speed, **options)
        started.append(rig)
        if streams:
            rig.connect()
        return rig

    yield start
    for rig in started:
        rig.close()
