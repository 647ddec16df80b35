"""How fast the session's own part is, in one process, without a network: the core, and the journal before it.

50 instruments, a compiled strategy (`sma-cross` on short windows), bars from a seeded random walk. Every order is
filled at once by an order event, which is not measured.

1. ``core``: a bar → what the strategy proposes has passed the risk stage and stands in the core's messages.
2. ``journalled``: the same, with the bar's own commit before it.
3. ``stream``: slices of all instruments, each committed in one batch and applied: rows a second.
4. ``intent``: the durable commit of one intention, which waits for the disk.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lockstep.engine.codes import Update
from lockstep.engine.events import BAR, MINUTE
from lockstep.engine.instruments import Instrument
from lockstep.engine.settings import Account, Settings
from lockstep.engine.world import Sleeve, World

from . import clock
from .core import Core
from .journal import Intent, Journal
from .rows import Rows

SYMBOLS = 50
SEED = 7
START = 1_577_836_800 * 10**9  # 2020-01-01
WARM = 20
"""Slices before the first that counts."""


@dataclass(frozen=True)
class Row:
    """Figures of one stage: of `count` events; percentiles in µs; `per_second`: events a second over all."""

    stage: str
    count: int
    orders: int
    p50_us: float
    p99_us: float
    highest_us: float
    per_second: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


class Rig:
    """A core with its rows, and whoever fills its orders.

    Parameters
    ----------
    slices : int
        How many slices of bars there are.
    """

    def __init__(self, slices: int) -> None:
        from lockstep.strategies.sma_cross import STRATEGY

        listed = [Instrument(f"S{k:03d}", f"S{k:03d}") for k in range(SYMBOLS)]
        sleeve = Sleeve(STRATEGY, {"fast": 2, "slow": 5, "weight": 0.005})
        self.core = Core(World(listed, [sleeve], Settings(Account(10_000_000.0)), external=True))
        self.rows, self.orders = Rows(), 0
        steps = np.random.default_rng(SEED).normal(0.0, 0.002, (slices, SYMBOLS))
        self.closes = np.round(100.0 * np.exp(np.cumsum(steps, axis=0)), 2).tolist()

    def bar(self, k: int, i: int) -> None:
        """Add the bar of instrument i in slice k."""
        ts, close = START + (k + 1) * MINUTE, self.closes[k][i]
        self.rows.market(ts, BAR, i, 0, ts - MINUTE, ts, (close, close, close, close, 10_000.0))

    def apply(self) -> None:
        """Apply all rows."""
        core, rows = self.core, self.rows
        for j in range(rows.n):
            core.apply(rows, j)
        rows.clear()

    def fill(self, commit: Callable[[], object]) -> None:
        """Fill what the core has sent, at its last price."""
        for message in self.core.take_messages():
            order, now = message.order, message.ts
            self.orders += 1
            mark = int(self.core.world.positions["mark"][order.instrument])
            slot = self._slot(order.id)
            self.rows.update(now, order.instrument, now, order.id, slot, Update.ACCEPTED, 0)
            self.rows.update(
                now, order.instrument, now, order.id, slot, Update.FILL, 0, order.quantity, mark, 0, order.quantity
            )
        if self.rows.n:
            commit()
            self.apply()

    def _slot(self, order_id: int) -> int:
        world = self.core.world
        n, at = int(world.header.n_open), world._offsets["off_open"]
        slots = world.block[at : at + 8 * n].view("<i8").tolist()
        return next(slot for slot in slots if self.core.order_in(slot).id == order_id)


def one_by_one(slices: int, journal: Journal | None = None) -> tuple[Row, Rig]:
    """Measure each bar by itself; whether an order comes of it or not."""
    rig = Rig(slices)
    commit = (lambda: journal.append(rig.rows)) if journal is not None else (lambda: None)
    taken: list[int] = []
    for k in range(slices):
        for i in range(SYMBOLS):
            rig.bar(k, i)
            before = clock.monotonic()
            commit()
            rig.apply()
            spent = clock.monotonic() - before
            if k >= WARM:
                taken.append(spent)
            rig.fill(commit)
        _end(rig, k, journal)
    return _row("core" if journal is None else "journalled", taken, rig.orders), rig


def streamed(slices: int, journal: Journal) -> tuple[Row, Rig]:
    """Measure whole slices: bars and their slice committed in one batch, then applied."""
    rig = Rig(slices)
    taken: list[int] = []
    rows = 0
    for k in range(slices):
        before = clock.monotonic()
        for i in range(SYMBOLS):
            rig.bar(k, i)
        rig.rows.slice(START + (k + 1) * MINUTE, START + (k + 1) * MINUTE)
        journal.append(rig.rows)
        rig.apply()
        journal.note_digests(rig.core.take_digests())
        if k >= WARM:
            taken.append(clock.monotonic() - before)
            rows += SYMBOLS + 1
        rig.fill(lambda: journal.append(rig.rows))
    row = _row("stream", taken, rig.orders)
    return Row(row.stage, rows, row.orders, row.p50_us, row.p99_us, row.highest_us, rows * 1e9 / sum(taken)), rig


def _end(rig: Rig, k: int, journal: Journal | None) -> None:
    """Let the slice end; not measured."""
    ts = START + (k + 1) * MINUTE
    rig.rows.slice(ts, ts)
    if journal is not None:
        journal.append(rig.rows)
    rig.apply()
    digests = rig.core.take_digests()
    if journal is not None:
        journal.note_digests(digests)
    rig.fill((lambda: journal.append(rig.rows)) if journal is not None else (lambda: None))


def intended(count: int, journal: Journal) -> Row:
    """Measure durable commits of one intention each."""
    taken = []
    for n in range(count):
        before = clock.monotonic()
        journal.intend([Intent(f"ls-bench-{n}", journal.number, n, "submit", {"symbol": "S000", "qty": "1"}, START)])
        taken.append(clock.monotonic() - before)
    return _row("intent", taken, count)


def _row(stage: str, taken: list[int], orders: int) -> Row:
    us = np.array(taken, np.float64) / 1e3
    p50, p99 = (round(float(np.percentile(us, part)), 3) for part in (50, 99))
    return Row(stage, len(taken), orders, p50, p99, round(float(us.max()), 3), len(taken) * 1e9 / sum(taken))


def measure(slices: int = 1_000, intents: int = 200) -> Iterator[Row]:
    """Yield the figures of all stages; the journals lie in the folder for temporary files."""
    yield one_by_one(slices)[0]
    with TemporaryDirectory(prefix="lockstep-bench-") as folder:
        for name, stage in (("one", one_by_one), ("many", streamed)):
            journal = _journal(Path(folder) / name)
            yield stage(slices, journal)[0]
            if name == "many":
                yield intended(intents, journal)
            journal.close()


def told(row: Row) -> str:
    """Return a row as a line for people."""
    return (
        f"{row.stage:<11}{row.count:>8,} events {row.orders:>7,} orders   p50 {row.p50_us:>9,.1f} µs   "
        f"p99 {row.p99_us:>9,.1f} µs   highest {row.highest_us:>9,.1f} µs   {row.per_second:>10,.0f} a second"
    )


def _journal(folder: Path) -> Journal:
    folder.mkdir(parents=True, exist_ok=True)
    return Journal(folder, {})
