"""Typed doors into a world's and a broker's tables. Every index is the caller's to keep in range."""

from typing import Any

from . import records as r
from .arena import at, table
from .compile import kernel
from .events import EVENT

world_at, broker_at, event_at, output_at = at(r.WORLD), at(r.BROKER), at(EVENT), at(r.OUTPUT)

_position, _order, _sleeve, _book = table(r.POSITION), table(r.ORDER), table(r.SLEEVE), table(r.BOOK)
_due, _slot, _sector, _outbox, _series = table(r.DIVIDEND_DUE), table(r.SLOT), table(r.SECTOR), table(r.OUTBOX), table(r.SERIES_LOG)
_venue, _resting, _update = table(r.VENUE), table(r.RESTING), table(r.UPDATE)


@kernel
def position(world: Any, instrument: int) -> Any:
    """Return the position record of an instrument, 0 <= instrument < world.n_instruments."""
    return _position(world, world.off_positions, instrument)


@kernel
def order_in(world: Any, slot: int) -> Any:
    """Return the order record in a slot, 0 <= slot < world.n_slots."""
    return _order(world, world.off_orders, slot)


@kernel
def sleeve_of(world: Any, k: int) -> Any:
    """Return sleeve k, 0 <= k < world.n_sleeves."""
    return _sleeve(world, world.off_sleeves, k)


@kernel
def book(world: Any, k: int, instrument: int) -> Any:
    """Return sleeve k's book of an instrument."""
    return _book(world, world.off_books, k * world.n_instruments + instrument)


@kernel
def sector_in(world: Any, k: int) -> Any:
    """Return the gross value held in sector k, 0 <= k < world.n_sectors."""
    return _sector(world, world.off_sectors, k)


@kernel
def due(world: Any, k: int) -> Any:
    """Return the k-th dividend that is due."""
    return _due(world, world.off_dividends, k)


@kernel
def free_slot(world: Any, k: int) -> Any:
    """Return the k-th entry of the stack of free slots."""
    return _slot(world, world.off_free, k)


@kernel
def open_slot(world: Any, k: int) -> Any:
    """Return the k-th entry of the list of open orders, oldest first."""
    return _slot(world, world.off_open, k)


@kernel
def proposed_slot(world: Any, k: int) -> Any:
    """Return the k-th entry of the list of orders that await the risk stage."""
    return _slot(world, world.off_proposed, k)


@kernel
def outbox(world: Any, k: int) -> Any:
    """Return the k-th message to the broker."""
    return _outbox(world, world.off_outbox, k)


@kernel
def series_row(world: Any, k: int) -> Any:
    """Return the k-th value that strategies recorded since the last collection."""
    return _series(world, world.off_series, k)


@kernel
def venue(broker: Any, instrument: int) -> Any:
    """Return the simulated venue of an instrument."""
    return _venue(broker, broker.off_venues, instrument)


@kernel
def resting(broker: Any, slot: int) -> Any:
    """Return the simulated broker's order in a slot."""
    return _resting(broker, broker.off_resting, slot)


@kernel
def update_in(broker: Any, k: int) -> Any:
    """Return the k-th order event in the simulated broker's queue."""
    return _update(broker, broker.off_queue, k)
