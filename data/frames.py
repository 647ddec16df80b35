"""A feed from pandas DataFrames, for notebooks: the same checks, labels and events as for files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY, SYNTHETIC, Events
from lockstep.engine.instruments import Instrument, canonical

from .actions import Action, action_table
from .calendar import Ints, Sessions
from .declaration import declare
from .ingest import Prepared, prepare
from .lifecycle import action_events, in_order, list_events, lived, session_events, ticker_changes, timer_events
from .market import Packer
from .merge import add_slices, merge, rebatch
from .records import concatenate
from .rows import Array, Rows, join
from .source import Source

BARS = ("open", "high", "low", "close", "volume")
Frames = pd.DataFrame | Mapping[str, pd.DataFrame] | Mapping[str, pd.Series]


class FrameFeed:
    """The events of DataFrames, held in memory.

    Parameters
    ----------
    data : DataFrame, or mapping of symbol to DataFrame or Series
        Indexed by time. Columns ``open high low close volume`` (any case) give bars, ``close`` alone gives closes; a
        frame with other columns is a table of closes, one column a symbol; columns of two levels, symbol and field in
        either order, are split up.
    calendar : str
        ``XNYS`` or another exchange, or ``24/7``.
    timeframe, label, zone : str
        Of intraday rows: their length, whether the index says ``open`` or ``close``, and the zone of a naive index.
        Rows whose times are all midnight are daily and labelled by session.
    adjusted : {"raw", "split", "total"}
        What the prices are adjusted for.
    symbol : str
        Name of a single instrument.
    actions : sequence of Action
        Splits, dividends and changes of status.
    instruments : sequence of Instrument or None
        What the symbols are; None makes plain ones.
    repair : dict
        Declared repairs, as for an import.
    timers : iterable of (int, int)
        Timer events: ns UTC, timer number.
    delay_ns, grace_ns : int
        Nanoseconds until a row is known, and until the slice that follows.
    synthetic : bool
        Whether the prices were generated.

    Raises
    ------
    DataError
        If the frames are wrong, or something about time is not declared.
    """

    def __init__(
        self,
        data: Frames,
        *,
        calendar: str = "XNYS",
        timeframe: str | None = None,
        label: str | None = None,
        zone: str | None = None,
        adjusted: str = "raw",
        symbol: str = "ASSET",
        actions: Sequence[Action] = (),
        instruments: Sequence[Instrument] | None = None,
        repair: Mapping[str, str] | None = None,
        timers: Iterable[tuple[int, int]] = (),
        delay_ns: int = 0,
        grace_ns: int = 0,
        batch_rows: int = 65_536,
        synthetic: bool = False,
    ) -> None:
        frames = _split_up(data, symbol)
        rows, daily, known_zone = _rows(frames)
        times = _times(timeframe, label, zone or known_zone, daily=daily)
        declaration = declare(
            kind=rows.kind,
            **times,
            calendar=calendar,
            adjusted=adjusted,
            synthetic=synthetic,
            source="DataFrame",
            licence="the user's own",
            repair=dict(repair or {}),
        )
        self.source = Source(rows, declaration, tuple(actions))
        prepared = prepare(self.source)
        self.instruments = _instruments(prepared.rows, self.source, instruments)
        self.sessions, self.findings, self.repairs = prepared.sessions, prepared.findings, prepared.repairs
        self.batch_rows = batch_rows
        self._actions = action_table(self.source.actions, prepared.rows.ids, self.sessions.zone)
        self.events = _events(prepared, self.source, self._actions, timers, delay_ns, grace_ns)

    def __iter__(self) -> Iterator[Events]:
        return rebatch([self.events], self.batch_rows)

    def renames(self) -> dict[tuple[int, int], str]:
        """Return what each `RENAME` event says ("OLD to NEW"), by its `ts_event` (ns UTC) and instrument number."""
        names = [instrument.id for instrument in self.instruments]
        return ticker_changes(self._actions, np.arange(len(names), dtype=np.int32), names)


def events_from_frame(
    data: Frames, instruments: Sequence[Instrument] | None = None, calendar: str = "XNYS", **options: Any
) -> Events:
    """Return the events of DataFrames; the options are those of `FrameFeed`."""
    return FrameFeed(data, instruments=instruments, calendar=calendar, **options).events


def _split_up(data: Frames, symbol: str) -> dict[str, pd.DataFrame]:
    """Return one frame per symbol, with lower-case columns."""
    if isinstance(data, Mapping):
        frames = {str(name): pd.DataFrame({"close": f}) if isinstance(f, pd.Series) else f for name, f in data.items()}
    elif data.columns.nlevels == 2:
        frames = _levels(data)
    elif {str(name).lower() for name in data.columns} & set(BARS):
        frames = {symbol: data}
    else:
        frames = {str(name): data[[name]].set_axis(["close"], axis=1).dropna() for name in data.columns}
    if not frames:
        raise DataError("data holds no column; expected OHLCV columns, or one column of closes for each symbol")
    return {name: frame.set_axis([str(c).lower() for c in frame.columns], axis=1) for name, frame in frames.items()}


def _levels(data: pd.DataFrame) -> dict[str, pd.DataFrame]:
    fields = {name: {str(value).lower() for value in data.columns.get_level_values(name)} for name in (0, 1)}
    level = next((name for name in (0, 1) if "close" in fields[name]), None)
    if level is None:
        raise DataError("data has two levels of columns, none of which holds 'close'; expected symbol and field")
    symbols = data.columns.get_level_values(1 - level).unique()
    return {str(name): pd.DataFrame(data.xs(name, axis=1, level=1 - level)).dropna(how="all") for name in symbols}


def _rows(frames: dict[str, pd.DataFrame]) -> tuple[Rows, bool, str | None]:
    """Return the rows of all frames, whether they are daily, and the zone of their indices."""
    zones = {_zone(name, frame) for name, frame in frames.items()}
    if len(zones) > 1:
        raise DataError(f"data mixes time zones {sorted(map(str, zones))}; convert the indices to one")
    zone = zones.pop()
    parts = [_one(name, frame) for name, frame in sorted(frames.items())]
    kinds = sorted({part.kind for part in parts})
    if len(kinds) > 1:
        raise DataError("data mixes bars and closes; give every symbol the same columns")
    rows = join(parts)
    daily = bool((rows["stamp"] % DAY == 0).all())
    return rows, daily, zone


def _zone(name: str, frame: pd.DataFrame) -> str | None:
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise DataError(
            f"{name}: index of type {type(frame.index).__name__}, expected DatetimeIndex; use pd.to_datetime"
        )
    return None if frame.index.tz is None else str(frame.index.tz)


def _one(name: str, frame: pd.DataFrame) -> Rows:
    columns = set(frame.columns)
    full = set(BARS) <= columns
    if not full and "close" not in columns:
        raise DataError(f"{name}: columns {sorted(columns)}, expected {', '.join(BARS)}, or close alone")
    if not full and columns & {"open", "high", "low"}:
        raise DataError(f"{name}: columns {sorted(set(BARS) - columns)} are missing; give all five, or close alone")
    local = frame.index if frame.index.tz is None else frame.index.tz_localize(None)  # type: ignore[attr-defined]
    values = {field: _floats(name, field, frame) for field in (BARS if full else ("close",))}
    stamp = local.to_numpy().astype("datetime64[ns]").astype(np.int64)
    n = len(frame)
    place: dict[str, Array] = {
        "line": np.arange(n, dtype=np.int64),
        "file": np.zeros(n, np.int32),
        "code": np.zeros(n, np.int32),
    }
    return Rows("bars" if full else "closes", (name,), {"stamp": stamp, **values, **place}, (f"{name}, row",))


def _floats(name: str, field: str, frame: pd.DataFrame) -> Array:
    try:
        return frame[field].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}.{field}: {error}; expected numbers") from error


def _times(timeframe: str | None, label: str | None, zone: str | None, *, daily: bool) -> dict[str, str]:
    if daily and timeframe in (None, "1d"):
        return {"timeframe": "1d", "label": "session", "zone": zone or "UTC"}
    given = {"timeframe": timeframe, "label": label, "zone": zone}
    lacking = [name for name, value in given.items() if value is None]
    if lacking:
        raise DataError(
            f"data holds intraday rows: declare {', '.join(lacking)}, such as timeframe='1min', label='open', "
            "zone='America/New_York' (nothing about time is guessed)"
        )
    return {name: str(value) for name, value in given.items()}


def _instruments(rows: Rows, source: Source, given: Sequence[Instrument] | None) -> tuple[Instrument, ...]:
    """Return the instruments in the order of the rows' codes, which is canonical."""
    declaration = source.declaration
    tick, lots = declaration.grid
    if given is None:
        return tuple(
            Instrument(
                id=name,
                symbol=name,
                tick=tick,
                lots_per_unit=lots,
                close_only=rows.kind == "closes",
                adjusted=declaration.adjusted,
                synthetic=declaration.synthetic,
            )
            for name in rows.ids
        )
    ordered = canonical(given)
    if tuple(instrument.id for instrument in ordered) != rows.ids:
        raise DataError(f"instruments {[i.id for i in ordered]} differ from the data's symbols {list(rows.ids)}")
    return ordered


