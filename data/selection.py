"""Which instruments of which datasets a replay asked for, in canonical order."""

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lockstep.engine.errors import DataError
from lockstep.engine.instruments import Instrument, canonical

from .catalog import Dataset
from .manifest import InstrumentEntry, Manifest
from .rows import Array


@dataclass(frozen=True)
class Selection:
    """Instruments in canonical order, and for each dataset the numbers of its instruments (−1: not asked for)."""

    instruments: tuple[Instrument, ...]
    numbers: tuple[Array, ...]


def select(datasets: Sequence[Dataset], symbols: Sequence[str] | None) -> Selection:
    """Choose instruments by ticker or id.

    Parameters
    ----------
    datasets : sequence of Dataset
        In canonical order.
    symbols : sequence of str or None
        Tickers or ids in any order; None takes all.

    Raises
    ------
    DataError
        If a symbol is in none of the datasets, or if two datasets describe one instrument differently.
    """
    wanted = None if symbols is None else _ids(datasets, symbols)
    found: dict[str, list[tuple[Manifest, InstrumentEntry]]] = {}
    for dataset in datasets:
        for entry in dataset.manifest.instruments:
            if wanted is None or entry.id in wanted:
                found.setdefault(entry.id, []).append((dataset.manifest, entry))
    instruments = _told_apart(canonical(_unite(sources) for sources in found.values()))
    number = {instrument.id: place for place, instrument in enumerate(instruments)}
    numbers = tuple(
        np.array([number.get(entry.id, -1) for entry in dataset.manifest.instruments], np.int32) for dataset in datasets
    )
    return Selection(instruments, numbers)


def _ids(datasets: Sequence[Dataset], symbols: Sequence[str]) -> set[str]:
    by_name: dict[str, str] = {}
    for known in (_past_tickers, _tickers, _permanent):
        for dataset in datasets:
            by_name.update(known(dataset.manifest))
    unknown = [symbol for symbol in symbols if symbol not in by_name]
    if unknown:
        close = difflib.get_close_matches(unknown[0], sorted(by_name), n=5) or sorted(by_name)[:10]
        names = ", ".join(dataset.manifest.name for dataset in datasets)
        raise DataError(f"symbol {unknown[0]!r} is not in {names}; expected one of {', '.join(close)} …")
    return {by_name[symbol] for symbol in symbols}


def _permanent(manifest: Manifest) -> dict[str, str]:
    return {entry.id: entry.id for entry in manifest.instruments}


def _tickers(manifest: Manifest) -> dict[str, str]:
    return {entry.symbol: entry.id for entry in manifest.instruments}


def _past_tickers(manifest: Manifest) -> dict[str, str]:
    return {ticker: entry.id for entry in manifest.instruments for _, ticker in entry.symbols}


def _told_apart(instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
    """Show those by their ids that share a ticker, which two companies may have had one after the other."""
    count = Counter(instrument.symbol for instrument in instruments)
    return tuple(replace(each, symbol=each.id) if count[each.symbol] > 1 else each for each in instruments)


def _unite(sources: list[tuple[Manifest, InstrumentEntry]]) -> Instrument:
    """Return one instrument that several datasets have; what they say of its prices must agree."""
    sources = sorted(sources, key=lambda source: (source[1].last, source[0].name))
    views = [manifest.instrument(entry) for manifest, entry in sources]
    latest = views[-1]
    for (manifest, _), view in zip(sources, views, strict=True):
        for field in ("adjusted", "tick", "lots_per_unit", "currency", "synthetic"):
            if getattr(view, field) != getattr(latest, field):
                raise DataError(
                    f"{latest.id}: {field} is {getattr(view, field)!r} in dataset {manifest.name!r} but "
                    f"{getattr(latest, field)!r} in {sources[-1][0].name!r}; name only one of the two"
                )
    _one_of_each_timeframe(latest.id, [manifest for manifest, _ in sources])
    sector = next((view.sector for view in reversed(views) if view.sector), "")
    return replace(
        latest,
        sector=sector,
        close_only=all(view.close_only for view in views),
        shortable=all(view.shortable for view in views),
    )


def _one_of_each_timeframe(name: str, manifests: list[Manifest]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for manifest in manifests:
        key = ("bars" if manifest.kind == "closes" else manifest.kind, manifest.timeframe)
        if key in seen:
            raise DataError(
                f"{name}: {manifest.timeframe} {manifest.kind} are in both {seen[key]!r} and {manifest.name!r}; "
                "name only one"
            )
        seen[key] = manifest.name
