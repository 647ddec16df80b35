"""The process from which every run is forked: Lockstep is loaded, nothing of the user's ever is.

It reads one JSON object a line and answers with one. Each run is a child of its own, in a session of its own: it
imports the target anew, so that what a module reads at import is read anew too. Whatever a child does to itself ends
with it.
"""

import contextlib
import ctypes
import json
import os
import pickle
import resource
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

TAIL = 2000
"""Characters of what a target printed that are kept."""
CRASHED = 70
LARGEST_FILE = 2**30
"""Bytes that any one file may grow to, what is printed included."""
PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Serve until the input ends."""
    # What the target prints must not reach the pipe that answers go through.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _adopt()
    _load()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), file=answers, flush=True)
    os._exit(0)  # what is loaded takes half a second to take apart


def _load() -> None:
    """Import what every run needs, and load the engine's compiled code."""
    import pandas as pd  # noqa: F401

    with contextlib.suppress(ImportError):
        import scipy.fft  # noqa: F401

    from . import child  # noqa: F401
    from .warm import warm_up

    warm_up()


def _serve(job: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    for name in job.get("preload", ()):
        with contextlib.suppress(Exception):
            __import__(name)
    pid = os.fork()
    if pid == 0:
        _child(job)
    status, timed_out = _wait(pid, float(job["seconds"]))
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _sweep()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": time.perf_counter() - began,
        "timed_out": timed_out,
        "exit": os.waitstatus_to_exitcode(status),
        "peak_bytes": usage.ru_maxrss * 1024,
        "printed": _tail(job["result"] + ".out"),
    }


def _adopt() -> None:
    """Become the parent of processes whose own parent ends, so that none outlives its run."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _sweep() -> None:
    """End what a run has left behind, in sessions of its own too."""
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


def _wait(pid: int, seconds: float) -> tuple[int, bool]:
    """Wait for a child, at most so long; return its status and whether it had to be stopped."""
    handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    deadline = time.monotonic() + seconds
    try:
        if handle >= 0:
            ready, _, _ = select.select([handle], [], [], seconds)
        else:
            while time.monotonic() < deadline:
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    return status, False
                time.sleep(0.01)
            ready = []
        if not ready:
            os.killpg(pid, signal.SIGKILL)
            return os.waitpid(pid, 0)[1], True
        return os.waitpid(pid, 0)[1], False
    finally:
        if handle >= 0:
            os.close(handle)


def _child(job: dict[str, Any]) -> None:
    """Run a job in this process and end it."""
    code, own = CRASHED, os.getpid()
    try:
        os.setsid()
        _limit(job)
        with Path(job["result"] + ".out").open("wb") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
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


def _tail(path: str) -> str:
    file = Path(path)
    if not file.exists():
        return ""
    with file.open("rb") as printed:
        printed.seek(max(0, file.stat().st_size - TAIL))
        return printed.read().decode("utf-8", "replace")


if __name__ == "__main__":
    main()
