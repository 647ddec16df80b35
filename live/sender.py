"""Sending requests: threads that ask, find out what became of it, and say so once it is known.

A request that came to nothing definite is looked up under its client order id before it is sent again under the same
one. Cancellations overtake submissions. One client for each thread, since `requests` promises no more.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import clock, points
from .alpaca import decode
from .alpaca.decode import BrokerOrder, Undecodable
from .alpaca.rest import Kind, Outcome, Rest
from .desk import Answer, Request

LOOKUPS = (0.0, 0.1, 0.3, 0.6)
"""Seconds to wait before each lookup of a request of which nobody knows whether it arrived."""
UNREACHABLE_SECONDS = 1.0
WASH_LOOKS = 50


class Alarm(NamedTuple):
    """What the session must know beyond the answer: ``denied``, ``clash``, ``limited``, ``unsure``; in words."""

    kind: str
    detail: str


class Sender:
    """Threads that send.

    Parameters
    ----------
    connect : callable
        Makes a client.
    deliver : callable
        Gets each answer, on the sending thread.
    alarm : callable
        Gets an `Alarm`, on the sending thread.
    is_fresh : callable
        Whether a request decided at a time (ns UTC) may still be sent.
    threads : int
        How many; an order's requests all go through one.
    """

    def __init__(
        self, connect: Callable[[], Rest], deliver: Callable[[Answer], None], alarm: Callable[[Alarm], None],
        is_fresh: Callable[[int], bool], threads: int = 2,
    ) -> None:  # fmt: skip
        self._deliver, self._alarm, self._is_fresh = deliver, alarm, is_fresh
        self._stop = threading.Event()
        self._limited_until = 0
        self._count = 0
        self.in_flight = 0
        self._queues: list[queue.PriorityQueue[Any]] = [queue.PriorityQueue() for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._work, args=(each, connect), name=f"sender-{k}", daemon=True)
            for k, each in enumerate(self._queues)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, request: Request, *, settle: bool = False) -> None:
        """Queue a request; `settle`: it may have arrived already, so look first."""
        self._count += 1
        self.in_flight += 1
        urgency = 0 if request.action == "cancel" else 1
        chosen = self._queues[request.order_id % len(self._queues)]
        chosen.put((urgency, self._count, request, settle))

    def answered(self) -> None:
        """Note that an answer has been taken; called by the session."""
        self.in_flight -= 1

    def stop(self) -> None:
        """End the threads; what is queued is not sent."""
        self._stop.set()
        for each in self._queues:
            each.put((-1, 0, None, False))
        for thread in self._threads:
            thread.join(timeout=2.0)

    def _work(self, requests: "queue.PriorityQueue[Any]", connect: Callable[[], Rest]) -> None:
        rest = connect()
        while True:
            _, _, request, settle = requests.get()
            if request is None or self._stop.is_set():
                return
            task = _Task(self, rest, request)
            answer = task.settled() if settle else task.run()
            if answer is not None:
                self._deliver(answer)

    def wait(self, seconds: float) -> bool:
        """Let time pass on a sending thread; return whether the threads are to end."""
        return clock.pause(seconds, self._stop)

    def limited(self, seconds: float) -> None:
        """Note that the rate limit was hit."""
        self._limited_until = max(self._limited_until, clock.monotonic() + int(seconds * 1e9))
        self._alarm(Alarm("limited", f"rate limit, {seconds:.1f} s"))

    def wait_for_limit(self) -> bool:
        """Wait until the rate limit is lifted; return whether the threads are to end."""
        left = (self._limited_until - clock.monotonic()) / 1e9
        return self.wait(left) if left > 0 else self._stop.is_set()


class _Task:
    """One request on its way."""

    def __init__(self, sender: Sender, rest: Rest, request: Request) -> None:
        self.sender, self.rest, self.request = sender, rest, request
        self.sent = self.back = 0

    def run(self) -> Answer | None:
        """Send until something definite is known; None where the threads are to end."""
        while True:
            if self.sender.wait_for_limit():
                return None
            if self._is_stale():
                return self._answer("abandoned", None, "no longer fresh")
            outcome = self._send()
            found = self._judge(outcome)
            if found is not None:
                return found
            if self.sender._stop.is_set():
                return None

    def _send(self) -> Outcome:
        points.reach("send-before")
        self.sent, (_, action, _, body, _, _) = clock.monotonic(), self.request
        if action == "submit":
            outcome = self.rest.submit(body)
        elif action == "cancel":
            outcome = self.rest.cancel(body["id"])
        else:
            outcome = self.rest.replace(body["id"], {name: value for name, value in body.items() if name != "id"})
        self.back = clock.monotonic()
        points.reach("send-after")
        return outcome

    def _is_stale(self) -> bool:
        return self.request.action != "cancel" and not self.sender._is_fresh(self.request.ts)

    def _judge(self, outcome: Outcome) -> Answer | None:
        """Return the answer, or None where the request must be sent again."""
        if outcome.kind is Kind.OK:
            return self._landed(outcome)
        if outcome.kind is Kind.LIMITED:
            self.sender.limited(outcome.wait)
            return None
        if outcome.kind is Kind.DENIED:
            self.sender._alarm(Alarm("denied", outcome.detail))
            return self._answer("refused", None, f"{outcome.status} {outcome.detail}")
        if outcome.kind is Kind.WASH:
            return self._unwash(outcome)
        if outcome.kind in (Kind.DUPLICATE, Kind.UNSURE):
            return self._look_up(outcome)
        return self._answer("refused", None, f"{outcome.status} {outcome.detail}")

    def _landed(self, outcome: Outcome) -> Answer | None:
        if self.request.action == "cancel":
            return self._answer("landed", None, "")
        try:
            return self._answer("landed", decode.order(outcome.data), "")
        except Undecodable as error:
            return self._look_up(outcome._replace(kind=Kind.UNSURE, detail=str(error)))

    def _answer(self, outcome: str, order: BrokerOrder | None, detail: str) -> Answer:
        return Answer(self.request.key, outcome, order, detail, self.sent, self.back)

    def settled(self) -> Answer | None:
        """Find out what became of a request of which only the intention is known, and send it if it never arrived."""
        return self._look_up(Outcome(Kind.UNSURE, 0, "interrupted", None)) or self.run()

    def _look_up(self, outcome: Outcome) -> Answer | None:
        """Ask whether a request has arrived; None where it has not and is still fresh."""
        if self.request.action == "cancel":
            # Asking twice does no harm.
            return self._answer("refused", None, "unsure") if self.sender.wait(LOOKUPS[1]) else None
        tries = 0
        while tries < len(LOOKUPS):
            if self.sender.wait(LOOKUPS[tries]):
                return None
            found = self.rest.order_by_client_id(self.request.key)
            if found.kind is Kind.OK:
                return self._found(found, outcome)
            if found.kind is Kind.LIMITED:
                self.sender.limited(found.wait)
                self.sender.wait_for_limit()
            elif found.kind in (Kind.MISSING, Kind.REFUSED):
                tries += 1
            else:
                # The broker cannot be reached: until he can, nobody knows.
                self.sender._alarm(Alarm("denied" if found.kind is Kind.DENIED else "unsure", found.detail))
                if self.sender.wait(UNREACHABLE_SECONDS):
                    return None
        if self._is_stale():
            return self._answer("abandoned", None, f"never arrived ({outcome.detail}), and no longer fresh")
        return None

    def _found(self, found: Outcome, outcome: Outcome) -> Answer | None:
        try:
            order = decode.order(found.data)
        except Undecodable as error:
            self.sender._alarm(Alarm("unsure", str(error)))
            return self._answer("unsure", None, str(error))
        if outcome.kind is Kind.DUPLICATE and not same(order, self.request.body):
            detail = f"{self.request.key}: the broker has another order of this id"
            self.sender._alarm(Alarm("clash", detail))
            return self._answer("refused", None, detail)
        return self._answer("landed", order, "")

    def _unwash(self, outcome: Outcome) -> Answer | None:
        """Cancel our own order on the other side, wait for its end, and let the request be sent again."""
        resting = str(outcome.data.get("existing_order_id") or "")
        look = self.rest.order(resting) if resting else outcome
        ours = look.kind is Kind.OK and str(look.data.get("client_order_id", "")).startswith("ls-")
        if not ours:
            return self._answer("refused", None, f"{outcome.status} {outcome.detail}")
        self.sender._alarm(Alarm("wash", resting))
        self.rest.cancel(resting)
        for _ in range(WASH_LOOKS):
            look = self.rest.order(resting)
            if look.kind is Kind.OK and look.data.get("status") in decode.FINAL:
                return None
            if self.sender.wait(0.1):
                return None
        return self._answer("refused", None, f"{outcome.status} {outcome.detail}")


def same(order: BrokerOrder, body: Mapping[str, Any]) -> bool:
    """Return whether an order that the broker has is the one that a body asks for."""
    prices = ((order.limit, body.get("limit_price")), (order.stop, body.get("stop_price")))
    terms = all(given is None or decode.number(given) == has for has, given in prices)
    size = order.quantity is None or order.quantity == decode.number(body.get("qty"))
    sides = (order.symbol, order.side) == (body.get("symbol", order.symbol), body.get("side", order.side))
    return terms and size and sides
