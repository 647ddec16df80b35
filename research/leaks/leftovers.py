"""What a check lays down outside its own process, and how none of it stays.

Folders lie below one of this user's own, each claimed by a lock that ends with the process that holds it: whatever
ended a check, the next one finds its folders unlocked and removes them. Processes carry the check's mark in their
environment, where what they do to themselves cannot reach it.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

MARK = "LOCKSTEP_LEAKS"
"""The variable that tells which check a process belongs to."""
STALE = 60.0
"""Seconds after which a folder that nobody has locked belongs to nobody."""


def base() -> Path:
    """Return the folder of all checks of this user: in memory where that can be had."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    return parent / f"lockstep-leaks-of-{os.getuid()}"


def claim(path: Path) -> int | None:
    """Make a folder one's own; return its lock, or None where another process has it."""
    while True:
        lock = -1
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(path.stat(), os.fstat(lock)):
                return lock
        except FileNotFoundError:  # its last owner has just removed it
            pass
        except BlockingIOError:
            os.close(lock)
            return None
        if lock >= 0:
            os.close(lock)


def release(path: Path, lock: int) -> None:
    """Remove a folder and give up its lock."""
    remove(path)
    os.close(lock)
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def remove(path: Path) -> None:
    """Remove a folder, whatever has been done to the rights of what is in it."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        for home, folders, _ in os.walk(path):
            for each in (home, *(f"{home}/{name}" for name in folders)):
                with contextlib.suppress(OSError):
                    Path(each).chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)


def sweep() -> None:
    """Remove folders of checks that are no more."""
    for path in base().iterdir() if base().is_dir() else ():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE and (lock := claim(path)) is not None:
                release(path, lock)


def hunt(mark: str) -> None:
    """End all processes that carry a check's mark."""
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
