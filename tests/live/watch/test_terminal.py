"""The terminal view: what it draws at any size, and on a real pseudo-terminal."""

import os
import pty
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from rich.console import Console

from lockstep.live.publishing import EquityPoint
from lockstep.live.status import KillSwitch, Phase, StreamState
from lockstep.live.watch.terminal import BLOCKS, screen, sparkline

from . import make


def drawn(status, width=130, height=40, reasons=(), curve=(), foot=""):
    console = Console(width=width, height=height, force_terminal=False, color_system=None)
    with console.capture() as captured:
        console.print(screen(status, reasons, curve, width, height, foot))
    return captured.get()


def test_it_says_what_the_snapshot_says():
    curve = [EquityPoint(k, k) for k in range(300)]
    said = drawn(make.status(60), curve=curve, foot="http://127.0.0.1:8790")
    for part in (
        "sma-cross  local  trading  2026-11-20 15:30:00 UTC  market open",
        "max position AAPL",
        "PDFS is fed by AAPL: these are not its prices",
        "partially filled",
        "refused: gross limit",
        "market data",
        "event to decision 1.4 µs / 2.1 µs / 7.8 µs",
        "http://127.0.0.1:8790",
    ):
        assert part in said
    assert re.search(r"TSLA +−45 +\$402\.90 +−\$18.130\.50 +−\$1.210\.75 +−\$403\.58 +halted", said)
    assert re.search(r"59 +MSFT +80 +20 +limit day +\$415\.25", said)
    assert BLOCKS[0] in said


def test_trouble_is_told():
    status = make.status(
        60,
        phase=Phase.PAUSED,
        halt="drift of 5 AAPL",
        synthetic=("PDFS",),
        kill=KillSwitch(on=True, by="the web page", reason="news"),
        streams=make.mute(StreamState.DOWN),
    )
    said = drawn(status, reasons=("market data is down while the market is open",))
    for part in (
        "KILL SWITCH ON",
        "by the web page: news",
        "drift of 5 AAPL",
        "generated prices: PDFS",
        "! market data is",
    ):
        assert part in said


@pytest.mark.parametrize("width", [60, 80, 124, 200])
@pytest.mark.parametrize("height", [38, 50, 100])
def test_it_fits_its_terminal(width, height):
    many = tuple(make.position(f"SYM{k}", 10.0, 5.0 + k, 1.0) for k in range(80))
    said = drawn(make.status(200, positions=many), width, height, foot="x")
    assert len(said.splitlines()) <= height
    assert max(len(line) for line in said.splitlines()) <= width
    assert re.search(r"and \d+ more", said)
    assert said.rstrip().endswith("x")


def test_a_session_that_knows_nothing_yet():
    nothing = make.status(
        1, phase=Phase.STARTING, equity=None, session_equity=None, cash=None, gross=None, net=None, initial_cash=None,
        positions=(), orders=(), decisions=(), fills=(), limits=(), streams=(), latency=(), counts={}, warnings=(),
        proxies={}, market_open=False,
    )  # fmt: skip
    assert "Equity –" in drawn(nothing)


def test_names_are_no_markup():
    said = drawn(make.status(1, scenario="[bold]x[/]", positions=(make.position("[red]A[/red]", 1.0, 1.0, 1.0),)))
    assert "[bold]x[/]" in said
    assert "[red]A[/red]" in said


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 10, ""),
        ([1], 10, ""),
        ([5, 5, 5], 10, "▁▁▁"),
        ([0, 7], 10, "▁█"),
        (list(range(8)), 8, BLOCKS),
        (list(range(800)), 4, "▁▃▅█"),
        ([-(10**18), 0, 10**18], 3, "▁▄█"),
    ],
)
def test_the_sparkline(values, width, line):
    assert sparkline(values, width) == line


PROGRAM = """
import sys
sys.path[:0] = [{folder!r}]
import make
from rich.console import Console
from lockstep.live.publishing import Publisher
from lockstep.live.watch.terminal import TerminalView
import time
publisher = Publisher()
with TerminalView(publisher, Console(), "the foot"):
    for k in range(1, 8):
        publisher.publish(make.status(k))
        time.sleep(0.3)
print("given back")
"""


def test_on_a_real_terminal(tmp_path):
    """It redraws in place, hides the cursor while it does, and gives the terminal back with the last snapshot on it."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM).format(folder=str(Path(make.__file__).parent)))
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "130", "LINES": "45"}
    with subprocess.Popen([sys.executable, str(program)], stdout=theirs, stderr=theirs, env=environment) as running:
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            said += part
        assert running.wait(30) == 0
    os.close(ours)
    text = said.decode()
    assert text.count("sma-cross") >= 4
    assert "\x1b[?25l" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "\x1b[1A" in text
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text[text.rindex("sma-cross") :])
    assert "2026-11-20 14:37:00 UTC" in last
    assert last.rstrip().endswith("given back")
