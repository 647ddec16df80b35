"""What a run leaves, as it comes: logs into tables, lifecycle events into words, counts along the way."""

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from lockstep.engine.codes import Status
from lockstep.engine.events import DELIST, DIVIDEND, ORDER, RENAME, SPLIT, Events, Kind

from .membership import JOIN, LEAVE
from .tables import OPEN, REASONS, SCHEMAS, Columns, Rows, build

Emit = Callable[[str, pa.Table], None]
_NOTHING: Mapping[tuple[int, int], str] = MappingProxyType({})
_REFUSED = int(Status.REFUSED)
_KINDS = {JOIN: "join", LEAVE: "leave"} | {int(kind): kind.name.lower() for kind in Kind}


class Collector:
    """Takes the logs of a run and hands on its tables, piece by piece.

    Parameters
    ----------
    columns : Columns
        The names behind the numbers.
    emit : callable
        Gets each piece: the table's name and rows.
    equity_slices : int
        Slices for which equity is kept one by one; after them, per session.
    renames : mapping of (int, int) to str
        What each change of ticker says, by `ts_event` and instrument; the event itself holds no text.
    """

    def __init__(
        self, columns: Columns, emit: Emit, equity_slices: int, renames: Mapping[tuple[int, int], str] = _NOTHING
    ) -> None:
        self._renames = renames
        self._columns, self._emit, self._slices_left = columns, emit, equity_slices
        self.rows: Counter[str] = Counter()
        self.unfilled: Counter[str] = Counter()
        self.last_session = 0

    def sink(self, logs: dict[str, Rows]) -> None:
        """Take the logs that the engine has emptied."""
        sessions = np.unique(logs["sleeves"]["ts"])
        self.rows["sessions"] += len(sessions)
        for name, rows in logs.items():
            kept = self._thin(rows, sessions) if name == "equity" else rows
            if len(kept):
                self._add(name, self._columns.table(name, kept))
        self._count_unfilled(logs["orders"])

    def _thin(self, rows: Rows, sessions: np.ndarray) -> Rows:
        """Keep every row up to the limit, after it the one that ends each session: the last with its time."""
        whole = rows[: self._slices_left]
        self._slices_left -= len(whole)
        rest = rows[len(whole) :]
        ends = np.append(rest["ts"][1:] != rest["ts"][:-1], True)[: len(rest)]
        return np.concatenate([whole, rest[ends & np.isin(rest["ts"], sessions)]])

    def _count_unfilled(self, orders: Rows) -> None:
        short = orders[(np.abs(orders["filled"]) < np.abs(orders["quantity"])) & (orders["status"] != _REFUSED)]
        for reason, count in zip(*np.unique(short["reason"], return_counts=True), strict=True):
            self.unfilled[REASONS[reason] or OPEN] += int(count)

    def events(self, batch: Events) -> None:
        """Take the corporate actions and changes of status among events that the engine is given."""
        rare = batch[batch["kind"] < ORDER]
        if len(rare):
            self._add("events", self._lifecycle(rare))

    def benchmark(self, name: str, ts: np.ndarray, values: np.ndarray) -> None:
        """Take a benchmark's path."""
        columns = {"ts": ts, "name": [name] * len(ts), "value": values}
        self._add("benchmark", build("benchmark", columns))

    def _lifecycle(self, rare: Events) -> pa.Table:
        columns = {
            "ts": rare["ts_available"],
            "symbol": [self._columns.symbol(index) for index in rare["instrument"]],
            "kind": [_KINDS[kind] for kind in rare["kind"].tolist()],
            "detail": [detail(event, self._renames) for event in rare],
        }
        return build("events", columns)

    def _add(self, name: str, table: pa.Table) -> None:
        self.rows[name] += table.num_rows
        self._emit(name, table)

    def close(self) -> None:
        """Hand on an empty piece of every table, so that each exists."""
        for name, schema in SCHEMAS.items():
            self._emit(name, schema.empty_table())


def detail(event: Any, renames: Mapping[tuple[int, int], str] = _NOTHING) -> str:
    """Return what a corporate action or change of status says, in words."""
    kind = int(event["kind"])
    if kind == SPLIT:
        return f"{event['numerator']}:{event['denominator']}"
    if kind == DIVIDEND:
        return f"{event['amount'] / 1e9:g} dollars a share"
    if kind == DELIST:
        terminal = float(event["terminal"])
        return "at the last mark" if terminal != terminal else f"{terminal:g} dollars a share"
    if kind == RENAME:
        return renames.get((int(event["ts_event"]), int(event["instrument"])), "")
    return ""
