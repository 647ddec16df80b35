"""What the process of one run does: read the perturbed data, watch the target run, hand back the journal."""

import os
import sys
import tempfile
import traceback
from typing import Any

from lockstep.data.catalog import VARIABLE, Catalog
from lockstep.engine.errors import LockstepError

from .clock import shift_clock
from .guard import guard_columns
from .lines import INSTALLED, PACKAGE, source_place
from .observe import Observer, Places
from .scouting import scout_target
from .targets import Spec, declared_warmup, look_at, run
from .transforms import COARSE, FINE, reach_transforms

PRESENT = frozenset(sys.modules)
"""What was loaded before anything of the target was."""


def perform(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job and return its answer; errors of the target are part of the answer.

    Parameters
    ----------
    job : dict
        ``do``: ``look``, ``scout`` or ``run``; ``spec``; ``catalog`` and ``real``: the catalogue to read and the one it
        stands in for; ``cuts``: ns UTC; ``folder``: where to run; ``paths``: what to import from first.
    """
    os.environ[VARIABLE] = job["catalog"]
    os.chdir(job["folder"])
    sys.path[:0] = [job["folder"], *job.get("paths", ())]
    spec = Spec(**job["spec"])
    os.environ["TMPDIR"] = os.environ["XDG_CACHE_HOME"] = tempfile.tempdir = job["temporary"]
    where = (job[name] for name in ("catalog", "real", "folder", "project", "temporary"))
    places = Places(*where, job["result"] + ".made")
    observer = Observer(job.get("cuts", ()), places)
    try:
        grid = FINE if job.get("fine") else COARSE
        reach_transforms(job["scales"], grid, observer.journal.transforms, lambda: _line(job["folder"]))
        if job.get("clock"):
            shift_clock(job["clock"])
        observer.install()
        noted: list[str] = []
        if job.get("bounded"):
            guard_columns(noted)
        if job["do"] == "look":
            return {"found": look_at(spec)}
        if job["do"] == "scout":
            return {"finds": scout_target(spec, Catalog(job["catalog"]), job["wanted"], **job["options"])}
        tracks = run(spec, Catalog(job["catalog"]))
        if noted:
            return {"error": "crash", "message": noted[0], "place": ""}
        journal = observer.finished()
        journal.tracks |= tracks
        if spec.kind == "function":
            journal.warmups = {"output": declared_warmup(spec)}
        journal.modules = _loaded(spec.target.partition(":")[0].partition(".")[0])
        return {"journal": journal}
    except MemoryError:
        return {"error": "memory", "message": "it asked for more memory than it may have", "place": ""}
    except ModuleNotFoundError as error:
        return {"error": "missing", "message": f"package {error.name!r} is not installed", "place": _place(error)}
    except LockstepError as error:
        return {**_refused(error), "missing": observer.journal.missing}
    except SystemExit as error:
        return {"error": "crash", "message": f"it called sys.exit({error.code})", "place": _place(error)}
    except Exception as error:  # noqa: BLE001 - a user's code may raise anything; it becomes the verdict's text
        message = f"{type(error).__name__}: {error}"
        return {"error": "crash", "message": message, "place": _place(error), "missing": observer.journal.missing}


def _line(copy: str) -> str:
    """Return the user's own line that is being run, named alike in every copy of the project."""
    return source_place().removeprefix(copy)


def _refused(error: LockstepError) -> dict[str, Any]:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError):
            message = f"package {cause.name!r} is not installed"
            return {"error": "missing", "message": message, "place": _place(cause)}
        if isinstance(cause, MemoryError):
            return {"error": "memory", "message": "it asked for more memory than it may have", "place": _place(cause)}
        cause = cause.__cause__
    return {"error": type(error).__name__, "message": str(error), "place": _place(error)}


def _place(error: BaseException) -> str:
    """Return ``file:line`` of the innermost frame of the user's own."""
    own = PACKAGE
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", own + "/engine", own + "/research", own + "/scenarios", own + "/data"))
        and not any(each in frame.filename for each in INSTALLED)
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _loaded(own: str) -> list[str]:
    """Return the installed modules that the target has loaded, in order, save those of the package `own`.

    They may be loaded before a run is forked. What belongs to the target itself is always imported anew.
    """
    found = []
    for name in [each for each in sys.modules if each not in PRESENT and each.partition(".")[0] != own]:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if any(each in file for each in INSTALLED):
            found.append(name)
    return found
