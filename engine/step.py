"""The one step: what every event does to the world, in the same order, wherever it comes from.

1. BEGIN: the simulated broker matches the event against its resting orders and queues order events.
2. UPDATES: queued order events (and, live, order events themselves) are applied; `on_order` of the order's strategy
   follows each.
3. APPLY: the event changes marks, positions, status.
4. CALLBACK: the strategies are called, sleeve by sleeve.
5. SETTLE: the risk stage judges what they proposed; approved orders go to the broker.
6. SLICE: if everything for this time is in, `on_slice` of each sleeve; targets are netted, judged, sent.
7. MARK: the daily loss is checked, the equity mark enters the digest and the log, a session that has ended is rolled.

The step can pause between any two callbacks: a plain-Python callback, or orders for an external broker, hand control
to the caller (`world.waits`), who calls again to go on. A compiled strategy alone on its account handles quiet bars
in `engine/spin.py`, which does exactly what these phases would do for them.
"""

from typing import Any

from .arena import address_of, at, call
from .broker.desk import change_status, close_session, observe, take
from .broker.matching import match
from .codes import QUEUE_FULL
from .compile import int64, kernel
from .digest import absorb_mark
from .events import (
    BAR,
    CLOSE,
    HAND_OVER,
    LIST,
    ORDER,
    QUOTE,
    SESSION_CLOSE,
    SLICE,
    SLICE_AFTER,
    TIMER,
    TRADE,
)  # fmt: skip
from .jobs import TIMERS_PER_SLEEVE
from .ledger import gross_value, mark_to, pay_dividends
from .logs import collect_series, log_equity, log_session
from .money import to_micros
from .records import CALLBACK
from .risk import check_daily_loss, settle, start_session
from .sleeves import allocate, net_targets
from .tables import broker_at, event_at, output_at, position, sleeve_of, update_in, world_at
from .updates import apply_status, apply_update

BEGIN, UPDATES, APPLY, CALLBACKS, SETTLE, SLICES, NET, MARK = range(8)
ON_BAR, ON_TICK, ON_SLICE, ON_ORDER, ON_TIMER, ON_HAND_OVER, ON_STATUS, SPIN = range(8)
ENTRIES = 8
PYTHON = -1
WAITS_NOT, WAITS_CALLBACK, WAITS_BROKER = 0, 1, 2

_callback = at(CALLBACK)


@kernel
def adjusted(world: Any, held: Any, event: Any) -> Any:
    """Return a market event in forward-adjusted prices: the event itself while nothing has been split."""
    if held.factor == 1.0:
        return event
    bar, factor = world.bar, held.factor
    bar.ts_available, bar.ts_event, bar.sequence = event.ts_available, event.ts_event, event.sequence
    bar.instrument, bar.kind, bar.flags, bar.ts_open = event.instrument, event.kind, event.flags, event.ts_open
    if event.kind <= CLOSE:
        bar.open, bar.high, bar.low = event.open * factor, event.high * factor, event.low * factor
        bar.close, bar.volume = event.close * factor, event.volume / held.split_factor
    elif event.kind == QUOTE:
        bar.bid, bar.ask = event.bid * factor, event.ask * factor
        bar.bid_size, bar.ask_size = event.bid_size / held.split_factor, event.ask_size / held.split_factor
    else:
        bar.last, bar.size = event.last * factor, event.size / held.split_factor
    return bar


@kernel
def _price_of(event: Any) -> int:
    if event.kind <= CLOSE:
        return to_micros(event.close)
    if event.kind == TRADE:
        return to_micros(event.last)
    if event.bid > 0.0 and event.ask > 0.0:
        return to_micros(0.5 * (event.bid + event.ask))
    return 0


@kernel
def apply_market(world: Any, event: Any) -> None:
    """Mark the instrument; sleeves whose targets cancelled out trade with one another first."""
    held = position(world, event.instrument)
    price = _price_of(event)
    if price <= 0:
        return
    if held.crosses:
        held.crosses = 0
        allocate(world, event.instrument, 0, to_micros(event.open) if event.kind == BAR else price, 0)
    mark_to(world, held, price)


@kernel
def _begin(world: Any, broker: Any, event: Any) -> None:
    world.now = event.ts_available
    world.count_events += 1
    world.queue, world.cursor = 0, 0
    if broker.external:
        return
    if BAR <= event.kind <= TRADE:
        match(broker, event)
        if broker.track:
            observe(broker, event)
    elif event.kind == SESSION_CLOSE:
        close_session(world, broker, event)
    elif event.kind <= LIST + 15:
        change_status(broker, event)


@kernel
def _call(world: Any, table: int, k: int, which: int, event: Any) -> bool:
    """Call a callback of sleeve k; return False where the caller must do it in Python."""
    where = _callback(table, k * ENTRIES + which).where
    if where == 0:
        return True
    world.sleeve = k
    if where == PYTHON:
        world.waits = WAITS_CALLBACK
        return False
    call(where, address_of(world), address_of(world) + sleeve_of(world, k).off_state, address_of(event))
    return True


