"""What is the user's own: lines of source, functions, files; and neither Lockstep's nor an installed package's."""

import sys
from pathlib import Path
from typing import Any

PACKAGE = str(Path(__file__).resolve().parents[2])
INSTALLED = ("site-packages", "dist-packages")


def functions_of(sleeve: Any) -> list[tuple[str, str, str]]:
    """Return the stage, name and place of the functions that a sleeve's strategy declares."""
    found = [("features", getattr(sleeve.strategy, "features", None))]
    found += [("jobs", job.function) for job in getattr(sleeve.strategy, "jobs", ())]
    codes = [(stage, getattr(function, "__code__", None)) for stage, function in found]
    return [(stage, code.co_name, f"{code.co_filename}:{code.co_firstlineno}") for stage, code in codes if code]


def is_own(path: str) -> bool:
    """Tell whether a file is neither a source, nor installed, nor Lockstep's own."""
    if path.endswith((".py", ".pyc", ".pyi", ".so", ".nbi", ".nbc")) or path.startswith(("/proc/", "/sys/")):
        return False
    if path.startswith("/dev/") and not path.startswith("/dev/shm/"):
        return False
    absolute = str(Path(path).absolute())
    outside = not absolute.startswith((PACKAGE + "/engine", PACKAGE + "/data", PACKAGE + "/scenarios"))
    return (
        outside
        and not absolute.startswith((sys.prefix, sys.base_prefix))
        and not any(each in absolute for each in INSTALLED)
    )


def source_place() -> str:
    """Return ``file:line`` of the innermost frame that is the user's own; empty where there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        inside = file.startswith(PACKAGE) and "/tests/" not in file[len(PACKAGE) :]
        if not inside and not file.startswith(("<", sys.base_prefix)) and not any(each in file for each in INSTALLED):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""
