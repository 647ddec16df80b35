"""Running a run again from its manifest: the same digest, or the first thing that differs."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockstep.data.catalog import Catalog
from lockstep.engine.errors import ConfigError, VerifyError

from . import provenance
from .loading import validate
from .manifest import SCHEMA
from .plan import Plan, make_plan
from .run import Progress, execute
from .schema import Scenario

_NEEDED = ("schema", "run", "config", "digest", "data", "final_equity", "counts")


@dataclass(frozen=True)
class Verified:
    """A run that gave the same digest again; `differences` names what has changed without changing it."""

    run: str
    digest: str
    differences: list[str]


def read_manifest(run: Path) -> dict[str, Any]:
    """Read a run's manifest.

    Raises
    ------
    ConfigError
        If the folder is no run folder, or its manifest is damaged or of another schema.
    """
    file = run / "manifest.json"
    if not file.is_file():
        raise ConfigError(f"{run} is no run folder: it has no manifest.json; expected a folder such as runs/<id>")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file} is damaged ({error}); run the scenario again") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
        raise ConfigError(f"{file}: schema {found!r}, expected {SCHEMA}; run the scenario again")
    missing = [key for key in _NEEDED if key not in manifest]
    if missing:
        raise ConfigError(f"{file}: it has no {missing[0]!r}; run the scenario again")
    entries = manifest["data"]
    if not isinstance(entries, list) or not all(
        isinstance(each, dict) and {"dataset", "hash"} <= set(each) for each in entries
    ):
        raise ConfigError(
            f"{file}: data = {entries!r}, expected a list of datasets with hashes; run the scenario again"
        )
    return manifest


def verify(
    run: Path,
    catalog: Catalog,
    progress: Progress | None = None,
    on_plan: Callable[[Plan], None] = lambda plan: None,
) -> Verified:
    """Run a run again and compare.

    Parameters
    ----------
    run : Path
        The run's folder.
    catalog : Catalog
        Where the data are.
    progress, on_plan : callable
        As for `run_scenario`.

    Raises
    ------
    VerifyError
        If the digest differs; names the first difference: data, code, versions, or none of them.
    LockstepError
        If it cannot be run again.
    """
    manifest = read_manifest(run)
    scenario = validate(manifest["config"], f"{run}/manifest.json: config")
    folder = (manifest.get("source") or {}).get("folder")
    plan = make_plan(scenario, catalog, Path(folder) if folder else None)
    on_plan(plan)
    outcome = execute(plan, _discard, progress)
    found = differences(manifest, plan, scenario)
    if outcome.digest != manifest["digest"]:
        first = found[0] if found else "nothing else differs, so this is a defect: please report it"
        raise VerifyError(f"{manifest['run']}: digest {outcome.digest}, recorded {manifest['digest']}; {first}")
    if outcome.final_equity != manifest["final_equity"] or outcome.counts != manifest["counts"]:
        raise VerifyError(
            f"{manifest['run']}: the digest is the same but final equity or counts are not; the manifest was edited"
        )
    return Verified(manifest["run"], outcome.digest, found)


def differences(manifest: dict[str, Any], plan: Plan, scenario: Scenario) -> list[str]:
    """Return what differs between a run's manifest and now, the likeliest cause of another digest first."""
    return [
        *_data(manifest["data"], plan.data),
        *_mapping("code of", manifest.get("code"), provenance.code(scenario)),
        *_mapping("version of", manifest.get("versions"), provenance.versions()),
        *_mapping("git", manifest.get("git"), provenance.git()),
        *_mapping("machine", manifest.get("machine"), provenance.machine()),
    ]


def _data(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[str]:
    old = {entry["dataset"]: entry["hash"] for entry in before}
    new = {entry["dataset"]: entry["hash"] for entry in now}
    return [
        f"the data differ: dataset {name!r} has hash {new.get(name)}, recorded {old.get(name)}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _mapping(what: str, before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    old = before or {}
    return [
        f"the {what} {key} differs: {now.get(key)!r}, recorded {old.get(key)!r}"
        for key in sorted({*old, *now})
        if old.get(key) != now.get(key)
    ]


def _discard(name: str, table: pa.Table) -> None:
    """Take tables that nobody wants."""
