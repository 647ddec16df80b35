"""The pipeline: rows are committed, then applied; what the account then wants is intended, then sent.

Everything that changes the world goes through `flush`, in the session and in recovery alike:

1. What the desk has to say of orders becomes rows.
2. The journal commits the rows; then, not before, the core applies them one by one.
3. The account's messages become requests. Those that may go out now are committed as intents, durably, and sent;
   others are held until they may, or are given up once they are no longer fresh.
4. What came up on the way (a refusal makes an order event) goes round again, until nothing is left.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from lockstep.engine.events import ORDER

from . import clock, points
from .core import Core, Work
from .desk import Answer, Desk, Request
from .journal import Intent, Journal
from .journal.writing import packed, sealed, unpacked
from .latency import Latency
from .rows import Rows

ROOM_FOR_ORDERS = 1024


class Sending(Protocol):
    """Who sends requests."""

    def send(self, request: Request, *, settle: bool = False) -> None:
        """Queue a request."""


class Pipeline:
    """Journal, core and desk of one account.

    Parameters
    ----------
    journal : Journal
        Where rows go first.
    core : Core
        What applies them.
    desk : Desk
        What knows the orders.
    number, last : int
        Number of the next row, and stamp of the last one (ns UTC).
    """

    def __init__(self, journal: Journal, core: Core, desk: Desk, number: int = 0, last: int = -(2**62)) -> None:
        self.journal, self.core, self.desk = journal, core, desk
        self.rows = Rows(number=number, last=last)
        self.results: dict[int, Mapping[str, Any]] = {}
        self.jobs: list[Work] = []
        self.held: list[Request] = []
        self.sender: Sending | None = None
        self.may_send: Callable[[Request], bool] = lambda request: True
        self.is_fresh: Callable[[int], bool] = lambda ts: True
        self.now: Callable[[], int] = lambda: self.rows.last
        self.latency = Latency()
        self.received = clock.monotonic()
        self.behind = 0
        """How much older than now what is being taken is, ns: what is decided on it is as old."""
        self._times: dict[str, list[int]] = {}

    # -- rows ----------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many rows may be added before the next flush; some are kept for orders."""
        return self.rows.room - ROOM_FOR_ORDERS

    def hand_over(self, now: int, timer: int, result: Mapping[str, Any]) -> None:
        """Add the hand-over of a job's result."""
        number, payload = self.rows.number, packed(result)
        self.rows.hand_over(now, timer, sealed(payload))
        self.results[number] = unpacked(payload)
        self.journal.note_result(number, payload)

    def say(self) -> None:
        """Make rows of what the desk has to say of orders; broker's ids that it learned are committed first."""
        for key, broker_id, order_id in self.desk.incoming.take_bound():
            self.journal.acknowledge(key, "bound", broker_id, str(order_id))
        now = self.now()
        said = self.desk.incoming.take()
        while said and self.rows.room:
            each = said.pop(0)
            self.rows.update(
                now, each.instrument, each.ts, each.order_id, each.slot, each.code, each.reason, each.quantity,
                each.price, each.fee, each.filled,
            )  # fmt: skip
        self.desk.incoming.said = said + self.desk.incoming.said

    def flush(self) -> None:
        """Commit and apply all rows, and everything that comes of them."""
        self.say()
        while self.rows.n:
            self._commit()
            self._apply()
            self.say()
            self._ask()

    def _commit(self) -> None:
        self.journal.append(self.rows)
        self._committed = clock.monotonic()
        self.latency.add("journal", self._committed - self.received, self.rows.n)

    def _apply(self) -> None:
        rows, core = self.rows, self.core
        for j in range(rows.n):
            core.apply(rows, j, self.results.pop(rows.first + j, None) if self.results else None)
            if core.messages:
                self._decided()
            if core.jobs:
                self.jobs += core.jobs
                core.jobs = []
        points.reach("applied")
        rows.clear()
        self.journal.note_digests(core.take_digests())

    def _decided(self) -> None:
        decided = clock.monotonic()
        self.latency.add("decision", decided - self.received)
        before = len(self.desk.requests)
        self.desk.take(self.core.take_messages())
        for place, request in enumerate(self.desk.requests[before:], before):
            self._times[request.key] = [self.received, self._committed, decided]
            if self.behind:
                self.desk.requests[place] = request._replace(ts=request.ts - self.behind)

    # -- requests ------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        asked = self.held + self.desk.take_requests()
        if not asked:
            return
        going = []
        self.held = []
        for request in asked:
            if request.action != "cancel" and not self.is_fresh(request.ts):
                self.desk.answer(Answer(request.key, "abandoned", None, "no longer fresh", 0, 0), self.now(), 0)
            elif self.may_send(request):
                going.append(request)
            else:
                self.held.append(request)
        if going:
            self._send(going)
        self.say()

    def _send(self, requests: list[Request]) -> None:
        self.journal.intend([Intent(r.key, r.number, r.order_id, r.action, r.body, r.ts) for r in requests])
        intended = clock.monotonic()
        for request in requests:
            times = self._times.get(request.key)
            if times is not None:
                times.append(intended)
                self.latency.add("intent", intended - times[2])
            if self.sender is not None:
                self.sender.send(request)

    def release(self) -> None:
        """Look again whether what was held may go out."""
        if self.held or self.desk.requests:
            self._ask()
        self.flush()

    def answer(self, answer: Answer, body: str = "") -> None:
        """Take what became of a request."""
        broker_id = answer.order.id if answer.order is not None else ""
        self.journal.acknowledge(answer.key, answer.outcome, broker_id, answer.detail, body)
        times = self._times.pop(answer.key, None)
        if times is not None and len(times) == 4 and answer.sent:
            self.latency.add("send", answer.sent - times[3])
            self.latency.add("answer", answer.answered - answer.sent)
            self.journal.note_timing(answer.key, [*times, answer.sent, answer.answered])
        self.desk.answer(answer, self.now(), self.rows.number)

    def replay(self, j: int) -> None:
        """Apply a row that the journal holds already, and let the desk hear of it as it did then."""
        core, rows = self.core, self.rows
        core.apply(rows, j, self.results.pop(rows.first + j, None))
        if core.messages:
            self.desk.take(core.take_messages())
        if core.jobs:
            self.jobs += core.jobs
            core.jobs = []
        _, kind, _ = rows.head(j)
        if kind == ORDER:
            event = rows.events[j]
            order_id, code = int(event["order_id"]), int(event["code"])
            self.desk.observe(order_id, code, *(int(event[name]) for name in ("quantity", "price", "fee")))
            self._heard(order_id, code)

    def _heard(self, order_id: int, code: int) -> None:
        """Forget what the desk says again in recovery, once the row comes that it made then."""
        said = self.desk.incoming.said
        for place, each in enumerate(said):
            if (each.order_id, each.code) == (order_id, code):
                del said[place]
                return
