"""What `lockstep data` does, as functions that return plain data; printing is the command line's."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lockstep.engine.errors import DataError

from .actions import Action, read_actions
from .actions import describe as describe_action
from .bundled import BUNDLED, build, bundled
from .catalog import Catalog, Dataset
from .declaration import Declaration, declare
from .feed import describe
from .importers.daily import read_daily
from .importers.lean import read_lean
from .importers.table import Layout, expand, read_tables
from .ingest import ingest
from .manifest import Finding, Manifest
from .quality import check
from .quality.integrity import damaged_files
from .reading import read_frame, read_rows
from .source import Source
from .synthetic.build import write_synthetic
from .synthetic.market import SyntheticMarket

IMPORTERS = ("bundled", "daily", "lean", "synthetic", "table")
DECLARED = tuple(Declaration.model_fields)
MOST_ROWS = 30_000_000
"""Rows of a dataset above which `check_dataset` verifies files alone; the rules need all rows in memory."""


def import_dataset(catalog: Catalog, name: str, importer: str, **options: Any) -> Manifest:
    """Import a dataset into the catalogue.

    Parameters
    ----------
    catalog : Catalog
        Where it goes.
    name : str
        Name of the dataset; for ``bundled`` that of the bundled one.
    importer : {"bundled", "daily", "lean", "synthetic", "table"}
        What reads it.
    **options
        ``table``: ``paths`` (files or folders), ``files`` (a pattern for folders), ``actions`` (a CSV file), and the
        fields of `Declaration` and `Layout`. ``daily``: ``paths`` (one folder), ``files``, ``symbol``, ``constituents``
        and the fields of `Declaration`. ``lean``: ``paths`` (one folder) and the options of `read_lean`.
        ``synthetic``: ``form``, ``per_step`` and the fields of `SyntheticMarket`.

    Raises
    ------
    DataError
        If an option is unknown or missing, or the source is wrong; the old data stays.
    """
    if importer not in IMPORTERS:
        raise DataError(f"importer {importer!r}, expected one of {', '.join(IMPORTERS)}")
    if importer == "bundled":
        _only(options, ())
        return build(catalog, name)
    if importer == "synthetic":
        form, per_step = options.pop("form", "intraday"), options.pop("per_step", 20)
        _only(options, tuple(SyntheticMarket.__dataclass_fields__))
        return write_synthetic(catalog, name, SyntheticMarket(**options), form, per_step)
    source = {"table": _table, "daily": _daily, "lean": _lean}[importer](_paths(options), options)
    return ingest(catalog, name, source)


def list_datasets(catalog: Catalog) -> list[dict[str, Any]]:
    """Return one row for each dataset in the catalogue, and for each bundled one that is not built yet."""
    rows = [_row_of(catalog, name) for name in catalog.names()]
    known = {row["dataset"] for row in rows}
    waiting = [{"dataset": name, "kind": "bundled, built at first use"} for name in BUNDLED if name not in known]
    return rows + waiting


def _row_of(catalog: Catalog, name: str) -> dict[str, Any]:
    """Return a dataset's row; a damaged one must not hide the others."""
    try:
        return _row(catalog.manifest(name))
    except DataError as error:
        return {"dataset": name, "kind": f"damaged: {error}"}


def _row(manifest: Manifest) -> dict[str, Any]:
    described = describe(manifest)
    described["symbols"] = len(manifest.instruments)
    described["warnings"] = sum(finding.count for finding in manifest.findings if finding.severity == "warning")
    described["findings"] = sum(finding.count for finding in manifest.findings)
    return described


def check_dataset(catalog: Catalog, name: str) -> list[Finding]:
    """Check a dataset: its files against their hashes, its rows against every rule, and what its import found.

    Parameters
    ----------
    catalog : Catalog
        Where it is.
    name : str
        Name of the dataset; a bundled one is built if need be.

    Returns
    -------
    list of Finding
        Damage first, then what the rules find in the rows as they are, then what the import alone could see.

    Raises
    ------
    DataError
        If there is no such dataset.
    """
    bundled(catalog, [name])
    dataset = catalog.dataset(name)
    damage = damaged_files(dataset)
    found: list[Finding] = []
    if not damage and dataset.manifest.rows <= MOST_ROWS:
        found = list(audit(dataset))
    seen = {finding.rule for finding in found}
    at_import = [finding for finding in dataset.manifest.findings if finding.rule not in seen]
    return [*damage, *found, *at_import, *(repair.as_finding() for repair in dataset.manifest.repairs)]


def audit(dataset: Dataset) -> tuple[Finding, ...]:
    """Return what the quality rules find in a dataset's rows as they are."""
    rows = read_rows(dataset)
    manifest = dataset.manifest
    declaration = Declaration.model_validate({**manifest.declaration, "repair": {}})
    checked = check(rows, declaration, dataset.sessions(), stored_actions(dataset), now=manifest.last, audit=True)
    return checked.findings


