"""Several strategies on one account: each has a book of its own, and their targets are netted into orders.

The rule of allocation. A fill serves the sleeves that want its side, in proportion to what each wants. If they want
more than it brings, the sleeves that want the other side trade with them at the fill's price, again in proportion;
whatever no one wants goes to the first sleeve. Fees are borne by the sleeves on the fill's side, in proportion to the
lots they get. Where targets cancel out to the last lot there is no fill: the sleeves trade with one another at the
next price of the instrument, without costs.

Shares are cumulative: what the first k sleeves get together is rounded, so the books add up to the account to the
last lot and micro.
"""

from typing import Any

import numpy as np

from .codes import DAY, MARKET
from .compile import kernel
from .ledger import dividend_on, in_lieu, proceeds, released, split_lots
from .money import mul_div, notional, share_of
from .orders import on_the_way, propose
from .tables import book, position, sleeve_of


@kernel
def _book_trade(world: Any, k: int, instrument: int, quantity: int, paid: int) -> None:
    """Book a trade in sleeve k by the ledger's rule of average cost."""
    row, sleeve = book(world, k, instrument), sleeve_of(world, k)
    closed, brought = released(row.basis, row.quantity, quantity), proceeds(row.quantity, quantity, paid)
    row.basis += paid + brought - closed
    row.quantity += quantity
    sleeve.cash -= paid
    sleeve.realised += brought - closed


@kernel
def _deal(world: Any, k: int, instrument: int, dealt: int, quantity: int, price: int) -> int:
    """Book sleeve k's part of a fill of which `dealt` lots have been booked already; return how many are now."""
    lots = position(world, instrument).lots
    paid = notional(dealt + quantity, price, lots) - notional(dealt, price, lots)
    _book_trade(world, k, instrument, quantity, paid)
    return dealt + quantity


@kernel
def _wants(world: Any, k: int, instrument: int) -> int:
    row, weight = book(world, k, instrument), sleeve_of(world, k).weight
    if row.wants == 0:
        return 0
    return (row.target if weight == 1.0 else np.int64(row.target * weight)) - row.quantity


@kernel
def net_targets(world: Any) -> None:
    """Turn the sleeves' new targets into one proposal per instrument; opposite ones cross at the next price."""
    world.n_targets = 0
    for i in range(world.n_instruments):
        moved, total, opposed = False, 0, False
        for k in range(world.n_sleeves):
            row = book(world, k, i)
            if row.dirty:
                moved, row.dirty, row.wants = True, 0, 1
            total += row.quantity + _wants(world, k, i)
            opposed = opposed or _wants(world, k, i) != 0
        if not moved:
            continue
        held, coming = position(world, i), on_the_way(world, i)
        change = total - held.quantity - coming
        held.crosses = 1 if change == 0 and coming == 0 and opposed else 0
        if change != 0:
            world.sleeve = -1
            propose(world, i, change, MARKET, DAY, 0, 0, 0)


@kernel
def _wanted(world: Any, instrument: int, sign: int) -> int:
    """Return the lots that sleeves want on one side."""
    total = 0
    for k in range(world.n_sleeves):
        total += max(_wants(world, k, instrument) * sign, 0)
    return total


@kernel
def _serve(world: Any, instrument: int, sign: int, lots: int, dealt: int, price: int, fee: int) -> int:
    """Share `lots` and a fee among the sleeves that want the side `sign`; return the lots dealt so far."""
    wanted = _wanted(world, instrument, sign)
    seen, given, charged = 0, 0, 0
    for k in range(world.n_sleeves):
        wants = max(_wants(world, k, instrument) * sign, 0)
        if wants == 0:
            continue
        seen += wants
        until = share_of(lots, seen, wanted)
        dealt = _deal(world, k, instrument, dealt, (until - given) * sign, price)
        owed = share_of(fee, until, lots) if lots > 0 else 0
        _charge(world, k, owed - charged)
        given, charged = until, owed
    return dealt


