"""What ``just lint`` checks, so that the tests alone tell whether a change may land."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [("ruff", "format", "--check"), ("ruff", "check", "--output-format", "concise"), ("mypy",)],
    ids=["format", "lint", "types"],
)
def test_nothing_is_found(command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
