"""Text files as columns of text, read strictly: what is odd about a file is refused with its name, line and value."""

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from lockstep.data.rows import Array
from lockstep.engine.errors import DataError

LARGEST = 8 << 30
"""Bytes that a file may hold once it is unpacked."""
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_NO_NUMBER = ("", "nan", "NaN", "NA", "N/A", "null", "NULL", "None")
_SIGNS = {b"<": "HTML or XML", b"{": "JSON", b"[": "JSON", b"PK": "a zip archive", b"%PDF": "PDF", b"PAR1": "Parquet"}


@dataclass(frozen=True)
class Text:
    """The columns of a file as text, with the line of each row.

    Parameters
    ----------
    name : str
        The file, for messages.
    columns : dict of str to StringArray
        All of equal length.
    lines : (n,) int64
        Line of each row, from 1.
    """

    name: str
    columns: dict[str, pa.ChunkedArray]
    lines: Array

    def __len__(self) -> int:
        return len(self.lines)


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, unpacked if its name ends in ``.gz`` or ``.zip`` (one member).

    Raises
    ------
    DataError
        If it is missing, empty, damaged, or larger than `LARGEST` when unpacked.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}; expected a data file")
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                content = _limited(stream, path)
        elif path.suffix == ".zip":
            content = _member(path)
        else:
            with path.open("rb") as stream:
                content = _limited(stream, path)
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, RuntimeError) as error:
        raise DataError(f"{path}: damaged or truncated {path.suffix[1:]} file ({error}); fetch it again") from error
    except PermissionError as error:
        raise DataError(f"{path}: may not be read ({error.strerror}); change its permissions") from error
    if not content.strip():
        raise DataError(f"{path}: the file is empty; expected at least one row")
    return content


def _limited(stream: IO[bytes] | gzip.GzipFile, path: Path) -> bytes:
    content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise DataError(f"{path}: more than {LARGEST >> 30} GiB once unpacked; split it up")
    return content


def _member(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        if len(members) != 1:
            raise DataError(f"{path}: holds {len(members)} files, expected exactly one")
        with archive.open(members[0]) as stream:
            return _limited(stream, path)


def decode(content: bytes, name: str) -> bytes:
    """Return UTF-8 text without byte order mark and trailing blank lines.

    Raises
    ------
    DataError
        If it is no UTF-8 text, or plainly something else than a table.
    """
    if content.startswith(_WIDE_MARKS):
        raise DataError(f"{name}: UTF-16 or UTF-32 text, expected UTF-8; convert it with iconv")
    content = content.removeprefix(b"\xef\xbb\xbf").rstrip()
    start = content[:512].lstrip()
    for sign, what in _SIGNS.items():
        if start.startswith(sign):
            shown = start[:40].decode("utf-8", "replace").splitlines()[0]
            raise DataError(f"{name}:1: {what} ({shown!r} …), expected CSV; was the download an error message?")
    if b"\x00" in content:
        line = content[: content.index(b"\x00")].count(b"\n") + 1
        raise DataError(f"{name}:{line}: a NUL byte, expected text; the file is damaged")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{name}:{line}: byte 0x{content[error.start]:02x} is not UTF-8; convert the file") from error
    return content


def read_text(content: bytes, name: str, header: list[str] | None = None, delimiter: str = ",") -> Text:
    """Split CSV text into columns.

    Parameters
    ----------
    content : bytes
        As read.
    name : str
        The file, for messages.
    header : list of str or None
        Names of the columns of a file without header line; None reads them from line 1.
    delimiter : str
        Between values.

    Raises
    ------
    DataError
        If the text is no table, or a line has too many or too few values.
    """
    content = decode(content, name)
    first = 1 if header is not None else 2
    names = header if header is not None else _header(content, name, delimiter)
    faults: list[pacsv.InvalidRow] = []

    def remember(row: pacsv.InvalidRow) -> str:
        faults.append(row)
        return "skip"

    try:
        table = pacsv.read_csv(
            pa.BufferReader(content),
            read_options=pacsv.ReadOptions(use_threads=False, column_names=names, skip_rows=first - 1),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, ignore_empty_lines=False, invalid_row_handler=remember
            ),
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"{name}: {str(error).splitlines()[0]}; expected CSV with {len(names)} columns") from error
    if faults:
        row = faults[0]
        raise DataError(
            f"{name}:{_line_of(content, row)}: {row.actual_columns} values, expected {row.expected_columns} "
            f"({', '.join(names)}): {row.text[:60]!r}"
        )
    lines = np.arange(first, first + table.num_rows, dtype=np.int64)
    text = Text(name, {column: table.column(column) for column in names}, lines)
    _no_blank_line(text)
    return text


def _header(content: bytes, name: str, delimiter: str) -> list[str]:
    line, _, rest = content.partition(b"\n")
    names = [cell.strip().strip('"') for cell in line.decode("utf-8").strip("\r").split(delimiter)]
    repeated = sorted({cell for cell in names if names.count(cell) > 1})
    if repeated:
        raise DataError(f"{name}:1: column {repeated[0]!r} is given twice; expected distinct names")
    if not rest.strip():
        raise DataError(f"{name}: a header and no rows; expected at least one row")
    return names


def _line_of(content: bytes, row: "pacsv.InvalidRow") -> int:
    """Return the line of a faulty row; the reader counts rows from where it began, so its text is looked up."""
    for number, line in enumerate(content.splitlines(), start=1):
        if line.decode("utf-8") == row.text.strip("\r\n"):
            return number
    return int(row.number or 0)


def _no_blank_line(text: Text) -> None:
    blank = np.logical_and.reduce([np.asarray(pc.equal(column, "")) for column in text.columns.values()])
    if blank.any():
        raise DataError(
            f"{text.name}:{text.lines[int(blank.argmax())]}: an empty line, expected {len(text.columns)} values"
        )


def numbers(text: Text, column: str, unit: float = 1.0) -> Array:
    """Return a column as float64; empty cells and the usual words for none become NaN.

    Parameters
    ----------
    text : Text
        The file.
    column : str
        Name of the column.
    unit : float
        Divides the numbers: 10 000 where a file counts in 1/10 000 dollars.

    Raises
    ------
    DataError
        If a cell is no plain number.
    """
    cells = pc.utf8_trim_whitespace(text.columns[column])
    cells = pc.if_else(pc.is_in(cells, pa.array(_NO_NUMBER)), "nan", cells)
    try:
        values = pc.cast(cells, pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        row = _first_bad(cells.to_pylist(), _is_number)
        raise DataError(
            f"{text.name}:{text.lines[row]}: {column} = {cells[row].as_py()!r}, expected a plain number such as 1234.5"
        ) from None
    return np.asarray(values / unit if unit != 1.0 else values, np.float64)


def integers(text: Text, column: str) -> Array:
    """Return a column as int64.

    Raises
    ------
    DataError
        If a cell is no whole number.
    """
    cells = pc.utf8_trim_whitespace(text.columns[column])
    try:
        return np.asarray(pc.cast(cells, pa.int64()).to_numpy())
    except pa.ArrowInvalid:
        row = _first_bad(cells.to_pylist(), lambda cell: re.fullmatch(r"[+-]?\d{1,18}", cell) is not None)
        raise DataError(
            f"{text.name}:{text.lines[row]}: {column} = {cells[row].as_py()!r}, expected a whole number"
        ) from None


def _is_number(cell: str) -> bool:
    return (
        re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", cell, re.IGNORECASE) is not None
    )


def _first_bad(cells: list[str], good: Callable[[str], bool]) -> int:
    return next((row for row, cell in enumerate(cells) if not good(cell)), 0)
