"""The loop around the step: it feeds a world, calls plain-Python strategies, runs jobs, passes the logs on.

1. `feed` cuts a batch where a hand-over falls due, where a job is due, and where prices begin to be adjusted
   differently.
2. A segment of compiled strategies goes through `World.drive` at once.
3. For a plain-Python strategy alone on its account, quiet stretches (`actions.quiet_until`) are walked in Python:
   nothing can fill there, so the world may follow later. It catches up before anything reads or changes it. The order
   of everything is the same as if it had gone along.
4. Otherwise the world pauses at each Python callback, which is then called, and goes on.
"""

import hashlib
import heapq
import io
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import records as r
from .actions import Action, act, open_order, quiet_until
from .arena import address
from .errors import EngineError, LockstepError, StrategyError, reads_ahead
from .events import BAR, CLOSE, DIVIDEND, EVENT, HAND_OVER, ORDER, QUOTE, SLICE_AFTER, SPLIT, TIMER, TRADE, Events
from .jobs import TIMERS_PER_SLEEVE, AsOf, Job, Memory, Schedule
from .output import Output
from .python_strategy import Bar, Desk, Notice, OrderUpdate, Tick
from .step import CALLBACKS, ON_BAR, ON_SLICE, SLICES, UPDATES, WAITS_CALLBACK
from .world import World, _callable, _callable_act

Sink = Callable[[dict[str, NDArray[Any]]], None]
FeatureColumns = Mapping[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]]
"""A plain-Python strategy's features: for each name and instrument, when each row is known (ns UTC) and its values."""
_PRICES = ("open", "high", "low", "close")
_ADJUSTS = (SPLIT, DIVIDEND)
_M64 = 2**64 - 1
_STRETCH = 256
_BAR = partial(tuple.__new__, Bar)


class Outside(Protocol):
    """Who trades and works outside the engine: a live session, or the replay of one."""

    def orders(self) -> None:
        """Take the messages in the world's outbox and empty it."""

    def job(self, timer: int, job: Job, view: AsOf, parameters: Mapping[str, Any]) -> None:
        """Have a job run with a view that stays as it is; its result comes back through `Runner.hand_over`."""


def _discard(logs: dict[str, NDArray[Any]]) -> None:
    """Take logs that nobody wants."""


def _ignore(bar: Any) -> None:
    """Stand in for a callback that the strategy does not define."""


