"""Whatever a target does to its process, a clear verdict comes within the budget, and nothing stays."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from lockstep.research.leaks.leftovers import MARK, base
from lockstep.research.leaks.suite import Options, check
from lockstep.research.leaks.workshop import Limits, Workshop

BUDGET, PATIENCE = 20.0, 120.0
PLAIN = "def feature(bars):\n    return bars['close'].rolling(5).mean()\n"
HANG = "import time\ndef feature(bars):\n    time.sleep(1e6)\n"
TARGETS = {
    "raises": ("def feature(bars):\n    raise ValueError('no such thing')\n", "error", "no such thing"),
    "raises_what_cannot_be_told": (
        "class Mute(Exception):\n    def __str__(self):\n        raise self\ndef feature(bars):\n    raise Mute\n",
        "error",
        "ended with code 70",
    ),
    "exits": ("import sys\ndef feature(bars):\n    sys.exit(3)\n", "error", "sys.exit(3)"),
    "exits_at_once": ("import os\ndef feature(bars):\n    os._exit(5)\n", "error", "ended with code 5"),
    "dies": ("import os\ndef feature(bars):\n    os.kill(os.getpid(), 11)\n", "error", "signal 11"),
    "reads_at_zero": ("import ctypes\ndef feature(bars):\n    ctypes.string_at(0)\n", "error", "signal 11"),
    "lacks": ("import no_such_package_at_all\n" + PLAIN, "error", "no_such_package_at_all"),
    "allocates": (
        "import numpy as np\ndef feature(bars):\n    kept = []\n    while True:\n        kept.append(np.ones(2**26))\n",
        "error",
        "more memory",
    ),
    "fills_its_disk": (
        "def feature(bars):\n    for n in range(10**9):\n        open(f'large-{n}', 'wb').write(bytes(10**7))\n",
        "error",
        "filled the disk",
    ),
    "fills_temporary_files": (
        (
            "import tempfile\ndef feature(bars):\n    while True:\n"
            "        tempfile.NamedTemporaryFile(delete=False).write(bytes(10**7))\n"
        ),
        "error",
        "filled the disk",
    ),
    "starts_many": (
        (
            "import os, time\ndef feature(bars):\n    for _ in range(200):\n        if os.fork() == 0:\n"
            "            time.sleep(1e6)\n    time.sleep(1e6)\n"
        ),
        "error",
        "more than 100 processes",
    ),
    "prints": ("print('x' * 10_000_000)\n" + PLAIN, "clean", ""),
    "forks": (
        "import os\ndef feature(bars):\n    os.fork()\n    return bars['close'].rolling(5).mean()\n",
        "clean",
        "",
    ),
    "starts_threads": (
        (
            "import threading\ndef spin():\n    while True:\n        pass\n"
            "def feature(bars):\n    threading.Thread(target=spin).start()\n    return bars['close'].diff()\n"
        ),
        "clean",
        "",
    ),
    "changes_state": (
        "import os, sys, random, signal\nimport numpy as np\n"
        "os.chdir('/'); os.environ.clear(); np.seterr(all='raise'); random.seed(1); np.random.seed(1)\n"
        "sys.path[:] = []; os.umask(0o777); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "np.mean = None\nsys.setrecursionlimit(200)\n" + PLAIN,
        "clean",
        "",
    ),
    "closes_all": ("import os\nos.closerange(0, 256)\n" + PLAIN, "clean", ""),
    "kills_parent": ("import os\ndef feature(bars):\n    os.kill(os.getppid(), 9)\n", "error", "killed"),
}
PRINTING = """
import sys
def feature(bars):
    while True:
        print("x" * 10**6)
        print("y" * 10**6, file=sys.stderr)
"""
DEAF = """
import signal
for each in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(each, signal.SIG_IGN)
def feature(bars):
    while True:
        pass
"""
HANGS = {"in_a_call": HANG, "at_import": "import time\ntime.sleep(1e6)\n" + PLAIN, "printing": PRINTING, "deaf": DEAF}


@pytest.fixture(scope="module")
def workshop():
    with Workshop(limits=Limits(disk=2**26, processes=100)) as found:
        yield found


def judged(workshop, folder, source, budget=BUDGET):
    (folder / "target_here.py").write_text(textwrap.dedent(source))
    return check("target_here:feature", folder=folder, options=Options(seconds=budget, cuts=2), workshop=workshop)


def eventually(condition):
    """Wait, with patience, until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("name", TARGETS)
def test_target_that_misbehaves(workshop, tmp_path, name):
    source, expected, said = TARGETS[name]
    before = Path.cwd(), dict(os.environ)
    began = time.perf_counter()
    verdict = judged(workshop, tmp_path, source)
    assert (verdict.verdict, verdict.reason) == (expected, verdict.reason)
    assert said in verdict.reason
    assert time.perf_counter() - began < BUDGET + PATIENCE
    assert (Path.cwd(), dict(os.environ)) == before
    assert [path.name for path in tmp_path.iterdir()] == ["target_here.py"]


@pytest.mark.parametrize("name", HANGS)
def test_hang_ends_with_the_budget(workshop, tmp_path, name):
    verdict = judged(workshop, tmp_path, HANGS[name], budget=3.0)
    assert verdict.verdict == "error"
    assert "still running after" in verdict.reason


