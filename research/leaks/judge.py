"""All that a user gets for one target: the runs' verdict, the pre-check's advice, a file that shows a leak again.

A scenario's verdict is kept where the catalogue lies, so that its runs can tell.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockstep.data.catalog import Catalog
from lockstep.engine.errors import ConfigError, LockstepError
from lockstep.scenarios.leak_checks import keep_check
from lockstep.scenarios.loading import Source, load

from .beyond import BEYOND
from .futures import CACHE, FUTURES
from .patterns import scan
from .sources import files_of
from .suite import Options, Progress, check
from .targets import is_scenario
from .verdict import Verdict
from .wording import CLOCK, LEDGER

SCHEMA = 1
FOLDER = Path(".lockstep") / "leaks"
"""Where reproducers go, below the folder of the target."""
SAID = ("verdict", "reason", "failed", "peek_events", "decisions", "cuts", "runs", "notes")
"""What is kept of a scenario's verdict."""


@dataclass(frozen=True)
class Request:
    """What is to be checked; see `suite.check`."""

    target: str
    scenario: str = ""
    data: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    catalog: str | None = None
    folder: Path | None = None
    options: Options = field(default_factory=Options)

    @property
    def home(self) -> Path:
        """The folder it is run in."""
        return self.folder or Path.cwd()


def silent(what: str, done: int, planned: int) -> None:
    """Show no progress."""


def judge(request: Request, progress: Progress = silent) -> Verdict:
    """Check a target, add the advice, write the reproducer of a leak and keep a scenario's verdict."""
    verdict = _run(request, progress)
    if verdict.verdict == "leak":
        path = _write_reproducer(request, verdict)
        verdict.reproducer, verdict.command = str(path), f"lockstep leaks --again {shlex.quote(str(path))}"
    source = _scenario_of(request)
    if source is not None:
        _keep(request, source, verdict)
    return verdict


def again(path: Path, progress: Progress = silent) -> Verdict:
    """Run the one comparison of a reproducer file again, and localise what still differs.

    Raises
    ------
    ConfigError
        If the file is no reproducer.
    """
    request, shown = read_reproducer(path)
    verdict = _run(request, progress)
    verdict.reproducer, verdict.command = str(path), f"lockstep leaks --again {shlex.quote(str(path))}"
    if verdict.verdict == "leak" and (verdict.stage, verdict.ts) != (shown["stage"], shown["ts"]):
        verdict.notes.append(f"it differs elsewhere now; {path.name} was written of {shown['track']} at {shown['ts']}")
    elif verdict.verdict != "leak":
        verdict.notes.append(
            f"{path.name} showed a leak; this was its one comparison alone, so check {request.target} whole"
        )
    return verdict


def read_reproducer(path: Path) -> tuple[Request, dict[str, Any]]:
    """Return what a reproducer file asks for, and what it was written of.

    Raises
    ------
    ConfigError
        If it cannot be read, is no JSON, of another schema, or lacks something.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; expected a file that `lockstep leaks` wrote of a leak") from error
    if not isinstance(plain, dict) or plain.get("schema") != SCHEMA:
        raise ConfigError(f"{path}: no reproducer of schema {SCHEMA}; check the target again to get a new one")
    try:
        options = Options(
            seconds=float(plain["seconds"]),
            tolerance=float(plain["tolerance"]),
            again=(str(plain["future"]), int(plain["cut"]), int(plain["seed"])),
            at=tuple(int(ts) for ts in plain["cuts"]),
        )
        request = Request(
            str(plain["target"]),
            str(plain["scenario"]),
            str(plain["data"]),
            dict(plain["parameters"]),
            plain["catalog"],
            Path(plain["folder"]),
            options,
        )
        shown = {name: plain["shown"][name] for name in ("stage", "track", "ts")}
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error!r}; check the target again to get a new file") from error
    known = (*FUTURES, CACHE, *BEYOND, CLOCK, LEDGER)
    if plain["future"] not in known:
        raise ConfigError(f"{path}: future {plain['future']!r}, expected one of {', '.join(known)}")
    if not request.home.is_dir():
        raise ConfigError(f"{path}: folder {request.home} is gone; set `folder` to where the target lies now")
    return request, shown


def _run(request: Request, progress: Progress) -> Verdict:
    verdict = check(
        request.target,
        scenario=request.scenario,
        data=request.data,
        parameters=dict(request.parameters),
        catalog=request.catalog,
        folder=request.folder,
        options=request.options,
        progress=progress,
    )
    verdict.advice = [str(each) for each in scan(files_of(request.target, request.scenario, request.folder))]
    return verdict


def _write_reproducer(request: Request, verdict: Verdict) -> Path:
    plain = {
        "schema": SCHEMA,
        "target": request.target,
        "scenario": request.scenario,
        "data": request.data,
        "parameters": dict(request.parameters),
        "catalog": str(Path(request.catalog).resolve()) if _is_folder(request.catalog) else request.catalog,
        "folder": str(request.home.resolve()),
        "tolerance": request.options.tolerance,
        "seconds": request.options.seconds,
        "future": verdict.future,
        "cut": verdict.cut,
        "seed": verdict.future_seed,
        "cuts": verdict.cuts_at,
        "shown": {"reason": verdict.reason, "stage": verdict.stage, "track": verdict.track, "ts": verdict.ts},
    }
    text = json.dumps(plain, indent=1, default=str) + "\n"
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.target).strip("-")[-60:]
    path = request.home / FOLDER / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _is_folder(catalog: str | None) -> bool:
    return catalog is not None and "://" not in catalog


def _scenario_of(request: Request) -> Source | None:
    """Return the scenario that a verdict speaks of as it stands, None where it is of something else."""
    if request.parameters or request.options.again or request.data:
        return None
    try:
        if is_scenario(request.target):
            return load(request.target)
        source = load(request.scenario) if request.scenario else None
    except LockstepError:
        return None  # the verdict says what is wrong with it
    alone = source is not None and [each.use for each in source.scenario.every_sleeve] == [request.target]
    return source if alone else None


def _keep(request: Request, source: Source, verdict: Verdict) -> None:
    catalog = Catalog(request.catalog)
    said = {name: getattr(verdict, name) for name in SAID}
    names = source.scenario.data.names
    said["data"] = {name: catalog.manifest(name).hash for name in names if name in catalog}
    keep_check(catalog, source, said)
