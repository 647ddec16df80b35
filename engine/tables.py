"""Typed doors into a world's and a broker's tables. Every index is the caller's to keep in range."""

from typing import Any

from . import records as r
from .arena import at, table
from .compile import kernel
from .events import EVENT

world_at, broker_at, event_at, output_at = at(r.WORLD), at(r.BROKER), at(EVENT), at(r.OUTPUT)

position = table(r.POSITION, r.WORLD, "off_positions")
"""``position(world, instrument)``, 0 <= instrument < world.n_instruments."""

order_in = table(r.ORDER, r.WORLD, "off_orders")
"""``order_in(world, slot)``: the order in a slot, 0 <= slot < world.n_slots."""

free_slot = table(r.SLOT, r.WORLD, "off_free")
"""``free_slot(world, k)``: the k-th entry of the stack of free slots."""

open_slot = table(r.SLOT, r.WORLD, "off_open")
"""``open_slot(world, k)``: the k-th open order, oldest first."""

proposed_slot = table(r.SLOT, r.WORLD, "off_proposed")
"""``proposed_slot(world, k)``: the k-th order that awaits the risk stage."""

outbox = table(r.OUTBOX, r.WORLD, "off_outbox")
"""``outbox(world, k)``: the k-th message to the broker."""

sleeve_of = table(r.SLEEVE, r.WORLD, "off_sleeves")
"""``sleeve_of(world, k)``, 0 <= k < world.n_sleeves."""

due = table(r.DIVIDEND_DUE, r.WORLD, "off_dividends")
"""``due(world, k)``: the k-th dividend that is due."""

series_row = table(r.SERIES_LOG, r.WORLD, "off_series")
"""``series_row(world, k)``: the k-th value recorded since the last collection."""

_book = table(r.BOOK, r.WORLD, "off_books")

venue = table(r.VENUE, r.BROKER, "off_venues")
"""``venue(broker, instrument)``: the simulated venue of an instrument."""

resting = table(r.RESTING, r.BROKER, "off_resting")
"""``resting(broker, slot)``: the simulated broker's order in a slot."""

update_in = table(r.UPDATE, r.BROKER, "off_queue")
"""``update_in(broker, k)``: the k-th order event in the simulated broker's queue."""


@kernel
def book(world: Any, k: int, instrument: int) -> Any:
    """Return sleeve k's book of an instrument."""
    return _book(world, k * world.n_instruments + instrument)
