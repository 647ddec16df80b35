"""Whatever a target does to its process, a clear verdict comes within the budget and the suite goes on."""

import os
import textwrap
import time
from pathlib import Path

import pytest

from lockstep.research.leaks.suite import Options, check
from lockstep.research.leaks.workshop import Workshop

BUDGET = 20.0
PLAIN = "def feature(bars):\n    return bars['close'].rolling(5).mean()\n"
TARGETS = {
    "raises": ("def feature(bars):\n    raise ValueError('no such thing')\n", "error", "no such thing"),
    "exits": ("import sys\ndef feature(bars):\n    sys.exit(3)\n", "error", "sys.exit(3)"),
    "dies": ("import os\ndef feature(bars):\n    os.kill(os.getpid(), 11)\n", "error", "signal 11"),
    "lacks": ("import no_such_package_at_all\n" + PLAIN, "error", "no_such_package_at_all"),
    "allocates": (
        "import numpy as np\ndef feature(bars):\n    kept = []\n    while True:\n        kept.append(np.ones(2**26))\n",
        "error",
        "more memory",
    ),
    "prints": ("print('x' * 10_000_000)\n" + PLAIN, "clean", ""),
    "forks": (
        "import os\ndef feature(bars):\n    os.fork()\n    return bars['close'].rolling(5).mean()\n",
        "clean",
        "",
    ),
    "changes_state": (
        "import os, sys, random\nimport numpy as np\n"
        "os.chdir('/'); os.environ.clear(); np.seterr(all='raise'); random.seed(1)\n"
        "np.mean = None\nsys.setrecursionlimit(200)\n" + PLAIN,
        "clean",
        "",
    ),
    "kills_parent": ("import os\ndef feature(bars):\n    os.kill(os.getppid(), 9)\n", "error", "killed"),
}
HANG = "import time\ndef feature(bars):\n    time.sleep(1e6)\n"


@pytest.fixture(scope="module")
def workshop():
    with Workshop() as found:
        yield found


def judged(workshop, folder, source, budget=BUDGET):
    (folder / "target_here.py").write_text(textwrap.dedent(source))
    return check("target_here:feature", folder=folder, options=Options(seconds=budget, cuts=2), workshop=workshop)


@pytest.mark.parametrize("name", TARGETS)
def test_target_that_misbehaves(workshop, tmp_path, name):
    source, expected, said = TARGETS[name]
    before = Path.cwd(), dict(os.environ)
    began = time.perf_counter()
    verdict = judged(workshop, tmp_path, source)
    assert (verdict.verdict, verdict.reason) == (expected, verdict.reason)
    assert said in verdict.reason
    assert time.perf_counter() - began < 2 * BUDGET
    assert (Path.cwd(), dict(os.environ)) == before


def test_hang_ends_within_the_budget(workshop, tmp_path):
    began = time.perf_counter()
    verdict = judged(workshop, tmp_path, HANG, budget=3.0)
    assert verdict.verdict == "error"
    assert "still running after" in verdict.reason
    assert time.perf_counter() - began < 15.0


def test_child_in_a_session_of_its_own_does_not_outlive_its_run(workshop, tmp_path):
    told = tmp_path / "pid"
    source = f"""
        import os, time
        def feature(bars):
            if os.fork() == 0:
                os.setsid()
                open({str(told)!r}, "w").write(str(os.getpid()))
                time.sleep(1e6)
            while not os.path.exists({str(told)!r}):
                time.sleep(0.01)
            return bars["close"].rolling(5).mean()
    """
    judged(workshop, tmp_path, source)
    pid = int(told.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_a_target_writes_stays_out_of_the_project(workshop, tmp_path):
    source = "open('left.txt', 'w').write('x')\n" + PLAIN
    assert judged(workshop, tmp_path, source).verdict == "clean"
    assert [path.name for path in tmp_path.iterdir()] == ["target_here.py"]
