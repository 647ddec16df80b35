"""LEAN's US equity folders: zips of ticks, seconds, minutes, hours and days, with map and factor files.

Prices are integers of 1/10 000 dollars, raw; times are New York, bars are labelled by their open. Hours are whole: the
09:00 bar holds 09:30 to 10:00. Files are named by the ticker of their day; rows get the permanent id that had it.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lockstep.data.actions import Action
from lockstep.data.calendar import load_sessions
from lockstep.data.declaration import Declaration, declare
from lockstep.data.manifest import Finding, Repair, RowKind, valid_symbol
from lockstep.data.rows import Array, Rows, join
from lockstep.data.source import Source
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY

from .lean_files import Owners, day, lifecycle, read_factors
from .quotes import best_quotes
from .text import Text, integers, numbers, read_bytes, read_text

Resolution = Literal["tick", "second", "minute", "hour", "daily"]
TIMEFRAMES: dict[str, str] = {"tick": "tick", "second": "1s", "minute": "1min", "hour": "1h", "daily": "1d"}
UNIT = 10_000.0
SOURCE = "LEAN data folder, equity/usa (vendors AlgoSeek and QuantQuote through QuantConnect)"
BARS = ("open", "high", "low", "close")
_DATED = re.compile(r"(\d{8})_(trade|quote)\.zip")
_HEADERS: dict[str, list[str]] = {
    "bars": ["time", *BARS, "volume"],
    "quotes": ["time", *(f"bid_{name}" for name in (*BARS, "size")), *(f"ask_{name}" for name in (*BARS, "size"))],
    "tick_trade": ["time", "price", "size", "exchange", "condition", "suspicious"],
    "tick_quote": ["time", "bid", "bid_size", "ask", "ask_size", "exchange", "condition", "suspicious"],
}


def read_lean(
    root: Path,
    resolution: Resolution,
    *,
    ticks: Literal["trade", "quote"] = "trade",
    tickers: Sequence[str] | None = None,
    repair: dict[str, str] | None = None,
    licence: str = "Apache-2.0 (repository); terms of the vendor apply to the data",
    survivorship: str = "",
) -> Source:
    """Read one resolution of a LEAN folder.

    Parameters
    ----------
    root : Path
        The folder that holds ``daily``, ``minute`` …, ``map_files``, ``factor_files``.
    resolution : {"tick", "second", "minute", "hour", "daily"}
        Which of them.
    ticks : {"trade", "quote"}
        Trades, or quotes; hours and days have trades alone.
    tickers : sequence of str or None
        File names to read; None reads all.
    repair : dict
        Declared repairs: ``extended`` for rows outside 09:30 to 16:00, ``unmapped=drop`` for days on which no id had
        the ticker, ``suspicious`` for ticks flagged by the vendor, ``crossed`` for quotes.

    Raises
    ------
    DataError
        If a file is wrong, or a repair is needed that was not declared.
    """
    declaration = _declaration(resolution, ticks, repair or {}, licence, survivorship)
    owners = Owners(root / "map_files")
    parts, findings, repairs = [], [], []
    for path, ticker in _files(root, resolution, ticks, tickers):
        rows = _read(path, path.relative_to(root).as_posix(), resolution, ticks, ticker)
        rows, fixed = _suspicious(rows, declaration)
        repairs += fixed
        rows, lost = _own(rows, ticker, owners, declaration)
        repairs += lost
        if not owners.known(ticker) and len(rows):
            findings.append(f"{ticker}: no map file, the ticker serves as permanent id")
        if len(rows):
            parts.append(rows)
    if not parts:
        raise DataError(f"{root / resolution}: no {ticks} rows for {tickers or 'any ticker'}; expected zips")
    rows = _gather(parts, declaration, ticks if resolution == "tick" else "")
    actions = _actions(root, rows, owners)
    notes = (_note("unmapped_ticker", findings),) if findings else ()
    return Source(rows, declaration, tuple(actions), _instruments(rows, owners), notes, _merged(repairs))


def _declaration(
    resolution: Resolution, ticks: str, repair: dict[str, str], licence: str, survivorship: str
) -> Declaration:
    if resolution not in TIMEFRAMES:
        raise DataError(f"resolution={resolution!r}, expected one of {', '.join(TIMEFRAMES)}")
    if ticks not in ("trade", "quote") or (ticks == "quote" and resolution in ("hour", "daily")):
        raise DataError(
            f"ticks={ticks!r} with resolution={resolution!r}: expected trade; hours and days have no quotes"
        )
    kind: RowKind = "quotes" if ticks == "quote" else "trades" if resolution == "tick" else "bars"
    label = {"tick": "instant", "daily": "session"}.get(resolution, "open")
    # Files of one instrument are named by its tickers over time, whose order means nothing.
    return declare(
        kind=kind,
        timeframe=TIMEFRAMES[resolution],
        label=label,
        zone="America/New_York",
        adjusted="raw",
        source=f"{SOURCE}, {resolution} {ticks}",
        licence=licence,
        survivorship=survivorship,
        splits_known=True,
        repair=repair,
    )


def _files(root: Path, resolution: str, ticks: str, tickers: Sequence[str] | None) -> list[tuple[Path, str]]:
    folder = root / resolution
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected a LEAN folder such as Data/equity/usa")
    pattern = "*.zip" if resolution in ("hour", "daily") else f"*/*_{ticks}.zip"
    wanted = None if tickers is None else {ticker.upper() for ticker in tickers}
    found = []
    for path in sorted(folder.glob(pattern)):
        ticker = (path.stem if resolution in ("hour", "daily") else path.parent.name).upper()
        if not valid_symbol(ticker):
            raise DataError(f"{path}: {ticker!r} is no ticker")
        if wanted is None or ticker in wanted:
            found.append((path, ticker))
    missing = sorted((wanted or set()) - {ticker for _, ticker in found})
    if missing:
        raise DataError(f"{folder}: no {ticks} files for {', '.join(missing)}; expected {pattern}")
    return found


def _read(path: Path, name: str, resolution: str, ticks: str, ticker: str) -> Rows:
    kind = f"tick_{ticks}" if resolution == "tick" else "quotes" if ticks == "quote" else "bars"
    text = read_text(read_bytes(path), name, _HEADERS[kind])
    stamp = _moments(text) if resolution in ("hour", "daily") else _milliseconds(text, path, name)
    columns: dict[str, Array] = {"stamp": stamp, "line": text.lines, "file": np.zeros(len(text), np.int32)}
    columns["code"] = np.zeros(len(text), np.int32)
    if kind == "bars":
        values = {field: numbers(text, field, UNIT) for field in BARS} | {"volume": numbers(text, "volume")}
        return Rows("bars", (ticker,), {**columns, **values}, (name,))
    if kind == "quotes":
        sides = {side: numbers(text, f"{side}_close", UNIT) for side in ("bid", "ask")}
        sizes = {f"{side}_size": np.nan_to_num(numbers(text, f"{side}_size")) for side in ("bid", "ask")}
        return Rows("quotes", (ticker,), {**columns, **sides, **sizes}, (name,))
    columns["suspicious"] = integers(text, "suspicious") != 0
    if kind == "tick_trade":
        values = {"price": numbers(text, "price", UNIT), "size": numbers(text, "size")}
        return Rows("trades", (ticker,), {**columns, **values}, (name,))
    values = {side: numbers(text, side, UNIT) for side in ("bid", "ask")}
    values |= {f"{side}_size": numbers(text, f"{side}_size") for side in ("bid", "ask")}
    return Rows("quotes", (ticker,), {**columns, **values}, (name,))


def _milliseconds(text: Text, path: Path, name: str) -> Array:
    found = _DATED.fullmatch(path.name)
    if not found:
        raise DataError(f"{name}: expected a name such as 20140609_trade.zip")
    try:
        midnight = day(int(found[1])) * DAY
    except ValueError as error:
        raise DataError(f"{name}: no such day ({error})") from error
    since = numbers(text, "time")
    bad = ~((since >= 0) & (since < 86_400_000))
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"{name}:{text.lines[row]}: time {since[row]:g}, expected milliseconds since midnight")
    # Fractions of milliseconds are rounded to microseconds, as fine as the vendor's clock.
    return np.asarray(midnight + np.rint(since * 1000).astype(np.int64) * 1000)


def _moments(text: Text) -> Array:
    cells = text.columns["time"].to_pylist()
    try:
        return np.array([_moment(cell) for cell in cells], np.int64)
    except ValueError:
        row = next(row for row, cell in enumerate(cells) if not _is_moment(cell))
        raise DataError(f"{text.name}:{text.lines[row]}: time {cells[row]!r}, expected YYYYMMDD HH:MM") from None


def _moment(cell: str) -> int:
    date, _, clock = cell.partition(" ")
    hours, minutes = int(clock[:2]), int(clock[3:])
    if len(date) != 8 or len(clock) != 5 or hours > 23 or minutes > 59:
        raise ValueError(cell)
    return day(int(date)) * DAY + (hours * 60 + minutes) * 60_000_000_000


def _is_moment(cell: str) -> bool:
    try:
        _moment(cell)
    except ValueError:
        return False
    return True


def _suspicious(rows: Rows, declaration: Declaration) -> tuple[Rows, list[Repair]]:
    if not rows.has("suspicious"):
        return rows, []
    flagged = rows["suspicious"]
    action = declaration.repair.get("suspicious")
    if flagged.any() and action is None:
        raise DataError(
            f"{rows.place(int(flagged.argmax()))}: a tick that the vendor flags as suspicious ({int(flagged.sum())} "
            "such); declare repair suspicious=drop or suspicious=keep"
        )
    kept = rows.take(~flagged) if action == "drop" else rows
    return kept.without("suspicious"), _done("suspicious", action or "", rows, flagged)


def _own(rows: Rows, ticker: str, owners: Owners, declaration: Declaration) -> tuple[Rows, list[Repair]]:
    """Give rows the permanent ids that had the ticker on their days."""
    spans = owners.spans(ticker)
    days = rows["stamp"] // DAY
    code = np.full(len(rows), -1, np.int32)
    ids = tuple(sorted({name for _, _, name in spans}))
    for first, last, name in spans:
        code[(days >= first) & (days <= last)] = ids.index(name)
    lost = code < 0
    action = declaration.repair.get("unmapped")
    if lost.any() and action is None:
        row = int(lost.argmax())
        raise DataError(
            f"{rows.place(row)}: no map file gives {ticker} an owner on {np.datetime64(int(days[row]), 'D')} "
            f"({int(lost.sum())} such rows; tickers are used again); add the map file, or declare repair unmapped=drop"
        )
    owned = replace(rows, ids=ids).with_columns(code=code)
    return (owned.take(~lost) if lost.any() else owned), _done("unmapped", action or "", rows, lost)


def _done(rule: str, action: str, rows: Rows, where: Array) -> list[Repair]:
    if not where.any():
        return []
    return [Repair(rule=rule, action=action, count=int(where.sum()), examples=(rows.place(int(where.argmax())),))]


def _merged(repairs: list[Repair]) -> tuple[Repair, ...]:
    """Return one entry for each rule."""
    rules = sorted({repair.rule for repair in repairs})
    groups = [[repair for repair in repairs if repair.rule == rule] for rule in rules]
    return tuple(
        Repair(
            rule=group[0].rule,
            action=group[0].action,
            count=sum(repair.count for repair in group),
            examples=tuple(example for repair in group for example in repair.examples)[:20],
        )
        for group in groups
    )


def _gather(parts: list[Rows], declaration: Declaration, tick: str) -> Rows:
    if tick == "quote":
        parts = [best_quotes(part) for part in parts]
    rows = join(parts)
    return rows if declaration.label != "session" else rows.with_columns(stamp=rows["stamp"] // DAY * DAY)


def _actions(root: Path, rows: Rows, owners: Owners) -> list[Action]:
    """Return the actions of each id within the range of its own rows, and a delisting that follows them closely."""
    actions: list[Action] = []
    days = rows["stamp"] // DAY
    for code, name in enumerate(rows.ids):
        own = days[rows["code"] == code]
        if len(own) == 0:
            continue
        first, last = int(own.min()), int(own.max())
        if name in owners.mappings:
            actions += lifecycle(owners.mappings[name], first + 1, last + 7)
        factors = root / "factor_files" / f"{name.lower()}.csv"
        if factors.is_file():
            sessions = load_sessions("XNYS", str(np.datetime64(first, "D")), str(np.datetime64(last, "D")))
            actions += read_factors(factors, name, sessions)
    return actions


def _instruments(rows: Rows, owners: Owners) -> dict[str, dict[str, Any]]:
    found = {}
    for name in rows.ids:
        mapping = owners.mappings.get(name)
        if mapping is not None:
            found[name] = {"symbol": mapping.tickers[-1][1], "symbols": mapping.history()}
    return found


def _note(rule: str, lines: list[str]) -> Finding:
    distinct = tuple(dict.fromkeys(lines))
    return Finding(rule=rule, count=len(distinct), detail="tickers without a map file", examples=distinct[:20])
