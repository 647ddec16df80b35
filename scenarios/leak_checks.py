"""What the leak suite last said of a scenario, kept where the catalogue lies, so that each run can tell.

A check is found again by what was checked: the scenario (its name, words and report apart), the sources of its
strategies, and those of the engine. Another parameter, another window or an edited strategy is another matter, and
counts as never checked. Data that have changed since are named beside it: it was checked on others.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from lockstep.data.catalog import Catalog
from lockstep.engine.fingerprint import ENGINE, PACKAGE, digest_sources, remember, source_root

from .loading import Source
from .lookup import locate

FOLDER = ".leaks"
WORDS = ("name", "title", "description", "report")
"""Parts of a scenario that change nothing that is done."""


def last_check(catalog: Catalog, source: Source) -> dict[str, Any] | None:
    """Return what was last said of a scenario as it stands, None where it was never checked.

    `data_changed` in it names the datasets that were other ones then.
    """
    try:
        said = json.loads(catalog.storage.read(_path(source)))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(said, dict):
        return None
    then = said.get("data") or {}
    changed = [name for name in sorted(then) if name in catalog and catalog.manifest(name).hash != then[name]]
    return {**said, "data_changed": changed} if changed else said


def keep_check(catalog: Catalog, source: Source, said: dict[str, Any]) -> None:
    """Keep what is said of a scenario, in place of what was said before."""
    files, path = catalog.storage.files, catalog.storage.full(_path(source))
    files.create_dir(catalog.storage.full(FOLDER), recursive=True)
    with files.open_output_stream(f"{path}.partial") as stream:
        stream.write(json.dumps(said, indent=1, sort_keys=True).encode())
    files.move(f"{path}.partial", path)


def _path(source: Source) -> str:
    config = {name: value for name, value in source.scenario.dump().items() if name not in WORDS}
    content = json.dumps([config, _code(source), remember(ENGINE)], sort_keys=True, default=str)
    return f"{FOLDER}/{hashlib.sha256(content.encode()).hexdigest()[:32]}.json"


def _code(source: Source) -> list[str]:
    """Return digests of the strategies' sources: of one of Lockstep's its file, of others its package or folder."""
    places = [place for place in (source.folder, Path.cwd()) if place is not None]
    found = []
    for sleeve in source.scenario.every_sleeve:
        file = locate(sleeve.use.partition(":")[0], places, installed=True)
        root = source_root(file) if file is not None and PACKAGE not in file.resolve().parents else None
        digested = file if root is None else root
        found.append(digest_sources(digested) if digested is not None else "")
    return found
