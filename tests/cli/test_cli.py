import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

SHORT = ("--start", "2008-06-02", "--end", "2008-12-31")
KEYS = ["scenario", "run", "digest", "events", "orders", "fills", "final_equity", "seconds", "events_per_second"]
COMMAND = [sys.executable, "-m", "lockstep.cli"]
SHOCKED = """
[data]
dataset = "ohlcv-5"
start = "2008-09-02"
end = "2008-11-28"
[strategy]
use = "lockstep.strategies.sma_cross"
parameters = { fast = 3, slow = 10 }
[universe]
members = [{ symbol = "AAPL", start = "2008-01-02", end = "2008-10-30" }, { symbol = "IBM", start = "2008-01-02" }]
[[shocks]]
kind = "gap"
at = "2008-09-15"
size = -0.1
[[shocks]]
kind = "volatility"
start = "2008-09-22"
end = "2008-10-10"
factor = 1.5
[[shocks]]
kind = "flash_crash"
at = "2008-10-14T18:00:00+00:00"
duration = "3d"
size = -0.2
recovery = 0.7
[[shocks]]
kind = "correlation"
start = "2008-10-20"
end = "2008-10-24"
[[shocks]]
kind = "stale_feed"
start = "2008-11-03"
end = "2008-11-04"
[[shocks]]
kind = "missing"
start = "2008-11-05"
end = "2008-11-28"
rate = 0.2
[[shocks]]
kind = "halt"
start = "2008-11-10"
end = "2008-11-11"
symbols = ["IBM"]
"""


def test_a_run_leaves_a_folder_with_a_report_and_prints_a_table(lockstep, home):
    code, out, err = lockstep("backtest", "sma-cross", *SHORT)
    assert (code, err) == (0, "")
    assert "sma-cross" in out
    (run,) = (home / "runs").iterdir()
    assert f"runs/{run.name}/report.html" in out
    assert (run / "report.html").stat().st_size > 100_000


def test_json_has_one_object_a_run_with_the_promised_keys(lockstep, home):
    code, out, _ = lockstep("backtest", "sma-cross", "sma-cross", *SHORT, "--json", "--no-report", "--runs-dir", "here")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [list(each) for each in found] == [KEYS, KEYS]
    assert found[0]["digest"] == found[1]["digest"]
    assert [Path(each["run"]).name[-2:] for each in found] == ["-1", "-2"]
    assert 5e5 < found[0]["final_equity"] < 2e6
    assert found[0]["seconds"] > 0
    manifest = json.loads((home / found[0]["run"] / "manifest.json").read_text())
    assert manifest["final_equity"] == round(found[0]["final_equity"] * 1e6)
    assert not (home / found[0]["run"] / "report.html").exists()


def test_the_recorded_command_gives_the_same_digest(lockstep, home):
    import shlex

    lockstep("backtest", "sma-cross", *SHORT, "--no-report", "--set", "title=A name with spaces", "--set", "seed=3")
    (run,) = (home / "runs").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    words = shlex.split(manifest["command"])
    assert words[0] == "lockstep"
    code, out, _ = lockstep(*words[1:], "--json", "--no-report")
    assert code == 0
    assert json.loads(out)["digest"] == manifest["digest"]
    assert manifest["config"]["title"] == "A name with spaces"


def test_verify_and_report_work_on_a_run(lockstep, home):
    lockstep("backtest", "sma-cross", *SHORT, "--no-report")
    (run,) = (home / "runs").iterdir()
    code, out, _ = lockstep("verify", run)
    assert code == 0
    assert out.startswith(f"{run.name}: the same digest, ")
    code, out, _ = lockstep("verify", run, "--json")
    assert json.loads(out)["same"] is True
    code, out, _ = lockstep("report", run)
    assert (code, Path(out.strip())) == (0, run / "report.html")
    code, out, _ = lockstep("report", run, "--to", home / "own.html")
    assert (home / "own.html").is_file()


def test_verify_of_another_digest_exits_with_6(lockstep, home):
    lockstep("backtest", "sma-cross", *SHORT, "--no-report")
    (run,) = (home / "runs").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "digest": "0" * 32}))
    code, out, err = lockstep("verify", run)
    assert (code, out) == (6, "")
    assert err.startswith("lockstep: ")
    assert err.count("\n") == 1


