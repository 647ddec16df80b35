"""The project's files so many years on: tables, texts, calendars in sources, and dates in names."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from .announced import moved_source
from .files import UserFile
from .shifting import days_of, on

TEXTS = (".csv", ".tsv", ".json", ".txt")
"""Files whose dates are moved as text."""


def moved_files(files: tuple[UserFile, ...], sources: Mapping[str, Path], years: int) -> dict[str, bytes | None]:
    """Return those files that are others so many years on, by name; None: it is not there."""
    tables = {file.name: file for file in files if isinstance(file.content, pd.DataFrame)}
    found: dict[str, bytes | None] = {}
    for name, path in sources.items():
        moved = name if path.suffix == ".py" else on(name, years)
        content = _content(path, tables.get(name), years)
        if moved != name:
            found[name] = None
        if content is not None or moved != name:
            found[moved] = path.read_bytes() if content is None else content
    return found


def _content(path: Path, table: UserFile | None, years: int) -> bytes | None:
    """Return what a file holds so many years on, None where that is what it holds now."""
    if path.suffix in TEXTS or path.suffix == ".py":
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        moved = moved_source(text, years) if path.suffix == ".py" else on(text, years)
        return None if moved == text else moved.encode("utf-8", "surrogateescape")
    return None if table is None else table.written(_moved_frame(table.content, years))


def _moved_frame(frame: pd.DataFrame, years: int) -> pd.DataFrame:
    days, moved = pd.Timedelta(days=days_of(years)), frame.copy()
    for name in moved.columns:
        if pd.api.types.is_datetime64_any_dtype(moved[name]):
            moved[name] = moved[name] + days
        elif moved[name].dtype == object or pd.api.types.is_string_dtype(moved[name]):
            moved[name] = moved[name].map(lambda each: on(each, years) if isinstance(each, str) else each)
    if isinstance(moved.index, pd.DatetimeIndex):
        moved.index = moved.index + days
    return moved
