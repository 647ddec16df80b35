"""Writing the logs: rows of what was decided, ordered, filled and held, in memory that the caller empties.

Logs are not state: they are never read by the engine. A log with `room` below zero is switched off. `full` is raised
when a log has no room left; every log keeps a reserve beyond its room for what one event can still add.
"""

from typing import Any

from . import records as r
from .arena import at
from .codes import Reason
from .compile import kernel
from .ledger import gross_value
from .money import notional
from .orders import sleeve_equity
from .tables import book, position, series_row, sleeve_of

_CAPACITY = int(Reason.CAPACITY)
_decision, _order, _fill, _equity = at(r.DECISION_LOG), at(r.ORDER_LOG), at(r.FILL_LOG), at(r.EQUITY_LOG)
_mark, _sleeve, _flow, _series = at(r.MARK_LOG), at(r.SLEEVE_LOG), at(r.FLOW_LOG), at(r.SERIES_LOG)


@kernel
def log_decision(out: Any, world: Any, order: Any, quantity: int, verdict: int) -> None:
    """Log the risk stage's verdict on an order that asked for `quantity`."""
    if out.decisions_room < 0:
        return
    row = _decision(out.decisions_at, out.decisions_n)
    row.ts, row.order_id, row.group = world.now, order.id, order.group
    row.quantity, row.approved = quantity, order.quantity if verdict < 2 else 0
    row.sleeve, row.instrument, row.verdict, row.code = order.sleeve, order.instrument, verdict, order.reason
    row.limit, row.value = world.judged_limit, world.judged_value
    out.decisions_n += 1
    if out.decisions_n >= out.decisions_room:
        out.full = 1


@kernel
def log_lost(out: Any, world: Any) -> None:
    """Log the proposals for which there was no free order slot, or no such instrument, as one refusal."""
    if out.decisions_room < 0:
        return
    row = _decision(out.decisions_at, out.decisions_n)
    row.ts, row.order_id, row.group, row.quantity, row.approved = world.now, 0, 0, world.n_lost, 0
    row.sleeve, row.instrument, row.verdict, row.code = world.sleeve, -1, 2, _CAPACITY
    row.limit, row.value = float(world.n_slots), float(world.n_slots + world.n_lost)
    out.decisions_n += 1
    if out.decisions_n >= out.decisions_room:
        out.full = 1


@kernel
def log_order(out: Any, world: Any, order: Any) -> None:
    """Log an order that has come to its end."""
    if out.orders_room < 0:
        return
    row = _order(out.orders_at, out.orders_n)
    row.ts, row.order_id, row.group, row.parent = world.now, order.id, order.group, order.parent
    row.quantity, row.filled, row.limit, row.stop = order.quantity, order.filled, order.limit, order.stop
    row.submitted, row.done, row.turnover = order.submitted, order.done, order.turnover
    row.sleeve, row.instrument, row.type, row.tif = order.sleeve, order.instrument, order.type, order.tif
    row.status, row.reason = order.status, order.reason
    out.orders_n += 1
    if out.orders_n >= out.orders_room:
        out.full = 1


@kernel
def log_fill(
    out: Any, event: Any, note: Any, instrument: int, sleeve: int, quantity: int, realised: int, after: int
) -> None:
    """Log a fill; `quantity` and what follows are the sleeve's where several share it."""
    if out.fills_room < 0:
        return
    row = _fill(out.fills_at, out.fills_n)
    row.ts, row.ts_known, row.order_id = event.ts_event, event.ts_available, event.order_id
    row.quantity, row.price, row.fee = quantity, event.price, event.fee
    row.realised, row.position_after = realised, after
    row.commission, row.regulatory, row.spread, row.impact = note.commission, note.regulatory, note.spread, note.impact
    row.sleeve, row.instrument, row.trigger = sleeve, instrument, note.trigger
    out.fills_n += 1
    if out.fills_n >= out.fills_room:
        out.full = 1


@kernel
def log_flow(out: Any, world: Any, instrument: int, kind: int, amount: int) -> None:
    """Log a cash flow that is no trade."""
    if out.flows_room < 0 or amount == 0:
        return
    row = _flow(out.flows_at, out.flows_n)
    row.ts, row.instrument, row.kind, row.amount = world.now, instrument, kind, amount
    out.flows_n += 1
    if out.flows_n >= out.flows_room:
        out.full = 1


@kernel
def log_equity(out: Any, world: Any, gross: int) -> None:
    """Log the account's worth at a slice; `gross` is that of all positions, in micros."""
    row = _equity(out.equity_at, out.equity_n)
    row.ts, row.equity, row.cash, row.gross = world.now, world.equity, world.cash, gross
    out.equity_n += 1
    if out.equity_n >= out.equity_room:
        out.full = 1


@kernel
def log_session(out: Any, world: Any) -> None:
    """Log every listed instrument's mark and every sleeve's worth at the end of a session."""
    if out.marks_room < 0:
        return
    for i in range(world.n_instruments):
        held = position(world, i)
        if held.mark == 0:
            continue
        row = _mark(out.marks_at, out.marks_n)
        row.ts, row.instrument, row.mark, row.quantity, row.value = world.now, i, held.mark, held.quantity, held.value
        row.realised, row.fees, row.dividends, row.borrow = held.realised, held.fees, held.dividends, held.borrow
        out.marks_n += 1
    for k in range(world.n_sleeves):
        _log_sleeve(out, world, k)
    if out.marks_n >= out.marks_room or out.sleeves_n >= out.sleeves_room:
        out.full = 1


@kernel
def _log_sleeve(out: Any, world: Any, k: int) -> None:
    row = _sleeve(out.sleeves_at, out.sleeves_n)
    row.ts, row.sleeve = world.now, k
    if world.n_sleeves == 1:
        row.equity, row.gross, row.realised, row.fees = world.equity, gross_value(world), world.realised, world.fees
    else:
        sleeve = sleeve_of(world, k)
        row.equity, row.realised, row.fees = sleeve_equity(world, k), sleeve.realised, sleeve.fees
        row.gross = 0
        for i in range(world.n_instruments):
            held = position(world, i)
            if held.quantity != 0 or book(world, k, i).quantity != 0:
                row.gross += notional(abs(book(world, k, i).quantity), held.mark, held.lots)
    out.sleeves_n += 1


@kernel
def collect_series(out: Any, world: Any) -> None:
    """Move what strategies recorded into the log."""
    if out.series_room >= 0:
        for k in range(world.n_series):
            value = series_row(world, k)
            row = _series(out.series_at, out.series_n)
            row.ts, row.series, row.value = value.ts, value.series, value.value
            out.series_n += 1
        if out.series_n >= out.series_room:
            out.full = 1
    world.n_series = 0
