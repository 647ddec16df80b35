"""The risk stage: every proposed order is approved, shrunk to the largest allowed quantity, or refused with a reason.

1. `settle` puts the proposals of a callback into order: groups that only reduce come first, then by instrument.
2. `judge` gives the lots of one order that the limits allow. Resting orders count as filled; what reduces a position
   passes every limit on size; the part that would open or enlarge one is bounded by the tightest limit.
3. A group is shrunk by one ratio, the largest that every leg allows; if any leg would vanish, the whole group is
   refused.
4. `_approve` reserves the lots, opens the order and posts it to the broker; `_refuse` ends it.
"""

from typing import Any

import numpy as np

from .codes import CLS, LIMIT, MARKET, OPG, STOP, STOP_LIMIT, TRAILING_STOP, Reason, Status
from .compile import int64, kernel
from .digest import absorb
from .events import SECOND
from .logs import log_decision, log_lost, log_order
from .money import is_money, mul_down, notional
from .orders import HELD, MAX_QUANTITY, SUBMIT, SUBMITTED, TARGET_EXIT, _post, off_mark
from .tables import book, free_slot, open_slot, order_in, position, proposed_slot

APPROVED, SHRUNK, REFUSED = 0, 1, 2
_POSITION, _SECTOR, _GROSS = int(Reason.POSITION_LIMIT), int(Reason.SECTOR_LIMIT), int(Reason.GROSS_LIMIT)
_LOSS, _SIZE, _RATE, _COLLAR = (
    int(Reason.DAILY_LOSS),
    int(Reason.ORDER_SIZE),
    int(Reason.ORDER_RATE),
    int(Reason.PRICE_COLLAR),
)
_SHORT, _KILL, _NO_PRICE, _INVALID = (
    int(Reason.NOT_SHORTABLE),
    int(Reason.KILL_SWITCH),
    int(Reason.NO_PRICE),
    int(Reason.INVALID),
)
_GROUP, _ZERO, _EQUITY, _UNLISTED = (
    int(Reason.GROUP),
    int(Reason.ZERO_QUANTITY),
    int(Reason.EQUITY),
    int(Reason.NOT_LISTED),
)
_REDUCE_ONLY, _CAPACITY, _SLEEVE = int(Reason.REDUCE_ONLY), int(Reason.CAPACITY), int(Reason.SLEEVE_RULE)
_STATUS_REFUSED = int(Status.REFUSED)
_UNBOUNDED = 1e18


@kernel
def _verdict(world: Any, code: int, limit: float, value: float) -> int:
    world.judged, world.judged_limit, world.judged_value = code, limit, value
    return 0


@kernel
def _exits_clash(world: Any, order: Any) -> bool:
    """Return whether an order's exits make no sense: not on either side of their entry, or of one another."""
    if order.child_target >= 0:
        target, stop, entry = order_in(world, order.child_target), order_in(world, order.child_stop), order.limit
    elif order.exit == TARGET_EXIT and order.parent == 0:
        target, stop, entry = order, order_in(world, order.sibling), 0
    else:
        return False
    below, above = stop.stop, target.limit
    if target.quantity > 0:
        below, above = above, below
    return not 0 < below < above or (entry > 0 and not below < entry < above)


@kernel
def _malformed(world: Any, order: Any, held: Any) -> int:
    """Return the reason why an order cannot be judged at all, or 0."""
    size = abs(order.quantity)
    if size == 0:
        return _ZERO
    needs_limit = order.type == LIMIT or order.type == STOP_LIMIT
    needs_stop = order.type == STOP or order.type == STOP_LIMIT
    if not 0 < size <= MAX_QUANTITY or (needs_limit and order.limit <= 0) or (needs_stop and order.stop <= 0):
        return _INVALID
    if (order.type == TRAILING_STOP and order.trail <= 0) or order.type > TRAILING_STOP or not 0 <= order.tif <= 5:
        return _INVALID
    if (order.tif == OPG or order.tif == CLS) and order.type != MARKET and order.type != LIMIT:
        return _INVALID
    if _exits_clash(world, order) or not is_money(notional(size, max(held.mark, order.limit), held.lots)):
        return _INVALID
    if held.active == 0:
        return _UNLISTED
    return _NO_PRICE if held.mark <= 0 else 0


@kernel
def _over_rate(world: Any) -> bool:
    second = world.now // SECOND
    if second != world.rate_second:
        world.rate_second, world.rate_count = second, 0
    world.rate_count += 1
    return world.rate_count > world.limits.max_orders_per_second


