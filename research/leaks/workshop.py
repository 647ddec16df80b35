"""Where runs are made: a folder in memory for perturbed catalogues, and the processes that fork runs."""

import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.data.storage import Storage
from lockstep.engine.errors import LockstepError

from .history import History, write_history
from .journal import Journal
from .project import Box
from .scout import Find
from .targets import Spec

MEMORY = 4 * 2**30
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
QUIET_EXIT = 30.0
"""Seconds a zygote may take to start or to answer beyond the limit of its run."""


class TargetError(LockstepError):
    """A run of the target failed; `kind` says how."""

    def __init__(self, kind: str, message: str, place: str = "", missing: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind, self.place, self.missing = kind, place, list(missing)


@dataclass
class Zygote:
    """One process that forks runs.

    Parameters
    ----------
    seed : int
        Of the hash of text, so that what hangs on the order of a set shows as a difference.
    """

    seed: int

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": str(self.seed), **dict.fromkeys(THREADS, "1")}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "lockstep.research.leaks.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
            start_new_session=True,
        )
        self.ready = False

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """Have a job done and return what became of its process.

        Raises
        ------
        TargetError
            If the zygote itself has died, which a target can bring about only by hunting it down.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.wait_until_ready()
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            return dict(json.loads(self.process.stdout.readline()))
        except (BrokenPipeError, json.JSONDecodeError) as error:
            self.close()
            self._begin()
            raise TargetError("crash", "it killed the process that runs are forked from") from error

    def wait_until_ready(self) -> None:
        """Wait until Lockstep is loaded, which compiles the engine where no cache holds it."""
        assert self.process.stdout is not None
        if not self.ready:
            self.ready = bool(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Workshop:
    """Runs a target over histories.

    Parameters
    ----------
    real : str or None
        The user's catalogue, which perturbed ones stand in for.
    folder : Path or None
        Where targets are run; None: the current folder.
    """

    def __init__(self, real: str | None = None, folder: Path | None = None) -> None:
        from lockstep.data.catalog import Catalog

        self.catalog = Catalog(real)
        self.real = str(Storage(self.catalog.storage.url).root)
        memory = Path("/dev/shm")
        self.parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
        self.home = Path(tempfile.mkdtemp(prefix="lockstep-leaks-", dir=self.parent))
        self.zygotes = [Zygote(0), Zygote(1)]
        self.box: Box | None = None
        self.enter(folder)

    def enter(self, folder: Path | None = None) -> None:
        """Begin with another target, in a folder."""
        self.folder = (folder or Path.cwd()).resolve()
        if self.box is not None:
            self.box.close()
        self.box = Box(self.folder, self.parent)
        self.runs, self.seconds, self.deadline = 0, 60.0, float("inf")
        self.preload: list[str] = []
        self.scales: dict[str, float] = {}

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *raised: object) -> None:
        for zygote in self.zygotes:
            zygote.close()
        if self.box is not None:
            self.box.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def look(self, spec: Spec, history: History) -> dict[str, Any]:
        """Return what a target is, see `targets.look_at`; a history of what it reads when it is imported."""
        return dict(self._over(history, {"do": "look", "spec": self._inside(spec)})["found"])

    def scout(self, spec: Spec, history: History, wanted: Sequence[str], **options: float) -> list[Find]:
        """Return cuts at which a target's functions look ahead in one process, see `scouting.scout_target`."""
        job = {"do": "scout", "spec": self._inside(spec), "wanted": list(wanted), "options": options}
        return list(self._over(history, job)["finds"])

    def run(
        self,
        spec: Spec,
        history: History,
        cuts: Sequence[int] = (),
        zygote: int = 0,
        *,
        warm: bool = False,
        clock: float = 0.0,
        fine: bool = False,
    ) -> Journal:
        """Run a target over a history, from scratch, in a process of its own.

        `warm`: on the files that the last run left; `clock`: seconds by which the wall clock is wrong; `fine`: what
        transforms give is rounded finely, see `transforms`.

        Raises
        ------
        TargetError
            If it fails, or takes too long or too much.
        """
        assert self.box is not None
        job = {"do": "run", "spec": self._inside(spec), "cuts": [int(cut) for cut in cuts], "clock": clock}
        job["fine"] = fine
        journal: Journal = self._over(history, job, zygote, warm=warm)["journal"]
        self.box.outside |= {path for path, mode in journal.files if mode == "create"}
        journal.datasets = [(name, self._own(place)) for name, place in journal.datasets]
        return journal

    def _over(self, history: History, job: dict[str, Any], zygote: int = 0, *, warm: bool = False) -> dict[str, Any]:
        """Have a job done over a history, laid out for it alone."""
        assert self.box is not None
        root = self.home / f"catalog-{self.runs}"
        root.mkdir()
        write_history(history, root)
        (self.box.leave if warm else self.box.restore)(history.changed_files())
        try:
            return self._do(zygote, {**job, "catalog": str(root)})
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def _own(self, text: str) -> str:
        """Return a text with places in the copy named as the user knows them."""
        assert self.box is not None
        return text.replace(str(self.box.path), str(self.folder))

    def _inside(self, spec: Spec) -> dict[str, Any]:
        """Return a target with paths into the project relative to it, so that they lead into the copy."""
        plain = spec.as_json()
        for name in ("target", "scenario"):
            path = Path(plain[name])
            if path.is_absolute() and path.resolve().is_relative_to(self.folder):
                plain[name] = str(path.resolve().relative_to(self.folder))
        return plain

    def _do(self, zygote: int, job: dict[str, Any]) -> dict[str, Any]:
        assert self.box is not None
        self.runs += 1
        result = self.home / f"result-{self.runs}"
        common = {
            "result": str(result),
            "real": self.real,
            "folder": str(self.box.path),
            "project": str(self.folder),
            "seconds": max(1.0, min(self.seconds, self.deadline - time.perf_counter())),
            "memory": MEMORY,
            "preload": self.preload,
            "scales": self.scales,
        }
        end = self.zygotes[zygote].ask({**job, **common})
        if end["timed_out"]:
            raise TargetError("hang", f"it was still running after {common['seconds']:.0f} s and was stopped")
        if not result.exists():
            raise TargetError("crash", self._own(_ended(end)))
        with result.open("rb") as file:
            answer: dict[str, Any] = pickle.load(file)
        result.unlink()
        Path(f"{result}.out").unlink(missing_ok=True)
        if "error" in answer:
            message, place = self._own(answer["message"]), self._own(answer["place"])
            raise TargetError(answer["error"], message, place, answer.get("missing", ()))
        return answer


def _ended(end: dict[str, Any]) -> str:
    said = f"; it said: {end['printed'].strip()[-300:]}" if end["printed"].strip() else ""
    if end["exit"] < 0:
        return f"its process was killed by signal {-end['exit']}{said}"
    return f"its process ended with code {end['exit']}{said}"
