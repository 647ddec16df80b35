"""The venue itself: its time, its account, its streams, and what happens when time goes on."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lockstep.engine.events import BAR, HALT, RESUME, TRADE, Events, empty, join

from . import actions
from .bars import BarScript
from .desk import Desk
from .faults import UPDATES, Script
from .history import History
from .hours import Hours
from .messages import Encoder
from .orders import Order
from .recording import Recording
from .streams import Market, Updates
from .timeline import Timeline
from .wire import identity, iso

WARM_GROUPS = 1024


@dataclass(frozen=True)
class Options:
    """How a venue behaves.

    Parameters
    ----------
    key, secret : str
        What clients sign in with.
    token : str
        What the side channel asks for.
    multiplier : int
        Buying power as a multiple of equity.
    lenient : bool
        Whether orders are taken that Alpaca refuses and the engine does not: those that turn a position round, that
        could trade with the account's own, that come for an auction in the wrong hours.
    rate_limit : int
        Requests a minute of the wall clock; 0: any number.
    symbol_limit : int
        Most symbols of one channel of market data; 0: any number.
    """

    key: str = "LOCKSTEP"
    secret: str = field(default="local-venue", repr=False)
    token: str = field(default="", repr=False)
    multiplier: int = 4
    lenient: bool = False
    rate_limit: int = 0
    symbol_limit: int = 0


class Venue:
    """A running venue.

    Parameters
    ----------
    recording : Recording
        What it replays.
    options : Options
        How it behaves.
    """

    def __init__(self, recording: Recording, options: Options) -> None:
        self.recording, self.options = recording, options
        self.hours = Hours(recording.sessions, recording.starts)
        self.script = Script()
        self.revoked = False
        self.updates = Updates("updates", self.authorised, self.script)
        symbols = tuple(each.symbol for each in recording.instruments)
        self.market = Market(self.authorised, self.script, symbols, options.symbol_limit)
        self.desk = Desk(recording, self.hours, self.tell, multiplier=options.multiplier, lenient=options.lenient)
        self.encoder = Encoder(symbols, daily=recording.daily)
        self.bars = BarScript(self.script, symbols)
        self.history = History(recording)
        self.slice = 0
        self.timeline = Timeline(recording, self._begin_round)
        self._held_updates: list[dict[str, Any]] = []
        self._shuffle = self._told = 0
        self._warm_up()

    def authorised(self, key: str, secret: str) -> bool:
        """Return whether a key and secret are good."""
        return not self.revoked and (key, secret) == (self.options.key, self.options.secret)

    @property
    def now(self) -> int:
        """The venue's time, ns UTC."""
        return self.hours.now

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.timeline.next_time is None

    # -- time ----------------------------------------------------------------------------------------------------

    def _begin_round(self, shift: int) -> None:
        self.hours.begin_round(shift)
        self.history.begin_round(shift)

    def _warm_up(self) -> None:
        """Let all that was known before the venue opens pass without telling anybody."""
        parts: list[Events] = []
        while (ts := self.timeline.next_time) is not None and ts < self.recording.starts:
            parts.append(self.timeline.pop())
            if len(parts) >= WARM_GROUPS:
                self._absorb_silently(parts)
        self._absorb_silently(parts)

    def _absorb_silently(self, parts: list[Events]) -> None:
        if parts:
            rows = join(*parts)
            self.desk.counter.drive(rows, 0, len(rows))
            self.history.absorb(rows)
            parts.clear()

    def advance(self) -> int:
        """Let the next group of events happen; return the number of its market events."""
        group = self.timeline.pop()
        self._tick(int(group["ts_available"][0]))
        self.desk.drive(group)
        self.history.absorb(group)
        self._send(group)
        return int(np.count_nonzero((group["kind"] >= BAR) & (group["kind"] <= TRADE)))

    def wake(self, ts: int) -> None:
        """Let time go on to `ts` without any event."""
        self._tick(ts)
        self.flush_updates()

    def _tick(self, ts: int) -> None:
        self.hours.now = ts
        self.slice += 1
        self.script.slice, self.script.now = self.slice, ts
        self.desk.release()
        actions.run(self)

    def touch(self, ts: int) -> None:
        """Move the clock within a slice, where the venue follows the wall clock."""
        self.hours.now = max(self.hours.now, ts)
        self.desk.release()

    def _send(self, group: Events) -> None:
        midnight = self.hours.midnight_before(int(group["ts_event"][-1]))
        wanted = self.market.wanted if self.market.live is not None else {}
        self.market.send(self.bars.play(self.encoder.encode(group, midnight, wanted), self.slice))
        self.flush_updates()

    # -- what is told --------------------------------------------------------------------------------------------

    def tell(self, event: str, order: Order, fill: dict[str, Any]) -> None:
        """Tell one trade update, the way the script of faults wants it."""
        self.desk.high_water(order)
        self._told += 1
        data = {
            "event": event,
            "event_id": identity("update", self._told),
            "at": iso(self.now),
            **fill,
            "timestamp": iso(fill.get("timestamp", self.now)),
            "order": order.to_json(),
        }
        fault = self.script.take(UPDATES, event=event, symbol=order.symbol)
        kind = fault.fault if fault is not None else ""
        if fault is not None and kind == "shuffle":
            self._shuffle = fault.count + 1
        if self._shuffle:
            self._held_updates.append(data)
            self._shuffle -= 1
            if self._shuffle == 0:
                self.flush_updates()
            return
        if kind == "lose":
            return
        if kind == "unknown_status":
            data["order"] = {**data["order"], "status": "half_done"}
        self.updates.send(data if kind != "null_data" else None)  # type: ignore[arg-type]
        if fault is not None and kind == "dup":
            for _ in range(fault.count):
                self.updates.send(data)

    def flush_updates(self) -> None:
        """Send what a fault held back, the last first."""
        held, self._held_updates, self._shuffle = self._held_updates, [], 0
        for data in reversed(held):
            self.updates.send(data)

    def halt(self, symbol: str, *, resume: bool = False) -> None:
        """Halt an instrument, or let it trade again."""
        event = empty(1)
        event["ts_available"] = event["ts_event"] = self.now
        event["instrument"], event["kind"] = self.desk.symbols[symbol], RESUME if resume else HALT
        self.desk.drive(event)
        self.history.absorb(event)
        self._send(event)
