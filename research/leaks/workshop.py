"""Where runs are made: a folder in memory for perturbed catalogues, and the processes that fork runs."""

import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.data.storage import Storage
from lockstep.engine.errors import LockstepError

from .history import History, write_history
from .journal import Journal
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
            if not self.ready:
                self.ready = bool(json.loads(self.process.stdout.readline()))
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            return dict(json.loads(self.process.stdout.readline()))
        except (BrokenPipeError, json.JSONDecodeError) as error:
            raise TargetError("crash", "the process that runs are forked from was killed") from error

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
        self.folder = str((folder or Path.cwd()).resolve())
        memory = Path("/dev/shm")
        parent = memory if os.access(memory, os.W_OK) else None
        self.home = Path(tempfile.mkdtemp(prefix="lockstep-leaks-", dir=parent))
        self.zygotes = [Zygote(0), Zygote(1)]
        self.runs, self.seconds, self.preload = 0, 60.0, []

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *raised: object) -> None:
        for zygote in self.zygotes:
            zygote.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def look(self, spec: Spec) -> dict[str, Any]:
        """Return what a target is, see `targets.look_at`."""
        empty = self.home / "none"
        empty.mkdir(exist_ok=True)
        return dict(self._do(0, {"do": "look", "spec": spec.as_json(), "catalog": str(empty)})["found"])

    def run(self, spec: Spec, history: History, cuts: Sequence[int] = (), zygote: int = 0) -> Journal:
        """Run a target over a history, from scratch, in a process of its own.

        Raises
        ------
        TargetError
            If it fails, or takes too long or too much.
        """
        root = self.home / f"catalog-{self.runs}"
        write_history(history, root)
        try:
            job = {"do": "run", "spec": spec.as_json(), "catalog": str(root), "cuts": [int(cut) for cut in cuts]}
            journal: Journal = self._do(zygote, job)["journal"]
        finally:
            shutil.rmtree(root, ignore_errors=True)
        return journal

    def _do(self, zygote: int, job: dict[str, Any]) -> dict[str, Any]:
        self.runs += 1
        result = self.home / f"result-{self.runs}"
        common = {
            "result": str(result),
            "real": self.real,
            "folder": self.folder,
            "seconds": self.seconds,
            "memory": MEMORY,
            "preload": self.preload,
        }
        end = self.zygotes[zygote].ask({**job, **common})
        if end["timed_out"]:
            raise TargetError("hang", f"it was still running after {self.seconds:.0f} s and was stopped")
        if not result.exists():
            raise TargetError("crash", _ended(end))
        with result.open("rb") as file:
            answer: dict[str, Any] = pickle.load(file)
        result.unlink()
        Path(f"{result}.out").unlink(missing_ok=True)
        if "error" in answer:
            raise TargetError(answer["error"], answer["message"], answer["place"], answer.get("missing", ()))
        return answer


def _ended(end: dict[str, Any]) -> str:
    said = f"; it said: {end['printed'].strip()[-300:]}" if end["printed"].strip() else ""
    if end["exit"] < 0:
        return f"its process was killed by signal {-end['exit']}{said}"
    return f"its process ended with code {end['exit']}{said}"
