"""What a strategy may do: propose, cancel and replace orders, set targets, record values.

All of these are kernels that strategies call with their world; plain-Python strategies reach them through `Context`.
Nothing here trades: a proposal waits for the risk stage, which runs after the callback. Quantities are lots, signed:
positive buys. Prices are raw dollars a share (`raw` turns an adjusted price into one) and are put on the instrument's
tick to the proposer's favour for limits, against him for stops.
"""

from typing import Any

import numpy as np

from .codes import CLS, DAY, FIRST_FINAL, GTC, LIMIT, MARKET, STOP, STOP_LIMIT, TRAILING_STOP, Status
from .compile import int64, kernel
from .money import mul_div, to_micros
from .tables import book, free_slot, open_slot, order_in, outbox, position, proposed_slot, series_row, sleeve_of

PROPOSED, HELD, SUBMITTED = int(Status.PROPOSED), int(Status.HELD), int(Status.SUBMITTED)
PENDING_CANCEL, PENDING_REPLACE = int(Status.PENDING_CANCEL), int(Status.PENDING_REPLACE)
SUBMIT, CANCEL, REPLACE = 0, 1, 2
TARGET_EXIT, STOP_EXIT = 1, 2
MAX_SERIES_ROWS = 256
SERIES_PER_SLEEVE = 64
MAX_QUANTITY = 4_000_000_000_000_000_000


@kernel
def _tick(world: Any, instrument: int) -> int:
    """Return an instrument's tick; 1 for an instrument that there is not, whose proposal is lost anyway."""
    return position(world, instrument).tick if 0 <= instrument < world.n_instruments else 1


@kernel
def on_tick_below(price: float, tick: int) -> int:
    """Return the highest tick at or below a price, in micros; 0 for a price that is not finite and positive."""
    if not 0.0 < price < 2e9:
        return 0
    return to_micros(price) // tick * tick


