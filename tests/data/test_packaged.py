"""The bundled data is what it says it is."""

import numpy as np
import pytest

from lockstep.data.bundled import BUNDLED, bundled
from lockstep.data.importers import packaged
from lockstep.data.reading import read_frame, read_rows
from lockstep.engine.errors import DataError


def rules(manifest):
    return {finding.rule: finding for finding in manifest.findings}


def test_only_what_is_asked_for_and_missing_is_built(own):
    assert bundled(own, ["sp500-index", "not-ours"]) == ["sp500-index"]
    assert bundled(own, ["sp500-index"]) == []
    assert own.names() == ["sp500-index"]


def test_every_bundled_dataset_builds_and_checks_clean(own):
    assert sorted(bundled(own)) == sorted(BUNDLED)
    for name in BUNDLED:
        manifest = own.manifest(name)
        assert manifest.synthetic == name.startswith("synthetic")
        assert manifest.source
        assert manifest.licence
        assert manifest.rows == sum(entry.rows for entry in manifest.files)


def test_the_20_stocks_stay_close_only_and_adjusted(catalog):
    manifest = catalog.manifest("skfolio-20")
    assert (manifest.kind, manifest.adjusted, manifest.rows) == ("closes", "total", 166_260)
    assert len(manifest.instruments) == 20
    assert {entry.tick for entry in manifest.instruments} == {1}
    assert {entry.lots_per_unit for entry in manifest.instruments} == {10**9}
    assert all(entry.sector for entry in manifest.instruments)
    assert catalog.sql('SELECT * FROM "skfolio-20" LIMIT 1').column_names == ["symbol", "id", "ts_event", "close"]
    assert "survived" in manifest.survivorship
    assert rules(manifest)["coarse"].examples[0] == "AAPL at 0.098: one step is 1 %"
    assert "AAPL 2000-09-29 -52 %" in rules(manifest)["jumps"].examples


def test_the_actions_of_the_five_stocks_are_proven_complete(catalog):
    """Splits and dividends explain the vendor's adjusted close on every day of every stock."""
    manifest = catalog.manifest("ohlcv-5")
    found = rules(manifest)
    assert found["splits"].examples == ("AAPL 2000-06-21", "AAPL 2005-02-28", "MSFT 2003-02-18")
    assert "vendor_adjusted" not in found
    assert found["jumps"].examples == ("AAPL 2000-09-29 -52 %",)
    assert manifest.repairs == ()
    assert (manifest.adjusted, manifest.kind) == ("raw", "bars")


@pytest.mark.parametrize("lost", [0, 40, -1])
def test_an_action_less_and_the_check_says_so(own, monkeypatch, lost):
    actions = packaged.read_actions(packaged.ACTIONS / "ohlcv-5.csv")
    dropped = actions.pop(lost)
    monkeypatch.setattr(packaged, "read_actions", lambda _: actions)
    if dropped.kind == "split":
        with pytest.raises(DataError, match="AAPL 2000-06-21: the price moved overnight like a 2:1 split"):
            bundled(own, ["ohlcv-5"])
    else:
        bundled(own, ["ohlcv-5"])
        assert rules(own.manifest("ohlcv-5"))["vendor_adjusted"].count == 1


def test_raw_prices_are_as_traded(catalog):
    frame = read_frame(catalog.dataset("ohlcv-5"), ["AAPL"], "2005-02-25", "2005-02-28")
    assert frame["close"].tolist() == [88.99, 44.86]
    assert frame["volume"].tolist() == [16_348_400, 11_635_900]
    assert str(frame["ts_open"].iloc[0]) == "2005-02-25 14:30:00+00:00"


def test_index_prices_lose_their_float32_noise(own):
    bundled(own, ["indices"])
    rows = read_rows(own.dataset("indices"), ["SP500"], "1999-01-04", "1999-01-04")
    assert [float(rows[name][0]) for name in ("open", "high", "low", "close")] == [1229.23, 1248.81, 1219.1, 1228.1]
    assert not own.manifest("indices").instruments[0].shortable


def test_days_without_a_quote_have_no_row(own):
    bundled(own, ["index-closes"])
    rows = read_rows(own.dataset("index-closes"))
    assert np.isfinite(rows["close"]).all()
    repairs = {repair.rule: repair.count for repair in own.manifest("index-closes").repairs}
    assert repairs == {"calendar": 30, "split": 4}


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(DataError, match=r"package 'not_there_at_all' is not installed"):
        packaged.package_file("not_there_at_all", "x")
    with pytest.raises(DataError, match="is missing from the installed 'skfolio'"):
        packaged.package_file("skfolio", "datasets/data/none.csv.gz")
