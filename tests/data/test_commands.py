import pytest

from lockstep.data.actions import nano
from lockstep.data.commands import check_dataset, import_dataset, list_datasets, show
from lockstep.data.importers.table import as_ratio
from lockstep.engine.errors import DataError

TABLE = {
    "timeframe": "1d",
    "label": "session",
    "zone": "America/New_York",
    "adjusted": "raw",
    "source": "x",
    "licence": "y",
}


def test_a_table_with_an_actions_file(own, tmp_path, texts):
    data, actions = tmp_path / "AAA.csv", tmp_path / "actions.csv"
    data.write_text(texts["days"](texts["weekdays"]("2020-03-02", 4), [100, 101, 50.4, 50.1]))
    actions.write_text(
        "# my splits\nsymbol,kind,date,numerator,denominator,amount,pay_date,terminal,new_symbol,note\n"
        "AAA,split,2020-03-04,2,1,,,,,\nAAA,dividend,2020-03-05,,,0.25,2020-03-20,,,\n"
    )
    options = {"paths": data, "symbol": "{symbol}.csv", **TABLE}
    with pytest.raises(DataError, match="like a 2:1 split"):
        import_dataset(own, "mine", "table", **options)
    manifest = import_dataset(own, "mine", "table", actions=actions, **options)
    assert manifest.actions == 2
    paid = own.sql("""SELECT amount, CAST(pay_ts AS DATE) AS day FROM "mine/actions" WHERE kind = 'dividend'""")
    assert [(row["amount"], str(row["day"])) for row in paid.to_pylist()] == [(250_000_000, "2020-03-20")]


def test_the_list_names_what_is_there_and_what_could_be(catalog):
    rows = {row["dataset"]: row for row in list_datasets(catalog)}
    assert rows["ohlcv-5"]["rows"] == 12_154
    assert rows["ohlcv-5"]["symbols"] == 5
    assert rows["synthetic-daily"] == {"dataset": "synthetic-daily", "kind": "bundled, built at first use"}


def test_a_damaged_dataset_does_not_hide_the_others(own):
    for name in ("sp500-index", "ohlcv-5"):
        import_dataset(own, name, "bundled")
    (own.storage.local / own.dataset("ohlcv-5").folder / "manifest.json").write_text("{}")
    rows = {row["dataset"]: row for row in list_datasets(own)}
    assert rows["ohlcv-5"]["kind"].startswith("damaged: ")
    assert rows["sp500-index"]["rows"] == 8313


def test_a_check_re_reads_the_rows_and_the_files(own):
    import_dataset(own, "ohlcv-5", "bundled")
    assert {finding.rule for finding in check_dataset(own, "ohlcv-5")} == {"splits", "jumps"}
    folder = own.storage.local / own.dataset("ohlcv-5").folder / "data"
    path = min(folder.iterdir())
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(bytes(content))
    (damaged, *_) = check_dataset(own, "ohlcv-5")
    assert (damaged.rule, damaged.examples) == ("damaged", (f"data/{path.name}",))


def test_a_check_builds_what_is_bundled(own):
    assert check_dataset(own, "sp500-index") == []
    with pytest.raises(DataError, match="dataset 'nope' is not in the catalogue"):
        check_dataset(own, "nope")


def test_show_gives_facts_instruments_and_rows(catalog):
    shown = show(catalog, "ohlcv-5", ["AAPL"], "2005-02-25", "2005-03-31", rows=2)
    assert [row["close"] for row in shown["rows"][:2]] == [88.99, 44.86]
    assert len(shown["rows"]) == 4
    assert shown["total_rows"] == 24
    assert shown["facts"]["calendar"] == "XNYS"
    assert [entry["id"] for entry in shown["instruments"]] == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    with pytest.raises(DataError, match="symbol 'ZZZ'"):
        show(catalog, "ohlcv-5", ["ZZZ"])


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.13", 130_000_000), ("3.08", 3_080_000_000), ("1", 10**9), (".000000001", 1), ("-2.5", -2_500_000_000)],
)
def test_money_is_read_exactly(text, value):
    assert nano(text) == value


@pytest.mark.parametrize("text", ["", "1,5", "1e3", "0.0000000001", "nan", "$1"])
def test_money_that_is_no_plain_decimal_is_refused(text):
    with pytest.raises(ValueError, match="amount"):
        nano(text)


@pytest.mark.parametrize(
    ("coefficient", "ratio"),
    [
        (7.00000700001, (7, 1)),
        (3.000003, (3, 1)),
        (1.49999925, (3, 2)),
        (1.0499999475, (21, 20)),
        (0.333333333333, (1, 3)),
        (0.05, (1, 20)),
        (0.03125, (1, 32)),
        (1.33333333333, (4, 3)),
        (1.589, (1589, 1000)),
        (2.0, (2, 1)),
    ],
)
def test_split_coefficients_become_ratios(coefficient, ratio):
    found = as_ratio(coefficient)
    assert (found.numerator, found.denominator) == ratio


def test_ratios_of_rounded_factors_need_more_tolerance():
    assert as_ratio(1 / 3.0003, 3e-4) == as_ratio(1 / 3)
    assert as_ratio(1 / 0.997307, 5e-6).denominator > 100