@kernel
def on_tick_above(price: float, tick: int) -> int:
    """Return the lowest tick at or above a price, in micros; 0 for a price that is not finite and positive."""
    if not 0.0 < price < 2e9:
        return 0
    return -(-to_micros(price) // tick) * tick


@kernel
def propose(world: Any, instrument: int, quantity: int, kind: int, tif: int, limit: int, stop: int, trail: int) -> int:
    """Propose one order with prices in micros on the tick; return its id, or 0 where it cannot even be judged.

    During warm-up every proposal is dropped. Without a free slot it is counted as lost and logged as refused.
    """
    if world.now < world.trade_from:
        return 0
    if world.n_free == 0 or not 0 <= instrument < world.n_instruments:
        world.n_lost += 1
        world.busy = 1
        return 0
    world.n_free -= 1
    slot = free_slot(world, world.n_free).slot
    order = order_in(world, slot)
    order.id = world.next_order
    world.next_order += 1
    order.group = world.group if world.group > 0 else 0
    order.parent, order.replaces = 0, 0
    order.slot, order.instrument, order.sleeve = slot, instrument, world.sleeve
    order.type, order.tif, order.status, order.reason, order.exit = kind, tif, PROPOSED, 0, 0
    order.quantity, order.filled, order.turnover, order.reserved = quantity, 0, 0, 0
    order.limit, order.stop, order.trail = limit, stop, trail
    order.submitted, order.done = world.now, 0
    order.sibling, order.child_target, order.child_stop, order.reduce_only = -1, -1, -1, 0
    proposed_slot(world, world.n_proposed).slot = slot
    world.n_proposed += 1
    world.busy = 1
    return order.id


@kernel
def find(world: Any, order_id: int) -> int:
    """Return the slot of an open or proposed order, or -1."""
    for k in range(world.n_open - 1, -1, -1):
        slot = open_slot(world, k).slot
        if order_in(world, slot).id == order_id:
            return slot
    for k in range(world.n_proposed):
        slot = proposed_slot(world, k).slot
        if order_in(world, slot).id == order_id:
            return slot
    return -1


@kernel
def market(world: Any, instrument: int, quantity: int, tif: int = DAY) -> int:
    """Propose a market order."""
    return propose(world, instrument, quantity, MARKET, tif, 0, 0, 0)


@kernel
def limit(world: Any, instrument: int, quantity: int, price: float, tif: int = DAY) -> int:
    """Propose a limit order: never a worse price than `price`."""
    tick = _tick(world, instrument)
    at = on_tick_below(price, tick) if quantity > 0 else on_tick_above(price, tick)
    return propose(world, instrument, quantity, LIMIT, tif, at, 0, 0)


@kernel
def stop(world: Any, instrument: int, quantity: int, price: float, tif: int = GTC) -> int:
    """Propose a stop order: a market order once the price has reached `price`."""
    tick = _tick(world, instrument)
    at = on_tick_above(price, tick) if quantity > 0 else on_tick_below(price, tick)
    return propose(world, instrument, quantity, STOP, tif, 0, at, 0)


@kernel
def stop_limit(
    world: Any, instrument: int, quantity: int, stop_price: float, limit_price: float, tif: int = GTC
) -> int:
    """Propose a stop-limit order: a limit order once the price has reached `stop_price`."""
    tick = _tick(world, instrument)
    at = on_tick_above(stop_price, tick) if quantity > 0 else on_tick_below(stop_price, tick)
    bound = on_tick_below(limit_price, tick) if quantity > 0 else on_tick_above(limit_price, tick)
    return propose(world, instrument, quantity, STOP_LIMIT, tif, bound, at, 0)


@kernel
def trailing_stop(world: Any, instrument: int, quantity: int, distance: float, tif: int = GTC) -> int:
    """Propose a stop order that follows the best price at `distance` dollars."""
    return propose(world, instrument, quantity, TRAILING_STOP, tif, 0, 0, to_micros(distance))


@kernel
def _pair(world: Any, target_slot: int, stop_slot: int) -> None:
    exit_target, exit_stop = order_in(world, target_slot), order_in(world, stop_slot)
    exit_target.exit, exit_stop.exit = TARGET_EXIT, STOP_EXIT
    exit_target.sibling, exit_stop.sibling = stop_slot, target_slot
    exit_target.reduce_only, exit_stop.reduce_only = 1, 1


@kernel
def _exits(world: Any, instrument: int, quantity: int, target_price: float, stop_price: float) -> int:
    """Propose the exits that sell `quantity` (buy, if negative); return the target's id, the stop's is one higher."""
    if world.n_free < 2:
        world.n_lost += 1
        world.busy = 1
        return 0
    first = limit(world, instrument, -quantity, target_price, GTC)
    if first == 0:
        return 0
    stop(world, instrument, -quantity, stop_price, GTC)
    _pair(world, proposed_slot(world, world.n_proposed - 2).slot, proposed_slot(world, world.n_proposed - 1).slot)
    return first


@kernel
def oco(world: Any, instrument: int, quantity: int, target_price: float, stop_price: float) -> int:
    """Propose two exits of a held position of which one cancels the other: a limit and a stop.

    `quantity` is what is held and to be left, signed like the position. Returns the limit order's id; the stop's is
    one higher.
    """
    began = world.group == 0
    if began:
        begin_group(world)
    first = _exits(world, instrument, quantity, target_price, stop_price)
    if began:
        end_group(world)
    return first


@kernel
def bracket(
    world: Any,
    instrument: int,
    quantity: int,
    limit_price: float,
    target_price: float,
    stop_price: float,
    tif: int = DAY,
) -> int:
    """Propose an entry with a target and a stop that come alive when it has filled; one exit cancels the other.

    `limit_price` 0 enters at the market. Returns the entry's id; the target's and the stop's follow it by one and two.
    """
    if world.n_free < 3:
        world.n_lost += 1
        world.busy = 1
        return 0
    began = world.group == 0
    if began:
        begin_group(world)
    if limit_price > 0.0:
        entry = limit(world, instrument, quantity, limit_price, tif)
    else:
        entry = market(world, instrument, quantity, tif)
    if entry != 0:
        parent = proposed_slot(world, world.n_proposed - 1).slot
        _exits(world, instrument, quantity, target_price, stop_price)
        target_slot = proposed_slot(world, world.n_proposed - 2).slot
        stop_slot = proposed_slot(world, world.n_proposed - 1).slot
        head = order_in(world, parent)
        head.child_target, head.child_stop = target_slot, stop_slot
        order_in(world, target_slot).parent = entry
        order_in(world, stop_slot).parent = entry
    if began:
        end_group(world)
    return entry


@kernel
def begin_group(world: Any) -> int:
    """Begin an order group: what is proposed until `end_group` is judged whole and shrunk by one ratio."""
    world.group = world.next_group
    world.next_group += 1
    return world.group


@kernel
def end_group(world: Any) -> None:
    """End the order group."""
    world.group = 0


@kernel
def _brings(order: Any) -> int:
    """Return the lots that an order is to bring; none if it waits for a stop, is an exit or is being cancelled."""
    if order.exit != 0 or order.status == PENDING_CANCEL or (order.type != MARKET and order.type != LIMIT):
        return 0
    return order.quantity - order.filled


@kernel
def on_the_way(world: Any, instrument: int) -> int:
    """Return the lots, signed, that an instrument's open and proposed market and limit orders are to bring."""
    total = 0
    if position(world, instrument).open_orders != 0:
        for k in range(world.n_open):
            order = order_in(world, open_slot(world, k).slot)
            if order.instrument == instrument:
                total += _brings(order)
    for k in range(world.n_proposed):
        order = order_in(world, proposed_slot(world, k).slot)
        if order.instrument == instrument:
            total += _brings(order)
    return total


@kernel
def target(world: Any, instrument: int, quantity: int) -> None:
    """Ask for a position of `quantity` lots.

    On an account with one strategy the difference to what is held and on the way becomes a market order; exits and
    stops are not on the way. With several strategies the target is noted in the sleeve's book and netted with the
    other sleeves' at the end of the slice.
    """
    if world.now < world.trade_from or not 0 <= instrument < world.n_instruments:
        return
    if world.n_sleeves > 1:
        row = book(world, world.sleeve, instrument)
        row.target, row.dirty = quantity, 1
        world.n_targets += 1
        world.busy = 1
        return
    change = quantity - position(world, instrument).quantity - on_the_way(world, instrument)
    if change != 0:
        propose(world, instrument, change, MARKET, DAY, 0, 0, 0)


@kernel
def _post(world: Any, slot: int, action: int, quantity: int, limit_price: int, stop_price: int) -> None:
    row = outbox(world, world.n_outbox)
    row.slot, row.action, row.quantity, row.limit, row.stop = slot, action, quantity, limit_price, stop_price
    world.n_outbox += 1
    world.busy = 1


@kernel
def _own(world: Any, order_id: int) -> int:
    """Return the slot of an open order that the calling strategy may change, or -1."""
    slot = find(world, order_id)
    if slot < 0 or world.n_outbox >= 2 * world.n_slots:
        return -1
    order = order_in(world, slot)
    if order.status >= FIRST_FINAL or order.status == PENDING_CANCEL or order.status == PROPOSED:
        return -1
    return slot if world.n_sleeves == 1 or order.sleeve == world.sleeve else -1


@kernel
def cancel(world: Any, order_id: int) -> bool:
    """Ask for an order's cancellation; False where it is not open or another sleeve's."""
    slot = _own(world, order_id)
    if slot < 0:
        return False
    order_in(world, slot).status = PENDING_CANCEL
    _post(world, slot, CANCEL, 0, 0, 0)
    return True


@kernel
def cancel_all(world: Any, instrument: int) -> int:
    """Ask for the cancellation of every open order of an instrument (-1: of all); return how many."""
    n = 0
    for k in range(world.n_open):
        order = order_in(world, open_slot(world, k).slot)
        if (instrument < 0 or order.instrument == instrument) and cancel(world, order.id):
            n += 1
    return n


@kernel
def off_mark(limit_price: int, stop_price: int, trail: int, mark_price: int) -> float:
    """Return how far an order's prices lie from the mark, as a fraction of it."""
    furthest = trail
    if limit_price > 0:
        furthest = max(furthest, abs(limit_price - mark_price))
    if stop_price > 0:
        furthest = max(furthest, abs(stop_price - mark_price))
    return furthest / mark_price


@kernel
def _is_smaller(order: Any, quantity: int) -> bool:
    """Return whether a new quantity adds no risk and leaves something to fill; a held exit keeps its own."""
    if order.status == HELD:
        return quantity == order.quantity
    same_side = (quantity > 0) == (order.quantity > 0)
    return same_side and abs(order.filled) < abs(quantity) <= abs(order.quantity)


@kernel
def replace(world: Any, order_id: int, quantity: int, limit_price: float, stop_price: float) -> bool:
    """Ask to change an open order's quantity (signed, whole order) and prices (0: as they are); False if not taken.

    Only changes that do not add risk are taken: a quantity that is not larger and of the same sign, prices that the
    order has and that lie within the collar. Until the replacement arrives at the venue the order stands as it was.
    """
    slot = _own(world, order_id)
    if slot < 0 or order_in(world, slot).status == PENDING_REPLACE:
        return False
    order = order_in(world, slot)
    held, buys = position(world, order.instrument), order.quantity > 0
    if quantity == 0:
        quantity = order.quantity
    new_limit, new_stop = order.limit, order.stop
    if limit_price != 0.0:
        new_limit = on_tick_below(limit_price, held.tick) if buys else on_tick_above(limit_price, held.tick)
    if stop_price != 0.0:
        new_stop = on_tick_above(stop_price, held.tick) if buys else on_tick_below(stop_price, held.tick)
    if not _is_smaller(order, quantity) or (new_limit > 0) != (order.limit > 0) or (new_stop > 0) != (order.stop > 0):
        return False
    if order.reduce_only == 0 and off_mark(new_limit, new_stop, order.trail, held.mark) > world.limits.collar:
        return False
    order.status = PENDING_REPLACE
    _post(world, slot, REPLACE, quantity, new_limit, new_stop)
    return True


@kernel
def record(world: Any, series: int, value: float) -> None:
    """Record a value of a series of the strategy's own, by its place in `series`; it is drawn in the report."""
    if world.n_series >= MAX_SERIES_ROWS or world.now < world.trade_from:
        return
    row = series_row(world, world.n_series)
    row.ts, row.series, row.value = world.now, world.sleeve * SERIES_PER_SLEEVE + series, value
    world.n_series += 1
    world.busy = 1


@kernel
def held_quantity(world: Any, instrument: int) -> int:
    """Return the lots that the calling strategy holds: its sleeve's on an account with several, else the account's."""
    if world.n_sleeves > 1:
        return book(world, world.sleeve, instrument).quantity
    return position(world, instrument).quantity


@kernel
def equity(world: Any) -> float:
    """Return the dollars the calling strategy is worth: its sleeve's equity, or the account's if it is alone."""
    if world.n_sleeves == 1:
        return world.equity / 1e6
    return sleeve_equity(world, world.sleeve) / 1e6


@kernel
def sleeve_equity(world: Any, k: int) -> int:
    """Return a sleeve's cash and the value of its book, in micros."""
    total = sleeve_of(world, k).cash
    for i in range(world.n_instruments):
        row = book(world, k, i)
        if row.quantity != 0:
            held = position(world, i)
            total += mul_div(row.quantity, held.mark, held.lots)
    return total


@kernel
def mark(world: Any, instrument: int) -> float:
    """Return an instrument's last raw price in dollars; NaN before its first."""
    price = position(world, instrument).mark
    return price / 1e6 if price > 0 else np.nan


@kernel
def raw(world: Any, instrument: int, adjusted: float) -> float:
    """Turn a price of the forward-adjusted series into the raw price of today."""
    return adjusted / position(world, instrument).factor


@kernel
def lots_for(world: Any, instrument: int, dollars: float) -> int:
    """Return the whole lots that `dollars` buy at the mark, rounded towards zero; 0 before the first price or for NaN.

    More than any order may have becomes the largest quantity there is, for the risk stage to judge.
    """
    held = position(world, instrument)
    lots = dollars * 1e6 * held.lots / held.mark if held.mark > 0 else 0.0
    if abs(lots) < MAX_QUANTITY:
        return int64(lots)
    return 0 if lots != lots else MAX_QUANTITY * int64(np.sign(lots))


__all__ = [
    "CLS", "DAY", "GTC", "begin_group", "bracket", "cancel", "cancel_all", "end_group", "equity", "held_quantity",
    "limit", "lots_for", "mark", "market", "oco", "raw", "record", "replace", "stop", "stop_limit", "target",
    "trailing_stop",
]  # fmt: skip