@kernel
def _exposure(held: Any) -> float:
    """Return a position's largest possible absolute value in micros once its resting orders have filled."""
    lots = max(abs(held.quantity + held.buys), abs(held.quantity - held.sells))
    return float(lots) * held.mark / held.lots


@kernel
def _gross_elsewhere(world: Any, instrument: int, sector: int) -> float:
    """Return the gross exposure of all other instruments (of a sector, unless -1), resting orders counted as filled."""
    total = 0.0
    for i in range(world.n_instruments):
        other = position(world, i)
        if (
            (other.quantity | other.buys | other.sells) != 0
            and i != instrument
            and (sector < 0 or other.sector == sector)
        ):
            total += _exposure(other)
    return total


@kernel
def _bound(world: Any, allowed: float, room: float, code: int, limit: float, value: float) -> float:
    if room < allowed:
        _verdict(world, code, limit, value)
        return max(room, 0.0)
    return allowed


@kernel
def _blocked(world: Any, order: Any, held: Any, after: int) -> int:
    """Return the reason why no order may enlarge this position now, or 0; `after` lots would lie on that side."""
    if world.equity <= 0:
        _verdict(world, _EQUITY, 0.0, world.equity / 1e6)
    elif world.kill != 0:
        _verdict(world, _KILL, 0.0, 0.0)
    elif world.loss_halt != 0:
        _verdict(world, _LOSS, world.limits.max_daily_loss, 1.0 - world.equity / world.session_equity)
    elif order.quantity < 0 and (held.shortable == 0 or world.limits.allow_short == 0):
        _verdict(world, _SHORT, 0.0, -after / held.lots)
    return world.judged


@kernel
def _increase(world: Any, order: Any, held: Any, already: int, size: int) -> int:
    """Return how many of `size` lots that enlarge a position the limits allow; `already` lots lie on that side."""
    if _blocked(world, order, held, already + size) != 0:
        return 0
    limits, mark = world.limits, float(held.mark)
    # In units of lots × micros, so that an order within all limits is judged without a division.
    worth, after, equity = size * mark, (already + size) * mark, float(world.equity) * held.lots
    gross = _gross_elsewhere(world, order.instrument, -1) * held.lots if limits.max_gross < _UNBOUNDED else 0.0
    in_sector = held.sector >= 0 and limits.max_sector < _UNBOUNDED
    sector = _gross_elsewhere(world, order.instrument, held.sector) * held.lots if in_sector else 0.0
    within = worth <= limits.max_order * equity and after <= limits.max_position * equity
    if (
        within
        and gross + after <= limits.max_gross * equity
        and (not in_sector or sector + after <= limits.max_sector * equity)
    ):
        return size
    allowed = float(size)
    allowed = _bound(world, allowed, limits.max_order * equity / mark, _SIZE, limits.max_order, worth / equity)
    room = limits.max_position * equity / mark - already
    allowed = _bound(world, allowed, room, _POSITION, limits.max_position, after / equity)
    room = (limits.max_gross * equity - gross) / mark - already
    allowed = _bound(world, allowed, room, _GROSS, limits.max_gross, (gross + after) / equity)
    if in_sector:
        room = (limits.max_sector * equity - sector) / mark - already
        allowed = _bound(world, allowed, room, _SECTOR, limits.max_sector, (sector + after) / equity)
    return size if allowed >= size else int64(np.floor(allowed))


@kernel
def _refused_outright(world: Any, order: Any) -> bool:
    """Return whether an order is refused whatever its size; the reason stands in ``world.judged*``."""
    held = position(world, order.instrument)
    _verdict(world, 0, 0.0, 0.0)
    fault = _malformed(world, order, held)
    if fault != 0:
        _verdict(world, fault, 0.0, float(order.quantity))
    elif _over_rate(world):
        _verdict(world, _RATE, float(world.limits.max_orders_per_second), float(world.rate_count))
    elif order.reduce_only == 0:
        away = 0.0 if order.type == MARKET else off_mark(order.limit, order.stop, order.trail, held.mark)
        if world.n_sleeves > 1 and order.sleeve >= 0:
            _verdict(world, _SLEEVE, 0.0, float(order.quantity))
        elif away > world.limits.collar:
            _verdict(world, _COLLAR, world.limits.collar, away)
    return world.judged != 0


@kernel
def _base(order: Any, held: Any) -> int:
    """Return the lots on an order's side once what rests there has filled; negative where they lie on the other."""
    return held.quantity + held.buys if order.quantity > 0 else held.sells - held.quantity


