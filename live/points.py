"""Named places where a session can be made to die, to prove that it comes back with nothing lost and nothing doubled.

``LOCKSTEP_KILL_AT=NAME:N`` kills the process with SIGKILL at the N-th time that it reaches the point NAME. Nothing is
flushed and nothing is cleaned up, as in a real kill. Without the variable a point costs one comparison.
"""

import os
import signal

from lockstep.engine.errors import ConfigError

VARIABLE = "LOCKSTEP_KILL_AT"
POINTS = (
    "rows-before", "rows-after", "applied",
    "intent-before", "intent-after",
    "send-before", "send-after",
    "ack-before", "ack-after",
    "update-received", "snapshot-before", "snapshot-after",
    "reconciled", "session-rolled", "job-done", "pace-before", "pace-after",
)  # fmt: skip
"""Before and after: the commit of rows, of an intent, of an acknowledgement, of a snapshot; a request; and so on."""

_armed: list[object] = []


def arm(text: str | None) -> None:
    """Arm ``NAME:N``, or nothing.

    Raises
    ------
    ConfigError
        If there is no such point.
    """
    _armed.clear()
    if not text:
        return
    name, _, count = text.partition(":")
    if name not in POINTS or not (count or "1").isdigit():
        raise ConfigError(f"{VARIABLE} = {text!r}, expected NAME:N with one of {', '.join(POINTS)}")
    _armed.extend((name, int(count or 1)))


def reach(name: str) -> None:
    """Die here, if this is the point and the time that were armed."""
    if not _armed or _armed[0] != name:
        return
    left = int(str(_armed[1])) - 1
    _armed[1] = left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get(VARIABLE))
