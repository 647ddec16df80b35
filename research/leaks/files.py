"""The user's own files with times in them, and how they look in another future.

Tables (CSV, Parquet, Feather, pickled frames) have a time column or index, the time of knowledge before that of the
event where there are both; JSON has objects with a time; a file may be named after a date, as models in a registry are.
A date means the close of its session, like a row of a feature.
"""

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lockstep.data.calendar import Sessions

from .inputs import place_labels

KNOWN = ("available_at", "known_at", "ts_known", "announced", "announced_at", "published", "published_at", "released")
KNOWN += ("release_date", "filed", "filing_date", "registered", "registered_at", "trained_at", "created_at", "as_of")
EVENTS = ("ts", "ts_event", "time", "timestamp", "datetime", "date", "day", "session")
NAMES = ("symbol", "ticker", "id", "instrument", "asset", "sid", "name", "version", "model")
DATED = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?!\d)")
LARGEST = 64 * 2**20


@dataclass(frozen=True)
class Edit:
    """What happens to the files: which future, from when on, and, where not all, only to one file or column.

    Parameters
    ----------
    future : str
        See `futures`.
    cut : int
        ns UTC.
    seed : int
        Of the other values.
    only : str
        A file, or ``file:column``; empty: everything.
    """

    future: str
    cut: int
    seed: int
    only: str = ""


@dataclass(frozen=True)
class UserFile:
    """One file with times in it.

    Parameters
    ----------
    name : str
        Relative to the project.
    content : object
        A DataFrame, what a JSON file holds, or the bytes of a file that is named after a date.
    known : (n,) int64
        When each row became known; of JSON and dated files: all times in it, ns UTC.
    columns : tuple of str
        Columns that other futures change.
    sessions : Sessions or None
        The calendar that dates are placed by.
    series : bool
        Whether it is a pickled Series, held as a frame of one column.
    dated : int or None
        The time in its name, ns UTC.
    """

    name: str
    content: Any
    known: np.ndarray
    columns: tuple[str, ...] = ()
    sessions: Sessions | None = field(default=None, repr=False)
    series: bool = False
    dated: int | None = None

    def after(self, edit: Edit) -> bytes | None:
        """Return the file as it is in another future; None: it is not there."""
        rng = np.random.default_rng([edit.seed, 7])
        shorter = edit.future == "truncate"
        if isinstance(self.content, bytes):  # what it holds is not known, so that it can only be there or not
            return None
        if isinstance(self.content, pd.DataFrame):
            return self._table_after(edit, rng, shorter=shorter)
        whole = self.dated or (_time_of(self.content, self.sessions) if isinstance(self.content, dict) else None)
        if shorter and (whole or 0) > edit.cut:
            return None
        return json.dumps(self._plain_after(self.content, edit, rng, shorter)).encode()

    def touched(self, edit: Edit) -> bool:
        """Tell whether another future changes it."""
        return edit.only.partition(":")[0] in ("", self.name) and bool((self.known > edit.cut).any())

    def _table_after(self, edit: Edit, rng: np.random.Generator, *, shorter: bool) -> bytes:
        frame, later = self.content, self.known > edit.cut
        if shorter:
            frame = frame[~later]
        elif edit.future == "thin":
            frame = frame[~(later & (rng.random(len(frame)) < 0.3))]
        else:
            column = edit.only.partition(":")[2]
            frame = frame.copy()
            for each in self.columns:
                values = _other(frame[each], later, rng)
                if column in ("", each):
                    frame[each] = values
        return self.written(frame)

    def written(self, frame: pd.DataFrame) -> bytes:
        """Return the file as it is with another table in it."""
        return _WRITERS[Path(self.name).suffix](frame.iloc[:, 0] if self.series else frame)

    def _plain_after(self, value: Any, edit: Edit, rng: np.random.Generator, shorter: bool) -> Any:
        def go(each: Any, later: bool) -> Any:
            if isinstance(each, dict):
                ts = _time_of(each, self.sessions)
                return {k: go(v, later or (ts or 0) > edit.cut) for k, v in each.items() if not gone(v, k)}
            if isinstance(each, list):
                return [go(v, later) for v in each if not gone(v)]
            if later and isinstance(each, int | float) and not isinstance(each, bool):
                return type(each)(each * rng.uniform(-3.0, 3.0) + 1)
            return (not each) if later and isinstance(each, bool) else each

        def gone(each: Any, key: str = "") -> bool:
            ts = _time_of(each, self.sessions) if isinstance(each, dict) else None
            ts = ts or _stamp(key, self.sessions)
            return shorter and ts is not None and ts > edit.cut

        return go(value, (self.dated or 0) > edit.cut)


def find_files(sources: Mapping[str, Path], sessions: Sessions, first: int) -> tuple[UserFile, ...]:
    """Return those files that hold anything of the time after `first`, ns UTC."""
    found = []
    for name, path in sources.items():
        if path.suffix in (".py", ".toml", ".md") or path.stat().st_size > LARGEST:
            continue
        file = _read(name, path, sessions)
        if file is not None and bool((file.known > first).any()):
            found.append(file)
    return tuple(found)


def _read(name: str, path: Path, sessions: Sessions) -> UserFile | None:
    try:
        stamp = _stamp(path.stem, sessions, whole=False)
        if path.suffix in _READERS:
            found = _table(name, _READERS[path.suffix](path), sessions)
            if found is not None:
                return found
        elif path.suffix == ".json":
            content = json.loads(path.read_text())
            found_times = sorted(_times(content, sessions) | ({stamp} if stamp else set()))
            times = np.array(found_times, np.int64)
            return UserFile(name, content, times, sessions=sessions, dated=stamp) if found_times else None
        return None if stamp is None else UserFile(name, path.read_bytes(), np.array([stamp]))
    except Exception:  # noqa: BLE001 - whatever cannot be read as a table is none; the target's own reading decides
        return None


