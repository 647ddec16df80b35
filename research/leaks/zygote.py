"""The process from which every run is forked: Lockstep is loaded, nothing of the user's ever is.

It reads one JSON object a line and answers with one. Each run is a child of its own, in a session of its own: it
imports the target anew, so that what a module reads at import is read anew too. Whatever a child does to itself ends
with it. Where the suite itself ends without a word, so does this process, and takes along what the suite has left.
"""

import contextlib
import ctypes
import json
import os
import pickle
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from .leftovers import MARK, claim, release
from .watch import Watch

CRASHED = 70
LARGEST_FILE = 2**30
"""Bytes that any one file may grow to."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STOP = "stop\n"

_laid_down: set[str] = set()
"""Folders of the suite's."""
_answers: list[int] = []
"""The end of the pipe that answers go through: a run that held it too would hide the end of this process."""


def main() -> None:
    """Serve until told to stop, or until there is nobody left to serve."""
    # What the target prints must not reach the pipe that answers go through.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _answers.append(answers.fileno())
    _laid_down.add(os.environ[MARK])
    _ask_kernel(PR_SET_CHILD_SUBREAPER, 1)
    _load()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    while (order := _next_order()) and order != STOP:
        print(json.dumps(_serve(json.loads(order))), file=answers, flush=True)
    _leave(orphan=not order)


def _load() -> None:
    """Import what every run needs, and load the engine's compiled code."""
    import pandas as pd  # noqa: F401

    with contextlib.suppress(ImportError):
        import scipy.fft  # noqa: F401

    from . import child  # noqa: F401
    from .warm import warm_up

    warm_up()


def _next_order() -> str:
    """Return the next line, empty where the suite is gone; unbuffered, so that its end is seen during a run too."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 20)
        if not part:
            return ""
        line += part
    return line.decode()


def _leave(*, orphan: bool) -> None:
    """End; what is loaded takes half a second to take apart."""
    _sweep()
    for path in sorted(_laid_down) if orphan else ():
        lock = claim(Path(path))
        if lock is not None:
            release(Path(path), lock)
    os._exit(0)


def _serve(job: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    _laid_down.update(job["mine"])
    for name in job.get("preload", ()):
        with contextlib.suppress(Exception):
            __import__(name)
    heard, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(heard)
        _child(job, says)
    os.close(says)
    watch = Watch(pid, heard, job)
    cause = watch.wait()
    _sweep()
    if cause in ("stop", "orphan"):
        _leave(orphan=cause == "orphan")
    return {
        "seconds": time.perf_counter() - began,
        "cause": cause,
        "exit": os.waitstatus_to_exitcode(watch.status),
        "peak_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        "printed": watch.printed.decode("utf-8", "replace"),
    }


def _ask_kernel(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _sweep() -> None:
    """End what a run has left behind, in sessions of its own too: this process has become its parent."""
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    for _ in range(100):
        left = [int(pid) for pid in listing.read_text().split()] if listing.exists() else []
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if not left:
            return


def _child(job: dict[str, Any], says: int) -> None:
    """Run a job in this process and end it."""
    code, own = CRASHED, os.getpid()
    try:
        os.setsid()
        os.close(_answers[0])
        _ask_kernel(PR_SET_PDEATHSIG, signal.SIGKILL)
        _limit(job)
        os.dup2(says, 1)
        os.dup2(says, 2)
        os.close(says)
        os.close(0)
        os.open(os.devnull, os.O_RDONLY)
        answer = _answer(job)
        if os.getpid() != own:  # the target has forked, and this is its child, which has nothing to say
            os._exit(0)
        part = Path(job["result"] + ".part")
        with part.open("wb") as file:
            pickle.dump(answer, file, protocol=5)
        part.rename(job["result"])
        code = 0
    except BaseException:  # noqa: BLE001 - whatever happens, this process must not go on as a second zygote
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _limit(job: dict[str, Any]) -> None:
    memory = int(job["memory"])
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    from .child import perform

    return perform(job)


if __name__ == "__main__":
    main()
