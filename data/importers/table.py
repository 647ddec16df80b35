"""Any CSV or Parquet file whose columns, zone, label, timeframe and adjustment are declared.

1. The columns are found by the declared names, times are read by the declared format and nothing else.
2. Symbols come from a column, from the file's name, or from the declaration.
3. Dividend and split columns, where there are any, become corporate actions on their ex-dates.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockstep.data.actions import NANO, Action, describe
from lockstep.data.declaration import Declaration
from lockstep.data.manifest import Repair, valid_symbol
from lockstep.data.rows import Array, Rows, join
from lockstep.data.schema import VALUES
from lockstep.data.source import Source
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY

from .text import Text, numbers, read_bytes, read_text

ISO = "iso"
EPOCHS = {"epoch_s": 10**9, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}
EARLIEST = np.datetime64("1900-01-01", "ns").astype(np.int64)
OPTIONAL = ("adj_close", "dividend", "split", "symbol")
PLAIN = 2e-6
"""Relative error within which a split coefficient counts as a ratio of small numbers (a vendor writes 7.000007)."""


@dataclass(frozen=True)
class Layout:
    """Where a table has what.

    Parameters
    ----------
    columns : mapping of str to str
        Field (``time``, ``date``, ``symbol``, ``open`` …, ``adj_close``, ``dividend``, ``split``) to column; a field
        that is not named is sought by its own name in any case. ``date`` and ``time`` are joined by a space.
    header : sequence of str
        Names of the columns of files without header line.
    time_format : str or sequence of str
        ``iso``, ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns`` or strptime formats; each time must fit one.
    symbol : str
        The symbol of all rows, or a pattern of file names such as ``{symbol}_1min.csv``; empty where a column has it.
    delimiter : str
        Between values.
    price_unit : float
        Divides prices: 10 000 where they are in 1/10 000 dollars.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    header: Sequence[str] = ()
    time_format: Sequence[str] = (ISO,)
    symbol: str = ""
    delimiter: str = ","
    price_unit: float = 1.0

    def __post_init__(self) -> None:
        """Check the types; a single time format may be given as text.

        Raises
        ------
        DataError
            If one is wrong.
        """
        if isinstance(self.time_format, str):
            object.__setattr__(self, "time_format", (self.time_format,))
        unknown = [each for each in self.time_format if each != ISO and each not in EPOCHS and "%" not in str(each)]
        if unknown or not self.time_format:
            raise DataError(
                f"time_format = {(unknown or ['nothing'])[0]!r}, expected iso, {', '.join(EPOCHS)} or a strptime format"
            )
        if not isinstance(self.columns, Mapping):
            raise DataError(f"columns = {self.columns!r}, expected a table of field = column")
        if isinstance(self.header, str) or not all(isinstance(name, str) for name in self.header):
            raise DataError(f"header = {self.header!r}, expected a list of names")
        if not isinstance(self.delimiter, str) or len(self.delimiter) != 1:
            raise DataError(f"delimiter = {self.delimiter!r}, expected one character")
        if not isinstance(self.symbol, str):
            raise DataError(f"symbol = {self.symbol!r}, expected text such as AAPL or {{symbol}}.csv")
        if not isinstance(self.price_unit, int | float) or self.price_unit <= 0:
            raise DataError(f"price_unit = {self.price_unit!r}, expected a number above 0")


def read_tables(paths: Sequence[Path], layout: Layout, declaration: Declaration) -> Source:
    """Read files as one source.

    Raises
    ------
    DataError
        If a file is wrong; names file, line and value.
    """
    fields = ("time", "date", *VALUES[declaration.kind], *OPTIONAL)
    strange = [name for name in layout.columns if name not in fields]
    if strange:
        raise DataError(f"columns.{strange[0]} is no field of {declaration.kind}; expected one of {', '.join(fields)}")
    parts, actions, repairs = [], [], []
    for path in sorted(paths):
        text = read_file(path, layout)
        rows, found, rounded = _rows(text, path, layout, declaration)
        parts.append(rows)
        actions += found
        repairs += rounded
    rounded_repair = (
        (Repair(rule="split_ratio", action="round", count=len(repairs), examples=tuple(repairs[:20])),)
        if repairs
        else ()
    )
    return Source(join(parts), declaration, tuple(actions), repairs=rounded_repair)