def _events(
    prepared: Prepared, source: Source, acted: pa.Table, timers: Iterable[tuple[int, int]], delay: int, grace: int
) -> Events:
    rows, sessions, declaration = prepared.rows, prepared.sessions, source.declaration
    numbers = np.arange(len(rows.ids), dtype=np.int32)
    packer = Packer(rows.kind, numbers, sessions, delay, SYNTHETIC if declaration.synthetic else 0)
    packer.daily = declaration.label == "session"
    market = packer({**rows.columns, "instrument": rows["code"]}, 0)
    rare = in_order([*_status(rows, sessions, acted, delay), timer_events(timers)])
    pieces = merge([market], rare, mark=grace == 0)
    return concatenate(list(add_slices(pieces, grace) if grace else pieces))


def _status(rows: Rows, sessions: Sessions, acted: pa.Table, delay: int) -> list[Events]:
    ts = rows["ts_event"]
    first: Ints = np.zeros(len(rows.ids), np.int64)
    first[rows["code"][::-1]] = ts[::-1]
    numbers = np.arange(len(rows.ids), dtype=np.int32)
    listed = list_events(first, -(2**62), sessions, delay, numbers)
    actions = action_events(acted, numbers, delay)
    closed = session_events(sessions, int(ts[0]), int(ts[-1]), 2**62, delay)
    return [listed, lived(actions, int(listed["ts_event"].min()), int(ts[-1]), sessions), closed]