def test_hang_over_another_future_ends_with_the_budget(workshop, tmp_path):
    source = """
        import time
        def feature(bars):
            if abs(bars["close"].iloc[-1] / LAST - 1) > 1e-9:
                time.sleep(1e6)
            return bars["close"].rolling(5).mean()
    """
    (tmp_path / "seen.py").write_text("def feature(bars):\n    raise ValueError(repr(float(bars['close'].iloc[-1])))\n")
    seen = check("seen:feature", folder=tmp_path, options=Options(seconds=BUDGET), workshop=workshop)
    last = seen.reason.rpartition(" ")[2]
    verdict = judged(workshop, tmp_path, source.replace("LAST", last), budget=8.0)
    assert verdict.verdict == "error"
    assert "it fails on other histories" in verdict.reason
    assert "still running after" in verdict.reason


def test_child_in_a_session_of_its_own_does_not_outlive_its_run(workshop, tmp_path):
    told, project = tmp_path / "pids", tmp_path / "project"
    told.touch()
    project.mkdir()
    source = f"""
        import os, time
        def feature(bars):
            before = os.path.getsize({str(told)!r})
            if os.fork() == 0:
                os.setsid()
                open({str(told)!r}, "a").write(f"{{os.getpid()}}\\n")
                time.sleep(1e6)
            while os.path.getsize({str(told)!r}) == before:
                time.sleep(0.01)
            return bars["close"].rolling(5).mean()
    """
    judged(workshop, project, source)
    assert told.read_text()
    assert all(ended(int(pid)) for pid in told.read_text().split())


def test_child_of_a_run_that_kills_the_parent_of_all_runs_ends_with_the_suite(tmp_path):
    told, project = tmp_path / "pids", tmp_path / "project"
    told.touch()
    project.mkdir()
    source = f"""
        import os, time
        def feature(bars):
            zygote = os.getppid()
            if os.fork() == 0:
                os.setsid()
                open({str(told)!r}, "a").write(f"{{os.getpid()}}\\n")
                os.kill(zygote, 9)
                time.sleep(1e6)
            time.sleep(1e6)
    """
    with Workshop() as own:
        assert "killed the process that runs are forked from" in judged(own, project, source).reason
    assert told.read_text()
    eventually(lambda: all(ended(int(pid)) for pid in told.read_text().split()))


def test_what_a_target_writes_stays_out_of_the_project(workshop, tmp_path):
    source = "open('left.txt', 'w').write('x')\n" + PLAIN
    assert judged(workshop, tmp_path, source).verdict == "clean"
    assert [path.name for path in tmp_path.iterdir()] == ["target_here.py"]


@pytest.mark.parametrize("ending", ["", "    time.sleep(1e6)\n"])
def test_what_a_target_makes_elsewhere_is_removed(tmp_path, ending):
    project, other = tmp_path / "project", tmp_path / "other"
    project.mkdir()
    other.mkdir()
    source = f"import os, time\ndef feature(bars):\n    os.makedirs({str(other / 'a' / 'b')!r}, exist_ok=True)\n"
    source += f"    open({str(other / 'a' / 'b' / 'c')!r}, 'w').write('x')\n"
    source += ending + "    return bars['close'].rolling(5).mean()\n"
    with Workshop() as own:
        judged(own, project, source, budget=5.0)
    assert list(other.iterdir()) == []


def test_nothing_stays_behind_a_suite_that_is_killed(tmp_path):
    told = tmp_path / "pids"
    source = f"""
        import os, time
        def feature(bars):
            if os.fork() == 0:
                os.setsid()
            with open({str(told)!r}, "a") as file:
                file.write(f"{{os.getpid()}} {{os.getcwd()}}\\n")
            time.sleep(1e6)
    """
    project = tmp_path / "project"
    project.mkdir()
    (project / "target_here.py").write_text(textwrap.dedent(source))
    command = [sys.executable, "-m", "lockstep.cli", "leaks", "target_here:feature", "--budget", "5m"]
    suite = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: told.exists() and len(told.read_text().splitlines()) >= 2)
    marks = {mark_of(int(line.split()[0])) for line in told.read_text().splitlines()}
    folders = [Path(line.split(maxsplit=1)[1]) for line in told.read_text().splitlines()]
    suite.send_signal(signal.SIGKILL)
    suite.wait()
    eventually(lambda: all(ended(int(line.split()[0])) for line in told.read_text().splitlines()))
    eventually(lambda: not any(path.exists() for path in [*folders, *map(Path, marks)]))


def mark_of(pid):
    for each in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        if each.startswith(f"{MARK}=".encode()):
            return each.partition(b"=")[2].decode()
    raise AssertionError(pid)


def test_what_a_killed_suite_could_not_remove_goes_with_the_next(tmp_path):
    left = base() / "suite-of-nobody"
    left.mkdir(parents=True)
    (left / "large").write_bytes(bytes(1000))
    os.utime(left, (0, 0))
    with Workshop(str(tmp_path)) as own:
        assert own.home.is_dir()
        assert not left.exists()
    assert not own.home.exists()
