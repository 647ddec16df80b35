"""Corporate actions and changes of status: as records, as the CSV that users write, as the catalogue's table."""

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from lockstep.engine.errors import DataError
from lockstep.engine.events import Kind

from .calendar import days, iso_date, midnights
from .manifest import valid_symbol
from .schema import ACTIONS

ActionKind = Literal["split", "dividend", "list", "halt", "resume", "rename", "delist", "genuine"]
KINDS: dict[str, Kind] = {
    "split": Kind.SPLIT,
    "dividend": Kind.DIVIDEND,
    "list": Kind.LIST,
    "halt": Kind.HALT,
    "resume": Kind.RESUME,
    "rename": Kind.RENAME,
    "delist": Kind.DELIST,
}
COLUMNS = ("symbol", "kind", "date", "numerator", "denominator", "amount", "pay_date", "terminal", "new_symbol", "note")
NANO = 1_000_000_000
_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


@dataclass(frozen=True)
class Action:
    """One corporate action or change of status.

    Parameters
    ----------
    id : str
        Permanent id of the instrument.
    kind : str
        ``split``, ``dividend``, ``list``, ``halt``, ``resume``, ``rename``, ``delist``; or ``genuine``, which says that
        the price's jump of that date was real and no split.
    date : int
        Ex-date, or date of effect; days since 1970-01-01. It takes effect at 00:00 exchange time.
    numerator, denominator : int
        New shares for old ones; for a split.
    amount : int
        1e-9 dollars per old share; for a dividend.
    pay_date : int
        Days since 1970-01-01; 0 where unknown.
    terminal : float
        What a delisted share is worth at the end, dollars; NaN for its last mark.
    symbol : str
        The new ticker; for a rename.
    ts : int
        Exact instant (ns UTC) for halts and resumptions; 0 for 00:00 exchange time of `date`.
    note : str
        Where it is known from.
    coefficient : float
        The split as the source gave it, where that is no exact ratio (7.000007); NaN where it is. Only comparisons with
        the same source's adjusted prices use it.
    """

    id: str
    kind: ActionKind
    date: int
    numerator: int = 0
    denominator: int = 0
    amount: int = 0
    pay_date: int = 0
    terminal: float = math.nan
    symbol: str = ""
    ts: int = 0
    note: str = ""
    coefficient: float = math.nan

    @property
    def ratio(self) -> float:
        """New shares for one old share."""
        return self.numerator / self.denominator

    @property
    def sourced(self) -> float:
        """New shares for one old share, as the source gave it."""
        return self.ratio if math.isnan(self.coefficient) else self.coefficient


def read_actions(path: Path) -> list[Action]:
    """Read a declared actions file (CSV with the columns of `COLUMNS`, comments start with #).

    Raises
    ------
    DataError
        If a row is wrong; names file, line and value.
    """
    lines = [
        (f"{path}:{number}", line)
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    header, *rows = csv.reader([line for _, line in lines] or [""])
    _check_header(header, path)
    places = [place for place, _ in lines[1:]]
    actions = [_parse(row, header, where) for row, where in zip(rows, places, strict=True)]
    for place, action in enumerate(actions):
        if action in actions[:place]:
            raise DataError(f"{places[place]}: {describe(action)} is given twice; remove one, or add the amounts up")
    return actions


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; expected a CSV file of actions") from error


def _check_header(header: list[str], path: Path) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in ("symbol", "kind", "date") if name not in header]
    if missing:
        raise DataError(f"{path}: no column {missing[0]}; expected {', '.join(COLUMNS)}, of which the first three")
    if unknown:
        raise DataError(f"{path}: column {unknown[0]!r} is unknown; expected {', '.join(COLUMNS)}")


def _parse(row: list[str], header: list[str], where: str) -> Action:
    if len(row) != len(header):
        raise DataError(f"{where}: {len(row)} values, expected {len(header)} as in the header")
    text = dict.fromkeys(COLUMNS, "") | {name: value.strip() for name, value in zip(header, row, strict=True)}
    try:
        kind: ActionKind = text["kind"]  # type: ignore[assignment]  # checked by `_check`
        action = Action(
            id=text["symbol"],
            kind=kind,
            date=_day(text, "date"),
            numerator=_whole(text, "numerator"),
            denominator=_whole(text, "denominator"),
            amount=nano(text["amount"] or "0"),
            pay_date=_day(text, "pay_date") if text["pay_date"] else 0,
            terminal=_dollars(text, "terminal"),
            symbol=text["new_symbol"],
            note=text["note"],
        )
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error
    return _check(action, where)


