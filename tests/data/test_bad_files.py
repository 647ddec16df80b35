"""Files that are wrong: each is refused in one clear sentence, and the old data stays."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockstep.data.importers.table import Layout, expand, read_tables
from lockstep.data.ingest import ingest
from lockstep.engine.errors import DataError

HEAD = "time,open,high,low,close,volume\n"
GOOD = "2020-03-02 09:30:00,10,10.5,9.5,10,100\n"
NEXT = "2020-03-02 09:31:00,10,10.5,9.5,10,100\n"
LATER = "2020-03-02 09:32:00,10,10.5,9.5,10,100\n"


def row(time="2020-03-02 09:31:00", open_="10", high="10.5", low="9.5", close="10", volume="100"):
    return f"{time},{open_},{high},{low},{close},{volume}\n"


@pytest.mark.parametrize(
    ("text", "repair", "expected"),
    [
        (HEAD + NEXT + GOOD, {"order": "sort"}, [(9.5, 10.5, 100), (9.5, 10.5, 100)]),
        (HEAD + GOOD + GOOD, {"duplicates": "drop"}, [(9.5, 10.5, 100)]),
        (HEAD + GOOD + row(close="NaN"), {"missing": "drop"}, [(9.5, 10.5, 100)]),
        (HEAD + GOOD + row(low="0"), {"price": "drop"}, [(9.5, 10.5, 100)]),
        (HEAD + GOOD + row(volume="-5"), {"volume": "drop"}, [(9.5, 10.5, 100)]),
        (HEAD + GOOD + row(volume="-5"), {"volume": "zero"}, [(9.5, 10.5, 100), (9.5, 10.5, 0)]),
        (HEAD + GOOD + row(close="10.6"), {"ohlc": "drop"}, [(9.5, 10.5, 100)]),
        (HEAD + GOOD + row(close="10.6"), {"ohlc": "widen"}, [(9.5, 10.5, 100), (9.5, 10.6, 100)]),
        (HEAD + row("2020-03-01 09:30:00") + GOOD, {"calendar": "drop"}, [(9.5, 10.5, 100)]),
        (HEAD + row("2020-03-01 09:30:00") + GOOD, {"calendar": "keep"}, [(9.5, 10.5, 100), (9.5, 10.5, 100)]),
        (HEAD + row("2020-03-02 08:00:00") + GOOD, {"extended": "drop"}, [(9.5, 10.5, 100)]),
        (HEAD + row("2020-03-02 08:00:00") + GOOD, {"extended": "keep"}, [(9.5, 10.5, 100), (9.5, 10.5, 100)]),
        (HEAD + GOOD + row(high="99"), {"bad_tick": "keep"}, [(9.5, 10.5, 100), (9.5, 99.0, 100)]),
        (HEAD + GOOD + row(high="99"), {"bad_tick": "clip"}, [(9.5, 10.5, 100), (10.0, 10.0, 100)]),
        (HEAD + GOOD + row(high="99", open_="99"), {"bad_tick": "clip"}, [(9.5, 10.5, 100), (10.0, 10.0, 100)]),
        (HEAD + GOOD + row(high="99"), {"bad_tick": "drop"}, [(9.5, 10.5, 100)]),
    ],
)
def test_a_declared_repair_is_carried_out_and_logged(importer, text, repair, expected):
    manifest = importer(text, repair=repair)
    (logged,) = manifest.repairs
    assert {logged.rule: logged.action} == repair
    assert logged.count == 1
    assert logged.examples[0].startswith("bars.csv:")
    table = importer.catalog.sql("SELECT low, high, volume FROM mine ORDER BY ts_event").to_pylist()
    assert [tuple(values.values()) for values in table] == expected
    assert manifest.declaration["repair"] == repair


def test_conflicting_duplicates_need_a_choice(importer):
    text = HEAD + GOOD + row("2020-03-02 09:30:00", close="10.2")
    with pytest.raises(DataError, match=r"bars.csv:3: .* given twice with different values \(1 such\)"):
        importer(text, repair={"duplicates": "drop"})
    for choice, close in (("first", 10.0), ("last", 10.2)):
        importer(text, repair={"duplicates": choice})
        assert importer.catalog.sql("SELECT close FROM mine").to_pydict() == {"close": [close]}


def test_an_undeclared_fault_is_refused_although_another_is_declared(importer):
    with pytest.raises(DataError, match="close = nan"):
        importer(HEAD + NEXT + GOOD + row("2020-03-02 09:32:00", close=""), repair={"order": "sort"})


def test_nothing_left_after_repairs_is_refused(importer):
    with pytest.raises(DataError, match="no rows are left"):
        importer(HEAD + row(close=""), repair={"missing": "drop"})


def test_a_byte_order_mark_of_utf8_is_let_pass(importer):
    assert importer(b"\xef\xbb\xbf" + (HEAD + GOOD).encode()).rows == 1


def test_windows_line_ends_and_trailing_lines_are_let_pass(importer):
    assert importer((HEAD + GOOD + NEXT).replace("\n", "\r\n") + "\r\n\r\n").rows == 2


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("../../etc/passwd", "symbol '../../etc/passwd'"),
        ("/etc/passwd", "symbol '/etc/passwd'"),
        ("A" * 33, "expected up to 32 letters"),
        ("AA PL", "symbol 'AA PL'"),
        ("", "symbol ''"),
        ("=cmd|' /C calc'!A0", "symbol"),
        ("..", "symbol '..'"),
    ],
)
def test_symbols_that_are_none_are_refused(importer, symbol, message):
    text = f'symbol,{HEAD}"{symbol}",{GOOD}'
    with pytest.raises(DataError, match=message):
        importer(text, layout={"symbol": ""})


def test_a_symbol_is_needed(importer):
    with pytest.raises(DataError, match="no column for symbol; declare symbol=AAPL"):
        importer(HEAD + GOOD, layout={"symbol": ""})


def test_a_file_whose_name_does_not_fit_the_pattern(importer):
    with pytest.raises(DataError, match=r"bars.csv: does not fit symbol='\{symbol\}_1min.csv'"):
        importer(HEAD + GOOD, layout={"symbol": "{symbol}_1min.csv"})


def packed(name, content, *, cut=0):
    buffer = io.BytesIO()
    if name.endswith(".gz"):
        buffer.write(gzip.compress(content))
    else:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bars.csv", content)
    return buffer.getvalue()[: len(buffer.getvalue()) - cut]


@pytest.mark.parametrize("name", ["bars.csv.gz", "bars.zip"])
def test_packed_files_are_read_and_truncated_ones_refused(importer, name):
    content = (HEAD + GOOD).encode()
    assert importer(packed(name, content), name=name).rows == 1
    with pytest.raises(DataError, match=f"{name}: damaged or truncated"):
        importer(packed(name, content, cut=12), name=name)
    with pytest.raises(DataError, match=f"{name}: damaged or truncated"):
        importer(b"this is no archive at all", name=name)


def test_an_archive_of_several_files_is_refused(importer):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", HEAD + GOOD)
        archive.writestr("b.csv", HEAD + GOOD)
    with pytest.raises(DataError, match="holds 2 files, expected exactly one"):
        importer(buffer.getvalue(), name="bars.zip")


@pytest.mark.parametrize("name", ["bars.csv.gz", "bars.zip"])
def test_what_would_fill_the_memory_is_refused(importer, monkeypatch, name):
    monkeypatch.setattr("lockstep.data.importers.text.LARGEST", 1000)
    with pytest.raises(DataError, match="once unpacked; split it up"):
        importer(packed(name, b"0" * 2000), name=name)


def test_a_missing_file_and_a_folder_are_refused(importer, tmp_path):
    from lockstep.data.declaration import declare

    declaration = declare(timeframe="1min", label="open", zone="UTC", adjusted="raw", source="x", licence="x")
    for path, message in ((tmp_path / "none.csv", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(DataError, match=message):
            read_tables([path], Layout(symbol="A"), declaration)


def test_links_out_of_an_imported_folder_are_refused(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text(HEAD)
    (inside / "bars.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(DataError, match="is a link that leads out of"):
        expand(inside, "*.csv")
    (inside / "bars.csv").unlink()
    with pytest.raises(DataError, match=r"no file matches '\*.csv'"):
        expand(inside, "*.csv")


def test_parquet_is_read_like_csv(importer, tmp_path):
    path = tmp_path / "bars.parquet"
    times = pa.array([1583159400, 1583159460]).cast(pa.timestamp("s", "UTC"))
    columns = {name: [10.0, 10.0] for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"time": times, **columns, "volume": [1, 2]}), path)
    assert importer(path.read_bytes(), name="bars.parquet").rows == 2


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"time": [["nested"]], "open": [1.0]}, "column 'time' is list"),
        ({"when": ["2020-03-02 09:30:00"]}, "no column for open"),
    ],
)
def test_parquet_of_another_shape_is_refused(importer, tmp_path, table, message):
    path = tmp_path / "bars.parquet"
    pq.write_table(pa.table(table), path)
    with pytest.raises(DataError, match=message):
        importer(path.read_bytes(), name="bars.parquet")
    with pytest.raises(DataError, match="damaged Parquet file"):
        importer(path.read_bytes()[:-9], name="bars.parquet")


def test_a_rounded_epoch_is_refused(importer):
    with pytest.raises(DataError, match=r"bars.csv:2: time = '1.64E\+12', expected a whole number \(epoch_ms\)"):
        importer(HEAD + row("1.64E+12"), layout={"time_format": ("epoch_ms",)})


def test_a_daily_row_with_a_time_of_day_is_refused(importer, texts):
    with pytest.raises(DataError, match="expected a date without time"):
        importer(HEAD + row("2020-03-02 16:00:00"), declared=texts["DAYS"])


def test_a_declared_length_shorter_than_the_bars_is_refused(importer):
    """It would let every bar be known before it closed."""
    five = "".join(
        row(f"2020-03-{day:02d} {10 + n // 12:02d}:{n % 12 * 5:02d}:00") for day in (2, 3) for n in range(60)
    )
    with pytest.raises(DataError, match=r"no two bars are nearer than 300 s, but the declared timeframe is 1min"):
        importer(HEAD + five)
    assert importer(HEAD + five, timeframe="5min").rows == 120


def test_quotes_that_cross_are_refused(importer):
    text = "time,bid,ask,bid_size,ask_size\n2020-03-02 09:30:01,10.1,10,1,1\n2020-03-02 09:30:02,10,10.1,1,1\n"
    ticks = {"kind": "quotes", "timeframe": "tick", "label": "instant"}
    with pytest.raises(DataError, match=r"bars.csv:2: bid 10.1 ask 10; expected bid <= ask"):
        importer(text, **ticks)
    assert importer(text, **ticks, repair={"crossed": "drop"}).rows == 1


def test_a_failing_disk_leaves_the_old_data(importer, monkeypatch):
    old = importer(HEAD + GOOD)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lockstep.data.publish.write_sessions", full)
    with pytest.raises(OSError, match="No space left"):
        importer(HEAD + GOOD + NEXT)
    assert importer.catalog.manifest("mine") == old


def test_ingest_refuses_names_that_are_no_folder(own, importer):
    from lockstep.data.declaration import declare

    declaration = declare(
        timeframe="1min", label="open", zone="America/New_York", adjusted="raw", source="x", licence="x"
    )
    source = read_tables([importer.file(HEAD + GOOD)], Layout(symbol="A"), declaration)
    with pytest.raises(DataError, match=r"dataset name '../x'"):
        ingest(own, "../x", source)
