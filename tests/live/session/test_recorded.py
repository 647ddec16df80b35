"""What a session has recorded becomes a dataset on which a backtest runs."""

import pandas as pd
import pytest

import lockstep
from lockstep.data.catalog import Catalog
from lockstep.data.reading import read_frame
from lockstep.engine.errors import ConfigError, DataError
from lockstep.engine.events import MINUTE
from lockstep.engine.python_strategy import Strategy
from lockstep.live.importers import import_live

ONE_DAY = 'end = "2020-03-02"'
PRICES = ("open", "high", "low", "close", "volume")


class Turns(Strategy):
    """Holds for ten minutes, then stays out for ten."""

    name = "turns"

    def on_bar(self, bar):
        self.target(bar.symbol, 10 * (bar.ts // (10 * MINUTE) % 2))


def imported(them, tmp_path, **options):
    catalog = Catalog(tmp_path / "own")
    return catalog, import_live(catalog, "recorded", "recording", {"paths": [them.folder], **options}, print)


def test_a_recording_is_what_was_replayed(lives, tmp_path):
    them = lives(data=ONE_DAY)
    them.live_on()
    catalog, manifest = imported(them, tmp_path)
    assert (manifest.timeframe, manifest.label, manifest.rows) == ("1min", "open", 3 * 390)
    assert them.folder.name in manifest.source
    expected = read_frame(Catalog(them.catalog).dataset("minutes"), end="2020-03-02")
    pd.testing.assert_frame_equal(read_frame(catalog.dataset("recorded")), expected)
    frame = read_frame(catalog.dataset("recorded"), ["AAA"]).set_index("ts_open")
    again = lockstep.run(Turns, frame[list(PRICES)], timeframe="1min", label="open")
    assert len(again.fills) > 10


def test_corrected_bars_enter_as_corrected(lives, tmp_path):
    them = lives(data=ONE_DAY)
    them.venue.fault({"fault": "revise_bar", "symbol": "AAA", "price": 123.0, "when": {"slice": 30}})
    them.live_on()
    catalog, manifest = imported(them, tmp_path)
    closes = read_frame(catalog.dataset("recorded"), ["AAA"])["close"]
    assert (closes == 123.0).sum() == 1
    assert manifest.rows == 3 * 390


def test_what_was_not_recorded_is_refused(lives, tmp_path):
    them = lives(data=ONE_DAY)
    them.live_on()
    with pytest.raises(DataError, match=r"kind = 'quotes': .* has recorded bars; name one of them"):
        imported(them, tmp_path, kind="quotes")
    with pytest.raises(DataError, match="option 'colour' is unknown"):
        imported(them, tmp_path, colour=1)
    with pytest.raises(DataError, match="0 folders are named"):
        imported(them, tmp_path, paths=[])
    with pytest.raises(ConfigError, match="holds no journal"):
        imported(them, tmp_path, paths=[tmp_path])
