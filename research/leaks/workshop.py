"""Where runs are made: a folder in memory for perturbed catalogues, and the processes that fork runs."""

import contextlib
import itertools
import json
import os
import pickle
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lockstep.data.storage import Storage
from lockstep.engine.cache import cache_base
from lockstep.engine.errors import EngineError, LockstepError

from .history import History, write_history
from .journal import Journal
from .leftovers import MARK, base, claim, hunt, release, remove, sweep
from .project import Box
from .scout import Find
from .targets import Spec
from .watch import ENDED_BY
from .zygote import STOP

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
BOUNDED = 2
"""Number of the process that checks bounds, after the two that all other runs are forked from."""
SLOW = 3.0
"""A run that is stopped hangs if it had so many times the time of the run as it is; else the budget was too small."""
GRACE = 10.0
"""Seconds beyond the limit of a run after which the process that it was forked from is taken for dead."""


@dataclass(frozen=True)
class Limits:
    """What one run may take: bytes of memory, bytes on any disk, processes and threads."""

    memory: int = 4 * 2**30
    disk: int = 4 * 2**30
    processes: int = 512


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
    home : Path
        The suite's folder, by which all processes that come from this one can be told.
    bounded : bool
        Whether code is compiled anew, with its bounds checked.
    environment : mapping
        Variables that it has beside this process's.
    """

    seed: int
    home: Path
    bounded: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        own = {"PYTHONHASHSEED": str(self.seed), MARK: str(self.home), **dict.fromkeys(THREADS, "1")}
        if self.bounded:
            own["NUMBA_BOUNDSCHECK"] = "1"
        cache = cache_base()
        if cache is not None:  # runs have another folder for caches, but kernels are compiled once
            own["LOCKSTEP_CACHE"] = str(cache.parent)
        self.said = self.home / f"zygote-{self.seed}-{int(self.bounded)}"
        with self.said.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "lockstep.research.leaks.zygote"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **own, **self.environment},
                text=True,
                start_new_session=True,
            )
        self.ready = False

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """Have a job done and return what became of its process.

        Raises
        ------
        TargetError
            If the zygote itself has died or been stopped, which a target can bring about only by hunting it down.
        """
        assert self.process.stdin is not None
        try:
            self.wait_until_ready()
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            return dict(self._answer(float(job["seconds"]) + GRACE))
        except (BrokenPipeError, json.JSONDecodeError, TimeoutError) as error:
            self._end()
            if not self.closed:
                self._begin()
            raise TargetError("crash", "it killed the process that runs are forked from") from error

    def wait_until_ready(self) -> None:
        """Wait until Lockstep is loaded, which compiles the engine where no cache holds it.

        Raises
        ------
        EngineError
            If it has ended instead.
        """
        try:
            self.ready = self.ready or bool(self._answer(None))
        except json.JSONDecodeError as error:
            said = self.said.read_text(errors="replace").strip()[-500:] or "nothing"
            raise EngineError(f"the process that runs are forked from did not start; it said: {said}") from error

    def _answer(self, seconds: float | None) -> Any:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not ready:
            raise TimeoutError
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End the process and all that it has started."""
        self.closed = True
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write(STOP)
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self._end()

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]


