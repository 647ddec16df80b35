"""A run on disk and in memory: begun, or brought back to where its journal ends.

1. The last snapshot made by the same code is restored; without one, everything begins anew.
2. The rows after it are applied again, by the same core; digests that the journal holds must come out the same.
3. The desk hears of the order events as it did then, and learns the broker's ids from the answers that were written.
4. What the account wanted and no intent stands for is asked now, if it is still fresh. Intents without an answer are
   looked up at the broker.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lockstep.engine.errors import VerifyError
from lockstep.engine.events import BAR, HALT, HAND_OVER, RESUME, SESSION_CLOSE, SLICE, TIMER, TRADE
from lockstep.engine.fingerprint import ENGINE, remember
from lockstep.scenarios import provenance

from .core import Core
from .desk import Desk, Request
from .journal import Journal, Reader
from .journal.reading import Stored
from .pipeline import Pipeline
from .reconcile import Reconciler
from .setup import Setup, from_meta

DEFINITE = ("landed", "refused", "abandoned")


class Run:
    """Everything that a session trades with.

    Parameters
    ----------
    folder : Path
        Where the run is kept.
    setup : Setup
        What it is made of.
    journal : Journal
        Open for writing.
    """

    def __init__(self, folder: Path, setup: Setup, journal: Journal) -> None:
        self.folder, self.setup, self.journal = folder, setup, journal
        self.core: Core = setup.core()
        self.core.sink = self.core.runner._sink = self._log
        self.desk = Desk(setup.run, setup.instruments)
        self.pipeline = Pipeline(journal, self.core, self.desk)
        self.market, self.schedule = setup.market(), setup.schedule(self.core)
        self.reconciler = Reconciler(self.desk, self.core.world)
        self.reconciler.cursor.since = setup.trade_from
        self.is_new = True
        self.meta: dict[str, Any] = {}
        self.fingerprint = fingerprint(setup)
        self.listeners: list[Any] = []
        self._unsettled: list[Stored] = []

    def _log(self, logs: dict[str, Any]) -> None:
        self.journal.note_logs(self.pipeline.rows.number, logs)
        for listener in self.listeners:
            listener(logs)

    def save(self) -> None:
        """Save the state before the next row, unless the strategy cannot be saved."""
        core = self.core.snapshot()
        if core is None:
            return
        state = {
            "tickets": self.desk.tickets.state(),
            "market": self.market.state(),
            "schedule": self.schedule.state(),
            "reconciler": self.reconciler.state(),
            "last": self.pipeline.rows.last,
            "halted": list(self.desk.halted),
        }
        self.journal.snapshot(self.core.world.digest, self.fingerprint, core, state)

    def unsettled(self) -> Iterator[tuple[Request, bool]]:
        """Yield requests whose outcome is not known: they may have arrived."""
        waiting, self._unsettled = self._unsettled, []
        for stored in waiting:
            ticket = self.desk.tickets.get(stored.order_id)
            if ticket is None or (ticket.ended and stored.action != "submit"):
                continue
            yield Request(stored.key, stored.action, stored.order_id, stored.body, stored.ts, stored.number), True


def fingerprint(setup: Setup) -> str:
    """Return what the code that decides is recognised by."""
    return "/".join([remember(ENGINE)[:16], *sorted(provenance.code(setup.scenario).values())])


def begin(folder: Path, setup: Setup, **facts: str) -> Run:
    """Begin a run in a folder of its own; `facts` are told in its journal too."""
    folder.mkdir(parents=True, exist_ok=True)
    return Run(folder, setup, Journal(folder, {**setup.meta(), **facts}))


def resume(folder: Path) -> Run:
    """Bring a run back to where its journal ends.

    Raises
    ------
    LockstepError
        If the journal is damaged, or does not give the digests that it holds.
    """
    journal, reader = Journal(folder), Reader(folder)
    try:
        run = Run(folder, from_meta(reader.meta()), journal)
        _restore(run, reader)
        _Recovery(run, reader).replay()
    finally:
        reader.close()
    run.is_new = run.pipeline.rows.number == 0
    return run


def _restore(run: Run, reader: Reader) -> None:
    snapshot = reader.snapshot(run.fingerprint)
    if snapshot is None:
        return
    run.core.restore(snapshot.core, snapshot.number)
    state: Mapping[str, Any] = snapshot.session
    run.desk.tickets.restore(state["tickets"])
    run.market.restore(state["market"])
    run.schedule.restore(state["schedule"])
    run.reconciler.restore(state["reconciler"])
    run.desk.halted = list(state["halted"])
    run.pipeline.rows.first, run.pipeline.rows.last = snapshot.number, state["last"]


class _Recovery:
    """Applies what the journal holds after the snapshot."""

    def __init__(self, run: Run, reader: Reader) -> None:
        self.run, self.reader = run, reader
        self.acks = list(reader.acks())
        self.intents = {each.key: each for each in reader.intents()}
        settled = {ack.key for ack in self.acks if ack.outcome in DEFINITE}
        run._unsettled = [each for each in self.intents.values() if each.key not in settled]
        run.desk.known = self.intents.__contains__
        for ack in self.acks:
            order_id = run.desk.order_of(ack.key)
            if ack.broker_id and "-" not in ack.key.removeprefix(f"ls-{run.setup.run}-"):
                run.desk.known_ids.setdefault(order_id, ack.broker_id)

    def replay(self) -> None:
        """Apply the rows, then the answers."""
        run, start = self.run, self.run.pipeline.rows.first
        run.journal.forget_logs(start)
        held = {digest.number: digest for digest in self.reader.digests(start)}
        for batch in self.reader.batches(start):
            if not batch.sound:
                raise VerifyError(f"{self.reader.path}: rows from {batch.first} on are damaged; restore the file")
            self._batch(batch.first, batch.events)
            for digest in run.core.take_digests():
                if held.get(digest.number, digest) != digest:
                    raise VerifyError(
                        f"{self.reader.path}: row {digest.number} gives another digest than it did; "
                        f"run `lockstep replay {run.folder}` to see why"
                    )
                run.journal.note_digests([digest])
        self._answers()
        self._requests()
        run.desk.remember(self.intents)
        run.pipeline.rows.clear()

    def _batch(self, first: int, events: Any) -> None:
        rows, pipeline = self.run.pipeline.rows, self.run.pipeline
        rows.load(first, events)
        heads = [events[name].tolist() for name in ("kind", "instrument", "flags", "ts_event", "ts_available")]
        for j, (kind, instrument, flags, ts, known) in enumerate(zip(*heads, strict=True)):
            if kind == HAND_OVER:
                result = self.reader.result(first + j)
                if result is not None:
                    pipeline.results[first + j] = result
            pipeline.replay(j)
            self._observe(events[j], kind, instrument, flags, ts, known)

    def _observe(self, event: Any, kind: int, instrument: int, flags: int, ts: int, known: int) -> None:
        run = self.run
        if BAR <= kind <= TRADE or kind in (HALT, RESUME, SLICE):
            run.market.observe(instrument, kind, flags, ts, known)
            run.desk.halted = run.market.halted
        elif kind == TIMER:
            run.schedule.observe(ts, kind, int(event["timer"]))
        elif kind == HAND_OVER:
            run.schedule.observe(ts, kind, int(event["job"]))
            run.pipeline.jobs = _without(run.pipeline.jobs, int(event["job"]))
        elif kind == SESSION_CLOSE:
            run.market.observe(instrument, kind, flags, ts, known)
            number = int(event["session"])
            if int(run.schedule.sessions.close[number]) != ts:
                run.schedule.move_close(number, ts)
                run.market.set_sessions(run.schedule.sessions)
            run.schedule.observe(ts + run.schedule.delay, kind, number)

    def _answers(self) -> None:
        for ack in self.acks:
            if ack.outcome == "bound":
                self.run.desk.adopt(ack.broker_id, int(ack.detail))

    def _requests(self) -> None:
        """Keep those requests that were never intended and are about orders that have not ended."""
        desk = self.run.desk
        kept = []
        for request in desk.take_requests():
            ticket = desk.tickets.get(request.order_id)
            if ticket is not None and not ticket.ended and request.key not in self.intents:
                kept.append(request)
        desk.requests = kept


def _without(jobs: list[Any], timer: int) -> list[Any]:
    """Return the jobs without the first one of a timer: its result has been handed over."""
    place = next((k for k, work in enumerate(jobs) if work.timer == timer), None)
    return jobs if place is None else [*jobs[:place], *jobs[place + 1 :]]
