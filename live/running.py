"""``lockstep live`` from beginning to end: a place, a run, a session, and the proof afterwards."""

import asyncio
import shutil
import signal
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockstep.data.catalog import Catalog
from lockstep.engine.errors import ConfigError
from lockstep.engine.events import SECOND
from lockstep.scenarios.loading import Source

from . import clock
from .alpaca.decode import micros, number
from .alpaca.rest import Rest
from .gap import Gap
from .history import WarmUp, bars, corporate_actions
from .journal import Reader
from .journal.writing import FILE
from .paced import PacedSession
from .places import Place, now_and_account
from .publishing import Commands, Publisher
from .recovery import Run, begin, resume
from .replay import Verdict
from .report import publish
from .schedule import Due
from .session import Session
from .setup import from_scenario


@dataclass
class Options:
    """How a session is run.

    Parameters
    ----------
    runs : Path
        The folder of all runs.
    folder : Path or None
        A run to resume; None resumes an unfinished one of this scenario at this broker, or begins.
    fresh : bool
        Begin anew, whatever is unfinished.
    """

    runs: Path = Path("runs")
    folder: Path | None = None
    fresh: bool = False


@dataclass
class Finished:
    """What a session leaves."""

    folder: Path
    verdict: Verdict
    gap: Gap | None
    rows: int
    orders: int
    fills: int
    final_equity: int
    seconds: float
    latency: dict[str, Any] = field(default_factory=dict)
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the one object that ``lockstep live --json`` prints; money in dollars, latencies in microseconds."""
        return {
            "run": self.folder.name,
            "events": self.rows,
            "orders": self.orders,
            "fills": self.fills,
            "final_equity": self.final_equity / 1e6,
            "replay": self.verdict.verdict,
            "latency_us": {
                stage: {name: round(getattr(s, name) / 1e3, 1) for name in ("p50", "p90", "p99", "highest")}
                for stage, s in self.latency.items()
            },
            "seconds": round(self.seconds, 3),
            "digest": self.verdict.digest,
            "ended": self.why,
        }


def trade(
    source: Source, catalog: Catalog, place: Place, options: Options, publisher: Publisher, commands: Commands,
    alert: Callable[[str, str], None],
) -> Finished:  # fmt: skip
    """Trade a scenario until it is over or interrupted, then replay its journal.

    Raises
    ------
    LockstepError
        If something is wrong; the journal stays and can be resumed.
    """
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="websockets|alpaca")
    run = open_run(source, catalog, place, options)
    began = clock.monotonic()
    try:
        session = make_session(run, place, publisher, commands, alert)
        if "warm" not in run.meta:
            warm_up(session)
        asyncio.run(_supervised(session))
        run.journal.set_meta(ended=session.asked_to_stop, finished=session.ended)
    finally:
        run.journal.close()
    seconds = (clock.monotonic() - began) / SECOND
    header, (verdict, gap) = run.core.world.header, publish(run.folder)
    return Finished(
        run.folder, verdict, gap, run.pipeline.rows.number, int(header.count_orders), int(header.count_fills),
        int(header.equity), seconds, run.pipeline.latency.summaries(), session.asked_to_stop,
    )  # fmt: skip


async def _supervised(session: Session) -> None:
    """Run a session; SIGINT and SIGTERM end it in order, the second time at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(session.trade())

    def interrupted() -> None:
        if session.stopping:
            task.cancel()
        session.stop("interrupted")

    for number_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number_, interrupted)
    try:
        await task
    finally:
        for number_ in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number_)


def make_session(
    run: Run, place: Place, publisher: Publisher, commands: Commands, alert: Callable[[str, str], None]
) -> Session:
    """Return a session of a run at a place."""
    now, _ = now_and_account(place.access)
    if place.kind != "local":
        return Session(run, place.access, clock.ExchangeTime(now - clock.now()), publisher, commands, alert)
    paced = PacedSession(run, place.access, clock.VenueTime(now, place.speed), publisher, commands, alert)
    paced.pace_url = place.pace_url
    return paced


def open_run(source: Source, catalog: Catalog, place: Place, options: Options) -> Run:
    """Resume the run that is meant, or begin one.

    Raises
    ------
    LockstepError
        If it cannot be resumed or begun.
    """
    folder = options.folder or (None if options.fresh or place.process else unfinished(source, place, options.runs))
    if folder is not None:
        reader = Reader(folder)
        meta = reader.meta()
        reader.close()
        _check(meta, source, place, folder)
        if "warm" in meta:
            run = resume(folder)
            run.meta = meta
            return run
        # Nothing was traded before the warm-up was over.
        shutil.rmtree(folder)
    now, account = now_and_account(place.access)
    cash = micros(number(account["cash"]))
    setup = from_scenario(source, catalog, now, clock.now(), cash, place.kind)
    where = folder or free_folder(options.runs, source.scenario.name)
    return begin(where, setup, place=place.identity, account=str(account.get("account_number") or ""))


def _check(meta: dict[str, Any], source: Source, place: Place, folder: Path) -> None:
    if meta.get("place") != place.identity:
        raise ConfigError(f"{folder} was traded at {meta.get('place')}, not at {place.identity}; resume it there")
    if meta["config"] != source.scenario.dump():
        raise ConfigError(
            f"{folder} is unfinished and was begun with another configuration; resume it with that one, or begin anew "
            "with --new once you have seen to its orders"
        )


def unfinished(source: Source, place: Place, runs: Path) -> Path | None:
    """Return the latest run of a scenario at a place that has not come to its end."""
    found = []
    for path in sorted(runs.glob(f"{source.scenario.name}-live-*")):
        if (path / FILE).is_file():
            reader = Reader(path)
            meta = reader.meta()
            reader.close()
            if meta.get("place") == place.identity and not meta.get("finished"):
                found.append((int(path.name.rpartition("-")[2]), path))
    return max(found)[1] if found else None


def free_folder(runs: Path, name: str) -> Path:
    """Return the first folder ``<name>-live-<n>`` that holds no run."""
    n = 1
    # A folder without a journal was begun and never used.
    while (runs / f"{name}-live-{n}" / FILE).exists():
        n += 1
    return runs / f"{name}-live-{n}"


def warm_up(session: Session) -> None:
    """Let the past happen, so that the strategies begin warm."""
    setup, rest = session.setup, Rest(session.access)
    found: list[Any] = []
    actions: list[Any] = []
    if setup.length and setup.replay_from < setup.trade_from:
        found = bars(rest, session.market, setup.length, setup.replay_from, setup.trade_from - 1, setup.live.feed)
        actions = corporate_actions(rest, session.market, setup.replay_from, setup.trade_from)
    past = _Past(session)
    WarmUp(session, past.take, setup.delay).run(found, actions, setup.trade_from)
    session.pipeline.rows.last = max(session.pipeline.rows.last, setup.trade_from - 1)
    session.save()
    session.journal.set_meta(warm=True)


class _Past:
    """Takes what falls due in the warm-up: jobs run at once, and hand over when they would have."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def take(self, due: Due, now: int) -> None:
        """Take one thing that falls due."""
        session = self.session
        session.take_one(due, now)
        session.pipeline.flush()
        jobs, session.pipeline.jobs = session.pipeline.jobs, []
        for work in jobs:
            result = work.job.function(work.view, dict(work.parameters))
            session.hand_in(work, result)