@kernel
def allocate(world: Any, instrument: int, quantity: int, price: int, fee: int) -> None:
    """Share a netted fill of `quantity` lots (0: a pure cross) among the sleeves by the rule of this page."""
    sign, size = 1 if quantity >= 0 else -1, abs(quantity)
    demand, supply = _wanted(world, instrument, sign), _wanted(world, instrument, -sign)
    crossed = min(supply, max(demand - size, 0))
    served = min(size + crossed, demand)
    dealt = _serve(world, instrument, -sign, crossed, 0, price, 0)
    owed = fee if served >= size else share_of(fee, served, size)
    dealt = _serve(world, instrument, sign, served, dealt, price, owed)
    if dealt != quantity:
        _deal(world, 0, instrument, dealt, quantity - dealt, price)
        _charge(world, 0, fee - owed)


@kernel
def _charge(world: Any, k: int, fee: int) -> None:
    sleeve = sleeve_of(world, k)
    sleeve.fees += fee
    sleeve.cash -= fee


@kernel
def allocate_to(world: Any, k: int, instrument: int, quantity: int, price: int, fee: int) -> None:
    """Give a fill of a sleeve's own protective order to that sleeve alone; it wants no more than it then has."""
    _deal(world, k, instrument, 0, quantity, price)
    _charge(world, k, fee)
    row = book(world, k, instrument)
    row.target, row.wants = row.quantity, 0


@kernel
def close_books(world: Any, instrument: int, price: int) -> None:
    """Close every sleeve's holding of an instrument at a terminal price."""
    dealt = 0
    for k in range(world.n_sleeves):
        row = book(world, k, instrument)
        dealt = _deal(world, k, instrument, dealt, -row.quantity, price)
        row.target, row.wants, row.dirty = 0, 0, 0


@kernel
def spread_dividend(world: Any, instrument: int, nanos: int) -> None:
    """Share a dividend: long sleeves receive it, short ones pay it, whatever the account holds on balance."""
    held, given = 0, 0
    for k in range(world.n_sleeves):
        held += book(world, k, instrument).quantity
        until = dividend_on(held, nanos, position(world, instrument).lots)
        sleeve_of(world, k).cash += until - given
        given = until


@kernel
def _weight(world: Any, k: int, instrument: int) -> int:
    return book(world, k, instrument).quantity if instrument >= 0 else sleeve_of(world, k).initial_cash


@kernel
def spread_cash(world: Any, instrument: int, amount: int) -> None:
    """Share a cash flow among the sleeves: by their signed lots of the instrument, or by their capital where it is -1.

    Sleeves that are long of what the account is short receive what the short ones pay beyond the account's own flow.
    """
    total, seen, given = 0, 0, 0
    for k in range(world.n_sleeves):
        total += _weight(world, k, instrument)
    for k in range(world.n_sleeves):
        seen += _weight(world, k, instrument)
        until = amount
        if total != 0 and k < world.n_sleeves - 1:
            until = mul_div(amount, seen if total > 0 else -seen, abs(total))
        sleeve_of(world, k).cash += until - given
        given = until


@kernel
def split_books(world: Any, instrument: int, numerator: int, denominator: int) -> None:
    """Split every sleeve's book: each gets its share of the account's lots, and cash for what rounding cost it."""
    held = position(world, instrument)
    seen, given, paid_out = 0, 0, 0
    for k in range(world.n_sleeves):
        row, sleeve = book(world, k, instrument), sleeve_of(world, k)
        seen += row.quantity
        until, cash = (
            split_lots(seen, numerator, denominator),
            in_lieu(seen, numerator, denominator, held.mark, held.lots),
        )
        exact, whole, received = row.quantity * numerator, until - given, cash - paid_out
        change = whole * denominator - exact
        closed, brought = released(row.basis, exact, change), proceeds(exact, change, -received)
        row.basis += brought - received - closed
        row.quantity, row.target = whole, split_lots(row.target, numerator, denominator)
        sleeve.cash += received
        sleeve.realised += brought - closed
        given, paid_out = until, cash


@kernel
def unbooked(world: Any) -> int:
    """Return by how much the sleeves' books and cash fail to add up to the account's; 0 for sound books."""
    fault, cash = 0, 0
    for i in range(world.n_instruments):
        total = 0
        for k in range(world.n_sleeves):
            total += book(world, k, i).quantity
        fault += abs(total - position(world, i).quantity)
    for k in range(world.n_sleeves):
        cash += sleeve_of(world, k).cash
    return fault + abs(cash - world.cash - world.receivable)
