"""The large sets of real data: quirks found, crashes kept, total returns as the vendor has them."""

import numpy as np
import pytest

from lockstep.data.adjust import adjustments, total_return
from lockstep.data.catalog import Catalog
from lockstep.data.commands import check_dataset, import_dataset
from lockstep.data.feed import Replay
from lockstep.data.reading import read_rows
from lockstep.engine.errors import DataError
from lockstep.engine.events import BAR, SPLIT

POLICY = {"split_ratio": "round", "split": "keep", "bad_tick": "keep"}
DAILY = {"symbol": "DA-{symbol}-T-2021-04-21.csv.gz", "source": "the daily set", "licence": "MIT"}
FIVE = {
    "files": "*.csv.gz",
    "symbol": "{symbol}_5m.csv.gz",
    "columns": {"time": "date"},
    "time_format": ("%m/%d/%Y %H:%M", "iso"),
    "timeframe": "5min",
    "label": "open",
    "zone": "America/Los_Angeles",
    "adjusted": "split",
    "source": "the 5-minute set",
    "licence": "MIT",
}
ONE = {
    "files": "*_1min.csv",
    "symbol": "{symbol}_1min.csv",
    "timeframe": "1min",
    "label": "close",
    "zone": "America/New_York",
    "adjusted": "raw",
    "source": "the 1-minute set",
    "licence": "ISC",
}


@pytest.fixture(scope="module")
def daily(tmp_path_factory, market_data):
    """The catalogue with the daily set of 504 symbols."""
    catalog = Catalog(tmp_path_factory.mktemp("daily"))
    folder = market_data / "sp500_daily_1999_2021"
    options = {**DAILY, "constituents": folder / "constituents.csv", "survivorship": "members of 2021"}
    import_dataset(catalog, "sp500-daily", "daily", paths=folder / "daily_adjusted", repair=POLICY, **options)
    return catalog


@pytest.mark.slow
def test_total_returns_are_the_vendors_but_for_202_rows(daily):
    dataset = daily.dataset("sp500-daily")
    rows = read_rows(dataset)
    order = np.argsort(rows["code"], kind="stable")
    bounds = np.searchsorted(rows["code"][order], np.arange(len(rows.ids) + 1))
    off, far, pairs = 0, 0, 0
    for code, name in enumerate(rows.ids):
        own = order[bounds[code] : bounds[code + 1]]
        close, adjusted = rows["close"][own], rows["adj_close"][own]
        total = total_return(rows["ts_event"][own], close, adjustments(dataset, name, sourced=True))
        miss = np.abs(total[1:] / total[:-1] - adjusted[1:] / adjusted[:-1])
        off, far, pairs = off + int((miss > 1e-6).sum()), far + int((miss > 0.01).sum()), pairs + len(miss)
    assert (off, far, pairs) == (202, 13, 2_402_387)


@pytest.mark.slow
def test_the_check_finds_and_names_what_is_odd(daily):
    found = {finding.rule: finding for finding in check_dataset(daily, "sp500-daily")}
    named = found["vendor_adjusted"]
    assert named.count == len(named.examples) == 202
    for case in ("HLT 2017-01-04", "LDOS 2013-09-30", "TMUS 2013-05-01", "TRMB 2007-02-23", "ZBRA 2004-08-25"):
        assert any(example.startswith(case) for example in named.examples), case
    assert found["gaps"].count == 27
    assert sorted({example.split()[0] for example in found["gaps"].examples}) == ["KIM", "RHI", "SPGI", "VIAC", "WELL"]
    assert found["zero_volume"].count == 187
    assert found["ends_early"].examples == ("VAR 2021-04-16",)
    assert {"AAPL 2000-09-29 -52 %", "AIG 2008-09-15 -61 %"} <= set(found["jumps"].examples)
    assert any("7:1 for 7.000007" in example for example in found["repair_split_ratio"].examples)
    assert found["repair_split"].count == 7


@pytest.mark.slow
def test_splits_of_the_daily_set_reach_the_engine_as_whole_numbers(daily):
    events = np.concatenate([batch.copy() for batch in Replay(daily, "sp500-daily", ["AAPL", "AIG", "C"])])
    splits = events[events["kind"] == SPLIT]
    ratios = sorted(zip(splits["numerator"].tolist(), splits["denominator"].tolist(), strict=True))
    assert ratios == [(1, 10), (1, 20), (2, 1), (2, 1), (3, 2), (4, 1), (4, 3), (7, 1)]


@pytest.mark.slow
def test_sectors_come_from_the_table_of_constituents(daily):
    entries = {entry.id: entry for entry in daily.manifest("sp500-daily").instruments}
    assert (entries["AAPL"].sector, entries["XOM"].sector) == ("Information Technology", "Energy")
    assert len(entries) == 504


def test_coefficients_are_rounded_only_when_declared(own, market_data):
    folder = market_data / "sp500_daily_1999_2021" / "daily_adjusted"
    with pytest.raises(DataError, match=r"AAPL 2014-06-09 split 7:1 for 7.00000\d+.*split_ratio=round"):
        import_dataset(own, "aapl", "daily", paths=folder, files="DA-AAPL-*.gz", **DAILY)


def test_pacific_times_two_formats_and_repeated_rows(own, market_data):
    folder = market_data / "tda_5min_2022"
    repair = {"order": "sort", "duplicates": "drop", "extended": "drop"}
    for lacking in repair:
        partial = {rule: action for rule, action in repair.items() if rule != lacking}
        with pytest.raises(DataError, match=f"declare repair {lacking}="):
            import_dataset(own, "tda", "table", paths=folder, repair=partial, **{**FIVE, "files": "AAPL*"})
    manifest = import_dataset(own, "tda", "table", paths=folder, repair=repair, **FIVE)
    repairs = {repair.rule: repair.count for repair in manifest.repairs}
    assert repairs["duplicates"] == 3275
    found = {finding.rule: finding for finding in manifest.findings}
    assert found["gaps"].examples == ("NVDA 2023-02-10", "QQQ 2023-02-10", "SPY 2023-02-10")
    first = next(iter(Replay(own, "tda", ["AAPL"], actions=False)))[0]
    assert str(first["ts_event"].astype("datetime64[ns]").astype("datetime64[m]")) == "2022-02-02T14:35"
    del repair["extended"]
    with pytest.raises(DataError, match=r"sessions seem to begin -3.0 h from the opening: is the zone right"):
        import_dataset(
            own, "tda", "table", paths=folder, repair=repair, **{**FIVE, "files": "AAPL*", "zone": "America/New_York"}
        )


def test_descending_minutes_labelled_by_their_close(own, market_data):
    folder = market_data / "av_1min_2019"
    with pytest.raises(DataError, match=r"AAPL_1min.csv:3: .* expected times that ascend"):
        import_dataset(own, "av", "table", paths=folder, **ONE)
    manifest = import_dataset(own, "av", "table", paths=folder, repair={"order": "sort"}, **ONE)
    sparse = next(finding for finding in manifest.findings if finding.rule == "sparse")
    assert "UGA has 388 of 1950 bars" in sparse.examples
    bars = np.concatenate([batch[batch["kind"] == BAR].copy() for batch in Replay(own, "av", ["SPY"])])
    assert str(bars["ts_event"][0].astype("datetime64[ns]").astype("datetime64[m]")) == "2019-02-11T14:31"
    with pytest.raises(DataError, match="is the label 'close'"):
        import_dataset(own, "av", "table", paths=folder, repair={"order": "sort"}, **{**ONE, "label": "open"})
