"""The ledger: cash, positions and their value, exact to the micro-dollar.

Always true, and checked by `imbalance`: ``equity = cash + receivable + Σ value`` and
``equity - initial_cash = realised + Σ (value - basis) + dividends + interest + other - fees - borrow``.
"""

from typing import Any

from .codes import MONEY_FULL
from .compile import int64, kernel
from .money import is_money, mul_div, mul_down, notional, share_of
from .tables import due, position


@kernel
def revalue(world: Any, held: Any, value: int) -> None:
    """Set a position's value and carry the change into equity; a value beyond all money stops the world."""
    if not is_money(value) or not is_money(world.equity):
        world.error = MONEY_FULL
        return
    world.equity += value - held.value
    held.value = value


@kernel
def receive(world: Any, amount: int) -> bool:
    """Add an amount to cash and equity; where that would overflow, change nothing, stop the world, return False."""
    if not is_money(amount) or not is_money(world.cash) or not is_money(world.equity):
        world.error = MONEY_FULL
        return False
    world.cash += amount
    world.equity += amount
    return True


@kernel
def gross_value(world: Any) -> int:
    """Return the sum of all positions' absolute values."""
    total = int64(0)
    for i in range(world.n_instruments):
        total += abs(position(world, i).value)
    return total


@kernel
def mark_to(world: Any, held: Any, price: int) -> None:
    """Mark a position at a price in micros."""
    held.mark = price
    if held.quantity != 0:
        revalue(world, held, notional(held.quantity, price, held.lots))


@kernel
def released(basis: int, before: int, quantity: int) -> int:
    """Return the part of a position's basis that a trade of `quantity` lots for `paid` closes, by average cost.

    A purchase beside a long position (or a sale beside a short one) closes nothing; a reduction its share; a crossing
    of zero all.
    """
    if before == 0 or (before > 0) == (quantity > 0):
        return 0
    return basis if abs(quantity) >= abs(before) else share_of(basis, abs(quantity), abs(before))


@kernel
def proceeds(before: int, quantity: int, paid: int) -> int:
    """Return what the closing part of a trade brings in: all for a reduction, its share for a crossing of zero."""
    if before == 0 or (before > 0) == (quantity > 0):
        return 0
    return -paid if abs(quantity) <= abs(before) else -share_of(paid, abs(before), abs(quantity))


@kernel
def trade(world: Any, held: Any, quantity: int, price: int) -> int:
    """Book a purchase (quantity > 0) or sale in lots at a price in micros, without fees; return the realised P&L."""
    paid, before = notional(quantity, price, held.lots), held.quantity
    if not is_money(before + quantity) or not receive(world, -paid):
        world.error = MONEY_FULL
        return 0
    closed, brought = released(held.basis, before, quantity), proceeds(before, quantity, paid)
    realised = brought - closed
    held.basis += paid + brought - closed
    held.quantity = before + quantity
    held.realised += realised
    world.realised += realised
    if held.mark == 0:
        held.mark = price
    revalue(world, held, notional(held.quantity, held.mark, held.lots))
    return realised


@kernel
def charge(world: Any, held: Any, fee: int) -> None:
    """Take a trading fee from cash."""
    if receive(world, -fee):
        held.fees += fee
        world.fees += fee


@kernel
def pay_borrow(world: Any, held: Any, fee: int) -> None:
    """Take a borrow fee on a short position from cash."""
    if receive(world, -fee):
        held.borrow += fee
        world.borrow += fee


@kernel
def credit_interest(world: Any, amount: int) -> None:
    """Credit interest to cash (negative: margin interest paid)."""
    if receive(world, amount):
        world.interest += amount


@kernel
def dividend_on(quantity: int, nanos: int, lots: int) -> int:
    """Return a dividend of `nanos` 1e-9 dollars a share on a position in lots, in micros; negative on a short one."""
    return mul_div(quantity, nanos, lots * 1000)


@kernel
def accrue_dividend(world: Any, held: Any, instrument: int, nanos: int, pay_ts: int) -> int:
    """Book a dividend of `nanos` 1e-9 dollars a share on the ex-date; return its amount in micros.

    Longs receive, shorts pay. It is a receivable until its pay date, or cash at once where that is unknown.
    """
    amount = dividend_on(held.quantity, nanos, held.lots)
    if not receive(world, amount):
        return 0
    held.dividends += amount
    world.dividends += amount
    if pay_ts == 0 or world.n_dividends >= world.n_slots:
        return amount
    world.cash -= amount
    world.receivable += amount
    row = due(world, world.n_dividends)
    row.pay_ts, row.amount, row.instrument = pay_ts, amount, instrument
    world.n_dividends += 1
    return amount


@kernel
def pay_dividends(world: Any, now: int) -> None:
    """Turn every receivable whose pay date has come into cash."""
    kept = 0
    for k in range(world.n_dividends):
        row = due(world, k)
        if row.pay_ts <= now:
            world.cash += row.amount
            world.receivable -= row.amount
        else:
            keep = due(world, kept)
            keep.pay_ts, keep.amount, keep.instrument = row.pay_ts, row.amount, row.instrument
            kept += 1
    world.n_dividends = kept


@kernel
def split_lots(quantity: int, numerator: int, denominator: int) -> int:
    """Return the whole lots, signed, that a position becomes in a split; the product of lots and numerator must fit."""
    whole = abs(quantity) * numerator // denominator
    return whole if quantity >= 0 else -whole


@kernel
def in_lieu(quantity: int, numerator: int, denominator: int, mark: int, lots: int) -> int:
    """Return the cash for the fraction of a lot that a split leaves; negative for a short position."""
    cash = mul_div(abs(quantity) * numerator % denominator, mark, lots * denominator)
    return cash if quantity >= 0 else -cash


@kernel
def split_position(world: Any, held: Any, numerator: int, denominator: int) -> int:
    """Split a position `numerator` for `denominator`; return the cash paid in lieu of a fraction, in micros.

    The fraction of a lot is sold at the split-adjusted mark; its share of the basis is released.
    """
    if held.mark != 0:
        held.mark = mul_div(held.mark, denominator, numerator)
    before = held.quantity
    if not is_money(mul_down(abs(before), numerator, 1)):
        world.error = MONEY_FULL
        return 0
    whole, cash = (
        split_lots(before, numerator, denominator),
        in_lieu(before, numerator, denominator, held.mark, held.lots),
    )
    if not receive(world, cash):
        return 0
    closed = released(held.basis, before * numerator, whole * denominator - before * numerator)
    held.basis -= closed
    held.realised += cash - closed
    world.realised += cash - closed
    held.quantity = whole
    revalue(world, held, notional(whole, held.mark, held.lots))
    return cash


@kernel
def imbalance(world: Any) -> int:
    """Return by how many micros the two identities of this page fail, summed; 0 for a sound ledger."""
    value, basis = int64(0), int64(0)
    for i in range(world.n_instruments):
        held = position(world, i)
        value += held.value
        basis += held.basis
    first = world.equity - world.cash - world.receivable - value
    earned = world.realised + value - basis + world.dividends + world.interest + world.other - world.fees - world.borrow
    return abs(first) + abs(world.equity - world.initial_cash - earned)