def stored_actions(dataset: Dataset) -> list[Action]:
    """Return a dataset's actions as records."""
    ids = [entry.id for entry in dataset.manifest.instruments]
    return [
        Action(
            id=ids[row["instrument"]],
            kind=row["kind"],
            date=int(np.datetime64(row["date"], "D").astype(np.int64)),
            numerator=row["numerator"],
            denominator=row["denominator"],
            amount=row["amount"],
            coefficient=row["coefficient"],
        )
        for row in dataset.actions().drop_columns(["ts_event", "pay_ts"]).to_pylist()
    ]


def show(
    catalog: Catalog,
    name: str,
    symbols: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    rows: int = 10,
) -> dict[str, Any]:
    """Return a dataset's manifest in words, its instruments, and its first and last rows.

    Raises
    ------
    DataError
        If there is no such dataset or symbol.
    """
    bundled(catalog, [name])
    dataset = catalog.dataset(name)
    manifest = dataset.manifest
    frame = read_frame(dataset, symbols, start, end)
    cut = frame if len(frame) <= 2 * rows else pd.concat([frame.head(rows), frame.tail(rows)])
    facts = {
        **_row(manifest),
        "label": manifest.label,
        "zone": manifest.zone,
        "calendar": manifest.calendar,
        "actions": manifest.actions,
        "repairs": [repair.model_dump() for repair in manifest.repairs],
        "truth": manifest.truth,
    }
    return {
        "facts": facts,
        "instruments": [entry.model_dump() for entry in manifest.instruments],
        "rows": cut.to_dict("records"),
        "total_rows": len(frame),
    }


def _paths(options: dict[str, Any]) -> list[Path]:
    given = options.pop("paths", None)
    if not given:
        raise DataError("paths is missing; name the files or the folder to import")
    return [Path(path) for path in ([given] if isinstance(given, str | Path) else given)]


def _text(options: Mapping[str, Any], name: str) -> str:
    if not isinstance(options[name], str | Path):
        raise DataError(f"{name} = {options[name]!r}, expected text")
    return str(options[name])


def _only(options: Mapping[str, Any], known: Sequence[str], left: Sequence[str] | None = None) -> None:
    """Refuse an option that is not known; `left` are those that may still be there, where some are taken already."""
    unknown = sorted(set(options) - set(known if left is None else left))
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {near[0]}? Known here: " if near else "expected "
        raise DataError(f"option {unknown[0]!r} is unknown; {hint}{', '.join(known) or 'none'}")


def _declaration(options: dict[str, Any]) -> Declaration:
    return declare(**{name: options.pop(name) for name in DECLARED if name in options})


def _table(paths: list[Path], options: dict[str, Any]) -> Source:
    declaration = _declaration(options)
    pattern, actions = options.pop("files", "*"), options.pop("actions", None)
    if not isinstance(pattern, str):
        raise DataError(f"files = {pattern!r}, expected a pattern such as '*.csv'")
    _only(options, ("files", "actions", *DECLARED, *Layout.__dataclass_fields__), tuple(Layout.__dataclass_fields__))
    layout = Layout(**options)
    files = [file for path in paths for file in expand(path, pattern)]
    return _with_actions(read_tables(files, layout, declaration), actions)


def _daily(paths: list[Path], options: dict[str, Any]) -> Source:
    fixed = {"timeframe": "1d", "label": "session", "adjusted": "raw", "zone": "America/New_York"}
    declaration = _declaration({**fixed, **options})
    options = {name: value for name, value in options.items() if name not in DECLARED}
    _only(options, ("symbol", "files", "constituents"))
    if "constituents" in options:
        options["constituents"] = Path(_text(options, "constituents"))
    return read_daily(paths[0], declaration, **options)


def _lean(paths: list[Path], options: dict[str, Any]) -> Source:
    _only(options, ("resolution", "ticks", "tickers", "repair", "licence", "survivorship"))
    if "resolution" not in options:
        raise DataError("resolution is missing; expected tick, second, minute, hour or daily")
    if "tickers" in options and not isinstance(options["tickers"], list | tuple):
        options["tickers"] = _text(options, "tickers").split(",")
    return read_lean(paths[0], **options)


def _with_actions(source: Source, path: str | Path | None) -> Source:
    if path is None:
        return source
    if not isinstance(path, str | Path):
        raise DataError(f"actions = {path!r}, expected the name of a CSV file")
    declared = read_actions(Path(path))
    strange = [action for action in declared if action.id not in source.rows.ids]
    if strange:
        raise DataError(
            f"{path}: {describe_action(strange[0])}: {strange[0].id!r} is not in the data, expected one of "
            f"{', '.join(source.rows.ids[:10])}; correct the symbol or remove the line"
        )
    return replace(source, actions=(*source.actions, *declared))
