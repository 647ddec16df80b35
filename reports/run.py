"""A run folder in memory: typed tables in dollars and shares, and its manifest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import RunError
from .schema import MICROS, SCHEMA, TABLES, convert, empty
from .sessions import session_table

REQUIRED = ("schema", "run", "scenario", "initial_cash", "periods_per_year", "instruments")
KINDS: dict[str, tuple[Any, str]] = {
    "initial_cash": (int, "micro-dollars"),
    "periods_per_year": (int | float, "a number"),
    "instruments": (list, "a list of tables"),
    "sleeves": (list, "a list of tables"),
    "data": (list, "a list of tables"),
    "config": (dict, "a table"),
    "counts": (dict, "a table"),
    "unfilled": (dict, "a table"),
}
"""What some keys of the manifest must hold where they are there."""


@dataclass(frozen=True, eq=False, repr=False)
class RunFolder:
    """One run: what `load` reads from disk, or what a notebook holds in memory.

    Parameters
    ----------
    manifest : dict
        The manifest as written, money in micros.
    decisions, orders, fills, equity, marks, sleeves, flows, series, benchmark, events : DataFrame
        The tables of the schema, sorted by time: dollars, shares, times in UTC. NaN: no such price. Those left out are
        empty. `from_raw` takes them in micros and lots.
    path : Path or None
        The folder it came from.

    Raises
    ------
    RunError
        If the manifest lacks a key or is of another schema.
    """

    manifest: dict[str, Any]
    decisions: pd.DataFrame = field(default_factory=partial(empty, "decisions"))
    orders: pd.DataFrame = field(default_factory=partial(empty, "orders"))
    fills: pd.DataFrame = field(default_factory=partial(empty, "fills"))
    equity: pd.DataFrame = field(default_factory=partial(empty, "equity"))
    marks: pd.DataFrame = field(default_factory=partial(empty, "marks"))
    sleeves: pd.DataFrame = field(default_factory=partial(empty, "sleeves"))
    flows: pd.DataFrame = field(default_factory=partial(empty, "flows"))
    series: pd.DataFrame = field(default_factory=partial(empty, "series"))
    benchmark: pd.DataFrame = field(default_factory=partial(empty, "benchmark"))
    events: pd.DataFrame = field(default_factory=partial(empty, "events"))
    path: Path | None = None

    def __post_init__(self) -> None:
        _check_manifest(self.manifest, str(self.path or "manifest"))

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {len(getattr(self, name))}" for name in ("orders", "fills", "equity"))
        return f"RunFolder({self.manifest['run']!r}: {rows})"

    @classmethod
    def from_raw(cls, manifest: dict[str, Any], path: Path | None = None, **tables: pd.DataFrame) -> "RunFolder":
        """Build a run from tables as they are written: micros, lots.

        Raises
        ------
        RunError
            If a table's columns are not those of the schema.
        """
        where = str(path or "manifest")
        _check_manifest(manifest, where)
        units = _lots_per_unit(manifest)
        frames = {
            name: convert(name, frame, units, f"{path or ''}{'/' if path else ''}{name}")
            for name, frame in tables.items()
        }
        return cls(manifest=manifest, path=path, **frames)

    @property
    def initial_cash(self) -> float:
        """Dollars at the start."""
        return float(self.manifest["initial_cash"]) / MICROS

    @property
    def periods(self) -> float:
        """Sessions in a year."""
        return float(self.manifest["periods_per_year"])

    @property
    def lots_per_unit(self) -> Mapping[str, int]:
        """Lots that make one share, by symbol."""
        return _lots_per_unit(self.manifest)

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """One row per session, see `sessions.session_table`."""
        return session_table(self)


def load(path: str | Path) -> RunFolder:
    """Read a run folder.

    Parameters
    ----------
    path : str or Path
        A folder `runs/<id>` with `manifest.json` and one Parquet file per table.

    Raises
    ------
    RunError
        If the folder, a file, a key or a column is missing, damaged or of another schema.
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    tables = {name: _read_table(folder / f"{name}.parquet") for name in TABLES}
    return RunFolder.from_raw(manifest, folder, **tables)


def _lots_per_unit(manifest: dict[str, Any]) -> dict[str, int]:
    return {row["symbol"]: int(row.get("lots_per_unit", 1)) for row in manifest["instruments"]}


def _read_manifest(folder: Path) -> dict[str, Any]:
    file = folder / "manifest.json"
    if not file.is_file():
        raise RunError(f"{folder} is not a run folder: it has no manifest.json; expected a folder such as runs/<id>")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{file} is damaged ({error}); re-run the scenario") from error
    if not isinstance(manifest, dict):
        raise RunError(f"{file} holds a {type(manifest).__name__}, expected an object; re-run the scenario")
    return manifest


def _check_manifest(manifest: dict[str, Any], where: str) -> None:
    missing = [key for key in REQUIRED if key not in manifest]
    if missing:
        raise RunError(f"{where}: the manifest has no {missing[0]!r}; re-run the scenario")
    if manifest["schema"] != SCHEMA:
        raise RunError(
            f"{where}: run schema {manifest['schema']!r}, this version reads {SCHEMA}; "
            "re-run the scenario, or read it with the version that wrote it"
        )
    for name, (kind, what) in KINDS.items():
        value = manifest.get(name)
        if value is not None and not _is(value, kind):
            raise RunError(f"{where}: {name} = {value!r:.60}, expected {what}; re-run the scenario")


def _is(value: Any, kind: Any) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return isinstance(value, kind) and not isinstance(value, bool)


def _read_table(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise RunError(f"{file} is missing; every run has one even without rows: re-run the scenario")
    try:
        return pq.read_table(file).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise RunError(f"{file} is damaged ({str(error).splitlines()[0]}); re-run the scenario") from error
