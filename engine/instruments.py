"""What is traded: a permanent id, a grid of prices and quantities, and what may be done with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .errors import ConfigError

MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing.

    Parameters
    ----------
    id : str
        Permanent and unique; a ticker change keeps it. Canonical order is the order of ids.
    symbol : str
        The ticker by which the user names it.
    tick : int
        Smallest price step of orders and fills, in micro-dollars.
    lots_per_unit : int
        Lots that make one share: 1 for whole shares, 1_000_000_000 for billionths.
    currency : str
        ISO code of its prices.
    sector : str
        Name of its sector; empty means unknown, which exempts it from sector limits.
    shortable : bool
        Whether it may be sold short.
    close_only : bool
        Whether its data has closes alone, without open, high, low and volume.
    adjusted : {"raw", "split", "total"}
        What the vendor has adjusted its prices for.
    synthetic : bool
        Whether its prices were generated.
    """

    id: str
    symbol: str
    tick: int = 10_000
    lots_per_unit: int = 1
    currency: str = "USD"
    sector: str = ""
    shortable: bool = True
    close_only: bool = False
    adjusted: Literal["raw", "split", "total"] = "raw"
    synthetic: bool = False

    def __post_init__(self) -> None:
        if not self.id or not self.symbol:
            raise ConfigError(f"Instrument id={self.id!r} symbol={self.symbol!r}: both must be non-empty")
        if self.tick < 1:
            raise ConfigError(f"Instrument {self.symbol}: tick={self.tick} micros, expected at least 1")
        if not 1 <= self.lots_per_unit <= 10**9:
            raise ConfigError(f"Instrument {self.symbol}: lots_per_unit={self.lots_per_unit}, expected 1 to 1e9")


def canonical(instruments: Iterable[Instrument]) -> tuple[Instrument, ...]:
    """Return the instruments sorted by id, the order in which the engine numbers them.

    Raises
    ------
    ConfigError
        If two share an id, or if they are priced in more than one currency.
    """
    ordered = tuple(sorted(instruments, key=lambda instrument: instrument.id))
    for left, right in pairwise(ordered):
        if left.id == right.id:
            raise ConfigError(f"Instrument id {left.id!r} is given twice; ids must be unique")
    currencies = sorted({instrument.currency for instrument in ordered})
    if len(currencies) > 1:
        raise ConfigError(
            f"Mixed currencies {currencies} on one account; there is no conversion yet: choose one currency"
        )
    return ordered
