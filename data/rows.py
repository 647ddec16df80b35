"""Rows on their way from a source into the catalogue: equal-length numpy columns that remember file and line."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .manifest import RowKind
from .schema import EXTRA, TIMES, VALUES

Array = NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """A table of one kind of rows.

    Parameters
    ----------
    kind : {"bars", "closes", "quotes", "trades"}
        What a row is.
    ids : tuple of str
        Instrument ids; `columns["code"]` is an index into them.
    columns : dict of str to (n,) arrays
        ``code`` int32, ``line`` int64, ``file`` int32; before times are placed ``stamp`` (int64 ns of the source's
        local clock, or of UTC for epochs), afterwards ``ts_event`` and ``ts_open`` (int64 ns UTC); and float64 values.
    files : tuple of str
        Names of the sources, for messages.
    """

    kind: RowKind
    ids: tuple[str, ...]
    columns: dict[str, Array]
    files: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.columns["code"])

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def take(self, index: Array) -> "Rows":
        """Return the rows at an index array, or where a mask holds."""
        return replace(self, columns={name: values[index] for name, values in self.columns.items()})

    def with_columns(self, **columns: Array) -> "Rows":
        """Return the rows with some columns added or replaced."""
        return replace(self, columns={**self.columns, **columns})

    def without(self, *names: str) -> "Rows":
        """Return the rows without some columns."""
        return replace(self, columns={name: v for name, v in self.columns.items() if name not in names})

    def has(self, name: str) -> bool:
        """Tell whether a column is present."""
        return name in self.columns

    @property
    def values(self) -> tuple[str, ...]:
        """Names of the numbers that are present."""
        return tuple(name for name in (*VALUES[self.kind], *EXTRA) if name in self.columns)

    def place(self, row: int) -> str:
        """Return where a row came from, as ``file:line``."""
        return f"{self.files[int(self['file'][row])]}:{int(self['line'][row])}"

    def table(self) -> pa.Table:
        """Return the rows as an Arrow table with the columns of the catalogue."""
        extra = tuple(name for name in EXTRA if name in self.columns)
        names = [*TIMES[self.kind], "instrument", *VALUES[self.kind], *extra]
        source = {**self.columns, "instrument": self["code"]}
        return pa.table({name: np.ascontiguousarray(source[name]) for name in names})


def join(parts: list[Rows]) -> Rows:
    """Return one table of several of the same kind, in the order given; ids are united and sorted."""
    ids = tuple(sorted({name for part in parts for name in part.ids}))
    number = {name: code for code, name in enumerate(ids)}
    files = tuple(name for part in parts for name in part.files)
    names = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
    columns: dict[str, list[Array]] = {name: [] for name in names}
    shift = 0
    for part in parts:
        codes = np.array([number[name] for name in part.ids], np.int32)
        moved = {"code": codes[part["code"]], "file": part["file"] + np.int32(shift)}
        shift += len(part.files)
        for name in names:
            columns[name].append(moved.get(name, part[name]))
    return Rows(parts[0].kind, ids, {name: np.concatenate(values) for name, values in columns.items()}, files)


def sort_codes(rows: Rows) -> Rows:
    """Return the rows with ids in canonical (sorted) order and without ids that have no row."""
    used = np.unique(rows["code"])
    kept = sorted((rows.ids[code], int(code)) for code in used)
    number = np.full(len(rows.ids), -1, np.int32)
    for new, (_, old) in enumerate(kept):
        number[old] = new
    return replace(rows, ids=tuple(name for name, _ in kept), columns={**rows.columns, "code": number[rows["code"]]})