def expand(path: Path, pattern: str = "*") -> list[Path]:
    """Return the file itself, or the files of a folder that match.

    Raises
    ------
    DataError
        If there is none, or a link in the folder leads out of it.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.glob(pattern) if file.is_file() or file.is_symlink())
    for file in found:
        if not file.resolve().is_relative_to(path.resolve()):
            raise DataError(f"{file} is a link that leads out of {path}; name that file itself if it is meant")
    if not found:
        raise DataError(f"{path}: no file matches {pattern!r}; expected at least one")
    return found


def read_file(path: Path, layout: Layout) -> Text:
    """Return a CSV or Parquet file's columns as text."""
    if path.suffix in (".parquet", ".pq"):
        return _parquet(path)
    return read_text(read_bytes(path), str(path), list(layout.header) or None, layout.delimiter)


def _parquet(path: Path) -> Text:
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a data file")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: damaged Parquet file ({str(error).splitlines()[0]}); fetch it again") from error
    columns = {}
    for name in table.column_names:
        values = table.column(name)
        if pa.types.is_nested(values.type):
            raise DataError(f"{path}: column {name!r} is {values.type}, expected numbers, times or text")
        if pa.types.is_timestamp(values.type) and values.type.tz is not None:
            values = values.cast(pa.timestamp("ns")).cast(pa.string())
            values = pc.binary_join_element_wise(values, "+00:00", "")
        elif pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        columns[name] = values.cast(pa.string()).fill_null("")
    return Text(str(path), columns, np.arange(1, table.num_rows + 1))


def find_columns(text: Text, layout: Layout, declaration: Declaration) -> dict[str, str]:
    """Return the column of each field that the kind of rows needs, and of those optional ones that are there.

    Raises
    ------
    DataError
        If a column is missing.
    """
    lower = {name.lower(): name for name in text.columns}
    found = {}
    for name, column in layout.columns.items():
        if column not in text.columns:
            raise DataError(
                f"{text.name}:1: column {column!r} (for {name}) is missing; it has {', '.join(text.columns)}"
            )
        found[name] = column
    for name in (*VALUES[declaration.kind], *OPTIONAL):
        if name not in found and name in lower:
            found[name] = lower[name]
    if "time" not in found and "date" not in found:
        named = next((name for name in ("time", "datetime", "timestamp", "date") if name in lower), None)
        if named:
            found["time"] = lower[named]
    needed = [*VALUES[declaration.kind], "time"]
    missing = [name for name in needed if name not in found and not (name == "time" and "date" in found)]
    if missing:
        raise DataError(
            f"{text.name}:1: no column for {', '.join(missing)}; it has {', '.join(text.columns)}; "
            "declare columns, such as time=Date"
        )
    return found


def _rows(text: Text, path: Path, layout: Layout, declaration: Declaration) -> tuple[Rows, list[Action], list[str]]:
    found = find_columns(text, layout, declaration)
    stamp, epoch = stamps(text, found, layout.time_format)
    if declaration.label == "session":
        _dates_only(text, stamp, epoch)
    ids, code = _symbols(text, path, found, layout)
    columns: dict[str, Array] = {
        "stamp": stamp,
        "code": code,
        "line": text.lines,
        "file": np.zeros(len(text), np.int32),
    }
    for name in (*VALUES[declaration.kind], "adj_close"):
        if name in found:
            unit = 1.0 if name in ("volume", "size", "bid_size", "ask_size") else layout.price_unit
            columns[name] = numbers(text, found[name], unit)
    if epoch:
        columns["epoch"] = np.ones(len(text), bool)
    rows = Rows(declaration.kind, ids, columns, (path.name,))
    actions, rounded = _actions(text, found, rows, declaration)
    return rows, actions, rounded


