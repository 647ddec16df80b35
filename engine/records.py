"""The records of which a world, a simulated broker and their logs are made.

Money is in micros, quantities in lots, prices in micros a share, times in ns UTC. `off_*` fields are offsets in bytes
from the start of the header that holds them.
"""

import numpy as np

from .events import EVENT


def _ints(*names: str) -> list[tuple[str, str]]:
    return [(name, "<i8") for name in names]


def _floats(*names: str) -> list[tuple[str, str]]:
    return [(name, "<f8") for name in names]


def _padded(fields: list[tuple[str, str]]) -> np.dtype:
    """Return a record of whole 64-byte lines, so that rows of a table share none."""
    packed = np.dtype(fields)
    spans = [packed.fields[name] for name in packed.names or ()] if packed.fields else []
    return np.dtype(
        {
            "names": list(packed.names or ()),
            "formats": [span[0] for span in spans],
            "offsets": [span[1] for span in spans],
            "itemsize": -(-packed.itemsize // 64) * 64,
        }
    )


SCHEMA = 2
"""Version of every record below; a snapshot of another version is refused."""

LIMITS = np.dtype(
    _floats("max_position", "max_sector", "max_gross", "max_daily_loss", "max_order", "collar")
    + _ints("max_orders_per_second", "allow_short")
)

WORLD = np.dtype(
    [
        *_ints("schema", "size", "now", "phase", "cursor", "queue", "waits", "error", "error_detail"),
        *_ints("off_positions", "off_orders", "off_free", "off_open", "off_proposed", "off_outbox"),
        *_ints("off_sleeves", "off_books", "off_dividends", "off_series"),
        *_ints("n_instruments", "n_slots", "n_sleeves", "n_dividends"),
        *_ints("n_free", "n_open", "n_proposed", "n_outbox", "n_targets", "n_series", "n_lost", "n_waiting", "busy"),
        *_ints("cash", "equity", "receivable", "initial_cash"),
        *_ints("realised", "fees", "dividends", "borrow", "interest", "other"),
        *_ints("session", "session_equity", "loss_floor", "roll", "loss_halt", "kill", "track"),
        *_ints("next_order", "next_group", "group", "sleeve", "rate_second", "rate_count"),
        *_ints(
            "count_events",
            "count_bars",
            "count_slices",
            "count_decisions",
            "count_refused",
            "count_orders",
            "count_fills",
        ),
        *_ints("dividends_adjust", "seed", "draws", "trade_from"),
        *_ints("judged"),
        *_floats("judged_limit", "judged_value"),
        ("digest", "<u8"),
        ("marks", "<u8"),
        ("limits", LIMITS),
        ("bar", EVENT),
    ]
)
"""The account and everything the one `step` keeps of it."""

POSITION = _padded(
    [
        *_ints("quantity", "mark", "value", "open_orders", "lots", "buys", "sells"),
        ("factor", "<f8"),
        ("split_factor", "<f8"),
        *_ints("basis", "crosses", "active", "sector", "shortable", "halted", "tick"),
        *_ints("realised", "fees", "dividends", "borrow"),
    ]
)
"""One instrument: what is held of it and what is known of it. `buys` and `sells` are resting lots, both >= 0.

What every bar needs lies on the first line of the processor's cache.
"""

ORDER = np.dtype(
    [
        *_ints("id", "group", "parent"),
        *_ints("slot", "instrument", "sleeve", "type", "tif", "status", "reason", "exit"),
        *_ints("quantity", "filled", "limit", "stop", "trail", "turnover", "reserved"),
        *_ints("submitted", "done", "replaces"),
        *_ints("sibling", "child_target", "child_stop", "reduce_only"),
    ]
)
"""One order as the account knows it. `quantity` is signed; `exit`: 1 a target, 2 a stop of a bracket or OCO."""

SLEEVE = np.dtype(
    [
        *_ints("off_state", "size_state", "initial_cash", "cash", "fees", "realised", "kernel"),
        ("weight", "<f8"),
        ("warm", "<i8"),
    ]
)
"""One strategy's share of the account."""

BOOK = np.dtype([*_ints("quantity", "basis", "target", "wants", "dirty")])
"""One sleeve's holding of one instrument and the target it last set."""

DIVIDEND_DUE = np.dtype([*_ints("pay_ts", "amount", "instrument")])

SLOT = np.dtype(_ints("slot"))
OUTBOX = np.dtype([*_ints("slot", "action"), *_ints("quantity", "limit", "stop")])
"""One message to the broker: submit, cancel or replace the order in a slot."""

TAPE = np.dtype(
    [
        *_ints("ts_open", "ts_event", "ts_known"),
        *_ints("buy_open", "buy_high", "buy_low", "buy_close", "sell_open", "sell_high", "sell_low", "sell_close"),
        *_ints("buy_room", "sell_room", "shared", "through", "quoted", "single", "first", "last", "closes_only"),
        ("volume", "<f8"),
    ]
)
"""One market event as the matching rules see it: a range and the room for each side, and what kind of price it is."""

BROKER = np.dtype(
    [
        *_ints("schema", "size", "external", "latency", "fill_on_touch", "cancel_on_split", "track", "acknowledges"),
        *_ints("off_venues", "off_resting", "off_queue", "n_instruments", "n_slots", "n_queue", "queue_size"),
        ("volume_share", "<f8"),
        *_ints("commission", "commission_per_share", "commission_minimum", "taf", "taf_maximum"),
        *_floats("commission_bps", "commission_maximum", "sec_fee", "half_spread", "impact"),
        *_floats("borrow_rate", "margin_rate", "cash_rate"),
        *_ints("overflow"),
        ("tape", TAPE),
    ]
)
"""The simulated broker: how it fills and what it charges."""

VENUE = np.dtype(
    [
        *_ints("first", "last", "halted", "uncapped"),
        *_ints("tick", "lots"),
        ("session_volume", "<f8"),
        *_floats("close", "session_close", "mean_volume", "variance"),
    ]
)
"""One instrument at the simulated broker: its queue of resting orders and its running averages."""

RESTING = np.dtype(
    [
        *_ints("id", "remaining", "filled", "limit", "stop", "trail", "extreme", "eligible", "cancel_at", "fresh"),
        *_ints("instrument", "type", "tif", "active", "triggered", "exit", "next", "sibling"),
        *_ints("child_target", "child_stop", "why", "entered", "parent"),
        *_ints("replace_at", "next_quantity", "next_limit", "next_stop"),
    ]
)
"""One order at the simulated broker, in the same slot as the account's own record of it.

`entered` says where in its event an entry filled last, for its exits too; `next_*` are the terms of a replacement on
its way.
"""

FILL_NOTE = np.dtype([*_ints("commission", "regulatory", "spread", "impact"), *_ints("trigger")])
UPDATE = np.dtype([("event", EVENT), ("note", FILL_NOTE)])
"""An order event on its way from the simulated broker, with what its fill was made of."""

DECISION_LOG = np.dtype(
    [
        *_ints("ts", "order_id", "group", "quantity", "approved"),
        *_ints("sleeve", "instrument", "verdict", "code"),
        *_floats("limit", "value"),
    ]
)
ORDER_LOG = np.dtype(
    [
        *_ints(
            "ts", "order_id", "group", "parent", "quantity", "filled", "limit", "stop", "submitted", "done", "turnover"
        ),
        *_ints("sleeve", "instrument", "type", "tif", "status", "reason"),
    ]
)
FILL_LOG = np.dtype(
    [
        *_ints("ts", "ts_known", "order_id", "quantity", "price", "fee", "realised", "position_after"),
        *_ints("commission", "regulatory", "spread", "impact"),
        *_ints("sleeve", "instrument", "trigger"),
    ]
)
EQUITY_LOG = np.dtype([*_ints("ts", "equity", "cash", "gross")])
MARK_LOG = np.dtype(
    [*_ints("ts", "mark", "quantity", "value", "realised", "fees", "dividends", "borrow"), *_ints("instrument")]
)
SLEEVE_LOG = np.dtype([*_ints("ts", "equity", "gross", "realised", "fees", "sleeve")])
FLOW_LOG = np.dtype([*_ints("ts", "amount"), *_ints("instrument", "kind")])
SERIES_LOG = np.dtype([*_ints("ts", "series"), ("value", "<f8")])

LOGS: dict[str, np.dtype] = {
    "decisions": DECISION_LOG,
    "orders": ORDER_LOG,
    "fills": FILL_LOG,
    "equity": EQUITY_LOG,
    "marks": MARK_LOG,
    "sleeves": SLEEVE_LOG,
    "flows": FLOW_LOG,
    "series": SERIES_LOG,
}
"""The logs by name, in the order in which `OUTPUT` holds them."""

CALLBACK = np.dtype([*_ints("where")])
"""Address of a compiled callback; 0: none, -1: the caller's Python."""

OUTPUT = np.dtype(
    [
        *_ints("full", "equity_every_slice", "broker"),
        *[(f"{name}_{part}", "<i8") for name in LOGS for part in ("at", "n", "room")],
    ]
)
"""Where the logs lie in memory, how many rows they hold and for how many there is room. Not state."""