@kernel
def _closable(world: Any, order: Any, held: Any) -> int:
    """Return the lots that an exit may close: of its sleeve's position, or of the account's with one strategy."""
    if world.n_sleeves == 1:
        return max(-_base(order, held), 0)
    sign = 1 if order.quantity > 0 else -1
    lots = -sign * book(world, order.sleeve, order.instrument).quantity
    for k in range(world.n_open):
        other = order_in(world, open_slot(world, k).slot)
        if other.sleeve == order.sleeve and other.instrument == order.instrument and other.quantity * sign > 0:
            lots -= other.reserved
    return max(lots, 0)


@kernel
def judge(world: Any, order: Any, size: int) -> int:
    """Return how many of `size` lots (>= 0) of a proposed order may trade; the reason stands in ``world.judged*``."""
    held = position(world, order.instrument)
    _verdict(world, 0, 0.0, 0.0)
    asked = min(size, _closable(world, order, held)) if order.reduce_only != 0 else size
    base = _base(order, held)
    allowed = min(asked, max(-base, 0))
    if allowed < asked:
        allowed += _increase(world, order, held, max(base, 0), asked - allowed)
    if asked < size and world.judged == 0:
        _verdict(world, _REDUCE_ONLY, asked / held.lots, size / held.lots)
    return allowed


@kernel
def _reduces(world: Any, order: Any) -> bool:
    return abs(order.quantity) <= -_base(order, position(world, order.instrument))


@kernel
def _sort(world: Any) -> None:
    """Order the proposals: reducing groups first, then by first instrument, then as proposed; groups stay together."""
    n = world.n_proposed
    begin = 0
    while begin < n:
        first = order_in(world, proposed_slot(world, begin).slot)
        end, reduces = begin, 1
        while end < n:
            order = order_in(world, proposed_slot(world, end).slot)
            if end > begin and (first.group == 0 or order.group != first.group):
                break
            if order.parent == 0 and not _reduces(world, order):
                reduces = 0
            end += 1
        for k in range(begin, end):
            member = order_in(world, proposed_slot(world, k).slot)
            member.reserved = ((1 - reduces) << 60) + (int64(first.instrument) << 28) + begin
        begin = end
    for k in range(1, n):
        slot = proposed_slot(world, k).slot
        key = order_in(world, slot).reserved
        j = k - 1
        while j >= 0 and order_in(world, proposed_slot(world, j).slot).reserved > key:
            proposed_slot(world, j + 1).slot = proposed_slot(world, j).slot
            j -= 1
        proposed_slot(world, j + 1).slot = slot


@kernel
def reserve(world: Any, order: Any, lots: int) -> None:
    """Count `lots` (negative: no longer) of an order as resting, unless its sibling exit stands for both."""
    if order.exit != 0 and order.exit != 2:
        return
    held = position(world, order.instrument)
    if order.quantity > 0:
        held.buys += lots
    else:
        held.sells += lots
    order.reserved += lots


@kernel
def _approve(world: Any, out: Any, order: Any, asked: int) -> None:
    held_back = order.parent != 0
    order.status = HELD if held_back else SUBMITTED
    order.reserved = 0
    if not held_back:
        reserve(world, order, abs(order.quantity))
    position(world, order.instrument).open_orders += 1
    open_slot(world, world.n_open).slot = order.slot
    world.n_open += 1
    world.count_orders += 1
    _post(world, order.slot, SUBMIT, order.quantity, order.limit, order.stop)
    verdict = APPROVED if asked == order.quantity else SHRUNK
    log_decision(out, world, order, asked, verdict)
    absorb(world, order.id, asked, order.quantity, order.limit)
    absorb(world, world.now, order.instrument * 256 + order.type * 16 + order.tif, order.stop, order.trail)


@kernel
def _refuse(world: Any, out: Any, order: Any, asked: int) -> None:
    order.status, order.done = _STATUS_REFUSED, world.now
    world.count_refused += 1
    log_decision(out, world, order, asked, REFUSED)
    log_order(out, world, order)
    absorb(world, order.id, asked, 0, order.reason)
    release(world, order)


@kernel
def release(world: Any, order: Any) -> None:
    """Give an order's slot back."""
    order.status = 0
    free_slot(world, world.n_free).slot = order.slot
    world.n_free += 1


@kernel
def _settle_single(world: Any, out: Any, order: Any) -> None:
    asked = order.quantity
    allowed = 0 if _refused_outright(world, order) else judge(world, order, abs(asked))
    order.reason = world.judged
    world.count_decisions += 1
    if allowed > 0:
        order.quantity = allowed if asked > 0 else -allowed
        _approve(world, out, order, asked)
    else:
        _refuse(world, out, order, asked)


