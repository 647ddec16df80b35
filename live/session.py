"""The session: it trades a scenario live, on one loop.

1. It connects; orders stay here until both streams are up and the account is reconciled with the broker's.
2. In each `turn` it takes what has come in (commands, answers to requests, order updates, what falls due, market data),
   makes rows of it and sends them through the pipeline.
3. Beside that it looks the account up every minute, watches over the streams, saves its state, and tells those who
   watch.
4. It ends when it is told to, or the recording is over: orders and positions as the scenario says, then the last
   snapshot.

At a venue that waits for its client (`live/paced.py`), turns follow the venue's slices instead of the wall clock.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from lockstep.data.calendar import iso_date
from lockstep.engine.errors import DataError
from lockstep.engine.events import HAND_OVER, SECOND, SESSION_CLOSE, TIMER
from lockstep.scenarios.durations import nanoseconds

from . import clock, points
from .alpaca import streams
from .alpaca.decode import Undecodable, trade_update
from .alpaca.rest import Access, Kind, Rest
from .core import Control, Why
from .desk import Answer, Request
from .history import add_action, bars, corporate_actions
from .inbox import Inbox
from .market import Malformed
from .publishing import Action, Commands, Publisher
from .reconcile import Picture, look
from .schedule import ROLL, Due
from .sender import Alarm, Sender
from .status import Phase, StreamState
from .telling import Teller

POLL_SECONDS = 0.25
UPDATE_GRACE_SECONDS = 5.0
FLATTEN_SECONDS = 30.0


class Session:
    """A live session.

    Parameters
    ----------
    run : Run
        What it trades with, see `recovery.Run`: setup, journal, pipeline, market, schedule, reconciler.
    access : Access
        Where the broker is.
    time : ExchangeTime
        What time it is.
    publisher, commands : Publisher, Commands
        Those who watch.
    alert : callable
        Told of what somebody should know: a kind and words.
    """

    def __init__(
        self, run: Any, access: Access, time: Any, publisher: Publisher, commands: Commands,
        alert: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self.run, self.setup, self.access, self.time = run, run.setup, access, time
        self.pipeline, self.market, self.schedule = run.pipeline, run.market, run.schedule
        self.reconciler, self.journal = run.reconciler, run.journal
        self.desk, self.core = self.pipeline.desk, self.pipeline.core
        self.publisher, self.commands, self._alert = publisher, commands, alert
        self.inbox = Inbox()
        self.answers: deque[Answer] = deque()
        self.alarms: deque[Alarm] = deque()
        self.unmatched: deque[tuple[Any, str]] = deque(maxlen=1000)
        self.phase, self.halt = Phase.STARTING, ""
        self.stopping = self.ended = self.reconciled = False
        self.asked_to_stop = ""
        self.rest = Rest(access)
        self.teller = Teller(self)
        self._wake = asyncio.Event()
        self._loop: Any = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._jobs: dict[asyncio.Task[Any], Any] = {}
        self._results: dict[int, deque[Any]] = {}
        self._last_look = self._last_snapshot = 0
        self._booked, self._closed = 0, False
        self._looking: asyncio.Task[Any] | None = None
        self.watches = {
            name: streams.Watch(name, self._stream_changed) for name in ("market", "updates")
        }  # fmt: skip
        self.pipeline.now = time.now
        self.pipeline.may_send = self._may_send
        self.pipeline.is_fresh = self.is_fresh

    # -- what may be sent ----------------------------------------------------------------------------------------

    @property
    def streams_up(self) -> bool:
        """Whether both streams are up."""
        return all(watch.up for watch in self.watches.values())

    def _may_send(self, request: Request) -> bool:
        return self.reconciled and self.streams_up

    def is_fresh(self, ts: int) -> bool:
        """Return whether what was decided at `ts` may still be sent."""
        return self.time.now() - ts <= self.setup.fresh

    # -- life ----------------------------------------------------------------------------------------------------

    async def trade(self) -> None:
        """Trade until told to stop, or until there is nothing left to trade on."""
        self._loop = asyncio.get_running_loop()
        self._connect()
        try:
            await self._begin()
            self._phase(Phase.TRADING)
            while not self.stopping:
                await self._sleep()
                await self.turn()
            await self._end()
        except BaseException as error:
            self._phase(Phase.FAILED, str(error))
            raise
        finally:
            await self._disconnect()

    def stop(self, why: str) -> None:
        """Ask for the session's end; safe from a signal handler on the loop."""
        self.asked_to_stop, self.stopping = why, True
        self._wake.set()

    def _connect(self) -> None:
        deliver = lambda answer: self._loop.call_soon_threadsafe(self._deliver, answer)  # noqa: E731
        alarm = lambda alarm: self._loop.call_soon_threadsafe(self._sound, alarm)  # noqa: E731
        self.sender = Sender(
            lambda: Rest(self.access), deliver, alarm, self.is_fresh, self.setup.live.senders
        )  # fmt: skip
        self.pipeline.sender = self.sender
        market = streams.MarketStream(
            self.access, self.watches["market"], self._market_came, self._odd, self.setup.channels()
        )
        updates = streams.UpdateStream(self.access, self.watches["updates"], self._update_came, self._odd)
        self.streams: list[Any] = [market, updates]
        self._tasks = [asyncio.create_task(each._run_forever()) for each in self.streams]
        self.commands.listen(lambda: self._loop.call_soon_threadsafe(self._wake.set))

    async def _begin(self) -> None:
        """Wait for the streams, reconcile, send what a session before this one had not brought to its end."""
        self._phase(Phase.RECONCILING)
        await self._until_up()
        await self.reconcile("start")
        for request, settle in self.run.unsettled():
            self.sender.send(request, settle=settle)
        if self.core.kill & Why.STOPPING:
            self.pipeline.rows.control(self.time.now(), Control.RELEASE, int(Why.STOPPING))
        self.pipeline.release()
        self._phase(Phase.READY)

    async def _until_up(self) -> None:
        while not self.streams_up and not self.stopping:
            self._wake.clear()
            await self._wait(1.0)
            self._watch_streams()
            self.teller.tell()

    async def _end(self) -> None:
        """Wind down as the scenario says; a recording that is over is left as it is."""
        self._phase(Phase.STOPPING)
        live = self.setup.live
        if not self.ended:
            self.pipeline.rows.control(self.time.now(), Control.KILL, int(Why.STOPPING))
            if live.positions_at_exit == "flatten":
                await self._flatten()
            elif live.at_exit == "cancel":
                await self._cancel_all()
        await self._settle_down(FLATTEN_SECONDS)
        if self.streams_up:
            await self.reconcile("end")
        self.core.flush()
        self.save()
        self._phase(Phase.STOPPED)

    async def _disconnect(self) -> None:
        if hasattr(self, "sender"):
            self.sender.stop()
        for stream, task in zip(getattr(self, "streams", []), self._tasks, strict=False):
            await streams.stop(stream, task)
        for task in self._jobs:
            task.cancel()

    # -- what comes in, on the loop ------------------------------------------------------------------------------

    def _market_came(self, messages: list[Any], received: int) -> None:
        self.inbox.market(messages, received)
        self._wake.set()

    def _update_came(self, message: Any, text: str, received: int) -> None:
        self.inbox.update(message, text, received)
        self._wake.set()

    def _deliver(self, answer: Answer) -> None:
        self.answers.append(answer)
        self._wake.set()

    def _sound(self, alarm: Alarm) -> None:
        self.alarms.append(alarm)
        self._wake.set()

    def _odd(self, what: str, text: str) -> None:
        self.journal.note_oddity(what, text)

    def _stream_changed(self, watch: Any) -> None:
        """Hold orders back as soon as a stream is down; look the account up once both are up again."""
        if not watch.up and self.reconciled:
            self.reconciled = False
            self._backfill_from = self.time.now()
            self.alert("stream", f"{watch.name} is {watch.state}: {watch.detail}")
        if watch.state is StreamState.REFUSED:
            self.alert("keys", f"{watch.name}: {watch.detail}")
            self._kill(Why.KEYS, f"{watch.name}: {watch.detail}")
        self._wake.set()

    def alert(self, kind: str, words: str) -> None:
        """Tell somebody."""
        self._odd(f"alert {kind}", words)
        self._alert(kind, words)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _sleep(self) -> None:
        """Wait until something has come in or falls due."""
        if self.inbox.empty and not self.answers and not self.alarms:
            due = self.schedule.peek()
            seconds = POLL_SECONDS
            if due is not None and self._ready(due):
                seconds = min(seconds, self.time.seconds_until(due.ts))
            if self.market.group > 0:
                seconds = min(seconds, self.time.seconds_until(self.market.deadline))
            if seconds > 0:
                await self._wait(seconds)
        self._wake.clear()

    # -- turns ---------------------------------------------------------------------------------------------------

    async def turn(self) -> None:
        """Take what has come in, and what falls due."""
        self.pipeline.received = clock.monotonic()
        self.take_orders()
        await self.take_due(self.time.now())
        self.take_market()
        self.market.settle(self.pipeline.rows, self.time.now())
        self.pipeline.flush()
        await self.after()

    async def after(self) -> None:
        """Do what belongs to no row: lookups, jobs, snapshots, telling."""
        self.start_jobs()
        await self.look_up_doubts()
        self._watch_streams()
        await self._keep_reconciled()
        if clock.monotonic() - self._last_snapshot > nanoseconds(self.setup.live.snapshot):
            self.save()
        if self.publisher.due():
            self.teller.tell()

    def take_orders(self) -> None:
        """Take commands, alarms, answers and order updates."""
        for command in self.commands.drain():
            self._command(command)
        while self.alarms:
            self._alarm(self.alarms.popleft())
        while self.answers:
            answer = self.answers.popleft()
            self.sender.answered()
            self.pipeline.answer(answer)
            if answer.outcome == "unsure":
                self.alert("order", f"{answer.key}: {answer.detail}")
            self._again()
        for message, text, received in self.inbox.take_updates():
            self.pipeline.received = min(self.pipeline.received, received)
            points.reach("update-received")
            self.take_update(message, text)
        for words in self.desk.incoming.take_alerts():
            self.alert("order", words)
        # What orders have undergone comes before the market data of the same time, as in a replay.
        self.pipeline.say()
        if self.pipeline.rows.room < self.pipeline.rows.capacity // 2:
            self.pipeline.flush()

    def take_update(self, message: Any, text: str) -> None:
        """Take one message about orders; what cannot be read has the account looked up."""
        try:
            update = trade_update(message)
        except Undecodable as error:
            self._odd("order update", f"{error}: {text[:500]}")
            self.alert("update", f"an order update was not understood ({error}); looking the account up")
            self._last_look = 0
            return
        self.journal.note_update(self.pipeline.rows.number, text)
        ours = self.desk.absorb(
            update.order, update.ts, now=self.time.now(), number=self.pipeline.rows.number, event=update.event,
            price=update.price, quantity=update.quantity, execution=update.execution, previous=update.previous,
        )  # fmt: skip
        if not ours:
            self.unmatched.append((message, text))

    def _again(self) -> None:
        """Try messages again that no order was known for: an answer may have told whose they are."""
        waiting, self.unmatched = list(self.unmatched), deque(maxlen=1000)
        for message, text in waiting:
            self.take_update(message, text)

    def take_market(self) -> None:
        """Take market data, as much as there is room for."""
        messages, received = self.inbox.take_market(self.pipeline.room // 2)
        if not messages:
            return
        self.pipeline.received = min(self.pipeline.received, received)
        now, rows, market = self.time.now(), self.pipeline.rows, self.market
        for message in messages:
            try:
                market.take(message, rows, now)
            except Malformed as error:
                self._odd("market data", f"{error}: {str(message)[:300]}")
        self.desk.halted = market.halted
        if not self.inbox.empty:
            self._wake.set()

    async def take_due(self, now: int) -> None:
        """Take everything that is due by now."""
        while (due := self.schedule.peek()) is not None and due.ts <= now and self._ready(due):
            self.schedule.pop()
            if due.kind == ROLL:
                await self._roll(due)
            else:
                self.take_one(due, max(due.ts, self.pipeline.rows.last) if self.time.paced else now)

    def _ready(self, due: Due) -> bool:
        return due.kind != HAND_OVER or bool(self._results.get(due.number))

    def take_one(self, due: Due, now: int) -> None:
        """Add the row of what falls due."""
        rows = self.pipeline.rows
        if due.kind == TIMER:
            rows.timer(now, due.ts, due.number)
        elif due.kind == HAND_OVER:
            self.pipeline.hand_over(now, due.number, self._results[due.number].popleft())
        elif due.kind == SESSION_CLOSE:
            self.close_session(due, now)

    def close_session(self, due: Due, now: int) -> None:
        """Add a session's close, and its days."""
        rows, close = self.pipeline.rows, int(self.schedule.sessions.close[due.number])
        self.market.release_days(rows, max(now, close))
        # What is in makes the session's last slice: it is decided before the session's losses are forgotten.
        rows.session_close(now, close, due.number, self.schedule.nights(due.number), sliced=self.market.take_slice())
        self.desk.tickets.forget(close - 2 * 86_400 * SECOND)
        self._closed = True
        points.reach("session-rolled")

    async def _roll(self, due: Due) -> None:
        """Let a session's date begin: corporate actions, and the hours that the broker has for it."""
        start = due.ts
        end = int(self.schedule.sessions.midnight[min(due.number + 1, len(self.schedule.sessions) - 1)])
        try:
            found = await asyncio.to_thread(corporate_actions, self.rest, self.market, start, max(end, start + 1))
            hours = await asyncio.to_thread(self._hours, due.number)
        except DataError as error:
            self.alert(
                "actions", f"corporate actions of {iso_date(int(self.schedule.sessions.date[due.number]))}: {error}"
            )
            return
        for action in found:
            add_action(self.pipeline.rows, action, self.time.now())
        if hours and hours != int(self.schedule.sessions.close[due.number]):
            self.schedule.move_close(due.number, hours)
            self.market.set_sessions(self.schedule.sessions)

    def _hours(self, number: int) -> int:
        """Return when the broker says that a session closes, ns UTC; 0 where he does not say."""
        from .hours import close_of

        date = iso_date(int(self.schedule.sessions.date[number]))
        outcome = self.rest.calendar(date, date)
        return close_of(outcome.data, date, self.schedule.sessions.zone) if outcome.kind is Kind.OK else 0

    # -- jobs ----------------------------------------------------------------------------------------------------

    def start_jobs(self) -> None:
        """Start the jobs that have come up; each has a view of its own that stays as it is."""
        jobs, self.pipeline.jobs = self.pipeline.jobs, []
        for work in jobs:
            task = asyncio.create_task(asyncio.to_thread(work.job.function, work.view, work.parameters))
            self._jobs[task] = work
            task.add_done_callback(self._job_done)

    def _job_done(self, task: "asyncio.Task[Any]") -> None:
        work = self._jobs.pop(task, None)
        if work is None or task.cancelled():
            return
        error = task.exception()
        if error is not None:
            words = f"job {work.job.name!r} failed: {type(error).__name__}: {error}"
            self.alert("job", words)
            self._kill(Why.BROKER, words)
            return
        points.reach("job-done")
        self.hand_in(work, task.result(), 0 if self.time.paced else self.time.now())
        self._wake.set()

    def hand_in(self, work: Any, result: Any, earliest: int = 0) -> None:
        """Keep a job's result until it is to be handed over: at schedule + duration, or as soon as it is there."""
        self._results.setdefault(work.timer, deque()).append(result)
        self.schedule.announce(max(work.view.now + work.job.duration_ns, earliest), work.timer)

    async def finish_jobs(self) -> None:
        """Wait for all jobs; for venues whose time stands still meanwhile."""
        self.start_jobs()
        while self._jobs:
            await asyncio.wait(list(self._jobs))
            await asyncio.sleep(0)

    # -- commands and alarms -------------------------------------------------------------------------------------

    def _command(self, command: Any) -> None:
        if command.action is Action.KILL_ON:
            self._kill(Why.HAND, f"{command.by}: {command.reason}")
            self.pipeline.rows.control(self.time.now(), Control.CANCEL_ALL)
            if self.setup.live.kill_flattens:
                self._tasks.append(asyncio.create_task(self._flatten()))
        elif command.action is Action.KILL_OFF:
            self.pipeline.rows.control(self.time.now(), Control.RELEASE, Why.HAND | Why.DRIFT | Why.BROKER | Why.KEYS)
            self.halt = ""
        self.teller.commanded(command)

    def _kill(self, why: Why, words: str) -> None:
        """Refuse new risk from now on."""
        if not self.core.kill & why:
            self.pipeline.rows.control(self.time.now(), Control.KILL, int(why))
        if why is not Why.HAND:
            self.halt = words
        self._wake.set()

    def _alarm(self, alarm: Alarm) -> None:
        if alarm.kind == "wash":
            ticket = self.desk.tickets.by_broker.get(alarm.detail)
            if ticket is not None:
                ticket.cancel = ticket.cancel or "wash"
            return
        self.alert(alarm.kind, alarm.detail)
        if alarm.kind == "denied":
            self._kill(Why.KEYS, alarm.detail)
        elif alarm.kind == "clash":
            self._kill(Why.BROKER, alarm.detail)

    # -- reconciliation ------------------------------------------------------------------------------------------

    def open_ids(self) -> list[str]:
        """Return the broker's ids of orders that are open here."""
        return [ticket.broker_id for ticket in self.desk.tickets.open() if ticket.broker_id]

    async def reconcile(self, why: str) -> None:
        """Compare the account with the broker's, as often as it takes to be sure."""
        first = self.run.is_new and why == "start"
        if why in ("start", "reconnect"):
            await self.backfill()
        for _ in range(2):
            picture = await self._look()
            if picture is None:
                return
            self._take_picture(picture)
            if self.sender.in_flight or not self.inbox.empty:
                break
            words = self.reconciler.judge(picture, self.time.now(), first=first)
            self.pipeline.flush()
            if words:
                self.alert("drift", words)
                self._kill(Why.DRIFT, words)
            if not self.reconciler.differences(picture):
                break
        self.run.is_new = False
        self.reconciled = True
        self._last_look = clock.monotonic()
        self._booked = int(self.core.world.header.count_fills)
        points.reach("reconciled")
        self.pipeline.release()

    async def _look(self) -> Picture | None:
        ids = self.open_ids()
        for _ in range(2 if self.stopping else 1_000_000):
            try:
                return await asyncio.to_thread(look, self.rest, self.desk, self.reconciler.cursor, ids)
            except DataError as error:
                self.alert("reconcile", str(error))
                if "denied" in str(error):
                    self._kill(Why.KEYS, str(error))
                await self._wait(1.0)
                self._wake.clear()
                self.take_orders()
                self.pipeline.flush()
        return None

    def _take_picture(self, picture: Picture) -> None:
        self.take_orders()
        for words in picture.oddities:
            self._odd("account", words)
        self.reconciler.take(picture, self.time.now(), self.pipeline.rows.number)
        self.teller.foreign = picture.foreign
        self._again()
        self.pipeline.flush()

    async def _keep_reconciled(self) -> None:
        """Look the account up when it is time, or when the streams have come back."""
        if self._looking is not None or not self.streams_up:
            return
        if not self.reconciled and self.phase is not Phase.RECONCILING:
            await self.reconcile("reconnect")
        elif clock.monotonic() - self._last_look > nanoseconds(self.setup.live.reconcile):
            await self.reconcile("minute")
        elif self._closed and self._booked != int(self.core.world.header.count_fills):
            # What the session's fills have cost is known now.
            await self.reconcile("close")
        self._closed = False

    async def backfill(self) -> None:
        """Ask for the bars that the stream has missed."""
        start = min((last for last in self.market.last if last > 0), default=0)
        if not self.setup.length or not start:
            return
        try:
            found = await asyncio.to_thread(
                bars, self.rest, self.market, self.setup.length, start, self.time.now(), self.setup.live.feed
            )
        except DataError as error:
            self.alert("backfill", str(error))
            return
        self._take_missed([each for each in found if each[0] > self.market.last[each[1]]])

    def _take_missed(self, found: list[Any]) -> None:
        """Take bars that should have come before; what is decided on old ones is old itself."""
        now = self.time.now()
        for ts, instrument, opened, values in found:
            if self.pipeline.room < 64 or (self.market.group > 0 and ts != self.market.group):
                self.market.settle(self.pipeline.rows, now)
                self.pipeline.flush()
            self.pipeline.behind = max(now - ts - self.setup.delay, 0)
            self.market.bar(instrument, opened, values, self.pipeline.rows, now, ts)
        self.pipeline.flush()
        self.pipeline.behind = 0

    async def look_up_doubts(self) -> None:
        """Look up orders about which a request failed, or that were replaced."""
        doubtful = self.desk.incoming.doubtful
        while doubtful:
            broker_id, code = doubtful.popitem()
            outcome = await asyncio.to_thread(self.rest.order, broker_id) if broker_id else None
            if outcome is None or outcome.kind is not Kind.OK:
                continue
            from .alpaca.decode import order

            try:
                found = order(outcome.data)
            except Undecodable as error:
                self._odd("order", f"{error}: {str(outcome.data)[:300]}")
                continue
            self.desk.absorb(found, found.updated, now=self.time.now(), number=self.pipeline.rows.number)
            ticket = self.desk.tickets.by_broker.get(broker_id)
            if code and ticket is not None and not ticket.ended and found.status != "pending_cancel":
                self.desk.incoming.say(ticket, code, ts=self.time.now())
            self.pipeline.flush()

    # -- streams -------------------------------------------------------------------------------------------------

    def _watch_streams(self) -> None:
        """Renew a market stream that is open but mute while the market trades, and one that never came up."""
        now = clock.monotonic()
        for stream, task in zip(getattr(self, "streams", []), self._tasks, strict=False):
            watch = stream.watch
            if task.done() and not self.stopping:
                error = task.exception() if not task.cancelled() else None
                raise DataError(f"the stream {watch.name} has ended: {watch.detail or error}")
            silent = now - watch.last
            mute = nanoseconds(self.setup.live.mute)
            quiet = watch.name == "market" and watch.up and self.market_open and silent > mute and not self.setup.daily
            if quiet and not self.time.paced:
                self.alert("mute", f"{watch.name} has said nothing for {silent / 1e9:.0f} s")
                watch.last = now
                self._tasks.append(asyncio.create_task(stream.renew("mute")))

    @property
    def market_open(self) -> bool:
        """Whether the market trades now, by the calendar."""
        sessions, now = self.schedule.sessions, self.time.now()
        place = int(sessions.close.searchsorted(now, "right"))
        return place < len(sessions) and int(sessions.open[place]) <= now

    # -- winding down --------------------------------------------------------------------------------------------

    async def _cancel_all(self) -> None:
        self.pipeline.rows.control(self.time.now(), Control.CANCEL_ALL)
        self.pipeline.flush()
        await self._settle_down(FLATTEN_SECONDS)

    async def _flatten(self) -> None:
        """Cancel everything, then sell what is held."""
        await self._cancel_all()
        self.pipeline.rows.control(self.time.now(), Control.FLATTEN, flags=1 if len(self.core.world.sleeves) > 1 else 0)
        self.pipeline.flush()

    async def _settle_down(self, seconds: float) -> None:
        """Go on until no request is under way and no order is being cancelled; new risk is refused meanwhile."""
        until = clock.monotonic() + int(seconds * 1e9)
        while clock.monotonic() < until:
            waiting = any(ticket.cancel and ticket.broker_id for ticket in self.desk.tickets.open())
            if not self.sender.in_flight and not self.answers and (not waiting or self.ended):
                return
            await self._sleep()
            await self.turn()

    # -- saving and telling --------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save the state, unless something is half done."""
        self._last_snapshot = clock.monotonic()
        if self._jobs or any(self._results.values()):
            return
        self.pipeline.flush()
        self.core.flush()
        self.run.save()

    def _phase(self, phase: Phase, detail: str = "") -> None:
        self.phase = phase
        if detail:
            self.halt = detail
        self.teller.tell()


__all__ = ["Session"]
