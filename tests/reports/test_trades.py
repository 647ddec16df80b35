import pandas as pd
import pytest

from lockstep.reports import RunFolder, load, trades
from lockstep.reports.schema import empty

from .fabricate import Fabric

MANIFEST = dict(schema=1, run="r", scenario="s", initial_cash=10**12, periods_per_year=252, instruments=[])
DAY = pd.Timestamp("2021-03-01 14:30", tz="UTC")


def run_of(*fills):
    """A run of fills: (day, order, quantity, price, fee, realised, position after)."""
    rows = [
        {
            **dict.fromkeys(empty("fills").columns, 0.0),
            "ts": DAY + pd.Timedelta(days=day),
            "ts_known": DAY + pd.Timedelta(days=day),
            "order_id": order,
            "sleeve": "a",
            "symbol": "X",
            "quantity": quantity,
            "price": price,
            "fee": fee,
            "realised": realised,
            "position_after": after,
            "reason": "open",
        }
        for day, order, quantity, price, fee, realised, after in fills
    ]
    return RunFolder(manifest=MANIFEST, fills=pd.DataFrame(rows).astype(empty("fills").dtypes))


def test_trades_reconcile_with_the_ledger_s_realised(run_folder):
    run = load(run_folder)
    closed = trades(run)
    assert len(closed) > 100
    assert closed["gross"].sum() == pytest.approx(run.fills["realised"].sum(), abs=1e-6)
    last = run.marks.groupby("symbol")["realised"].last()
    assert closed.groupby("symbol")["gross"].sum().to_dict() == pytest.approx(last.to_dict(), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_delisting_closes_a_trade_at_its_terminal_value(tmp_path, seed):
    fabric = Fabric(seed=seed, sessions=120, delists=True).run()
    run = load(fabric.write(tmp_path))
    closed = trades(run)
    last = closed[closed["reason"] == "terminal"]
    assert last["symbol"].tolist() == ["XOM"]
    assert closed["gross"].sum() == pytest.approx(sum(book.realised for book in fabric.books.values()) / 1e6, abs=1e-3)
    (amount,) = [row[3] for row in fabric.rows["flows"] if row[2] == "terminal"]
    sign = 1 if last["side"].item() == "long" else -1
    assert (last["exit_price"] * last["quantity"] * sign).item() == pytest.approx(amount / 1e6)


def test_fees_of_closed_trades_never_exceed_those_paid(run_folder):
    run = load(run_folder)
    assert 0 < trades(run)["fees"].sum() <= run.fills["fee"].sum()


def test_a_long_trade_by_hand():
    (t,) = trades(run_of((0, 1, 100, 10.0, 1.0, 0, 100), (4, 2, -100, 12.0, 2.0, 200.0, 0))).to_dict("records")
    assert (t["side"], t["quantity"], t["entry_price"], t["exit_price"]) == ("long", 100, 10.0, 12.0)
    assert (t["gross"], t["fees"], t["net"], t["days"]) == (200.0, 3.0, 197.0, 4.0)
    assert t["return"] == pytest.approx(0.197)


def test_a_short_trade_by_hand():
    (t,) = trades(run_of((0, 1, -50, 20.0, 0.5, 0, -50), (1, 2, 50, 18.0, 0.5, 100.0, 0))).to_dict("records")
    assert (t["side"], t["quantity"], t["entry_price"], t["exit_price"]) == ("short", 50, 20.0, 18.0)
    assert t["net"] == 99.0


def test_entries_average_their_time_price_and_fees():
    fills = [(0, 1, 100, 10.0, 1.0, 0, 100), (3, 2, 50, 13.0, 2.0, 0, 150), (5, 3, -75, 12.0, 1.5, 75.0, 75)]
    (t,) = trades(run_of(*fills)).to_dict("records")
    assert t["entry_price"] == pytest.approx(11.0)
    assert t["entry_ts"] == DAY + pd.Timedelta(days=1)
    assert t["fees"] == pytest.approx(1.5 + 3.0 / 2)


def test_an_order_that_turns_the_position_closes_one_trade_and_opens_the_next():
    fills = [(0, 1, 100, 10.0, 1.0, 0, 100), (1, 2, -150, 11.0, 3.0, 100.0, -50), (2, 3, 50, 9.0, 1.0, 100.0, 0)]
    first, second = trades(run_of(*fills)).to_dict("records")
    assert (first["side"], first["quantity"], first["fees"]) == ("long", 100, 1.0 + 2.0)
    assert (second["side"], second["quantity"], second["fees"]) == ("short", 50, 1.0 + 1.0)
    assert second["entry_price"] == pytest.approx(11.0)


def test_the_fills_of_one_closing_order_form_one_trade():
    fills = [(0, 1, 90, 10.0, 0.9, 0, 90), (1, 2, -30, 11.0, 0.1, 30.0, 60), (2, 2, -60, 12.0, 0.2, 120.0, 0)]
    (t,) = trades(run_of(*fills)).to_dict("records")
    assert (t["quantity"], t["gross"], t["order_id"]) == (90, 150.0, 2)
    assert t["exit_price"] == pytest.approx((30 * 11 + 60 * 12) / 90)
    assert t["fees"] == pytest.approx(1.2)
    assert t["exit_ts"] == DAY + pd.Timedelta(days=2)


def test_a_split_between_entry_and_exit_adjusts_the_entry_price():
    (t,) = trades(run_of((0, 1, 100, 10.0, 1.0, 0, 100), (9, 2, -200, 6.0, 1.0, 200.0, 0))).to_dict("records")
    assert (t["quantity"], t["entry_price"], t["fees"]) == (200, 5.0, 2.0)


def test_what_is_still_open_is_no_trade():
    assert trades(run_of((0, 1, 100, 10.0, 1.0, 0, 100))).empty