@kernel
def _tight_leg(world: Any, begin: int, end: int, part: int, whole: int) -> int:
    """Return the first leg not allowed at `part` / `whole` of its size, or -1; the reason stands in ``world.judged*``.

    Each leg is judged as if those before it rested already.
    """
    tight, k = -1, begin
    while k < end and tight < 0:
        order = order_in(world, proposed_slot(world, k).slot)
        if order.parent == 0:
            lots = mul_down(abs(order.quantity), part, whole)
            if judge(world, order, lots) < lots:
                tight = k
            else:
                reserve(world, order, lots)
        k += 1
    for j in range(begin, k if tight < 0 else tight):
        order = order_in(world, proposed_slot(world, j).slot)
        if order.parent == 0:
            reserve(world, order, -mul_down(abs(order.quantity), part, whole))
    return tight


@kernel
def _vanishes(world: Any, begin: int, end: int, part: int, whole: int) -> bool:
    """Return whether a leg of a group has no lot left at `part` / `whole` of its size."""
    for k in range(begin, end):
        if mul_down(abs(order_in(world, proposed_slot(world, k).slot).quantity), part, whole) == 0:
            return True
    return False


@kernel
def _largest_part(world: Any, begin: int, end: int, whole: int) -> int:
    """Return the largest part of a group that is allowed, as a numerator over `whole`; 0 where a leg would vanish."""
    low, high = 0, whole
    while high - low > 1:
        middle = (low + high) // 2
        if _tight_leg(world, begin, end, middle, whole) < 0:
            low = middle
        else:
            high = middle
    return 0 if _vanishes(world, begin, end, low, whole) else low


@kernel
def _settle_group(world: Any, out: Any, begin: int, end: int) -> None:
    """Judge the proposals begin to end - 1 as one; the leg that binds bears the reason, the others say `group`."""
    tight, whole = -1, 1
    for k in range(begin, end):
        order = order_in(world, proposed_slot(world, k).slot)
        world.count_decisions += 1
        whole = max(whole, abs(order.quantity))
        if tight < 0 and order.parent == 0 and _refused_outright(world, order):
            tight = k
    part = 0
    if tight < 0:
        tight, part = _tight_leg(world, begin, end, 1, 1), whole
    code, limit, value = world.judged, world.judged_limit, world.judged_value
    if tight >= 0 and part > 0:
        part = _largest_part(world, begin, end, whole)
    for k in range(begin, end):
        order = order_in(world, proposed_slot(world, k).slot)
        asked = order.quantity
        if tight < 0:
            _verdict(world, 0, 0.0, 0.0)
        elif k == tight:
            _verdict(world, code, limit, value)
        else:
            _verdict(world, _GROUP, part / whole, 1.0)
        order.reason = world.judged
        if part == 0:
            _refuse(world, out, order, asked)
            continue
        order.quantity = mul_down(abs(asked), part, whole) * int64(np.sign(asked))
        _approve(world, out, order, asked)


@kernel
def settle(world: Any, out: Any) -> None:
    """Judge every proposal; approved orders are open and posted to the broker afterwards, none is left over."""
    n = world.n_proposed
    if n == 1:
        _settle_single(world, out, order_in(world, proposed_slot(world, 0).slot))
    else:
        _sort(world)
        begin = 0
        while begin < n:
            first = order_in(world, proposed_slot(world, begin).slot)
            end = begin + 1
            while end < n and first.group != 0 and order_in(world, proposed_slot(world, end).slot).group == first.group:
                end += 1
            if first.group == 0:
                _settle_single(world, out, first)
            else:
                _settle_group(world, out, begin, end)
            begin = end
    world.n_proposed, world.group = 0, 0
    if world.n_lost > 0:
        world.count_decisions += world.n_lost
        world.count_refused += world.n_lost
        log_lost(out, world)
        absorb(world, _CAPACITY, world.n_lost, world.now, 0)
        world.n_lost = 0


@kernel
def start_session(world: Any) -> None:
    """Begin a session: its loss is counted from now, and a halt of new risk ends."""
    world.session_equity, world.loss_halt = world.equity, 0
    floor = (1.0 - world.limits.max_daily_loss) * world.equity
    world.loss_floor = int64(np.ceil(floor)) if abs(floor) < 9e18 else int64(-(2**62))


@kernel
def check_daily_loss(world: Any) -> None:
    """Halt new risk for the rest of the session once the loss since its start exceeds the limit."""
    if world.equity < world.loss_floor:
        world.loss_halt = 1


__all__ = [
    "APPROVED",
    "REFUSED",
    "SHRUNK",
    "check_daily_loss",
    "judge",
    "release",
    "reserve",
    "settle",
    "start_session",
]
