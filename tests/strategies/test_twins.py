"""Every strategy decides the same to the last bit, compiled or interpreted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("twins.py")


def ask(catalog, **environment):
    command = [sys.executable, "-W", "ignore", str(PROGRAM), str(catalog.storage.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment)
    return done.stdout.splitlines()


@pytest.mark.slow
def test_compiled_and_interpreted_digests_are_equal(catalog):
    compiled, interpreted = ask(catalog), ask(catalog, NUMBA_DISABLE_JIT="1")
    assert compiled == interpreted
    assert len(compiled) == 11
    assert all(int(line.split()[2]) > 0 for line in compiled)