def stamps(text: Text, found: Mapping[str, str], formats: Sequence[str]) -> tuple[Array, bool]:
    """Return the times as ns, and whether they are UTC already (epochs, or ISO with offsets) instead of local.

    Raises
    ------
    DataError
        If a time does not fit a declared format.
    """
    column = found.get("time") or found["date"]
    cells = pc.utf8_trim_whitespace(text.columns[column])
    if "time" in found and "date" in found:
        cells = pc.binary_join_element_wise(pc.utf8_trim_whitespace(text.columns[found["date"]]), cells, " ")
    if formats[0] in EPOCHS:
        return _epochs(text, column, cells, formats[0]), True
    if tuple(formats) == (ISO,) and (plain := _plain_iso(cells)) is not None:
        return plain, False
    shapes = _shapes(cells)
    texts = pd.Series(cells.to_pandas().to_numpy(), dtype=object)
    offset = shapes[0].endswith(("Z", "+00:00", "-00:00", "+0000", "-0000")) and ":" in shapes[0]
    parsed: Any = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[ns, UTC]" if offset else "datetime64[ns]")
    wanted = " or ".join(formats)
    for each in formats:
        todo = np.array(parsed.isna())
        if each == ISO and todo.any():
            # One shape only: a file that mixes dates, times and offsets is not trusted to mean one thing by them.
            wanted = wanted.replace(ISO, f"{shapes[todo][0]!r} (ISO 8601, all alike)")
            todo &= shapes == shapes[todo][0]
        form = "ISO8601" if each == ISO else each
        parsed[todo] = pd.to_datetime(texts[todo], format=form, errors="coerce", utc=offset)
    if parsed.isna().any():
        row = int(np.asarray(parsed.isna()).argmax())
        raise DataError(
            f"{text.name}:{text.lines[row]}: {column} = {texts.iloc[row]!r}, expected {wanted}; correct it, or declare "
            "time_format (several, if formats are mixed)"
        )
    naive = parsed.dt.tz_localize(None) if offset else parsed
    values = naive.to_numpy().astype("datetime64[ns]").astype(np.int64)
    _not_too_early(text, column, texts, values)
    return values, offset


def _plain_iso(cells: pa.ChunkedArray) -> Array | None:
    """Return the times where all are ISO dates or local times of one length, the usual and fast case, else None."""
    length = pc.min_max(pc.binary_length(cells)).as_py()
    if length["min"] != length["max"]:
        return None
    try:
        values = pc.cast(cells, pa.timestamp("ns")).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return np.asarray(values) if int(values.min()) >= EARLIEST else None


def _shapes(cells: pa.ChunkedArray) -> Array:
    """Return the shapes of times: every digit a 0, without fractions of a second."""
    whole = pc.replace_substring_regex(cells, r"\.[0-9]+", "")
    return np.asarray(pc.replace_substring_regex(whole, "[0-9]", "0").to_numpy(zero_copy_only=False), object)


def _not_too_early(text: Text, column: str, cells: Any, values: Array) -> None:
    early = values < EARLIEST
    if early.any():
        row = int(early.argmax())
        raise DataError(f"{text.name}:{text.lines[row]}: {column} = {cells[row]!r}, expected a time after 1900")


def _epochs(text: Text, column: str, cells: pa.ChunkedArray, unit: str) -> Array:
    scale = EPOCHS[unit]
    whole = np.asarray(pc.match_substring_regex(cells, r"^[0-9]{1,19}$"))
    if not whole.all():
        row = int((~whole).argmax())
        raise DataError(
            f"{text.name}:{text.lines[row]}: {column} = {cells[row].as_py()!r}, expected a whole number ({unit}); a "
            "rounded time such as 1.64E+12 is lost: use another column"
        )
    values = pc.cast(cells, pa.int64()).to_numpy()
    bad = (values > 2**62 // scale) | (values * scale < 0)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{text.name}:{text.lines[row]}: {column} = {values[row]}, expected {unit} of a date before 2116"
        )
    return np.asarray(values * scale)


def _dates_only(text: Text, stamp: Array, epoch: bool) -> None:
    timed = stamp % DAY != 0
    if timed.any() or epoch:
        row = int(timed.argmax())
        moment = np.datetime64(int(stamp[row]), "ns").astype("datetime64[s]")
        raise DataError(
            f"{text.name}:{text.lines[row]}: time {moment}, expected a date without time; rows labelled by session "
            "carry the session's date in exchange time"
        )


