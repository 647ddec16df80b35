import os
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from lockstep.data.bundled import bundled
from lockstep.data.catalog import Catalog
from lockstep.data.feed import Replay
from lockstep.data.storage import POINTER
from lockstep.data.synthetic import SyntheticMarket, write_synthetic
from lockstep.data.writer import RowWriter, choose_partition
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY


def tiny(seed):
    return SyntheticMarket(seed=seed, symbols=2, sessions=2, pairs=0, splits=0, late=0, delisted=0)


def events(catalog, name):
    return np.concatenate([batch.view("V80") for batch in Replay(catalog, name)]).tobytes()


def test_a_missing_dataset_is_named_with_those_that_exist(catalog):
    with pytest.raises(DataError, match=r"dataset 'nope' is not in the catalogue .* ohlcv-5, skfolio-20"):
        catalog.dataset("nope")


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "A", "x" * 65, ".hidden", "a..b", "a b", "ü"])
def test_names_that_are_no_folder_names_are_refused(catalog, name):
    with pytest.raises(DataError, match="dataset name"):
        catalog.dataset(name)


def test_the_root_comes_from_the_environment_or_lies_in_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOCKSTEP_CATALOG", raising=False)
    assert Catalog().storage.local == tmp_path / ".lockstep" / "catalog"
    monkeypatch.setenv("LOCKSTEP_CATALOG", str(tmp_path / "elsewhere"))
    assert Catalog().storage.local == tmp_path / "elsewhere"
    assert Catalog().names() == []


def test_sql_sees_each_dataset_with_symbols(catalog):
    table = catalog.sql('SELECT symbol, count(*) AS n, max(close) AS top FROM "ohlcv-5" GROUP BY 1 ORDER BY 1')
    assert table.to_pydict()["symbol"] == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert table.to_pydict()["n"] == [3270, 196, 2148, 3270, 3270]
    splits = catalog.sql("""SELECT symbol, numerator FROM "ohlcv-5/actions" WHERE kind = 'split' ORDER BY ts_event""")
    assert splits.to_pylist() == [{"symbol": s, "numerator": 2} for s in ("AAPL", "MSFT", "AAPL")]


def test_sql_shows_times_in_utc(catalog):
    table = catalog.sql('SELECT CAST(max(ts_event) AS VARCHAR) AS t FROM "ohlcv-5"')
    assert table.to_pydict()["t"] == ["2013-03-01 21:00:00+00"]


def test_wrong_sql_is_refused_in_one_sentence(catalog):
    with pytest.raises(DataError, match=r"^SQL: .*views: ohlcv-5"):
        catalog.sql("SELECT nonsense FROM nowhere")


def test_the_hash_does_not_depend_on_files_or_on_the_catalogue(tmp_path, catalog, monkeypatch):
    other = Catalog(tmp_path / "other")
    monkeypatch.setattr("lockstep.data.publish.choose_partition", lambda *_: "month")
    bundled(other, ["ohlcv-5"])
    ours, theirs = catalog.manifest("ohlcv-5"), other.manifest("ohlcv-5")
    assert (ours.partition, theirs.partition) == ("decade", "month")
    assert len(theirs.files) > len(ours.files)
    assert ours.hash == theirs.hash
    assert events(catalog, "ohlcv-5") == events(other, "ohlcv-5")


def test_partitions_follow_the_density_of_rows():
    year = 365 * DAY
    assert choose_partition(5_000, 0, 30 * year) == "decade"
    assert choose_partition(2_400_000, 0, 20 * year) == "year"
    assert choose_partition(40_000_000, 0, 10 * year) == "month"


def test_rows_out_of_order_are_not_written(tmp_path):
    writer = RowWriter(tmp_path, "closes", "year")
    ts = pa.array([2, 1], pa.int64()).cast(pa.timestamp("ns", "UTC"))
    table = pa.table({"ts_event": ts, "instrument": pa.array([0, 0], pa.int32()), "close": [1.0, 1.0]})
    with pytest.raises(DataError, match="out of order at row 1"):
        writer.write(table)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").write_text("{"), "damaged manifest"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda folder: (folder.parent / POINTER).write_text("../../etc/passwd"), "expected 16 hex digits"),
        (lambda folder: next(folder.glob("data/*")).unlink(), "is missing or not"),
        (lambda folder: _truncate(next(folder.glob("data/*"))), "bytes long as its manifest says"),
        (lambda folder: _flip(next(folder.glob("data/*"))), "damaged"),
        (lambda folder: (folder / "actions.parquet").unlink(), "actions.parquet is missing or damaged"),
    ],
)
def test_damage_is_named(own, damage, message):
    bundled(own, ["ohlcv-5"])
    damage(own.storage.local / own.dataset("ohlcv-5").folder)
    with pytest.raises(DataError, match=message):
        list(Replay(own, "ohlcv-5"))


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path):
    content = bytearray(path.read_bytes())
    content[-8] ^= 0xFF
    path.write_bytes(bytes(content))


