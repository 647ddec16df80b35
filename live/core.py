"""The core of a live session: the engine's runner, and the few records that are not the market's.

Session, recovery and replay drive this same object with the same rows; it reads no clock, no broker and no file.

1. `apply` takes the world through one row. Revisions reach what jobs and `history` see, controls what the risk stage
   and the account's own orders are told, hand-overs bring a job's result; all else is the step's.
2. What the world then wants of its broker stands in `messages`, jobs that are due in `jobs`; the caller takes both.
3. After each slice and session close the digest is noted in `digests`.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockstep.engine import records as r
from lockstep.engine.actions import Action
from lockstep.engine.errors import EngineError, StrategyError
from lockstep.engine.events import CONTROL, HAND_OVER, REVISION, SESSION_CLOSE
from lockstep.engine.jobs import AsOf, Job
from lockstep.engine.runner import Runner
from lockstep.engine.world import World

from .rows import Rows

_ORDER, _OUTBOX = Struct(f"<{len(r.ORDER.names or ())}q"), Struct("<5q")
assert _ORDER.size == r.ORDER.itemsize
assert _OUTBOX.size == r.OUTBOX.itemsize
_LOGGED = ("decisions", "orders", "fills", "flows", "series", "marks")
Order: Any = NamedTuple("Order", [(name, int) for name in r.ORDER.names or ()])  # type: ignore[misc]
"""One order as the account knows it, see `records.ORDER`."""


class Control(IntEnum):
    """What a control row says; `KILL` and `RELEASE` carry bits of `Why`."""

    KILL = 1
    RELEASE = 2
    CANCEL_ALL = 3
    FLATTEN = 4


class Why(IntEnum):
    """Why new risk is refused, as bits of the world's kill switch; `HAND` is also the scenario's ``risk.kill``."""

    HAND = 1
    DRIFT = 2
    KEYS = 4
    BROKER = 8
    STOPPING = 16


class Message(NamedTuple):
    """What the world wants of its broker at `ts`: an action of `orders` on an order; the terms of a replacement."""

    number: int
    ts: int
    action: int
    order: Any
    quantity: int
    limit: int
    stop: int


class Work(NamedTuple):
    """A job that is due, with what it may see."""

    timer: int
    job: Job
    view: AsOf
    parameters: Mapping[str, Any]


class Digest(NamedTuple):
    """The world after a row: both chains of its digest, and its equity in micros."""

    number: int
    ts: int
    orders: int
    marks: int
    equity: int


def ignore(logs: dict[str, NDArray[Any]]) -> None:
    """Take logs that nobody wants."""


class Core:
    """A world with its runner, driven by rows.

    Parameters
    ----------
    world : World
        Made with ``external=True``.
    sink : callable
        Gets the engine's logs, see `Runner`.
    """

    def __init__(self, world: World, sink: Callable[[dict[str, NDArray[Any]]], None] = ignore) -> None:
        self.world, self.sink = world, sink
        self.runner = Runner(world, sink, rows=1024, outside=self)
        self.number = 0
        self.messages: list[Message] = []
        self.jobs: list[Work] = []
        self.digests: list[Digest] = []
        self._plain = self.runner.plain
        self._words = memoryview(world.block.data).cast("B").cast("q")
        self._bytes = memoryview(world.block.data).cast("B")
        fields, logs = r.WORLD.fields, r.OUTPUT.fields
        assert fields is not None
        assert logs is not None
        at = {name: fields[name][1] // 8 for name in ("now", "n_outbox", "equity", "digest", "marks", "kill")}
        self._now, self._n_outbox, self._equity = at["now"], at["n_outbox"], at["equity"]
        self._digest, self._marks = at["digest"], at["marks"]
        self._unsigned = memoryview(world.block.data).cast("B").cast("Q")
        self._outbox_at, self._orders_at = (world._offsets[name] for name in ("off_outbox", "off_orders"))
        self._logged = [logs[f"{name}_n"][1] // 8 for name in _LOGGED]

    def apply(self, rows: Rows, j: int, result: Mapping[str, Any] | None = None) -> None:
        """Take the world through row j; `result` is what a hand-over brings.

        Raises
        ------
        LockstepError
            If a strategy fails or the engine refuses to go on.
        """
        _, kind, flags = rows.head(j)
        if flags & REVISION:
            self.runner.revise(rows.events[j : j + 1])
        elif kind == CONTROL:
            self._control(rows.events[j : j + 1])
        elif kind == HAND_OVER:
            self._hand_over(rows.events[j : j + 1], result)
        elif self._plain:
            self.runner.advance(rows.events, j, j + 1)
        else:
            self.runner.feed(rows.events[j : j + 1])
        self.number += 1
        if kind >= SESSION_CLOSE:
            self._note_digest(rows.number - rows.n + j)

    def _note_digest(self, number: int) -> None:
        words, unsigned = self._words, self._unsigned
        self.digests.append(
            Digest(number, words[self._now], unsigned[self._digest], unsigned[self._marks], words[self._equity])
        )
        counts = self.runner.output.words
        if any(counts[place] for place in self._logged):
            self.flush()

    def flush(self) -> None:
        """Hand on the logs written so far."""
        self.sink(self.runner.output.take())

    def _hand_over(self, event: NDArray[Any], result: Mapping[str, Any] | None) -> None:
        if result is None:
            raise EngineError(f"row {self.number}: a hand-over without its result; the journal is damaged")
        self.runner.hand_over(event, result)

    def _control(self, event: NDArray[Any]) -> None:
        header, code, value = self.world.header, int(event["code"][0]), int(event["quantity"][0])
        header.now = event["ts_available"][0]
        if code == Control.KILL:
            header.kill = int(header.kill) | value
        elif code == Control.RELEASE:
            header.kill = int(header.kill) & ~value
        elif code == Control.CANCEL_ALL:
            self._each_sleeve(lambda k: self.runner.act(k, Action.CANCEL_ALL, -1, 0, 0.0, 0.0, 0.0, 0))
        elif code == Control.FLATTEN:
            self._each_sleeve(self._flatten)
        # The step judges and sends what was proposed.
        if self._plain:
            self.runner.advance(event, 0, 1)
        else:
            self.runner.feed(event)

    def _each_sleeve(self, action: Callable[[int], Any]) -> None:
        for k in range(len(self.world.sleeves)):
            self.world.header.sleeve = k
            action(k)

    def _flatten(self, k: int) -> None:
        for i in range(len(self.world.instruments)):
            if int(self.world.positions[i].quantity) or int(self.world.books[k, i]["quantity"]):
                self.runner.act(k, Action.TARGET, i, 0, 0.0, 0.0, 0.0, 0)

    def orders(self) -> None:
        """Take what the world has for its broker; the runner calls this."""
        words = self._words
        now = words[self._now]
        for k in range(words[self._n_outbox]):
            slot, action, quantity, limit, stop = _OUTBOX.unpack_from(self._bytes, self._outbox_at + k * _OUTBOX.size)
            self.messages.append(Message(self.number, now, action, self.order_in(slot), quantity, limit, stop))
        words[self._n_outbox] = 0

    def order_in(self, slot: int) -> Any:
        """Return a copy of the order in a slot."""
        return Order._make(_ORDER.unpack_from(self._bytes, self._orders_at + slot * _ORDER.size))

    def job(self, timer: int, job: Job, view: AsOf, parameters: Mapping[str, Any]) -> None:
        """Note a job that is due; the runner calls this."""
        self.jobs.append(Work(timer, job, view, parameters))

    def take_messages(self) -> list[Message]:
        """Return what the world wants of its broker since the last call."""
        taken, self.messages = self.messages, []
        return taken

    def take_digests(self) -> list[Digest]:
        """Return the digests noted since the last call."""
        taken, self.digests = self.digests, []
        return taken

    @property
    def kill(self) -> int:
        """Why new risk is refused: bits of `Why`, 0 for not at all."""
        return int(self.world.header.kill)

    def snapshot(self) -> bytes | None:
        """Return the core as bytes; None where a plain-Python strategy keeps more than it has declared."""
        try:
            return self.runner.snapshot()
        except StrategyError:
            return None

    def restore(self, snapshot: bytes, number: int) -> None:
        """Go on from a snapshot taken before row `number`."""
        self.runner.restore(snapshot)
        self.number = number

    def open_orders(self) -> dict[int, Any]:
        """Return the account's open orders by id."""
        world = self.world
        n, at = int(world.header.n_open), world._offsets["off_open"]
        slots = world.block[at : at + 8 * n].view("<i8").tolist()
        orders = (self.order_in(slot) for slot in slots)
        return {order.id: order for order in orders}

    def quantities(self) -> NDArray[np.int64]:
        """Return the lots held, by instrument."""
        return np.array(self.world.positions["quantity"], np.int64)