@kernel
def _updates(world: Any, broker: Any, table: int, out: Any, event: Any) -> bool:
    if event.kind == ORDER and world.queue == 0:
        world.queue = 1
        k = apply_update(world, out, event, update_in(broker, 0).note)
        return k < 0 or _call(world, table, k, ON_ORDER, event)
    while world.queue < broker.n_queue:
        row = update_in(broker, world.queue)
        world.queue += 1
        k = apply_update(world, out, row.event, row.note)
        if k >= 0 and not _call(world, table, k, ON_ORDER, row.event):
            return False
    broker.n_queue, world.n_waiting = 0, 0
    return True


@kernel
def _apply(world: Any, out: Any, event: Any) -> None:
    if BAR <= event.kind <= TRADE:
        world.count_bars += 1
        apply_market(world, event)
    elif event.kind == SESSION_CLOSE:
        pay_dividends(world, world.now)
        world.session, world.roll = event.session, 1
    elif event.kind <= LIST + 15:
        apply_status(world, out, event)


@kernel
def _which(kind: int) -> int:
    if kind == BAR or kind == CLOSE:
        return ON_BAR
    if kind == TIMER:
        return ON_TIMER
    if kind == HAND_OVER:
        return ON_HAND_OVER
    if kind == QUOTE or kind == TRADE:
        return ON_TICK
    return ON_STATUS if kind < ORDER else -1


@kernel
def _callbacks(world: Any, table: int, event: Any, which: int) -> bool:
    """Call every sleeve from the cursor on; False where Python must take the one before the cursor.

    Timers and hand-overs are their owner's alone.
    """
    owner = event.timer // TIMERS_PER_SLEEVE if which == ON_TIMER or which == ON_HAND_OVER else -1
    while world.cursor < world.n_sleeves:
        k = world.cursor
        world.cursor += 1
        if (owner < 0 or owner == k) and not _call(world, table, k, which, event):
            return False
    world.cursor = 0
    return True


@kernel
def _settle(world: Any, broker: Any, out: Any) -> bool:
    """Judge and send what was proposed; False where an external broker must take the outbox."""
    if world.busy == 0:
        return True
    world.busy = 0
    if world.n_proposed > 0 or world.n_lost > 0:
        settle(world, out)
    if world.n_series > 0:
        collect_series(out, world)
    if world.n_outbox == 0:
        return True
    if broker.external:
        world.waits = WAITS_BROKER
        return False
    take(world, broker)
    world.n_waiting = broker.n_queue
    return True


@kernel
def _roll(world: Any, out: Any) -> None:
    log_session(out, world)
    if out.equity_every_slice == 0 and out.equity_room >= 0:
        log_equity(out, world, gross_value(world))
    world.roll = 0
    start_session(world)


@kernel
def finish_slice(world: Any, out: Any) -> None:
    """Mark the account at the end of a slice."""
    if world.now >= world.trade_from:
        world.count_slices += 1
        world.marks = absorb_mark(world.marks, world.now, world.equity)
        if out.equity_every_slice:
            log_equity(out, world, gross_value(world))
        if world.roll:
            _roll(world, out)
    else:
        world.roll = 0


@kernel
def advance(world: Any, broker: Any, event: Any, table: int, out: Any) -> bool:
    """Take the world through one event from the phase it is in; False where the caller has to act before it goes on."""
    if world.phase == BEGIN:
        _begin(world, broker, event)
        world.phase = UPDATES
    if world.phase == UPDATES:
        if not _updates(world, broker, table, out, event):
            return False
        world.phase = APPLY
    if world.phase == APPLY:
        _apply(world, out, event)
        world.phase = CALLBACKS
    if world.phase == CALLBACKS:
        which = _which(event.kind)
        if which >= 0:
            seen = event
            if which <= ON_TICK:
                seen = adjusted(world, position(world, event.instrument), event)
            if not _callbacks(world, table, seen, which):
                return False
        world.phase = SETTLE
    if world.phase == SETTLE:
        world.phase = SLICES
        if not _settle(world, broker, out):
            return False
    sliced = event.kind == SLICE or (event.flags & SLICE_AFTER) != 0
    if world.phase == SLICES:
        if sliced:
            check_daily_loss(world)
            if not _callbacks(world, table, event, ON_SLICE):
                return False
        world.phase = NET
    if world.phase == NET:
        world.phase = MARK
        if sliced and world.n_targets > 0:
            net_targets(world)
        if not _settle(world, broker, out):
            return False
    if sliced or event.kind == SESSION_CLOSE:
        finish_slice(world, out)
    world.phase = BEGIN
    if broker.overflow:
        world.error = QUEUE_FULL
    return True


@kernel
def drive(world_at_: int, broker_at_: int, events: int, start: int, stop: int, table: int, out_at: int) -> int:
    """Take the world through events start to stop - 1; return the index of the first event that is not done.

    Returns early where `world.waits` or `world.error` is set or a log is full. All arguments but the indices are
    addresses.
    """
    world, broker, out = world_at(world_at_, 0), broker_at(broker_at_, 0), output_at(out_at, 0)
    spin = _callback(table, SPIN).where if world.n_sleeves == 1 else 0
    j = start
    while j < stop:
        if world.phase == BEGIN:
            if out.full:
                break
            if spin > 0 and world.n_waiting == 0:
                world.cursor = j
                world.queue = stop
                call(spin, world_at_, events, out_at)
                j = world.cursor
                world.cursor = 0
                if j >= stop or out.full:
                    break
        if not advance(world, broker, event_at(events, j), table, out):
            break
        if world.error:
            break
        j += 1
    return int64(j)
