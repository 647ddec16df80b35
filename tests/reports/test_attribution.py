import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockstep.reports import RunFolder, attribution, load
from lockstep.reports.contributions import ACCOUNT, RESIDUAL, paid
from lockstep.reports.schema import empty

from .fabricate import LOTS, Fabric, half_even

COLUMNS = ["realised", "unrealised", "dividends", "fees", "borrow"]


@pytest.mark.parametrize("by", ["symbol", "sleeve"])
@pytest.mark.parametrize("seed", range(6))
def test_the_parts_sum_to_the_account_s_profit_to_the_last_micro(tmp_path, seed, by):
    fabric = Fabric(seed=seed, sessions=130, delists=seed % 2 == 1).run()
    frame = attribution(load(fabric.write(tmp_path)), by)
    profit = fabric.rows["equity"][-1][1] - fabric.initial
    assert round(frame["pnl"].sum() * 1e6) == profit
    assert frame.loc[RESIDUAL, "pnl"] == 0.0


def test_a_part_s_profit_is_made_of_its_columns(run_folder):
    frame = attribution(load(run_folder)).drop(index=[ACCOUNT, RESIDUAL])
    made = frame["realised"] + frame["unrealised"] + frame["dividends"] - frame["fees"] - frame["borrow"]
    assert made.to_numpy() == pytest.approx(frame["pnl"].to_numpy(), abs=1e-6)


def test_an_instrument_s_profit_is_what_its_book_says(fabric, run_folder):
    frame = attribution(load(run_folder))
    for symbol, book in fabric.books.items():
        expected = book.realised + book.value - book.basis + book.dividends - book.fees - book.borrow
        assert round(frame.loc[symbol, "pnl"] * 1e6) == expected
        assert round(frame.loc[symbol, "unrealised"] * 1e6) == book.value - book.basis


def test_interest_belongs_to_the_account(tmp_path):
    fabric = Fabric(seed=3, sessions=130)
    fabric.every = 2
    fabric.run()
    fabric.flow(fabric.rows["equity"][-1][0], "", "interest", -5_000_000)
    fabric.rows["equity"].append((fabric.rows["equity"][-1][0] + 1, fabric.rows["equity"][-1][1] - 5_000_000, 0, 0, 0))
    frame = attribution(load(fabric.write(tmp_path)))
    interest = sum(row[3] for row in fabric.rows["flows"] if row[2] == "interest")
    assert round(frame.loc[ACCOUNT, "pnl"] * 1e6) == interest
    assert frame.loc[RESIDUAL, "pnl"] == 0.0


def test_what_the_parts_do_not_explain_is_shown(fabric, run_folder, tmp_path):
    folder = fabric.write(tmp_path / "short")
    table = pq.read_table(folder / "fills.parquet")
    pq.write_table(table.slice(0, len(table) - 1), folder / "fills.parquet")
    assert attribution(load(folder)).loc[RESIDUAL, "pnl"] != 0.0


def test_notionals_round_half_even_in_whole_micros_beyond_64_bits(fabric, tmp_path):
    folder = fabric.write(tmp_path / "big")
    table = pq.read_table(folder / "fills.parquet")
    quantity = pa.array([4_000_000_000_001] * len(table), pa.int64())
    table = table.set_column(table.column_names.index("quantity"), "quantity", quantity)
    pq.write_table(table, folder / "fills.parquet")
    run = load(folder)
    price = table.column("price").to_pylist()[0]
    assert paid(run).iloc[0] == half_even(4_000_000_000_001 * price, LOTS)


def test_ties_round_to_the_even_micro():
    manifest = dict(schema=1, run="r", scenario="s", initial_cash=0, periods_per_year=252)
    manifest["instruments"] = [{"symbol": "X", "lots_per_unit": 2}]
    rows = [(1, 1), (1, 3), (1, 5), (-1, 1), (-1, 3), (-3, 5)]
    columns = dict.fromkeys(empty("fills").columns, 0)
    fills = pd.DataFrame([{**columns, "symbol": "X", "quantity": q / 2, "price": p / 1e6} for q, p in rows])
    assert paid(RunFolder(manifest=manifest, fills=fills)).tolist() == [0, 2, 2, 0, -2, -8]


def test_another_grouping_is_refused(run_folder):
    with pytest.raises(ValueError, match="by='sector', expected 'symbol' or 'sleeve'"):
        attribution(load(run_folder), "sector")