class Workshop:
    """Runs a target over histories.

    Parameters
    ----------
    real : str or None
        The user's catalogue, which perturbed ones stand in for.
    folder : Path or None
        Where targets are run; None: the current folder.
    environment : mapping
        Variables that its processes have beside this one's.
    """

    def __init__(
        self,
        real: str | None = None,
        folder: Path | None = None,
        limits: Limits = Limits(),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        from lockstep.data.catalog import Catalog

        self.catalog, self.limits = Catalog(real), limits
        self.real = str(Storage(self.catalog.storage.url).root)
        sweep()
        base().mkdir(mode=0o700, exist_ok=True)
        self.home = Path(tempfile.mkdtemp(prefix="suite-", dir=base()))
        self._lock = claim(self.home)
        self.zygotes = [Zygote(seed, self.home, environment=environment or {}) for seed in (0, 1)]
        self._numbers = itertools.count(1)
        self._boxes: list[Box] = []
        self.enter(folder)

    def enter(self, folder: Path | None = None) -> None:
        """Begin with another target, in a folder."""
        self.folder = (folder or Path.cwd()).resolve()
        for box in self._boxes:
            box.close()
        self._boxes = [Box(self.folder)]
        if PROCESSORS > 1 and self.box.is_small:
            self._boxes.append(Box(self.folder))
            self._boxes[1].outside = self.box.outside
        self.runs, self.seconds, self.deadline, self.usual = 0, 60.0, float("inf"), 0.0
        self.preload: list[str] = []
        self.scales: dict[str, float] = {}
        self.halts = True

    @property
    def box(self) -> Box:
        """The copy of the project that the first process's runs are made in."""
        return self._boxes[0]

    @property
    def lanes(self) -> int:
        """How many runs may be made at once: one where they would meet, in files outside their copies."""
        return 1 if self.box.outside else len(self._boxes)

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *raised: object) -> None:
        for zygote in self.zygotes:
            zygote.close()
        hunt(str(self.home))
        for box in self._boxes:
            box.close()
        assert self._lock is not None
        release(self.home, self._lock)

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
        bounded: bool = False,
    ) -> Journal:
        """Run a target over a history, from scratch, in a process of its own.

        `warm`: on the files that the last run left; `clock`: seconds by which the wall clock is wrong; `fine`: what
        transforms give is rounded finely, see `transforms`; `bounded`: in a process of its own kind, which ends where
        compiled code reads beyond a column, see `bounds`.

        Raises
        ------
        TargetError
            If it fails, or takes too long or too much.
        """
        job = {"do": "run", "spec": self._inside(spec), "clock": clock}
        job["cuts"] = [int(cut) for cut in cuts] if self.halts else []
        job |= {"fine": fine, "bounded": bounded}
        if bounded:
            zygote = self._bounded()
        journal: Journal = self._over(history, job, zygote, warm=warm)["journal"]
        journal.datasets = [(name, self.own(place)) for name, place in journal.datasets]
        journal.functions = [(stage, name, self.own(place)) for stage, name, place in journal.functions]
        return journal

    def _bounded(self) -> int:
        """Return the number of the process that checks bounds, started when first asked for."""
        if len(self.zygotes) == BOUNDED:
            self.zygotes.append(Zygote(0, self.home, bounded=True))
        return BOUNDED

    def _over(self, history: History, job: dict[str, Any], zygote: int = 0, *, warm: bool = False) -> dict[str, Any]:
        """Have a job done over a history, laid out for it alone."""
        number, box = next(self._numbers), self._boxes[zygote % len(self._boxes)]
        root = self.home / f"catalog-{number}"
        root.mkdir()
        try:
            write_history(history, root)
            (box.leave if warm else box.restore)(history.changed_files())
            return self._do(zygote, {**job, "catalog": str(root), "result": str(self.home / f"result-{number}")}, box)
        finally:
            remove(root)

    def own(self, text: str) -> str:
        """Return a text with places in a copy named as the user knows them."""
        for box in self._boxes:
            text = text.replace(str(box.path), str(self.folder))
        return text

    def _inside(self, spec: Spec) -> dict[str, Any]:
        """Return a target with paths into the project relative to it, so that they lead into the copy."""
        plain = spec.as_json()
        for name in ("target", "scenario"):
            path = Path(plain[name])
            if path.is_absolute() and path.resolve().is_relative_to(self.folder):
                plain[name] = str(path.resolve().relative_to(self.folder))
        return plain

    def _do(self, zygote: int, job: dict[str, Any], box: Box) -> dict[str, Any]:
        left = self.deadline - time.perf_counter()
        if left <= 0:
            raise TargetError("budget", "the budget was spent")
        self.runs += 1
        common = {
            "real": self.real,
            "folder": str(box.path),
            "temporary": str(box.temporary),
            "mine": [str(box.home), str(self.home)],
            "project": str(self.folder),
            "seconds": min(self.seconds, left),
            "preload": self.preload,
            "scales": self.scales,
            **asdict(self.limits),
        }
        end = self.zygotes[zygote].ask({**job, **common})
        made = Path(job["result"] + ".made")
        if made.exists():  # even a run that was stopped has written down what it made
            box.outside |= {*made.read_text(errors="surrogateescape").split("\0")} - {""}
        return self._result(Path(job["result"]), end, common["seconds"])

    def _result(self, path: Path, end: dict[str, Any], seconds: float) -> dict[str, Any]:
        if end["cause"]:
            said = {"seconds": seconds, "disk_mib": self.limits.disk / 2**20, "processes": self.limits.processes}
            slow = seconds > SLOW * self.usual
            kind = "crash" if end["cause"] != "time" else "hang" if slow else "budget"
            raise TargetError(kind, ENDED_BY[end["cause"]].format(**said))
        if not path.exists():
            raise TargetError("crash", self.own(_ended(end)))
        try:
            with path.open("rb") as file:
                answer: dict[str, Any] = pickle.load(file)
        except Exception as error:
            raise TargetError("crash", f"it left what cannot be read: {type(error).__name__}: {error}") from error
        finally:
            path.unlink()
        if "error" in answer:
            message, place = self.own(answer["message"]), self.own(answer["place"])
            raise TargetError(answer["error"], message, place, answer.get("missing", ()))
        return answer


def _ended(end: dict[str, Any]) -> str:
    said = f"; it said: {end['printed'].strip()[-300:]}" if end["printed"].strip() else ""
    if end["exit"] < 0:
        return f"its process was killed by signal {-end['exit']}{said}"
    return f"its process ended with code {end['exit']}{said}"
