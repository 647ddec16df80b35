"""Watching a run from outside, in the process that exists for this run alone.

The engine has no mode for this: its `Runner` and the catalogue's door are wrapped, here and nowhere else.

1. Every `Runner` hands its logs to a recorder as well as to whoever asked for them.
2. Batches are cut at the suite's cuts (results never depend on where batches are cut), and what the strategy, the
   orders and the account hold there is recorded.
3. Jobs' results are recorded when they are computed, not when they take effect.
4. Datasets and files that are opened are noted with the source line.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.catalog import Catalog
from lockstep.data.storage import Storage
from lockstep.engine import records as r
from lockstep.engine.cache import cache_base
from lockstep.engine.codes import Trigger
from lockstep.engine.events import BAR, EVENT
from lockstep.engine.runner import Runner

from .journal import Journal, Track
from .lines import functions_of, is_own, source_place

WORDS = np.random.default_rng(20240229).integers(1, 2**63, EVENT.itemsize // 8, np.uint64) * np.uint64(2) + np.uint64(1)
LOGS = {
    "decisions": "decisions",
    "fills": "fills",
    "flows": "risk",
    "equity": "risk",
    "marks": "risk",
    "sleeves": "risk",
}
ENDED = "orders"
OPENING = ["instrument", "ts_event", "ts_open"]
INSIDE = (int(Trigger.LIMIT), int(Trigger.STOP))
HEARD = {"open": ("", 0), "os.mkdir": ("x", 0), "os.rename": ("w", 1), "sqlite3.connect": ("a", 0)}
"""Events of Python's audit by which files are found, with what is done to them and the argument that names them."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
LONGEST = 4096
"""Elements of an array that are recorded one by one; longer ones by their hash."""
STATE = np.dtype([("sleeve", "<i8"), ("field", "U40"), ("instrument", "<i8"), ("hash", "<u8")])
RESULT = np.dtype([("job", "U40"), ("field", "U40"), ("place", "<i8"), ("value", "<f8"), ("hash", "<u8")])
SELECTION = np.dtype([("sleeve", "<i8"), ("strategy", "U80"), ("parameters", "U400"), ("terms", "<u8")])
UNIVERSE = np.dtype([("symbol", "U32"), ("id", "U32")])
SERIES = np.dtype([("series", "U40"), ("value", "<f8")])
FEATURE = np.dtype([("feature", "U40"), ("instrument", "<i8"), ("value", "<f8")])
ACCOUNT = np.dtype([("digest", "<u8"), ("cash", "<i8"), ("equity", "<i8")])
EVENT_HASH = np.dtype([("hash", "<u8")])