def _symbols(text: Text, path: Path, found: Mapping[str, str], layout: Layout) -> tuple[tuple[str, ...], Array]:
    if layout.symbol:
        symbol = from_name(path.name, layout.symbol) if "{symbol}" in layout.symbol else layout.symbol
        return (_valid(symbol, str(path)),), np.zeros(len(text), np.int32)
    if "symbol" not in found:
        raise DataError(f"{text.name}:1: no column for symbol; declare symbol=AAPL, or symbol={{symbol}}.csv for names")
    encoded = pc.utf8_trim_whitespace(text.columns[found["symbol"]]).combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy().astype(np.int32)
    names = encoded.dictionary.to_pylist()
    for number, name in enumerate(names):
        _valid(name, f"{text.name}:{text.lines[int((codes == number).argmax())]}")
    return tuple(names), codes


def _valid(symbol: str, where: str) -> str:
    if not valid_symbol(symbol):
        raise DataError(f"{where}: symbol {symbol[:60]!r}, expected up to 32 letters, digits and . _ ^ = + -")
    return symbol


def from_name(name: str, pattern: str) -> str:
    """Return the symbol in a file's name.

    Raises
    ------
    DataError
        If the name does not fit the pattern.
    """
    before, _, after = pattern.partition("{symbol}")
    found = re.fullmatch(re.escape(before) + "(.+)" + re.escape(after), name)
    if not found:
        raise DataError(f"{name}: does not fit symbol={pattern!r}; expected names such as {before}AAPL{after}")
    return found[1]


def _actions(
    text: Text, found: Mapping[str, str], rows: Rows, declaration: Declaration
) -> tuple[list[Action], list[str]]:
    """Return the splits and dividends of a table that has columns for them, and what was rounded."""
    actions: list[Action] = []
    rounded: list[str] = []
    if "dividend" in found:
        paid = numbers(text, found["dividend"])
        for row in np.flatnonzero(paid != 0):
            amount = round(float(paid[row]) * NANO) if np.isfinite(paid[row]) else -1
            if amount <= 0:
                raise DataError(f"{rows.place(int(row))}: dividend {paid[row]:g}, expected 0 or dollars above 0")
            actions.append(
                Action(rows.ids[rows["code"][row]], "dividend", int(rows["stamp"][row] // DAY), amount=amount)
            )
    if "split" in found:
        coefficient = numbers(text, found["split"])
        for row in np.flatnonzero(coefficient != 1):
            action, exact = _split(rows, int(row), float(coefficient[row]))
            if not exact:
                rounded.append(f"{rows.place(int(row))}: {describe(action)} for {coefficient[row]:.9g}")
                _may_round(declaration, rounded[-1])
            actions.append(action)
    return actions, rounded


def _may_round(declaration: Declaration, what: str) -> None:
    if declaration.repair.get("split_ratio") != "round":
        raise DataError(f"{what}: the coefficient is no ratio of whole numbers; declare repair split_ratio=round")


def _split(rows: Rows, row: int, coefficient: float) -> tuple[Action, bool]:
    if not (np.isfinite(coefficient) and 1e-5 <= coefficient <= 1e5):
        raise DataError(f"{rows.place(row)}: split {coefficient:g}, expected new shares for one old share, 1 for none")
    ratio = as_ratio(coefficient)
    exact = abs(ratio / coefficient - 1) < 1e-9
    date = int(rows["stamp"][row] // DAY)
    symbol = rows.ids[rows["code"][row]]
    return Action(symbol, "split", date, ratio.numerator, ratio.denominator, coefficient=coefficient), exact


def as_ratio(coefficient: float, tolerance: float = PLAIN) -> Fraction:
    """Return a split coefficient as a ratio: of small numbers where that fits within `tolerance`, else to 1e-6.

    Parameters
    ----------
    coefficient : float
        New shares for one old share.
    tolerance : float
        Relative error within which a ratio of small numbers is taken to be meant.
    """
    for largest in (1, 2, 3, 4, 5, 10, 20):
        for value, flip in ((coefficient, False), (1 / coefficient, True)):
            ratio = Fraction(value).limit_denominator(largest)
            if ratio and abs(ratio / value - 1) < tolerance:
                return 1 / ratio if flip else ratio
    return Fraction(coefficient).limit_denominator(1_000_000)
