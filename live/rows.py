"""A buffer of event rows that is filled one by one, without an allocation for any."""

from struct import Struct

import numpy as np

from lockstep.engine.events import (
    CONTROL,
    DIVIDEND,
    EVENT,
    HALT,
    HAND_OVER,
    ORDER,
    QUOTE,
    SESSION_CLOSE,
    SLICE,
    SLICE_AFTER,
    SPLIT,
    TIMER,
    TRADE,
    Events,
)  # fmt: skip

SIZE = EVENT.itemsize
MARKET = Struct("<qqqihHqddddd")
PLAIN = Struct("<qqqihHqqqqqq")
UPDATE = Struct("<qqqihHqqqqihhq")
HEAD = Struct("<ihH")
HEAD_AT = 24
"""Where an event's instrument, kind and flags lie."""

assert MARKET.size == PLAIN.size == UPDATE.size == SIZE


class Rows:
    """Rows in the making, numbered and stamped.

    Each gets ``ts_available = max(now, last + 1)``, so that the order of the rows is the order of the stream.

    Parameters
    ----------
    capacity : int
        Rows that it holds at most.
    number : int
        Number of the next row.
    last : int
        Stamp of the row before it, ns UTC.
    """

    def __init__(self, capacity: int = 4096, number: int = 0, last: int = -(2**62)) -> None:
        self.events = np.zeros(capacity, EVENT)
        self.bytes = memoryview(self.events.view("u1"))
        self.capacity, self.n, self.first, self.last = capacity, 0, number, last

    @property
    def room(self) -> int:
        """How many more rows there is room for."""
        return self.capacity - self.n

    @property
    def number(self) -> int:
        """Number of the next row."""
        return self.first + self.n

    def load(self, first: int, events: Events) -> None:
        """Take rows that were made before, in the place of what is there."""
        self.events[: len(events)] = events
        self.first, self.n = first, len(events)
        if self.n:
            self.last = int(events["ts_available"][-1])

    def clear(self) -> None:
        """Make room for the rows that follow."""
        self.first += self.n
        self.n = 0

    def _stamp(self, now: int) -> int:
        self.last = now if now > self.last else self.last + 1
        return self.last

    def market(
        self, now: int, kind: int, instrument: int, flags: int, ts_open: int, ts_event: int,
        values: tuple[float, float, float, float, float],
    ) -> None:  # fmt: skip
        """Add a bar, close, quote or trade; `values` fill the payload from its second place on."""
        stamp = self._stamp(now)
        number = self.first + self.n
        MARKET.pack_into(self.bytes, self.n * SIZE, stamp, ts_event, number, instrument, kind, flags, ts_open, *values)
        self.n += 1

    def quote(
        self, now: int, instrument: int, flags: int, ts: int, bid: float, ask: float, bids: float, asks: float
    ) -> None:
        """Add a quote; sizes in shares."""
        self.market(now, QUOTE, instrument, flags, ts, ts, (bid, ask, bids, asks, 0.0))

    def trade(self, now: int, instrument: int, flags: int, ts: int, price: float, size: float) -> None:
        """Add a trade."""
        self.market(now, TRADE, instrument, flags, ts, ts, (price, size, 0.0, 0.0, 0.0))

    def plain(self, now: int, kind: int, instrument: int, ts_event: int, *values: int, flags: int = 0) -> None:
        """Add a row whose payload are whole numbers."""
        stamp = self._stamp(now)
        filled = (*values, *(0,) * (6 - len(values)))
        PLAIN.pack_into(
            self.bytes, self.n * SIZE, stamp, ts_event, self.first + self.n, instrument, kind, flags, *filled
        )
        self.n += 1

    def slice(self, now: int, ts_event: int) -> None:
        """Add a slice: everything for `ts_event` is in."""
        self.plain(now, SLICE, -1, ts_event)

    def timer(self, now: int, ts_event: int, number: int) -> None:
        """Add a timer."""
        self.plain(now, TIMER, -1, ts_event, number)

    def hand_over(self, now: int, number: int, seal: int) -> None:
        """Add the hand-over of the result of a job, by its timer's number, with a hash of the result."""
        self.plain(now, HAND_OVER, -1, now, number, seal)

    def session_close(self, now: int, ts_event: int, session: int, nights: int, *, sliced: bool) -> None:
        """Add a session's close, which may be its last slice too."""
        self.plain(now, SESSION_CLOSE, -1, ts_event, session, nights, flags=SLICE_AFTER if sliced else 0)

    def split(self, now: int, instrument: int, ts_event: int, numerator: int, denominator: int) -> None:
        """Add a split."""
        self.plain(now, SPLIT, instrument, ts_event, numerator, denominator)

    def dividend(self, now: int, instrument: int, ts_event: int, pay_ts: int, amount: int) -> None:
        """Add a dividend, in 1e-9 dollars a share."""
        self.plain(now, DIVIDEND, instrument, ts_event, pay_ts, amount)

    def status(self, now: int, kind: int, instrument: int, ts_event: int) -> None:
        """Add a listing, a halt, a resumption."""
        assert kind >= HALT - 1
        self.plain(now, kind, instrument, ts_event)

    def update(
        self, now: int, instrument: int, ts_event: int, order_id: int, slot: int, code: int, reason: int,
        quantity: int = 0, price: int = 0, fee: int = 0, filled: int = 0,
    ) -> None:  # fmt: skip
        """Add an order event."""
        self._update(now, ORDER, instrument, ts_event, order_id, slot, code, reason, quantity, price, fee, filled)

    def control(self, now: int, code: int, value: int = 0, flags: int = 0) -> None:
        """Add a control."""
        self._update(now, CONTROL, -1, now, 0, -1, code, 0, value, 0, 0, 0, flags)

    def _update(
        self, now: int, kind: int, instrument: int, ts_event: int, order_id: int, slot: int, code: int, reason: int,
        quantity: int, price: int, fee: int, filled: int, flags: int = 0,
    ) -> None:  # fmt: skip
        stamp = self._stamp(now)
        UPDATE.pack_into(
            self.bytes, self.n * SIZE, stamp, ts_event, self.first + self.n, instrument, kind, flags,
            order_id, quantity, price, fee, slot, code, reason, filled,
        )  # fmt: skip
        self.n += 1

    def head(self, j: int) -> tuple[int, int, int]:
        """Return instrument, kind and flags of row j."""
        return HEAD.unpack_from(self.bytes, j * SIZE + HEAD_AT)  # type: ignore[return-value]