def short_hash(content: bytes) -> int:
    """Return 64 bits that tell contents apart."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


class EngineRun:
    """One engine run that a target started.

    Parameters
    ----------
    runner : Runner
        As yet unfed.
    cuts : sequence of int
        Times at which its state is recorded, ns UTC, ascending.
    """

    def __init__(self, runner: Runner, cuts: Sequence[int]) -> None:
        self.runner, self.pending = runner, list(cuts)
        self.symbols = tuple(instrument.symbol for instrument in runner.world.instruments)
        self.logs: dict[str, list[np.ndarray]] = {}
        self.events: list[tuple[np.ndarray, np.ndarray]] = []
        self.results: list[tuple[int, tuple[Any, ...]]] = []
        self.states: list[tuple[int, tuple[Any, ...]]] = []
        self.accounts: list[tuple[int, tuple[Any, ...]]] = []
        self.features: list[tuple[int, tuple[Any, ...]]] = []
        self.open: list[tuple[int, np.ndarray]] = []
        self.first: int | None = None
        self._bars: list[np.ndarray] = []

    def take(self, logs: Mapping[str, np.ndarray]) -> None:
        """Take copies of the engine's logs."""
        for name, rows in logs.items():
            if len(rows):
                self.logs.setdefault(name, []).append(rows)

    def feed(self, original: Callable[[Runner, np.ndarray], None], batch: np.ndarray) -> None:
        """Feed a batch, halting at each cut to record what is held there."""
        batch = np.ascontiguousarray(batch)
        times = batch["ts_available"]
        if len(times):
            self.first = int(times[0]) if self.first is None else self.first
            words = batch.view(np.uint64).reshape(len(batch), -1)
            self.events.append((times.copy(), words @ WORDS))
            self._bars.append(batch[OPENING][batch["kind"] == BAR])
        start = 0
        while self.pending:
            stop = int(np.searchsorted(times, self.pending[0], "right"))
            if stop == len(times):
                break
            if stop > start:
                original(self.runner, batch[start:stop])
            self.record_state(self.pending.pop(0))
            start = stop
        if start < len(batch):
            original(self.runner, batch[start:])

    def begun(self) -> np.ndarray:
        """Return for each fill when the prices that it may have taken began to happen, ns UTC.

        A limit or a stop that trades inside a bar has a price from anywhere in it, from its open on.
        """
        fills = self._joined("fills")
        begun, inside = fills["ts"].copy(), np.flatnonzero(np.isin(fills["trigger"], INSIDE))
        bars = np.sort(np.concatenate(self._bars), order=OPENING) if self._bars and len(inside) else None
        if bars is not None:
            wanted = fills[inside]
            keys, sought = bars[OPENING[:2]], np.zeros(len(wanted), bars[OPENING[:2]].dtype)
            sought["instrument"], sought["ts_event"] = wanted["instrument"], wanted["ts"]
            # Of bars of two lengths that end together the shorter one counts.
            place = np.searchsorted(keys, sought, "right") - 1
            known = (place >= 0) & (keys[place] == sought)
            begun[inside[known]] = bars["ts_open"][place[known]]
        return begun

    def finish(self) -> None:
        """Record the state at those cuts after which nothing came."""
        while self.pending:
            self.record_state(self.pending.pop(0))

    def record_state(self, cut: int) -> None:
        """Record what the strategies, the orders and the account hold at a cut."""
        world = self.runner.world
        add = self.states.append
        for k, sleeve in enumerate(world.sleeves):
            me = world.me(k)
            for name in (me.dtype.names or ()) if me is not None else ():
                add((cut, (k, name, -1, short_hash(np.asarray(me[name]).tobytes()))))
            if sleeve.strategy.is_kernel and sleeve.strategy.row:
                self._record_rows(cut, k, world.rows(k))
        account = (int(world.header.digest), int(world.header.cash), int(world.header.equity))
        self.accounts.append((cut, account))
        self.open.append((cut, np.sort(world.open_orders(), order="order_id")))

    def _record_rows(self, cut: int, k: int, rows: Any) -> None:
        for i in range(len(self.symbols)):
            for name in rows.dtype.names:
                self.states.append((cut, (k, name, i, short_hash(np.asarray(rows[i][name]).tobytes()))))

    def watch_job(self, timer: int, sleeve: int, job: Any) -> tuple[int, Any]:
        """Return the job, its results recorded as they are computed."""

        def watched(asof: Any, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            result = job.function(asof, parameters)
            for name in sorted(result):
                self._record_result(asof.now, job.name, name, result[name])
            return dict(result)

        return sleeve, replace(job, function=watched)

    def _record_result(self, now: int, job: str, name: str, value: Any) -> None:
        flat = np.asarray(value).ravel()
        if flat.dtype.kind in "fiub" and len(flat) <= LONGEST:
            self.results += [(now, (job, name, n, float(each), 0)) for n, each in enumerate(flat)]
        else:
            self.results.append((now, (job, name, len(flat), np.nan, short_hash(_bytes(flat)))))

    def tracks(self) -> dict[str, Track]:
        """Return all that was recorded; a run that nobody finished is taken as it stands."""
        self.finish()
        world, found = self.runner.world, {}
        begin = max(int(world.header.trade_from), self.first or 0)
        found["selection"] = Track("selection", np.full(len(world.sleeves), begin), self._selection())
        listed = np.array([(i.symbol, i.id) for i in world.instruments], UNIVERSE)
        found["universe"] = Track("universe", np.full(len(listed), self.first or 0), listed)
        times = np.concatenate([ts for ts, _ in self.events]) if self.events else np.zeros(0, np.int64)
        hashes = np.concatenate([each for _, each in self.events]) if self.events else np.zeros(0, np.uint64)
        found["data"] = Track("data", times, hashes.astype(np.uint64).view(EVENT_HASH))
        found["jobs"] = _timed("jobs", self.results, RESULT)
        found["state"] = _timed("state", self.states, STATE, self.symbols)
        found["account"] = _timed("risk", self.accounts, ACCOUNT)
        found["frame features"] = _timed("features", self.features, FEATURE, self.symbols)
        for name, stage in LOGS.items():
            rows = self._joined(name)
            found[name] = Track(stage, rows["ts_known" if name == "fills" else "ts"], rows, self.symbols)
        ended = self._joined(ENDED)
        ended = ended[ended["done"] > 0]
        found["orders ended"] = Track("orders", ended["done"], ended, self.symbols)
        resting = np.concatenate([rows for _, rows in self.open]) if self.open else np.zeros(0, r.ORDER_LOG)
        at = np.repeat([cut for cut, _ in self.open], [len(rows) for _, rows in self.open]).astype(np.int64)
        found["orders open"] = Track("orders", at, resting, self.symbols)
        found["series"] = self._series()
        return found

    def _joined(self, name: str) -> np.ndarray:
        parts = self.logs.get(name)
        return np.concatenate(parts) if parts else np.zeros(0, r.LOGS[name])

    def _series(self) -> Track:
        rows = self._joined("series")
        names: dict[int, str] = {}
        for k, sleeve in enumerate(self.runner.world.sleeves):
            names |= {k * _series_per_sleeve() + n: name for n, name in enumerate(sleeve.strategy.series)}
        found = np.zeros(len(rows), SERIES)
        found["series"] = [names.get(int(number), str(number)) for number in rows["series"]]
        found["value"] = rows["value"]
        return Track("features", rows["ts"], found)

    def _selection(self) -> np.ndarray:
        world = self.runner.world
        terms = short_hash(world.header.limits.tobytes() + str(int(world.header.initial_cash)).encode())
        return np.array(
            [
                (k, str(sleeve.name), json.dumps(sleeve.parameters, sort_keys=True, default=repr), terms)
                for k, sleeve in enumerate(world.sleeves)
            ],
            SELECTION,
        )


def _series_per_sleeve() -> int:
    from lockstep.engine.orders import SERIES_PER_SLEEVE

    return SERIES_PER_SLEEVE


def _bytes(flat: np.ndarray) -> bytes:
    return repr(flat.tolist()).encode() if flat.dtype.kind in "OU" else flat.tobytes()


def _timed(
    stage: str, records: list[tuple[int, tuple[Any, ...]]], dtype: np.dtype, symbols: Sequence[str] = ()
) -> Track:
    return Track(
        stage,
        np.array([ts for ts, _ in records], np.int64),
        np.array([row for _, row in records], dtype),
        symbols,
    )


@dataclass(frozen=True)
class Places:
    """Where a run is.

    Parameters
    ----------
    catalog, real : str
        Where the perturbed datasets are, and the user's own catalogue, for which it stands in.
    box, project : str
        The copy of the project in which it runs, and the project.
    temporary : str
        Its folder for temporary files.
    made : str
        The file that lists what it makes outside these, so that a run that is stopped leaves nothing behind.
    """

    catalog: str
    real: str
    box: str
    project: str
    temporary: str
    made: str

    def own(self, path: str) -> bool:
        """Tell whether a path is put back or thrown away after the run in any case."""
        return path.startswith((self.box, self.temporary, os.path.dirname(self.made)))  # noqa: PTH120


class Observer:
    """All that a target does while it is watched.

    Parameters
    ----------
    cuts : sequence of int
        Times at which states are recorded, ns UTC, ascending.
    places : Places
        Where it runs.
    """

    def __init__(self, cuts: Sequence[int], places: Places) -> None:
        self.cuts, self.places = sorted(cuts), places
        self.catalog, self.real = places.catalog, places.real
        self.watching = True
        self.runs: list[EngineRun] = []
        self.journal = Journal()
        self._cache = str(cache_base())
        self._made = -1

    def install(self) -> None:
        """Wrap the engine's runner and the catalogue's door; never undone, since the process is made for one run."""
        self._wrap_runner()
        self._wrap_catalog()
        sys.addaudithook(self._heard)

    def _wrap_runner(self) -> None:
        start, feed, finish = Runner.__init__, Runner.feed, Runner.finish
        found: dict[int, EngineRun] = {}

        def watched_start(runner: Runner, world: Any, sink: Any = None, **options: Any) -> None:
            logs: list[Mapping[str, np.ndarray]] = []

            def both(rows: dict[str, np.ndarray]) -> None:
                (found[id(runner)].take if id(runner) in found else logs.append)(rows)
                if sink is not None:
                    sink(rows)

            start(runner, world, both, **options)
            run = found[id(runner)] = EngineRun(runner, self.cuts)
            for rows in logs:
                run.take(rows)
            runner._jobs = {timer: run.watch_job(timer, *entry) for timer, entry in runner._jobs.items()}
            self.runs.append(run)

        def watched_finish(runner: Runner) -> None:
            found[id(runner)].finish()
            finish(runner)

        read = Runner.feature

        def watched_feature(runner: Runner, k: int, i: int, name: str) -> float:
            value = read(runner, k, i, name)
            found[id(runner)].features.append((runner.now(), (name, i, value)))
            return value

        Runner.feature = watched_feature  # type: ignore[method-assign]
        Runner.__init__ = watched_start  # type: ignore[method-assign,assignment]
        Runner.feed = lambda runner, batch: found[id(runner)].feed(feed, batch)  # type: ignore[method-assign]
        Runner.finish = watched_finish  # type: ignore[method-assign]

    def _wrap_catalog(self) -> None:
        opened, holds, made = Catalog.dataset, Catalog.__contains__, Storage.__init__
        real, catalog = str(Storage(self.real).root), self.catalog
        own = {real, real.replace(self.places.project, self.places.box, 1)}

        def redirected(storage: Storage, root: Any) -> None:
            made(storage, root)
            if storage.root in own:
                made(storage, catalog)

        def watched(own: Catalog, name: str) -> Any:
            if own.storage.root == catalog:
                self._lend(name)
                self.journal.datasets.append((name, source_place()))
            return opened(own, name)

        def contains(own: Catalog, name: str) -> bool:
            if own.storage.root == catalog:
                self._lend(name)
            return holds(own, name)

        Storage.__init__ = redirected  # type: ignore[method-assign]
        Catalog.dataset = watched  # type: ignore[method-assign]
        Catalog.__contains__ = contains  # type: ignore[method-assign]

    def _lend(self, name: str) -> None:
        """Lend the user's own dataset where the history does not hold it; the suite will add it and begin anew."""
        if (Path(self.catalog) / name).exists():
            return
        own = Path(self.real) / name
        self.journal.missing.append(name)
        if own.is_dir():
            (Path(self.catalog) / name).symlink_to(own.resolve())

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watching or event not in HEARD:
            return
        mode, place = HEARD[event]
        path = os.fspath(arguments[place]) if hasattr(arguments[place], "__fspath__") else arguments[place]
        if event == "open":
            mode = str(arguments[1] or ("w" if arguments[2] & WRITES else "r"))
        if not isinstance(path, str) or path == self.places.made or not is_own(path) or path.startswith(self._cache):
            return
        path, wrote = str(Path(path).absolute()), bool(set(mode) & set("wax+"))
        new = wrote and not self.places.own(path) and not os.path.lexists(path)
        if event != "os.mkdir":
            self.journal.files.append((path, "create" if new else "write" if wrote else "read"))
        if new:
            self._note_made(path)

    def _note_made(self, path: str) -> None:
        if self._made < 0:
            self._made = os.open(self.places.made, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._made, path.encode(errors="surrogateescape") + b"\0")

    def finished(self) -> Journal:
        """Return the journal; what this process does from now on is not the target's."""
        self.watching = False
        for number, run in enumerate(self.runs):
            world = run.runner.world
            self.journal.latencies[f"run {number}"] = world.settings.execution.latency_ns
            self.journal.warmups[f"run {number}"] = max(
                (int(each.strategy.warmup(each.parameters)) for each in world.sleeves), default=0
            )
            self.journal.begun[f"run {number}"] = run.begun()
            self.journal.tracks |= {f"run {number}: {name}": track for name, track in run.tracks().items()}
            self.journal.functions += [each for sleeve in run.runner.world.sleeves for each in functions_of(sleeve)]
        return self.journal