def test_scenarios_are_listed(lockstep):
    code, out, _ = lockstep("scenarios")
    assert code == 0
    assert "sma-cross" in out
    code, out, _ = lockstep("scenarios", "--json")
    assert "sma-cross" in [json.loads(line)["scenario"] for line in out.splitlines()]


def test_a_new_strategy_runs_at_once_and_its_test_passes(lockstep, home):
    code, out, _ = lockstep("new", "mine")
    assert code == 0
    assert sorted(file.name for file in (home / "mine").iterdir()) == ["mine.toml", "strategy.py", "test_mine.py"]
    code, out, _ = lockstep("backtest", "mine", "--json", "--no-report")
    assert code == 0
    assert json.loads(out)["fills"] > 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "mine"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_what_new_writes_passes_this_repository_s_lint(lockstep, home, repository):
    lockstep("new", "mine")
    ruff = Path(sys.executable).with_name("ruff")
    own = f"--config={repository / 'pyproject.toml'}"
    for check in (("check", own), ("check", "--isolated"), ("format", "--check", own)):
        done = subprocess.run([ruff, *check, "mine"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_datasets_are_listed_shown_checked_and_imported(lockstep, home):
    code, out, _ = lockstep("data", "list")
    assert code == 0
    assert "ohlcv-5" in out
    assert "skfolio-20" in out
    code, out, _ = lockstep("data", "show", "ohlcv-5", "--symbol", "IBM", "--rows", "1")
    assert code == 0
    assert "2013-03-01" in out
    code, out, _ = lockstep("data", "show", "ohlcv-5", "--json", "--rows", "2")
    assert len(json.loads(out)["rows"]) == 4
    code, out, _ = lockstep("data", "check", "ohlcv-5")
    assert code == 0
    assert "splits" in out


def test_a_table_is_imported_with_its_declaration(lockstep, home):
    (home / "own.csv").write_text(
        "Day,open,high,low,close,volume\n2020-01-02,10,11,9,10,100\n2020-01-03,10,12,9,11,100\n"
    )
    (home / "own.toml").write_text(
        'timeframe = "1d"\nlabel = "session"\nzone = "America/New_York"\nadjusted = "raw"\nsource = "me"\n'
        'licence = "mine"\nsymbol = "OWN"\n[columns]\ntime = "Day"\n'
    )
    given = ("data", "import", "own", "own.csv", "--declaration", "own.toml", "--catalog", "catalog")
    code, out, err = lockstep(*given)
    assert (code, err) == (0, "")
    assert out.startswith("own: 2 rows of 1 instruments, hash ")
    code, out, err = lockstep(*given, "--set", "zone=Mars/Phobos")
    assert code == 3
    assert "zone = 'Mars/Phobos'" in err
    assert "own" in lockstep("data", "list", "--catalog", "catalog")[1]


def test_a_change_of_ticker_reaches_the_run_and_its_report(lockstep, home):
    days = [f"2020-03-{day:02d}" for day in (2, 3, 4, 5, 6, 9, 10)]
    (home / "own.csv").write_text(
        "time,open,high,low,close,volume\n" + "".join(f"{day},10,11,9,10,100000\n" for day in days)
    )
    (home / "actions.csv").write_text(
        "symbol,kind,date,new_symbol\nOLD,rename,2020-03-04,MID\nOLD,rename,2020-03-06,NEW\n"
    )
    (home / "own.toml").write_text(
        'timeframe = "1d"\nlabel = "session"\nzone = "America/New_York"\nadjusted = "raw"\nsource = "me"\n'
        'licence = "mine"\nsymbol = "OLD"\nactions = "actions.csv"\n'
    )
    at = ("--catalog", "catalog")
    assert lockstep("data", "import", "own", "own.csv", "--declaration", "own.toml", *at)[0] == 0
    (home / "held.toml").write_text(
        '[data]\ndataset = "own"\nsymbols = ["OLD"]\n[strategy]\nuse = "lockstep.strategies.buy_and_hold"\n'
    )
    code, out, err = lockstep("backtest", "held.toml", "--json", *at)
    assert (code, err) == (0, "")
    run = home / json.loads(out)["run"]
    events = pq.read_table(run / "events.parquet").to_pylist()
    renames = [(row["symbol"], row["detail"]) for row in events if row["kind"] == "rename"]
    assert renames == [("NEW", "OLD to MID"), ("NEW", "MID to NEW")]
    report = (run / "report.html").read_text()
    assert "OLD to MID" in report
    assert "MID to NEW" in report


def test_a_scenario_that_fails_does_not_stop_the_others(lockstep, home):
    (home / "bad.toml").write_text('[data]\ndataset = "none-such"\n[strategy]\nuse = "lockstep.strategies.sma_cross"\n')
    code, out, err = lockstep("backtest", "bad.toml", "sma-cross", *SHORT, "--json", "--no-report")
    assert code == 3
    assert [json.loads(line)["scenario"] for line in out.splitlines()] == ["sma-cross"]
    assert err.startswith("lockstep: bad: dataset 'none-such'")
    assert [each.name[:9] for each in (home / "runs").iterdir()] == ["sma-cross"]


def test_help_documents_exit_codes(home):
    done = subprocess.run([*COMMAND, "backtest", "--help"], capture_output=True, text=True, check=True)
    assert "Exit codes: 0 done" in " ".join(done.stdout.replace("│", " ").split())


def test_help_loads_nothing_heavy(home):
    code = "import sys, lockstep.cli; lockstep.cli.main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & {"numpy", "numba", "pandas", "pyarrow", "pydantic", "duckdb", "plotly"}


def test_without_a_command_the_help_is_shown(home):
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Usage" in done.stdout


def test_what_a_strategy_raises_is_told_with_its_place_and_under_the_debugger_whole(home):
    (home / "odd.py").write_text(
        "from lockstep.engine.python_strategy import Strategy\n\n\nclass Odd(Strategy):\n    def on_bar(self, bar):\n"
        "        raise ValueError('not what I meant')\n\n\nSTRATEGY = Odd\n"
    )
    (home / "odd.toml").write_text('[data]\ndataset = "ohlcv-5"\n[strategy]\nuse = "odd"\n')
    given = [*COMMAND, "backtest", "odd.toml"]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert f"odd: the strategy failed at {home / 'odd.py'}:6 in on_bar: ValueError: not what I meant" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (home / "runs").exists()
    done = subprocess.run([*given, "--debug"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.startswith("Traceback")


def test_an_interruption_leaves_nothing(home):
    (home / "slow.py").write_text(
        "import time\n\nfrom lockstep.engine.python_strategy import Strategy\n\n\nclass Slow(Strategy):\n"
        "    def on_bar(self, bar):\n        print('here', flush=True)\n        time.sleep(60)\n\n\nSTRATEGY = Slow\n"
    )
    (home / "slow.toml").write_text('[data]\ndataset = "ohlcv-5"\n[strategy]\nuse = "slow"\n')
    with subprocess.Popen(
        [*COMMAND, "backtest", "slow.toml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
        # A shell lets its background jobs ignore interruptions.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "lockstep: interrupted\n"
    assert not (home / "runs").exists()


def test_a_run_under_the_debugger_gives_the_same_digest(home):
    (home / "all.toml").write_text(SHOCKED)
    given = [*COMMAND, "backtest", "all.toml", "--json", "--no-report"]
    found = [subprocess.run([*given, *more], capture_output=True, text=True, check=True) for more in ([], ["--debug"])]
    compiled, interpreted = (json.loads(done.stdout) for done in found)
    assert interpreted["digest"] == compiled["digest"]
    assert interpreted["fills"] == compiled["fills"] > 0


def test_on_a_terminal_progress_shows_the_rate(home):
    ours, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(
        [*COMMAND, "backtest", "sma-cross", *SHORT], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        while part := read(ours):
            shown += part
    os.close(ours)
    assert process.returncode == 0
    assert b"preparing" in shown
    assert b"events/s" in shown
    assert b"writing the report" in shown
    assert b"sma-cross" in shown


def read(terminal):
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end has closed
        return b""
