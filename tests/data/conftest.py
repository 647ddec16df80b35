import numpy as np
import pytest

from lockstep.data.bundled import bundled
from lockstep.data.catalog import Catalog
from lockstep.data.declaration import declare
from lockstep.data.importers.table import Layout, read_tables
from lockstep.data.ingest import ingest

MINUTES = {
    "timeframe": "1min",
    "label": "open",
    "zone": "America/New_York",
    "adjusted": "raw",
    "source": "a test",
    "licence": "none",
}
DAYS = {**MINUTES, "timeframe": "1d", "label": "session"}


@pytest.fixture(scope="session")
def catalog(tmp_path_factory):
    """A catalogue with small bundled datasets; not to be written to."""
    found = Catalog(tmp_path_factory.mktemp("catalog"))
    bundled(found, ["ohlcv-5", "skfolio-20", "sp500-index", "synthetic-quotes"])
    return found


@pytest.fixture
def own(tmp_path):
    """An empty catalogue of the test's own."""
    return Catalog(tmp_path / "catalog")


class Importer:
    """Writes text to files and imports them."""

    def __init__(self, catalog, folder):
        self.catalog, self.folder = catalog, folder

    def file(self, text, name="bars.csv"):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def __call__(self, text, *, name="bars.csv", layout=None, declared=MINUTES, **changes):
        declaration = declare(**{**declared, **changes})
        source = read_tables([self.file(text, name)], Layout(**{"symbol": "AAA", **(layout or {})}), declaration)
        return ingest(self.catalog, "mine", source)


@pytest.fixture
def importer(own, tmp_path):
    return Importer(own, tmp_path)


def minute_text(day="2020-03-02", minutes=5, start=570, price=100.0):
    """CSV of minute bars from 09:30 on."""
    lines = ["time,open,high,low,close,volume"]
    for minute in range(start, start + minutes):
        at = f"{day} {minute // 60:02d}:{minute % 60:02d}:00"
        lines.append(f"{at},{price:.2f},{price + 0.1:.2f},{price - 0.1:.2f},{price:.2f},100")
    return "\n".join(lines) + "\n"


def day_text(days, closes, volume=1000):
    """CSV of daily bars around the given closes."""
    lines = ["time,open,high,low,close,volume"]
    lines += [
        f"{day},{c:.2f},{c * 1.01:.2f},{c * 0.99:.2f},{c:.2f},{volume}" for day, c in zip(days, closes, strict=True)
    ]
    return "\n".join(lines) + "\n"


def weekdays(first, count):
    """ISO dates of weekdays; pick a range without holidays."""
    return [str(day) for day in np.busday_offset(np.datetime64(first), np.arange(count), roll="forward")]


@pytest.fixture
def texts():
    return {"minutes": minute_text, "days": day_text, "weekdays": weekdays, "DAYS": DAYS, "MINUTES": MINUTES}