def test_a_manifest_cannot_lead_out_of_its_folder(own):
    bundled(own, ["sp500-index"])
    path = own.storage.local / own.dataset("sp500-index").folder / "manifest.json"
    path.write_text(path.read_text().replace("data/1990s.parquet", "../../../secret.parquet"))
    with pytest.raises(DataError, match=r"damaged manifest, files.0.path"):
        own.dataset("sp500-index")


def test_a_dataset_that_is_a_link_is_not_written_through(own, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    own.storage.local.mkdir()
    (own.storage.local / "ohlcv-5").symlink_to(target)
    with pytest.raises(DataError, match="symbolic link"):
        bundled(own, ["ohlcv-5"])
    assert list(target.iterdir()) == []


def test_importing_the_same_again_changes_nothing(own):
    first = write_synthetic(own, "synthetic-a", tiny(7))
    assert write_synthetic(own, "synthetic-a", tiny(7)) == first
    versions = [path for path in (own.storage.local / "synthetic-a").iterdir() if path.is_dir()]
    assert [path.name for path in versions] == [first.hash[:16]]


def test_the_version_before_stays_for_those_who_read_it(own):
    hashes = [write_synthetic(own, "synthetic-a", tiny(seed)).hash[:16] for seed in (1, 2, 3)]
    versions = sorted(path.name for path in (own.storage.local / "synthetic-a").iterdir() if path.is_dir())
    assert versions == sorted(hashes[1:])
    assert own.manifest("synthetic-a").hash[:16] == hashes[2]


SLOW_IMPORT = """
import sys, time
from lockstep.data.catalog import Catalog
from lockstep.data import publish, storage
from lockstep.data.synthetic import SyntheticMarket, write_synthetic
where, root, seed = sys.argv[1:]
def stop(*_):
    print("here", flush=True)
    time.sleep(60)
if where == "writing": publish.write_actions = stop
if where == "moving": storage.write_atomically = stop
market = SyntheticMarket(seed=int(seed), symbols=2, sessions=2, pairs=0, splits=0, late=0, delisted=0)
write_synthetic(Catalog(root), "synthetic-a", market)
print("done", flush=True)
"""


@pytest.mark.parametrize("where", ["writing", "moving"])
def test_a_killed_import_leaves_the_old_data(own, where):
    old = write_synthetic(own, "synthetic-a", tiny(7))
    before = events(own, "synthetic-a")
    command = [sys.executable, "-c", SLOW_IMPORT, where, str(own.storage.local), "9"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "here\n"
        os.kill(process.pid, signal.SIGKILL)
    assert own.manifest("synthetic-a") == old
    assert events(own, "synthetic-a") == before
    new = write_synthetic(own, "synthetic-a", tiny(9))
    assert own.manifest("synthetic-a") == new
    assert list((own.storage.local / ".staging").iterdir()) == []


def test_two_importers_at_once_both_succeed(own):
    quick = SLOW_IMPORT.replace("time.sleep(60)", "time.sleep(0.2)")
    command = [sys.executable, "-c", quick, "neither", str(own.storage.local)]
    seeds = ("1", "2", "1", "2")
    processes = [subprocess.Popen([*command, seed], stdout=subprocess.PIPE, text=True) for seed in seeds]
    assert [process.communicate()[0] for process in processes] == ["done\n"] * 4
    assert own.manifest("synthetic-a").truth["settings"]["seed"] in (1, 2)
    assert len(events(own, "synthetic-a")) > 0


def test_a_running_importer_is_not_swept_away(own):
    with own.storage.staging("one") as folder:
        (folder / "x").write_text("x")
        with own.storage.staging("two"):
            assert (folder / "x").exists()
    assert list((own.storage.local / ".staging").iterdir()) == []


def test_a_catalogue_may_be_a_url(tmp_path):
    url = Catalog("file://" + str(tmp_path / "by-url"))
    bundled(url, ["sp500-index"])
    assert Catalog(tmp_path / "by-url").names() == ["sp500-index"]
    with pytest.raises(DataError, match=r"expected a folder or a URL"):
        Catalog("gopher://nowhere/x")


def test_a_catalogue_on_a_file_system_of_arrow(tmp_path, monkeypatch):
    """What object stores go through, on a local disk."""
    from pyarrow import fs

    (tmp_path / "bucket").mkdir()
    remote = fs.SubTreeFileSystem(str(tmp_path / "bucket"), fs.LocalFileSystem())
    monkeypatch.setattr("lockstep.data.storage._remote", lambda _: (remote, "inner"))
    far = Catalog("s3://bucket/inner")
    bundled(far, ["ohlcv-5"])
    near = Catalog(tmp_path / "near")
    bundled(near, ["ohlcv-5"])
    assert far.names() == ["ohlcv-5"]
    assert events(far, "ohlcv-5") == events(near, "ohlcv-5")
    assert far.sql('SELECT count(*) AS n FROM "ohlcv-5"').to_pydict() == {"n": [12154]}
