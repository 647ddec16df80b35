"""Lives of a session: each is a process of its own that may be killed at any instant; the venue outlives them all.

The processes are forked from one that has everything compiled, so that a life costs a fraction of a second.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
from pathlib import Path

from lockstep.data.catalog import Catalog
from lockstep.live import places, points
from lockstep.live.journal import Reader
from lockstep.live.publishing import Commands, Publisher
from lockstep.live.replay import replay
from lockstep.live.running import Options, trade
from lockstep.scenarios.loading import load

TOKEN = "torture"
HERE = Path(__file__).parent
SCENARIO = """
name = "torture"
title = "Every kind of order"
[data]
dataset = "minutes"
warmup = 0
{data}
[strategy]
use = "{strategy}"
parameters = {{ size = 40 }}
[account]
cash = 1000000.0
[risk]
max_position = 0.9
max_sector = 0.9
max_order = 0.9
max_daily_loss = 0.9
[costs]
{costs}
[execution]
{execution}
[live]
snapshot = "300ms"
timeout = "3s"
{live}
"""
FREE = """commission = "none"
sec_fee = 0.0
taf = 0.0
half_spread_bps = 0.0
impact = 0.0
borrow_rate = 0.0
margin_rate = 0.0
"""


def write_scenario(folder, *, strategy="busy", data="", costs=FREE, execution="", live=""):
    path = Path(folder) / "torture.toml"
    path.write_text(SCENARIO.format(strategy=strategy, data=data, costs=costs, execution=execution, live=live))
    (Path(folder) / f"{strategy}.py").write_text((HERE / f"{strategy}.py").read_text())
    return path


class VenueProcess:
    """A venue as a process of its own."""

    def __init__(self, scenario, catalog, *arguments):
        code = "import sys; from lockstep.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "venue", str(scenario), "--port", "0", "--json", "--token", TOKEN]
        command += ["--catalog", str(catalog), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line, "the venue did not start"
        self.address = json.loads(line)["rest"]

    def ask(self, path, body=None, method=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"{self.address}{path}", data=data, method=method, headers={"X-Lockstep-Token": TOKEN}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as reply:
            return json.load(reply)

    def state(self):
        return self.ask("/lockstep/state")

    def fault(self, *faults):
        return self.ask("/lockstep/faults", list(faults))

    def trade(self, body):
        """Place an order as somebody else would."""
        headers = {
            "APCA-API-KEY-ID": "LOCKSTEP",
            "APCA-API-SECRET-KEY": "local-venue",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(f"{self.address}/v2/orders", json.dumps(body).encode(), headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as reply:
            return json.load(reply)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()


class Lives:
    """Sessions of one scenario at one venue, one after the other."""

    def __init__(self, scenario, catalog, venue, runs):
        self.scenario, self.catalog, self.venue, self.runs = scenario, catalog, venue, Path(runs)
        os.environ[places.TOKEN_VARIABLE] = TOKEN
        self.source = load(str(scenario))
        self.lived = self.killed = 0
        self.alerts = []

    def begin(self, kill_at="", stop_after=None):
        """Fork a life; return its process id."""
        child = os.fork()
        if child:
            self.lived += 1
            return child
        code = 1
        try:
            points.arm(kill_at)
            self._live(stop_after)
            code = 0
        except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _live(self, stop_after):
        if stop_after is not None:
            signal.setitimer(signal.ITIMER_REAL, stop_after)
            signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        log = (self.runs / "alerts.txt").open("a")
        place = places.running_venue(self.venue.address, self.source.scenario.live)
        alert = lambda kind, words: print(kind, words, file=log, flush=True)  # noqa: E731
        trade(self.source, Catalog(self.catalog), place, Options(self.runs), Publisher(), Commands(), alert)

    def wait(self, child):
        """Return the exit code of a life, or minus the signal that ended it."""
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            self.killed += 1
            return -os.WTERMSIG(status)
        return os.WEXITSTATUS(status)

    def live(self, kill_at="", kill_after=None, stop_after=None):
        """Live one life; kill it after so many seconds, unless it has ended by then."""
        child = self.begin(kill_at, stop_after)
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return self.wait(child)

    def live_on(self):
        """Live until the recording is over."""
        code = self.live()
        assert code == 0, f"the last life ended with {code}"

    @property
    def finished(self):
        """Whether the recording is over for the run, whatever became of the process after that."""
        found = list(self.runs.glob("torture-live-*/journal.sqlite"))
        if not found:
            return False
        reader = Reader(found[0].parent)
        meta = reader.meta()
        reader.close()
        return bool(meta.get("finished"))

    @property
    def folder(self):
        found = sorted(self.runs.glob("torture-live-*"))
        assert len(found) == 1, f"one run was expected, there are {[path.name for path in found]}"
        return found[0]

    def check(self):
        """Nothing lost, nothing doubled, the account as the venue has it, and the replay identical."""
        state, reader = self.venue.state(), Reader(self.folder)
        intents = {each.key: each for each in reader.intents()}
        meta = reader.meta()
        prefix = f"ls-{meta['run']}-"
        ours = [order for order in state["orders"] if order["client_order_id"].startswith(prefix)]
        at_venue = [order["client_order_id"] for order in ours]
        assert len(at_venue) == len(set(at_venue)), "an order was doubled"
        unknown = set(at_venue) - set(intents)
        assert not unknown, f"orders without an intent: {sorted(unknown)[:3]}"
        refused = {ack.key for ack in reader.acks() if ack.outcome in ("refused", "abandoned")}
        lost = {k for k, i in intents.items() if i.action == "submit"} - set(at_venue) - refused
        assert not lost, f"lost: {sorted(lost)[:3]}"
        verdict = replay(self.folder)
        assert verdict.verdict == "identical", verdict.divergence
        world = self._world(reader)
        held = {
            i.symbol: int(p.quantity) for i, p in zip(world.instruments, world.positions, strict=True) if p.quantity
        }
        assert held == {row["symbol"]: row["quantity"] for row in state["positions"]}
        assert int(world.header.cash) == state["cash"]
        reader.close()
        return verdict, state

    def _world(self, reader):
        from lockstep.live.recovery import resume

        run = resume(self.folder)
        run.journal.close()
        return run.core.world
