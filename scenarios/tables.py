"""From the engine's logs to the tables of the run folder: names for numbers, Arrow for numpy."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lockstep.engine.codes import FIRST_FINAL, OrderType, Reason, Status, TimeInForce, Trigger
from lockstep.engine.updates import FLOWS

Rows = NDArray[Any]
TIME = pa.timestamp("ns", "UTC")
OPEN = "open"
VERDICTS = ("approved", "shrunk", "refused")

_I, _S, _F = pa.int64(), pa.string(), pa.float64()
SCHEMAS: dict[str, pa.Schema] = {
    name: pa.schema(list(columns.items()))
    for name, columns in {
        "decisions": {
            "ts": TIME, "order_id": _I, "group": _I, "sleeve": _S, "symbol": _S, "quantity": _I, "approved": _I,
            "verdict": _S, "code": _S, "limit": _F, "value": _F,
        },
        "orders": {
            "order_id": _I, "group": _I, "parent": _I, "sleeve": _S, "symbol": _S, "type": _S, "tif": _S,
            "quantity": _I, "filled": _I, "limit_price": _I, "stop_price": _I, "ts_submitted": TIME, "ts_done": TIME,
            "status": _S, "reason": _S, "average_price": _I,
        },
        "fills": {
            "ts": TIME, "ts_known": TIME, "order_id": _I, "sleeve": _S, "symbol": _S, "quantity": _I, "price": _I,
            "fee": _I, "commission": _I, "regulatory": _I, "spread_cost": _I, "impact_cost": _I, "realised": _I,
            "position_after": _I, "reason": _S,
        },
        "equity": {"ts": TIME, "equity": _I, "cash": _I, "gross": _I, "net": _I},
        "marks": {
            "ts": TIME, "symbol": _S, "mark": _I, "quantity": _I, "value": _I, "realised": _I, "fees": _I,
            "dividends": _I, "borrow": _I,
        },
        "sleeves": {"ts": TIME, "sleeve": _S, "equity": _I, "gross": _I, "realised": _I, "fees": _I},
        "flows": {"ts": TIME, "symbol": _S, "kind": _S, "amount": _I},
        "series": {"ts": TIME, "name": _S, "value": _F},
        "benchmark": {"ts": TIME, "name": _S, "value": _F},
        "events": {"ts": TIME, "symbol": _S, "kind": _S, "detail": _S},
    }.items()
}  # fmt: skip
"""The tables of a run folder, see `docs/architecture.md`."""


def _names(codes: type[IntEnum]) -> list[str]:
    names = [""] * (max(codes) + 1)
    for code in codes:
        names[code] = code.name.lower()
    return names


REASONS = ["", *_names(Reason)[1:]]
"""Why an order was shrunk, refused, cancelled, expired or left unfilled, by number."""


# Arrays are made from buffers: `pyarrow.array` imports pandas, which costs half a second of a run's start.


def _numbers(values: Rows, valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return int64 or float64 numbers as an Arrow array, null where not valid."""
    kind = pa.float64() if values.dtype.kind == "f" else pa.int64()
    whole = np.ascontiguousarray(values, np.float64 if kind == pa.float64() else np.int64)
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    return pa.Array.from_buffers(kind, len(whole), [bits, pa.py_buffer(whole)])


