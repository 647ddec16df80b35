"""Datasets that need no network and no file of the user's: built into the catalogue when first asked for."""

from collections.abc import Callable, Iterable

from lockstep.engine.errors import DataError

from .catalog import Catalog
from .importers import packaged
from .ingest import Source, ingest

BUNDLED: dict[str, Callable[[], Source]] = {
    "skfolio-20": packaged.skfolio_20,
    "sp500-index": packaged.sp500_index,
    "ohlcv-5": packaged.ohlcv_5,
    "indices": packaged.indices,
    "index-closes": packaged.index_closes,
}


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
        ingest(catalog, name, BUNDLED[name]())
    return missing


def build(catalog: Catalog, name: str) -> None:
    """Build a bundled dataset anew.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    if name not in BUNDLED:
        raise DataError(f"bundled dataset {name!r}: expected one of {', '.join(BUNDLED)}")
    ingest(catalog, name, BUNDLED[name]())