def _table(name: str, content: Any, sessions: Sessions) -> UserFile | None:
    frame = content.to_frame() if isinstance(content, pd.Series) else content
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        return None
    column, stamps = _time_column(frame)
    if stamps is None:
        return None
    known = place_labels(pd.DatetimeIndex(stamps), sessions, daily=True)
    columns = [
        str(each)
        for each in frame.columns
        if each != column
        and str(each).lower() not in NAMES
        and not pd.api.types.is_datetime64_any_dtype(frame[each])
        and (pd.api.types.is_numeric_dtype(frame[each]) or not _is_time(frame[each]))
    ]
    return UserFile(name, frame, np.asarray(known), tuple(columns), series=isinstance(content, pd.Series))


def _time_column(frame: pd.DataFrame) -> tuple[str | None, Any]:
    """Return the column by which rows are placed in time (None: the index) and the times (None: there are none)."""
    lower = {str(name).lower(): name for name in frame.columns}
    for name in KNOWN:
        if name in lower and _is_time(frame[lower[name]]):
            return lower[name], _stamps(frame[lower[name]])
    if isinstance(frame.index, pd.DatetimeIndex):
        return None, frame.index
    named = [lower[name] for name in EVENTS if name in lower]
    for name in [*named, *[each for each in frame.columns if each not in named]]:
        if _is_time(frame[name]):
            return name, _stamps(frame[name])
    return None, None


def _is_time(values: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(values):
        return True
    if pd.api.types.is_numeric_dtype(values):
        return False
    text = values.dropna().astype(str)
    return len(text) > 0 and bool(text.str.match(r"(?:19|20)\d\d-?[01]\d-?[0-3]\d").mean() > 0.9)


def _stamps(values: pd.Series) -> pd.DatetimeIndex:
    times = pd.DatetimeIndex(pd.to_datetime(values, errors="coerce", utc=True))
    return times.tz_localize(None).fillna(pd.Timestamp(0))


def _other(values: pd.Series, later: np.ndarray, rng: np.random.Generator) -> pd.Series:
    """Return a column with other values where `later`: drawn anew and, where numbers, scaled and of another sign.

    Numbers may come as the text of a file, which stays as it is elsewhere: read and written back they could change.
    """
    old = values.to_numpy(dtype=values.dtype if values.dtype.kind in "iufb" else object, copy=True)
    drawn = old[rng.permutation(np.flatnonzero(later))]
    text = old.dtype == object
    numbers = pd.to_numeric(values, errors="coerce")
    if old.dtype.kind == "b":
        drawn = ~drawn
    elif old.dtype.kind in "iuf" or bool((numbers.notna() | (values == "")).all()):
        whole = numbers.dtype.kind in "iu"
        signs = -1.0 if bool((numbers < 0).any()) else 1.0
        known = pd.to_numeric(pd.Series(drawn), errors="coerce").to_numpy(np.float64)
        known = known * rng.uniform(0.3, 3.0, len(drawn)) * np.where(rng.random(len(drawn)) < 0.5, signs, 1.0)
        drawn = np.rint(known + 1) if whole else known
        if text:
            drawn = [("" if np.isnan(x) else str(int(x)) if whole else repr(float(x))) for x in drawn]
    old[later] = drawn
    return pd.Series(old, index=values.index, dtype=values.dtype)


def _times(content: Any, sessions: Sessions) -> set[int]:
    found: set[int] = set()
    if isinstance(content, dict):
        own = _time_of(content, sessions)
        found |= {own} if own is not None else set()
        found |= {ts for key in content if (ts := _stamp(key, sessions)) is not None}
    for each in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        found |= _times(each, sessions)
    return found


def _time_of(entry: dict[str, Any], sessions: Sessions | None) -> int | None:
    lower = {str(key).lower(): value for key, value in entry.items()}
    for name in (*KNOWN, *EVENTS):
        stamp = _stamp(lower.get(name), sessions)
        if stamp is not None:
            return stamp
    return None


def _stamp(text: Any, sessions: Sessions | None, *, whole: bool = True) -> int | None:
    found = DATED.search(text) if isinstance(text, str) else None
    if found is None or (whole and found.start() != 0):
        return None
    try:
        stamp = pd.Timestamp(text) if whole else pd.Timestamp("-".join(found.groups()))
    except ValueError:
        return None
    stamp = stamp.tz_convert(None) if stamp.tz is not None else stamp
    index = pd.DatetimeIndex([stamp])
    return int(place_labels(index, sessions, daily=True)[0] if sessions is not None else index.as_unit("ns").asi8[0])


def _parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


def _feather(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.reset_index(drop=True).to_feather(out)
    return out.getvalue()


def _pickle(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_pickle(out)
    return out.getvalue()


_READERS: dict[str, Callable[[Any], Any]] = {
    ".csv": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False),
    ".tsv": lambda path: pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False),
    ".parquet": pd.read_parquet,
    ".feather": pd.read_feather,
    ".pkl": pd.read_pickle,
    ".pickle": pd.read_pickle,
}
_WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    ".csv": lambda frame: frame.to_csv(index=False).encode(),
    ".tsv": lambda frame: frame.to_csv(index=False, sep="\t").encode(),
    ".parquet": _parquet,
    ".feather": _feather,
    ".pkl": _pickle,
    ".pickle": _pickle,
}
