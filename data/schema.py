"""Columns of the Parquet files, by kind of rows."""

import pyarrow as pa

from .manifest import RowKind

TIME = pa.timestamp("ns", "UTC")

VALUES: dict[RowKind, tuple[str, ...]] = {
    "bars": ("open", "high", "low", "close", "volume"),
    "closes": ("close",),
    "quotes": ("bid", "ask", "bid_size", "ask_size"),
    "trades": ("price", "size"),
}
"""Numbers that replay needs, float64: dollars, and shares."""

TIMES: dict[RowKind, tuple[str, ...]] = {
    "bars": ("ts_event", "ts_open"),
    "closes": ("ts_event",),
    "quotes": ("ts_event",),
    "trades": ("ts_event",),
}

EXTRA = ("adj_close",)
"""Numbers that only checks and reports need; present where the vendor gave them."""

ACTIONS = pa.schema(
    [
        ("ts_event", TIME),
        ("date", pa.date32()),
        ("instrument", pa.int32()),
        ("kind", pa.string()),
        ("numerator", pa.int64()),
        ("denominator", pa.int64()),
        ("coefficient", pa.float64()),
        ("amount", pa.int64()),
        ("pay_ts", TIME),
        ("terminal", pa.float64()),
        ("symbol", pa.string()),
        ("note", pa.string()),
    ]
)
"""Corporate actions and changes of status; `amount` in 1e-9 dollars per share, `symbol` the new ticker of a rename."""

SESSIONS = pa.schema([("date", pa.date32()), ("open", TIME), ("close", TIME), ("midnight", TIME)])


def row_schema(kind: RowKind, extra: tuple[str, ...] = ()) -> pa.Schema:
    """Return the Arrow schema of a kind of rows, with those `EXTRA` columns that are present."""
    times = [(name, TIME) for name in TIMES[kind]]
    numbers = [(name, pa.float64()) for name in (*VALUES[kind], *extra)]
    return pa.schema([*times, ("instrument", pa.int32()), *numbers])
