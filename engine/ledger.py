"""The ledger: cash, positions and their value, exact to the micro-dollar.

Always true, and checked by `imbalance`: ``equity = cash + receivable + Σ value`` and
``equity - initial_cash = realised + Σ (value - basis) + dividends + interest + other - fees - borrow``.
"""

from typing import Any

import numpy as np

from .compile import kernel
from .money import mul_div, notional, share_of
from .tables import due, position


@kernel
def revalue(world: Any, held: Any, value: int) -> None:
    """Set a position's value and carry the change into equity."""
    world.equity += value - held.value
    held.value = value


@kernel
def gross_value(world: Any) -> int:
    """Return the sum of all positions' absolute values."""
    total = np.int64(0)
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
def trade(world: Any, held: Any, quantity: int, price: int) -> int:
    """Book a purchase (quantity > 0) or sale in lots at a price in micros, without fees; return the realised P&L.

    Basis is average cost: a reduction releases its share of the basis, a crossing of zero releases all of it.
    """
    paid = notional(quantity, price, held.lots)
    before, size = held.quantity, abs(held.quantity)
    realised = 0
    if before == 0 or (before > 0) == (quantity > 0):
        held.basis += paid
    elif abs(quantity) <= size:
        released = share_of(held.basis, abs(quantity), size)
        realised = -paid - released
        held.basis -= released
    else:
        closing = share_of(paid, size, abs(quantity))
        realised = -closing - held.basis
        held.basis = paid - closing
    held.quantity = before + quantity
    held.realised += realised
    world.realised += realised
    world.cash -= paid
    world.equity -= paid
    if held.mark == 0:
        held.mark = price
    revalue(world, held, notional(held.quantity, held.mark, held.lots))
    return realised


@kernel
def charge(world: Any, held: Any, fee: int) -> None:
    """Take a trading fee from cash."""
    held.fees += fee
    world.fees += fee
    world.cash -= fee
    world.equity -= fee


@kernel
def pay_borrow(world: Any, held: Any, fee: int) -> None:
    """Take a borrow fee on a short position from cash."""
    held.borrow += fee
    world.borrow += fee
    world.cash -= fee
    world.equity -= fee


@kernel
def credit_interest(world: Any, amount: int) -> None:
    """Credit interest to cash (negative: margin interest paid)."""
    world.interest += amount
    world.cash += amount
    world.equity += amount


@kernel
def accrue_dividend(world: Any, held: Any, instrument: int, nanos: int, pay_ts: int) -> int:
    """Book a dividend of `nanos` 1e-9 dollars a share on the ex-date; return its amount in micros.

    Longs receive, shorts pay. It is a receivable until its pay date, or cash at once where that is unknown.
    """
    amount = mul_div(held.quantity, nanos, held.lots * 1000)
    held.dividends += amount
    world.dividends += amount
    world.equity += amount
    if pay_ts == 0 or world.n_dividends >= world.n_slots:
        world.cash += amount
        return amount
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
def split_position(world: Any, held: Any, numerator: int, denominator: int) -> int:
    """Split a position `numerator` for `denominator`; return the cash paid in lieu of a fraction, in micros.

    The fraction of a lot is sold at the split-adjusted mark; its share of the basis is released.
    """
    if held.mark != 0:
        held.mark = mul_div(held.mark, denominator, numerator)
    before = held.quantity
    scaled = abs(before) * numerator
    whole = scaled // denominator
    if before < 0:
        whole = -whole
    fraction = scaled - abs(whole) * denominator
    cash = 0
    if fraction != 0:
        cash = mul_div(notional(fraction, held.mark, held.lots), 1, denominator)
        released = share_of(held.basis, fraction, scaled)
        if before < 0:
            cash = -cash
        held.basis -= released
        held.realised += cash - released
        world.realised += cash - released
        world.cash += cash
        world.equity += cash
    held.quantity = whole
    revalue(world, held, notional(whole, held.mark, held.lots))
    return cash


@kernel
def imbalance(world: Any) -> int:
    """Return by how many micros the two identities of this page fail, summed; 0 for a sound ledger."""
    value, basis = np.int64(0), np.int64(0)
    for i in range(world.n_instruments):
        held = position(world, i)
        value += held.value
        basis += held.basis
    first = world.equity - world.cash - world.receivable - value
    earned = world.realised + value - basis + world.dividends + world.interest + world.other - world.fees - world.borrow
    return abs(first) + abs(world.equity - world.initial_cash - earned)