def _day(text: dict[str, str], name: str) -> int:
    if not _DATE.fullmatch(text[name]):
        raise ValueError(f"{name} {text[name]!r}, expected a date such as 2015-12-31")
    return days(text[name])


def _whole(text: dict[str, str], name: str) -> int:
    if not (text[name] or "0").isdecimal():
        raise ValueError(f"{name} {text[name]!r}, expected a whole number")
    return int(text[name] or 0)


def _dollars(text: dict[str, str], name: str) -> float:
    try:
        return nano(text[name]) / NANO if text[name] else math.nan
    except ValueError:
        raise ValueError(f"{name} {text[name]!r}, expected dollars a share as a plain number") from None


def _check(action: Action, where: str) -> Action:
    if action.kind not in (*KINDS, "genuine"):
        raise DataError(f"{where}: kind {action.kind!r}, expected one of {', '.join((*KINDS, 'genuine'))}")
    if action.kind == "split" and not (0 < action.numerator <= 10**6 and 0 < action.denominator <= 10**6):
        raise DataError(
            f"{where}: split {action.numerator}:{action.denominator}, expected whole numbers from 1 to 1000000 "
            "(new shares, old shares)"
        )
    if action.kind == "dividend" and action.amount <= 0:
        raise DataError(f"{where}: dividend {action.amount / NANO}, expected dollars above 0")
    if action.kind == "rename" and not action.symbol:
        raise DataError(f"{where}: rename without new_symbol; name the new ticker")
    if action.kind == "rename" and not valid_symbol(action.symbol):
        raise DataError(f"{where}: new_symbol {action.symbol!r}, expected a ticker such as BRK.B")
    if action.pay_date and action.pay_date < action.date:
        raise DataError(f"{where}: pay_date {iso_date(action.pay_date)} lies before the ex-date; swap the two")
    if action.terminal < 0:
        raise DataError(f"{where}: terminal {action.terminal:g}, expected dollars a share from 0")
    return action


def nano(text: str) -> int:
    """Return dollars, as text, in 1e-9 dollars, exactly.

    Raises
    ------
    ValueError
        If the text is no plain decimal, or has more than nine decimals.
    """
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("+-").partition(".")
    if not (whole + part).isdigit() or len(part) > 9:
        raise ValueError(f"amount {text!r}, expected dollars as a plain number of at most nine decimals")
    return sign * (int(whole or 0) * NANO + int(part.ljust(9, "0")))


def action_table(actions: Iterable[Action], ids: Sequence[str], zone: str) -> pa.Table:
    """Return the catalogue's table of actions, sorted by (time, instrument, kind); `genuine` rows are left out.

    A dividend comes before a split of the same instant, so that its amount is per old share.
    """
    code = {name: number for number, name in enumerate(ids)}
    kept = [action for action in actions if action.kind != "genuine" and action.id in code]
    at = midnights(np.array([action.date for action in kept], np.int64), zone)
    pay = midnights(np.array([action.pay_date for action in kept], np.int64), zone)
    times = [action.ts or int(ts) for action, ts in zip(kept, at, strict=True)]
    order = sorted(
        range(len(kept)), key=lambda i: (times[i], code[kept[i].id], kept[i].kind == "split", KINDS[kept[i].kind], i)
    )
    rows = [
        {
            "ts_event": times[i],
            "date": kept[i].date,
            "instrument": code[kept[i].id],
            "kind": kept[i].kind,
            "numerator": kept[i].numerator,
            "denominator": kept[i].denominator,
            "coefficient": kept[i].sourced if kept[i].kind == "split" else math.nan,
            "amount": kept[i].amount,
            "pay_ts": int(pay[i]) if kept[i].pay_date else 0,
            "terminal": kept[i].terminal,
            "symbol": kept[i].symbol,
            "note": kept[i].note,
        }
        for i in order
    ]
    columns = {name: [row[name] for row in rows] for name in ACTIONS.names}
    return pa.table(
        {name: pa.array(columns[name], _raw(name)).cast(ACTIONS.field(name).type) for name in ACTIONS.names}
    )


def _raw(name: str) -> pa.DataType:
    kind = ACTIONS.field(name).type
    if pa.types.is_timestamp(kind):
        return pa.int64()
    return pa.int32() if pa.types.is_date32(kind) else kind


def describe(action: Action) -> str:
    """Return an action in words, for findings."""
    what = {
        "split": f"split {action.numerator}:{action.denominator}",
        "dividend": f"dividend {action.amount / NANO:g}",
    }.get(action.kind, action.kind)
    return f"{action.id} {iso_date(action.date)} {what}"