def _texts(values: Sequence[str]) -> pa.Array:
    """Return text as an Arrow array."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def _dictionary(names: Sequence[str]) -> pa.Array:
    """Return names by number; -1 stands for none: no instrument, or the account as a whole."""
    return _texts([*names, ""])


def _pick(names: pa.Array, numbers: Rows) -> pa.Array:
    """Return the names of numbers."""
    return names.take(_numbers(np.where(numbers < 0, len(names) - 1, numbers)))


_TYPES, _TIFS, _TRIGGERS = (_dictionary(_names(codes)) for codes in (OrderType, TimeInForce, Trigger))
_REASONS, _VERDICTS, _FLOWS = (_dictionary(names) for names in (REASONS, VERDICTS, [*FLOWS, "dividend_paid"]))
_STATUSES = _dictionary([OPEN] * FIRST_FINAL + _names(Status)[FIRST_FINAL:])


class Columns:
    """Turns log rows into tables.

    Parameters
    ----------
    symbols : sequence of str
        Tickers in canonical order.
    lots : sequence of int
        Lots that make one share, in the same order.
    sleeves : sequence of str
        Names of the sleeves.
    series : sequence of str
        Names of what is recorded, by number.
    """

    def __init__(
        self, symbols: Sequence[str], lots: Sequence[int], sleeves: Sequence[str], series: Sequence[str]
    ) -> None:
        self._symbols, self._sleeves, self._series = (_dictionary(names) for names in (symbols, sleeves, series))
        self._lots = np.array([*lots, 1], np.float64)
        self._make: dict[str, Callable[[Rows], dict[str, Any]]] = {
            "decisions": self._decisions,
            "orders": self._orders,
            "fills": self._fills,
            "equity": self._equity,
            "marks": self._marks,
            "sleeves": self._sleeve_rows,
            "flows": self._flows,
            "series": self._recorded,
        }

    def table(self, name: str, rows: Rows) -> pa.Table:
        """Return the table of a log's rows."""
        made = self._make[name](rows)
        return build(
            name,
            {column: made.get(column, rows[column] if column not in made else None) for column in SCHEMAS[name].names},
        )

    def symbol(self, index: int) -> str:
        """Return an instrument's ticker; empty for -1."""
        return str(self._symbols[index].as_py())

    def _owner(self, rows: Rows) -> dict[str, Any]:
        return {"symbol": _pick(self._symbols, rows["instrument"]), "sleeve": _pick(self._sleeves, rows["sleeve"])}

    def _decisions(self, rows: Rows) -> dict[str, Any]:
        return {
            **self._owner(rows),
            "verdict": _pick(_VERDICTS, rows["verdict"]),
            "code": _pick(_REASONS, rows["code"]),
        }

    def _orders(self, rows: Rows) -> dict[str, Any]:
        filled = np.abs(rows["filled"])
        with np.errstate(divide="ignore", invalid="ignore"):
            average = np.rint(rows["turnover"] / filled * self._lots[rows["instrument"]])
        return {
            **self._owner(rows),
            "type": _pick(_TYPES, rows["type"]),
            "tif": _pick(_TIFS, rows["tif"]),
            "limit_price": _numbers(rows["limit"], rows["limit"] != 0),
            "stop_price": _numbers(rows["stop"], rows["stop"] != 0),
            "ts_submitted": _numbers(rows["submitted"], rows["submitted"] != 0),
            "ts_done": _numbers(rows["done"], rows["done"] != 0),
            "status": _pick(_STATUSES, rows["status"]),
            "reason": _pick(_REASONS, rows["reason"]),
            "average_price": _numbers(np.where(filled > 0, average, 0.0).astype(np.int64), filled > 0),
        }

    def _fills(self, rows: Rows) -> dict[str, Any]:
        costs = {"spread_cost": rows["spread"], "impact_cost": rows["impact"]}
        return {**self._owner(rows), **costs, "reason": _pick(_TRIGGERS, rows["trigger"])}

    def _equity(self, rows: Rows) -> dict[str, Any]:
        return {"net": rows["net"] if "net" in (rows.dtype.names or ()) else rows["equity"] - rows["cash"]}

    def _marks(self, rows: Rows) -> dict[str, Any]:
        return {"symbol": _pick(self._symbols, rows["instrument"])}

    def _sleeve_rows(self, rows: Rows) -> dict[str, Any]:
        return {"sleeve": _pick(self._sleeves, rows["sleeve"])}

    def _flows(self, rows: Rows) -> dict[str, Any]:
        paid = (rows["kind"] == FLOWS.index("dividend")) & (rows["amount"] < 0)
        return {
            "symbol": _pick(self._symbols, rows["instrument"]),
            "kind": _pick(_FLOWS, np.where(paid, len(FLOWS), rows["kind"])),
        }

    def _recorded(self, rows: Rows) -> dict[str, Any]:
        return {"name": _pick(self._series, np.minimum(rows["series"], len(self._series) - 1))}


def build(name: str, columns: dict[str, Any]) -> pa.Table:
    """Return a table of the run folder from its columns; times are int64 ns."""
    schema = SCHEMAS[name]
    arrays = [_array(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, np.ndarray):
        values = _numbers(values)
    elif not isinstance(values, pa.Array):
        values = _texts(values)
    return values.cast(kind) if values.type != kind else values
