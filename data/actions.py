"""Corporate actions and changes of status: as records, as the CSV that users write, as the catalogue's table."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from lockstep.engine.errors import DataError
from lockstep.engine.events import Kind

from .calendar import days, iso_date, midnights
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
        (number, line)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    reader = csv.DictReader([line for _, line in lines])
    unknown = sorted(set(reader.fieldnames or ()) - set(COLUMNS))
    missing = sorted({"symbol", "kind", "date"} - set(reader.fieldnames or ()))
    if unknown or missing:
        raise DataError(
            f"{path}: columns {unknown or missing} are {'unknown' if unknown else 'missing'}; expected {COLUMNS}"
        )
    return [_parse(row, f"{path}:{number}") for row, (number, _) in zip(reader, lines[1:], strict=True)]


def _parse(row: dict[str, str | None], where: str) -> Action:
    text = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        kind: ActionKind = text["kind"]  # type: ignore[assignment]  # checked by `_check`
        action = Action(
            id=text["symbol"],
            kind=kind,
            date=days(text["date"]),
            numerator=int(text["numerator"] or 0),
            denominator=int(text["denominator"] or 0),
            amount=nano(text["amount"] or "0"),
            pay_date=days(text["pay_date"]) if text["pay_date"] else 0,
            terminal=float(text["terminal"]) if text["terminal"] else math.nan,
            symbol=text["new_symbol"],
            note=text["note"],
        )
    except ValueError as error:
        raise DataError(f"{where}: {error}; expected ISO dates and plain numbers") from error
    return _check(action, where)


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
        raise ValueError(f"amount {text!r}")
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
