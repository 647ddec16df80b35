"""Datasets from the live side: Alpaca's history, and sessions' own recordings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lockstep.data.catalog import Catalog
from lockstep.data.manifest import Manifest
from lockstep.engine.errors import DataError

from .fetching import fetch, wanted
from .places import history_access
from .recorded import import_recording


def import_live(
    catalog: Catalog, name: str, importer: str, options: dict[str, Any], told: Callable[[str], None]
) -> Manifest:
    """Import a dataset as ``alpaca`` or ``recording``; see `fetching.Wanted` and `recorded.import_recording`.

    Raises
    ------
    LockstepError
        If an option is wrong, or the source is; the old data stays.
    """
    if importer == "alpaca":
        asked = wanted(options)
        return fetch(catalog, name, asked, history_access(asked.url), told)
    paths = options.pop("paths", [])
    unknown = sorted(options.keys() - {"kind"})
    if unknown or len(paths) != 1:
        given = f"option {unknown[0]!r} is unknown" if unknown else f"{len(paths)} folders are named"
        raise DataError(f"{given}; expected one run folder, and perhaps kind=bars, closes, quotes or trades")
    return import_recording(catalog, name, Path(paths[0]), str(options.get("kind", "")))
