"""Where a run came from: commit, versions, machine, the code of its strategies."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lockstep.engine.fingerprint import ENGINE, remember, source_root

from .lookup import source_file
from .schema import Scenario

PACKAGE = ENGINE.parent
PACKAGES = ("lockstep", "numpy", "numba", "llvmlite", "pandas", "pyarrow")
_SHORT = 16


def git() -> dict[str, Any]:
    """Return commit and cleanliness of the checkout that Lockstep runs from; both null where it is none."""
    commit = _git("rev-parse", "HEAD") if (PACKAGE / ".git").exists() else None
    status = _git("status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit, "dirty": None if status is None else bool(status)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def versions() -> dict[str, str]:
    """Return the versions that a digest may depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def machine() -> dict[str, Any]:
    """Return what the run ran on."""
    return {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()}


def code(scenario: Scenario) -> dict[str, str]:
    """Return digests of the sources of the engine and of each strategy from elsewhere."""
    found = {"lockstep.engine": remember(ENGINE)[:_SHORT]}
    for sleeve in scenario.every_sleeve:
        file = source_file(sleeve.use)
        root = source_root(file) if file else None
        if root is not None and root != ENGINE:
            found[sleeve.use] = _digest(root, file)
    return found


def _digest(root: Path, file: Path | None) -> str:
    # A lone file in a large folder stands for itself; a package is digested whole.
    return remember(root if (root / "__init__.py").exists() or file is None else file)[:_SHORT]
