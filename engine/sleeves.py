"""Several strategies on one account: each has a book of its own, and their targets are netted into orders.

The rule of allocation. A fill first serves the sleeves that want the opposite side: they trade what they want with the others, at the
fill's price. What the fill brings plus what they give up goes to the sleeves that want its side, in proportion to what each wants, by
cumulative rounding in the sleeves' order; whatever is left when no one wants it goes to the first sleeve. Fees are borne by the
sleeves on the fill's side, in proportion to the lots they get. Where targets cancel out to the last lot there is no fill: the sleeves trade with one
another at the next price of the instrument, without costs.
"""

from typing import Any

import numpy as np

from .codes import DAY, MARKET
from .compile import kernel
from .money import mul_div, notional, share_of
from .orders import propose
from .tables import book, position, sleeve_of


@kernel
def book_trade(world: Any, k: int, instrument: int, quantity: int, price: int) -> int:
    """Book a trade in sleeve k by the ledger's rule of average cost; return what it has paid, in micros."""
    row, sleeve = book(world, k, instrument), sleeve_of(world, k)
    paid = notional(quantity, price, position(world, instrument).lots)
    before, realised = row.quantity, 0
    if before == 0 or (before > 0) == (quantity > 0):
        row.basis += paid
    elif abs(quantity) <= abs(before):
        released = share_of(row.basis, abs(quantity), abs(before))
        realised = -paid - released
        row.basis -= released
    else:
        closing = share_of(paid, abs(before), abs(quantity))
        realised = -closing - row.basis
        row.basis = paid - closing
    row.quantity = before + quantity
    sleeve.cash -= paid
    sleeve.realised += realised
    return paid


@kernel
def book_rounding(world: Any, k: int, amount: int) -> None:
    """Book in sleeve k what the account has paid beyond the sleeves: rounding, where a lot is worth less than a micro."""
    sleeve_of(world, k).cash -= amount
    sleeve_of(world, k).realised -= amount


@kernel
def _wants(world: Any, k: int, instrument: int) -> int:
    row = book(world, k, instrument)
    if row.wants == 0:
        return 0
    return np.int64(row.target * sleeve_of(world, k).weight) - row.quantity


@kernel
def net_targets(world: Any) -> None:
    """Turn the sleeves' new targets into one proposal per instrument; equal and opposite ones cross at the next price."""
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
        held = position(world, i)
        change = total - held.quantity - held.buys + held.sells
        if change != 0:
            world.sleeve = -1
            propose(world, i, change, MARKET, DAY, 0, 0, 0)
        elif opposed and held.open_orders == 0:
            held.crosses = 1


@kernel
def allocate(world: Any, instrument: int, quantity: int, price: int, fee: int) -> None:
    """Share a netted fill of `quantity` lots (signed, 0 for a pure cross) among the sleeves by the rule of this page."""
    sign = 1 if quantity >= 0 else -1
    pool, demand, paid, last = abs(quantity), 0, 0, 0
    for k in range(world.n_sleeves):
        wants = _wants(world, k, instrument) * sign
        if wants < 0:
            pool -= wants
            paid += book_trade(world, k, instrument, wants * sign, price)
        else:
            demand += wants
    total, served, given, charged = pool, 0, 0, 0
    for k in range(world.n_sleeves):
        wants = _wants(world, k, instrument) * sign
        if wants <= 0 or demand == 0:
            continue
        served += wants
        until = min(mul_div(min(total, demand), served, demand), min(total, demand))
        if until > given:
            paid += book_trade(world, k, instrument, (until - given) * sign, price)
            last = k
        owed = share_of(fee, until, total) if total > 0 else 0
        _charge(world, k, owed - charged)
        given, charged = until, owed
    if total > given:
        paid += book_trade(world, 0, instrument, (total - given) * sign, price)
    book_rounding(world, last, notional(quantity, price, position(world, instrument).lots) - paid)
    _charge(world, 0, fee - charged)


@kernel
def _charge(world: Any, k: int, fee: int) -> None:
    sleeve = sleeve_of(world, k)
    sleeve.fees += fee
    sleeve.cash -= fee


@kernel
def allocate_to(world: Any, k: int, instrument: int, quantity: int, price: int, fee: int) -> None:
    """Give a fill of a sleeve's own protective order to that sleeve alone."""
    book_trade(world, k, instrument, quantity, price)
    _charge(world, k, fee)
    row = book(world, k, instrument)
    row.target, row.wants = row.quantity, 0


@kernel
def _weight(world: Any, k: int, instrument: int) -> int:
    return book(world, k, instrument).quantity if instrument >= 0 else sleeve_of(world, k).initial_cash


@kernel
def spread_cash(world: Any, instrument: int, amount: int) -> None:
    """Share a cash flow among the sleeves: by their signed lots of the instrument, or by their capital where it is -1.

    Sleeves that are short of what the account is long pay what the long ones get beyond the account's own flow.
    """
    total, seen, given = 0, 0, 0
    for k in range(world.n_sleeves):
        total += _weight(world, k, instrument)
    sign = -1 if total < 0 else 1
    for k in range(world.n_sleeves):
        seen += _weight(world, k, instrument) * sign
        until = amount if k == world.n_sleeves - 1 or total == 0 else mul_div(amount, seen, abs(total))
        sleeve_of(world, k).cash += until - given
        given = until


@kernel
def split_books(world: Any, instrument: int, numerator: int, denominator: int, cash: int) -> None:
    """Split every sleeve's book; whole lots that their fractions add up to go to the first sleeves that hold any.

    The cash in lieu of the account's fraction is shared by lots.
    """
    spread_cash(world, instrument, cash)
    left = position(world, instrument).quantity
    for k in range(world.n_sleeves):
        row = book(world, k, instrument)
        scaled = abs(row.quantity) * numerator // denominator
        row.quantity = scaled if row.quantity >= 0 else -scaled
        row.target = np.int64(row.target * numerator / denominator)
        left -= row.quantity
    step = 1 if left > 0 else -1
    for k in range(world.n_sleeves):
        row = book(world, k, instrument)
        if left != 0 and row.basis != 0:
            row.quantity += step
            left -= step
    if left != 0:
        book(world, 0, instrument).quantity += left


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
