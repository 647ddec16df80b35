"""A run's process as its parent sees it: heard, watched, and ended where it goes too far."""

import contextlib
import os
import select
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TAIL = 2000
"""Characters of what a target printed that are kept."""
TICK = 0.25
"""Seconds between two looks at what a run has taken."""
ROOM = 2**28
"""Bytes that a run must leave free on every disk."""
ENDED_BY = {
    "time": "it was still running after {seconds:.0f} s and was stopped",
    "disk": "it filled the disk with more than {disk_mib:,.0f} MiB and was stopped",
    "processes": "it started more than {processes} processes and was stopped",
}
"""What ends a run, and how a verdict says so."""


class Watch:
    """One run.

    Parameters
    ----------
    pid : int
        Of its process, which leads a session of its own.
    output : int
        The end of the pipe at which is heard what it prints; closed in the end.
    job : dict
        ``seconds``, ``disk`` (bytes), ``processes``: what it may take; ``mine``: the folders that it may write to.
    """

    def __init__(self, pid: int, output: int, job: dict[str, Any]) -> None:
        self.pid, self.output, self.job = pid, output, job
        self.deadline = time.monotonic() + float(job["seconds"])
        self.printed, self.status = b"", -1
        self._mine = [Path(each) for each in job["mine"]]
        self._disks = _disks([*job["mine"], job["project"], tempfile.gettempdir(), str(Path.home())])
        self._threads = _threads()

    def wait(self) -> str:
        """Wait for its end; return what brought it about: nothing, one of `ENDED_BY`, ``stop`` or ``orphan``.

        ``stop``: the suite wants no answer any more; ``orphan``: there is no suite any more.
        """
        os.set_blocking(self.output, False)
        handle = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else -1
        sources, cause, look = [0, self.output, *([handle] if handle >= 0 else [])], "", time.monotonic() + TICK
        while not self._ended():
            ready, _, _ = select.select(sources, [], [], TICK if handle >= 0 else TICK / 20)
            if self.output in ready and not self._hear():
                sources.remove(self.output)
            if not cause:
                cause = self._told() if 0 in ready else "time" if time.monotonic() > self.deadline else ""
                if not cause and time.monotonic() > look:
                    look, cause = time.monotonic() + TICK, self._excess()
                if cause:
                    self._kill()
        self._kill()  # its own children
        self._hear()
        for each in {self.output, handle} - {-1}:
            os.close(each)
        return cause

    def _ended(self) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        self.status = status if pid else self.status
        return pid != 0

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.status < 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _hear(self) -> bool:
        """Take what has been printed, keeping its end; tell whether more may come."""
        for _ in range(64):
            try:
                heard = os.read(self.output, 65536)
            except BlockingIOError:
                return True
            if not heard:
                return False
            self.printed = (self.printed + heard)[-TAIL:]
        return True

    @staticmethod
    def _told() -> str:
        return "stop" if os.read(0, 65536) else "orphan"

    def _excess(self) -> str:
        if self._filled():
            return "disk"
        most = int(self.job["processes"])
        return "processes" if _threads() - self._threads > most and _members(self.pid) > most else ""

    def _filled(self) -> bool:
        most = int(self.job["disk"])
        for disk, (place, before) in self._disks.items():
            free = _free(place)
            own = any(disk == each.stat().st_dev for each in self._mine if each.exists())
            if before - free > most and (free < ROOM or (own and _held(self._mine) > most)):
                return True
        return False


def _disks(places: Sequence[str]) -> dict[int, tuple[str, int]]:
    """Return the disks on which some places lie, each with one of them and the bytes that are free."""
    found: dict[int, tuple[str, int]] = {}
    for place in places:
        with contextlib.suppress(OSError):
            found.setdefault(os.stat(place).st_dev, (place, _free(place)))  # noqa: PTH116
    return found


def _free(place: str) -> int:
    try:
        state = os.statvfs(place)
    except OSError:
        return 0
    return state.f_bavail * state.f_frsize


def _held(folders: Sequence[Path]) -> int:
    """Return the bytes in some folders."""
    total = 0
    for folder in folders:
        for home, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.lstat(f"{home}/{name}").st_blocks * 512
    return total


def _threads() -> int:
    """Return how many threads this machine runs; 0 where that cannot be told."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, IndexError, ValueError):
        return 0


def _members(session: int) -> int:
    """Return how many threads belong to a session."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = entry.read_text().rpartition(")")[2].split()
            total += int(fields[17]) if int(fields[3]) == session else 0
    return total