class Runner:
    """Runs one world over a stream of events.

    Parameters
    ----------
    world : World
        The account; it may come from a snapshot.
    sink : callable
        Gets the logs, ``{name: rows}`` with the dtypes of `records.LOGS`, whenever they fill and at the end.
    every_slice : bool
        Whether equity is logged at every slice or once a session.
    rows : int
        Rows for which each log has room before it is passed on.
    outside : Outside or None
        Takes the orders of a world whose broker is external, and runs its jobs.
    """

    def __init__(
        self,
        world: World,
        sink: Sink = _discard,
        *,
        every_slice: bool = True,
        rows: int = 65_536,
        outside: Outside | None = None,
    ) -> None:
        self.world, self._sink, self._outside = world, sink, outside
        self.output = Output(world, rows, equity_every_slice=every_slice)
        self._words = memoryview(world.block.data).cast("B").cast("q")
        fields = r.WORLD.fields
        assert fields is not None
        self._field = {name: fields[name][1] // 8 for name in ("phase", "waits", "sleeve", "queue", "n_open", "error")}
        self._where = address(world.block)
        self.symbols = tuple(i.symbol for i in world.instruments)
        self._python: dict[int, Any] = {}
        self._events, self._events_at = np.zeros(0, EVENT), 0
        self._lazy_at, self._lazy_done, self._synced, self._lazy_which = -1, 0, False, ON_BAR
        self._jobs: dict[int, tuple[int, Job]] = {}
        self.features: dict[int, FeatureColumns] = {}
        self._pending: list[tuple[int, int, int, Mapping[str, Any]]] = []
        self.schedules: list[tuple[int, Schedule]] = []
        self._plan()
        for k, sleeve in enumerate(world.sleeves):
            if not sleeve.strategy.is_kernel:
                self._python[k] = sleeve.strategy(Desk(self, k), sleeve.parameters)
        self._alone = len(world.sleeves) == 1 and bool(self._python)
        self._act, self._quiet, self._open = _callable_act(act), _callable(quiet_until, 4), _callable(open_order, 2)

    def _plan(self) -> None:
        keep = 0
        for k, sleeve in enumerate(self.world.sleeves):
            base = k * TIMERS_PER_SLEEVE
            for n, job in enumerate(sleeve.strategy.jobs):
                self._jobs[base + n] = (k, job)
                self.schedules.append((base + n, job.schedule))
                keep = max(keep, job.lookback)
            for n, schedule in enumerate(getattr(sleeve.strategy, "timers", ())):
                self.schedules.append((base + len(sleeve.strategy.jobs) + n, schedule))
            if not sleeve.strategy.is_kernel:
                keep = max(keep, sleeve.strategy.bars_kept)
        self._memory = Memory(len(self.symbols), keep) if keep else None

    def feed(self, batch: Events) -> None:
        """Take the world through a batch of events that follow on what it has seen.

        Raises
        ------
        EngineError
            If the batch is not an array of `EVENT` in order.
        LockstepError
            If a strategy or job fails.
        """
        batch = np.ascontiguousarray(batch)
        if batch.dtype != EVENT:
            raise EngineError(
                f"Runner.feed got dtype {batch.dtype}, expected events.EVENT: build the batch with events.empty"
            )
        if self._memory is None:
            self._run(batch, 0, len(batch))
            return
        kinds = batch["kind"]
        cuts = np.flatnonzero(np.isin(kinds, _ADJUSTS) | ((kinds == TIMER) & np.isin(batch["timer"], list(self._jobs))))
        j, n = 0, len(batch)
        while j < n:
            handed = self._hand_over_position(batch, j)
            following = int(np.searchsorted(cuts, j))
            cut = int(cuts[following]) if following < len(cuts) else n
            if handed <= min(cut, n - 1) and handed == j:
                self._hand_over(batch, j)
                continue
            stop = min(handed, cut if cut > j else j + 1, n)
            if cut == j and kinds[j] == TIMER:
                self._run_job(batch[j])
            self._segment(batch, j, stop)
            j = stop

    def _segment(self, batch: Events, start: int, stop: int) -> None:
        """Run events that share their adjustment, and remember their bars."""
        assert self._memory is not None
        part = np.ascontiguousarray(batch[start:stop])
        positions = self.world.positions
        self._factors, self._split_factors = positions["factor"].copy(), positions["split_factor"].copy()
        self._adjusts = bool((self._factors != 1.0).any() or (self._split_factors != 1.0).any())
        self._part = part
        self._columns: dict[int, tuple[NDArray[np.intp], NDArray[Any]]] = {}
        self._run(part, 0, len(part))
        self._memory.absorb(part, self._factors, self._split_factors)
        # Remembered now, so that nobody finds them twice.
        self._part, self._columns = part[:0], {}

    def _hand_over_position(self, batch: Events, start: int) -> int:
        """Return the index in the batch before which the next hand-over belongs; beyond its end if none does."""
        if not self._pending:
            return len(batch) + 1
        ts = self._pending[0][0]
        times = batch["ts_available"]
        j = int(np.searchsorted(times[start:], ts)) + start
        while j < len(batch) and times[j] == ts and batch["kind"][j] < HAND_OVER:
            j += 1
        return j if j < len(batch) else len(batch) + 1

    def _run_job(self, event: Any) -> None:
        k, job = self._jobs[int(event["timer"])]
        assert self._memory is not None
        now = int(event["ts_available"])
        if self._outside is not None:
            view = AsOf(now, self.symbols, self._memory.frozen(), f"Job {job.name!r}")
            self._outside.job(int(event["timer"]), job, view, dict(self.world.sleeves[k].parameters))
            return
        try:
            view = AsOf(now, self.symbols, self._memory, f"Job {job.name!r}")
            result = job.function(view, dict(self.world.sleeves[k].parameters))
        except LockstepError:
            raise
        except Exception as error:
            raise StrategyError(f"Job {job.name!r} failed at {now} ns: {type(error).__name__}: {error}") from error
        # As arrays at once, since a snapshot gives them back so.
        handed = {name: np.asarray(value) for name, value in result.items()}
        heapq.heappush(self._pending, (now + job.duration_ns, int(event["timer"]), len(self._pending), handed))

    def _hand_over(self, batch: Events, j: int) -> None:
        """Let the earliest pending result take effect, as an event of its own before event j of the batch."""
        ts, timer, _, result = heapq.heappop(self._pending)
        event = np.zeros(1, EVENT)
        event["ts_available"] = event["ts_event"] = ts
        event["instrument"], event["kind"], event["job"] = -1, HAND_OVER, timer
        self.hand_over(event, result)

    def hand_over(self, event: Events, result: Mapping[str, Any]) -> None:
        """Let a job's result take effect with its hand-over, an array of one event."""
        k, job = self._jobs[int(event["job"][0])]
        self._take_over(k, job, result)
        self._handed = result
        self._run(event, 0, 1)

    def revise(self, event: Events) -> None:
        """Let jobs and `history` see a corrected bar, an array of one event; nothing that has moved on is called."""
        if self._memory is not None:
            held = self.world.positions[int(event["instrument"][0])]
            self._memory.revise(event, float(held.factor), float(held.split_factor))

    def advance(self, events: Events, start: int, stop: int) -> None:
        """Take the world through part of a buffer that stays where it is, as fast as that can be done event by event.

        For compiled strategies without jobs; `feed` serves all.
        """
        if events is not self._events:
            self._events, self._events_at = events, address(events)
        self._drive(events, start, stop)

    @property
    def plain(self) -> bool:
        """Whether `advance` may stand for `feed`."""
        return not self._python and self._memory is None

    def _take_over(self, k: int, job: Job, result: Mapping[str, Any]) -> None:
        strategy, me = self.world.sleeves[k].strategy, self.world.me(k)
        seal = hashlib.blake2b(digest_size=8)
        for name in sorted(result):
            value = np.asarray(result[name])
            seal.update(name.encode() + value.tobytes())
            if strategy.is_kernel:
                self._set(k, job, strategy, me, name, value)
        header = self.world.header
        header.digest = np.uint64(
            (int(header.digest) * 0x9E3779B185EBCA87 + int.from_bytes(seal.digest(), "little")) & _M64
        )

    def _set(self, k: int, job: Job, strategy: Any, me: Any, name: str, value: NDArray[Any]) -> None:
        if name in (strategy.me_dtype.names or ()) and name != "rows":
            me[name] = value
        elif name in (strategy.row_dtype.names or ()):
            self.world.rows(k)[name] = value
        else:
            raise StrategyError(
                f"Job {job.name!r} handed over {name!r}, expected a field of the state or rows of {strategy.name}"
            )

    def _run(self, events: Events, start: int, stop: int) -> None:
        if not self._python:
            self._drive(events, start, stop)
            return
        self._events, self._flags, self._events_at = events, events["flags"], address(events)
        where = self._events_at
        phase, waits = self._field["phase"], self._field["waits"]
        for begin in range(start, stop, _STRETCH):
            j, end = begin, min(begin + _STRETCH, stop)
            bars = self._bars(events, begin, end)
            while j < end:
                if self._alone and self._words[phase] == 0 and self._words[waits] == 0:
                    quiet = self._quiet(self._where, where, j, end)
                    if quiet > j:
                        j = self._walk(bars, begin, j, quiet)
                        continue
                j = self._drive(events, j, j + 1, bars, begin)

    def _drive(
        self,
        events: Events,
        start: int,
        stop: int,
        bars: list[Any] | None = None,
        begin: int = 0,
        *,
        silent: bool = False,
    ) -> int:
        """Drive the world until `stop`, emptying logs and calling Python where it waits for it."""
        j, words, waits, error = start, self._words, self._field["waits"], self._field["error"]
        where, output = self._events_at if events is self._events else address(events), self.output
        while j < stop or words[waits]:
            j = self.world.drive_at(where, j, stop, output, silent=silent)
            if output.words[0]:
                self._sink(output.take())
            if words[error]:
                self.world.check()
            if words[waits] == WAITS_CALLBACK:
                words[waits] = 0
                self._call(events, j, bars[j - begin] if bars else None)
            elif words[waits]:
                words[waits] = 0
                self._hand_out()
        return j

    def _hand_out(self) -> None:
        if self._outside is None:
            raise EngineError(
                "The world has orders for a broker outside, but its runner was given none: pass `outside`"
            )
        self._outside.orders()

    def _walk(self, bars: list[Any], begin: int, start: int, stop: int) -> int:
        """Call a lone plain-Python strategy through quiet events; return how far that went."""
        strategy = self._python[0]
        on_bar, on_slice = strategy.on_bar, strategy.on_slice
        self._lazy_done, self._synced = start, False
        if on_slice is None:
            on_bar = on_bar or _ignore
            self._lazy_which = ON_BAR
            j = start
            for bar in islice(bars, start - begin, stop - begin):
                if bar is not None:
                    self._lazy_at = j
                    on_bar(bar)
                    if self._synced:
                        break
                j += 1
        else:
            j = self._walk_slices(bars, begin, start, stop)
        self._lazy_at = -1
        if self._synced:
            return self._drive(self._events, j, j + 1, bars, begin)
        self._follow(self._lazy_done, stop)
        return stop

    def _walk_slices(self, bars: list[Any], begin: int, start: int, stop: int) -> int:
        strategy = self._python[0]
        on_bar, on_slice = strategy.on_bar, strategy.on_slice
        flags = self._flags[start:stop].tolist()
        times = self._events["ts_available"][start:stop].tolist()
        for j in range(start, stop):
            bar = bars[j - begin]
            self._lazy_at = j
            if bar is not None and on_bar is not None:
                self._lazy_which = ON_BAR
                on_bar(bar)
                if self._synced:
                    return j
            if flags[j - start] & SLICE_AFTER:
                self._lazy_which = ON_SLICE
                on_slice(times[j - start])
                if self._synced:
                    return j
        return stop

    def _follow(self, start: int, stop: int) -> None:
        """Let the world follow through quiet events without callbacks."""
        if start < stop:
            self._drive(self._events, start, stop, silent=True)

    def catch_up(self) -> None:
        """Bring the world to the callback at hand, if it has been left behind."""
        if self._lazy_at < 0 or self._synced:
            return
        j, waits = self._lazy_at, self._field["waits"]
        self._follow(self._lazy_done, j)
        while True:
            self.world.drive_at(self._events_at, j, j + 1, self.output)
            at_slice = self._words[self._field["phase"]] == SLICES
            self._words[waits] = 0
            if at_slice or self._lazy_which == ON_BAR:
                break
        self._synced = True

    def act(self, k: int, action: Action, i: int, quantity: int, a: float, b: float, c: float, tif: int) -> int:
        """Do one action of sleeve k's strategy at the callback at hand."""
        self.catch_up()
        return int(self._act(self._where, int(action), i, quantity, a, b, c, tif))

    def history(self, i: int, n: int, column: str) -> NDArray[np.float64]:
        """Return the last `n` values of a column of instrument i up to the event at hand."""
        assert self._memory is not None
        if i not in self._columns:
            part = self._part
            chosen = np.flatnonzero((part["instrument"] == i) & ((part["kind"] == BAR) | (part["kind"] == CLOSE)))
            copies = Memory.copy(part, chosen, float(self._factors[i]), float(self._split_factors[i]))
            self._audit(i, copies["ts_available"])
            self._columns[i] = chosen, copies
        chosen, copies = self._columns[i]
        here = self._lazy_at if self._lazy_at >= 0 else self._eager_at
        seen = int(np.searchsorted(chosen, here, "right"))
        values: NDArray[np.float64] = copies[column][max(seen - n, 0) : seen]
        if len(values) < n:
            values = np.concatenate([self._memory.last(i, n - len(values))[column], values])
        return values.copy()

    def _audit(self, i: int, known: NDArray[np.int64]) -> None:
        """Refuse bars of which one comes before it is available: once for a batch, not for each read."""
        early = np.flatnonzero(known[:-1] > known[1:])
        if len(early):
            ts, now = int(known[early[0]]), int(known[early[0] + 1])
            raise reads_ahead("history", f"a bar of {self.symbols[i]}", now, ts)

    def remembered(self, i: int) -> NDArray[Any]:
        """Return the bars of instrument i that are remembered, oldest first, `jobs.BAR_COPY`."""
        assert self._memory is not None
        return self._memory.last(i, self._memory.capacity)

    def now(self) -> int:
        """Return the time of the event at hand, ns UTC."""
        return int(self._events["ts_available"][self._lazy_at if self._lazy_at >= 0 else self._eager_at])

    def feature(self, k: int, i: int, name: str) -> float:
        """Return sleeve k's feature of instrument i in the last row known by the event at hand; NaN before the first.

        Raises
        ------
        StrategyError
            If there is none of that name.
        """
        columns = self.features.get(k, {})
        if name not in columns:
            known = ", ".join(columns) or "none (declare `features`)"
            raise StrategyError(f"feature({name!r}): the strategy's features are: {known}")
        ts, values = columns[name][i]
        place = int(np.searchsorted(ts, self.now(), "right")) - 1
        return float(values[place]) if place >= 0 else float("nan")

    def _bars(self, events: Events, begin: int, end: int) -> list[Any]:
        """Return for each event the `Bar` or `Tick` that plain Python sees, None for other kinds."""
        part = events[begin:end]
        kinds = part["kind"]
        wanted = (kinds == BAR) | (kinds == CLOSE)
        if wanted.all():
            return self._bar_tuples(part, np.arange(len(part)))
        at = np.flatnonzero(wanted)
        found: list[Any] = [None] * len(part)
        for j, bar in zip(at.tolist(), self._bar_tuples(part, at), strict=True):
            found[j] = bar
        for j in np.flatnonzero((kinds == QUOTE) | (kinds == TRADE)).tolist():
            found[j] = self._tick(part[j])
        return found

    def _bar_tuples(self, part: Events, rows: NDArray[np.intp]) -> list[Any]:
        index = part["instrument"][rows]
        columns = [part[name][rows] for name in (*_PRICES, "volume")]
        closes = part["kind"][rows] == CLOSE
        if closes.any():
            columns[:3] = [np.where(closes, columns[3], column) for column in columns[:3]]
            columns[4] = np.where(closes, 0.0, columns[4])
        if self._adjusts:
            columns = [column * self._factors[index] for column in columns[:4]] + [
                columns[4] / self._split_factors[index]
            ]
        symbols = map(self.symbols.__getitem__, index.tolist())
        return list(
            map(_BAR, zip(symbols, part["ts_event"][rows].tolist(), *(c.tolist() for c in columns), strict=True))
        )

    def _tick(self, event: Any) -> Tick:
        i = int(event["instrument"])
        factor, split = float(self._factors[i]), float(self._split_factors[i])
        if event["kind"] == QUOTE:
            bid, ask, bids, asks = (float(event[name]) for name in ("bid", "ask", "bid_size", "ask_size"))
        else:
            bid = ask = float(event["last"])
            bids = asks = float(event["size"])
        return Tick(self.symbols[i], int(event["ts_event"]), bid * factor, ask * factor, bids / split, asks / split)

    def _call(self, events: Events, j: int, bar: Any) -> None:
        """Call the Python callback that the world waits for."""
        strategy = self._python[self._words[self._field["sleeve"]]]
        phase = self._words[self._field["phase"]]
        self._eager_at = j
        if phase == UPDATES:
            strategy.on_order(self._update(events[j]))
        elif phase == SLICES:
            strategy.on_slice(int(events["ts_available"][j]))
        elif phase == CALLBACKS and bar is not None:
            (strategy.on_bar if type(bar) is Bar else strategy.on_tick)(bar)
        elif phase == CALLBACKS:
            self._call_event(strategy, events[j])

    def _call_event(self, strategy: Any, event: Any) -> None:
        kind = int(event["kind"])
        if kind == HAND_OVER:
            strategy.on_hand_over(self._handed)
        else:
            i = int(event["instrument"])
            code = int(event["timer"]) % TIMERS_PER_SLEEVE if kind == TIMER else kind
            notice = Notice(self.symbols[i] if i >= 0 else "", int(event["ts_available"]), code)
            (strategy.on_timer if kind == TIMER else strategy.on_status)(notice)

    def _update(self, event: Any) -> OrderUpdate:
        if event["kind"] != ORDER:
            event = self.world.queue_rows[self._words[self._field["queue"]] - 1]["event"]
        i = int(event["instrument"])
        return OrderUpdate(
            int(event["order_id"]), self.symbols[i], int(event["code"]), int(event["reason"]),
            int(event["quantity"]), int(event["price"]) / 1e6,
        )  # fmt: skip

    def snapshot(self) -> bytes:
        """Return all that the run must go on from between two batches.

        World and broker, remembered bars, results on their way.

        Raises
        ------
        StrategyError
            If a plain-Python strategy holds attributes that are not declared as state: they would be lost.
        """
        for strategy in self._python.values():
            lost = strategy.undeclared()
            if lost:
                raise StrategyError(
                    f"{type(strategy).__name__} keeps {', '.join(lost)} outside its declared state; "
                    "declare them in `state`, or rebuild the run by replaying its events"
                )
        arrays: dict[str, Any] = {"world": np.frombuffer(self.world.snapshot(), np.uint8)}
        for i, part in enumerate(self._memory.state() if self._memory else []):
            arrays[f"memory/{i}"] = part
        for n, (ts, timer, order, result) in enumerate(sorted(self._pending, key=lambda item: item[:3])):
            arrays[f"pending/{n}"] = np.array([ts, timer, order])
            arrays |= {f"result/{n}/{name}": np.asarray(value) for name, value in result.items()}
        file = io.BytesIO()
        np.savez(file, **arrays)
        return file.getvalue()

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot of a run of the same make.

        Raises
        ------
        EngineError
            If it belongs to another account or another version of the records.
        """
        with np.load(io.BytesIO(snapshot), allow_pickle=False) as arrays:
            self.world.restore(arrays["world"].tobytes())
            if self._memory:
                self._memory.set_state([arrays[f"memory/{i}"] for i in range(len(self.symbols))])
            self._pending = []
            for name in sorted(n for n in arrays.files if n.startswith("pending/")):
                ts, timer, order = (int(x) for x in arrays[name])
                prefix = name.replace("pending", "result") + "/"
                result = {n.removeprefix(prefix): arrays[n] for n in arrays.files if n.startswith(prefix)}
                heapq.heappush(self._pending, (ts, timer, order, result))

    def finish(self) -> None:
        """End the run: log the orders that are still open, empty the logs, check the ledger."""
        logs = self.output.take()
        still_open = self.world.open_orders()
        logs["orders"] = np.concatenate([logs["orders"], still_open])
        self._sink(logs)
        self.world.check()
