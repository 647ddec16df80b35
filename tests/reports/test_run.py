import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockstep.reports import RunError, RunFolder, load, statistics
from lockstep.reports.schema import TABLES, empty

from .fabricate import LOTS


@pytest.fixture
def copy(run_folder, tmp_path):
    return shutil.copytree(run_folder, tmp_path / "copy")


def change_manifest(folder, **changes):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


def test_money_becomes_dollars_and_lots_become_shares(run_folder, fabric):
    run = load(run_folder)
    ts, _, _, _, _, quantity, price, *_ = fabric.rows["fills"][3]
    row = run.fills.iloc[3]
    assert row["quantity"] == quantity / LOTS
    assert row["price"] == price / 1e6
    assert row["ts"] == pd.Timestamp(ts, tz="UTC")
    assert run.initial_cash == 1_000_000.0


def test_every_table_has_the_schema_s_columns(run_folder):
    run = load(run_folder)
    for name, spec in TABLES.items():
        assert list(getattr(run, name).columns) == list(spec), name
        assert [str(d) for d in getattr(run, name).dtypes] == [str(d) for d in empty(name).dtypes], name


def test_no_price_is_nan(run_folder):
    orders = load(run_folder).orders
    assert orders.loc[orders["type"] == "market", "limit_price"].isna().all()
    assert orders.loc[orders["filled"] == 0, "average_price"].isna().all()


def test_a_null_text_is_empty_and_a_zero_time_is_no_time(copy):
    table = pq.read_table(copy / "orders.parquet")
    reason = pa.array([None] * len(table), pa.string())
    done = pa.array([0] * len(table), pa.timestamp("ns", "UTC"))
    table = table.set_column(table.column_names.index("reason"), "reason", reason)
    pq.write_table(table.set_column(table.column_names.index("ts_done"), "ts_done", done), copy / "orders.parquet")
    orders = load(copy).orders
    assert (orders["reason"] == "").all()
    assert orders["ts_done"].isna().all()


def test_a_run_in_memory_equals_the_run_on_disk(run_folder):
    disk = load(run_folder)
    memory = RunFolder(manifest=disk.manifest, **{name: getattr(disk, name) for name in TABLES})
    assert statistics(memory) == pytest.approx(statistics(disk), nan_ok=True)
    assert memory.path is None


def test_tables_left_out_are_empty(run_folder):
    run = RunFolder(manifest=load(run_folder).manifest)
    assert all(len(getattr(run, name)) == 0 for name in TABLES)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "manifest.json").unlink(), "no manifest.json"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json is damaged"),
        (lambda f: (f / "manifest.json").write_bytes(b"\xff\xfe\x00"), "manifest.json is damaged"),
        (lambda f: (f / "manifest.json").write_text("[]"), "holds a list, expected an object"),
        (lambda f: change_manifest(f, schema=9), "run schema 9, this version reads 1"),
        (lambda f: (f / "fills.parquet").unlink(), "fills.parquet is missing"),
        (lambda f: (f / "fills.parquet").write_bytes(b"PAR1 and nonsense"), "fills.parquet is damaged"),
        (lambda f: (f / "equity.parquet").write_bytes(b""), "equity.parquet is damaged"),
        (lambda f: change_manifest(f, instruments=[]), "symbol 'AAPL' is not among the manifest's instruments"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_sentence(copy, damage, message):
    damage(copy)
    with pytest.raises(RunError, match=message) as caught:
        load(copy)
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_named(copy):
    table = pq.read_table(copy / "fills.parquet").drop_columns(["price"])
    pq.write_table(table, copy / "fills.parquet")
    with pytest.raises(RunError, match=r"fills: no column 'price'; expected the columns ts, ts_known"):
        load(copy)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("ts", np.array([0], "int64")),
        ("equity", np.array(["much"])),
        ("ts", np.array(["2020-01-01"], "datetime64[ns]")),
    ],
)
def test_a_column_of_the_wrong_type_is_named(copy, column, values):
    table = pq.read_table(copy / "equity.parquet").slice(0, 1)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values)), copy / "equity.parquet")
    with pytest.raises(RunError, match=f"equity: {column} is "):
        load(copy)


def test_a_missing_key_of_the_manifest_is_named(run_folder):
    manifest = {key: value for key, value in load(run_folder).manifest.items() if key != "initial_cash"}
    with pytest.raises(RunError, match="the manifest has no 'initial_cash'"):
        RunFolder(manifest=manifest)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(RunError, match="is not a run folder"):
        load(tmp_path / "nowhere")
