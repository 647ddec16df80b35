"""Datasets that need no network and no file of the user's: built into the catalogue when first asked for."""

from collections.abc import Callable, Iterable

from lockstep.engine.errors import DataError

from .catalog import Catalog
from .importers import packaged
from .ingest import ingest
from .manifest import Manifest
from .source import Source
from .synthetic.build import Form, write_synthetic
from .synthetic.market import SyntheticMarket

PACKAGED: dict[str, Callable[[], Source]] = {
    "skfolio-20": packaged.skfolio_20,
    "sp500-index": packaged.sp500_index,
    "ohlcv-5": packaged.ohlcv_5,
    "indices": packaged.indices,
    "index-closes": packaged.index_closes,
}
TICKS = SyntheticMarket(symbols=4, sessions=5, pairs=1, splits=0, late=0, delisted=0, halts=1)
SYNTHETIC: dict[str, tuple[SyntheticMarket, Form]] = {
    "synthetic-1min": (SyntheticMarket(sessions=126), "intraday"),
    "synthetic-daily": (
        SyntheticMarket(symbols=40, sessions=2520, start="2010-01-04", step=30, pairs=4, splits=8, late=4, delisted=3),
        "daily",
    ),
    "synthetic-quotes": (TICKS, "quotes"),
    "synthetic-trades": (TICKS, "trades"),
}
BUNDLED = (*PACKAGED, *SYNTHETIC)


def bundled(catalog: Catalog, names: Iterable[str] | None = None) -> list[str]:
    """Build those bundled datasets that the catalogue lacks.

    Parameters
    ----------
    catalog : Catalog
        Where they go.
    names : iterable of str or None
        Those that are needed; names of other datasets are left alone. None means all.

    Returns
    -------
    list of str
        The names that were built now.
    """
    wanted = sorted(BUNDLED if names is None else set(names) & set(BUNDLED))
    missing = [name for name in wanted if name not in catalog]
    for name in missing:
        build(catalog, name)
    return missing


def build(catalog: Catalog, name: str) -> Manifest:
    """Build a bundled dataset anew.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    if name in PACKAGED:
        return ingest(catalog, name, PACKAGED[name]())
    if name in SYNTHETIC:
        return write_synthetic(catalog, name, *SYNTHETIC[name])
    raise DataError(f"bundled dataset {name!r}: expected one of {', '.join(BUNDLED)}")
