"""A counter at the simulated broker, for orders that no strategy of this world proposes.

The local venue takes orders from outside and gives them to an account whose only strategy listens. They go through the
same step, the same matching and the same ledger as any other order:

1. `place`, `cancel` and `change` put proposals and requests where a strategy's would stand.
2. `settle` sends a slice through the step at the time it is: the account judges, the broker takes, and what the broker
   says at once is heard. Nothing is matched, for a slice has no prices.
3. `drive` sends market events through the step. Whatever an order undergoes is reported, in order.

`cross` and `correct` are for what markets and brokers do beyond the rules: a fill out of turn, a fill taken back.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import records as r
from .arena import address, at
from .broker.matching import match
from .codes import Reason, Update
from .compile import int64, kernel
from .events import EVENT, QUOTE, SLICE, Events
from .instruments import Instrument
from .ledger import charge, mark_to, trade
from .orders import PENDING_REPLACE, REPLACE, _own, _pair, _post, begin_group, cancel, end_group, propose
from .output import Output
from .python_strategy import Strategy
from .risk import REFUSED
from .settings import Risk, Settings
from .step import WAITS_CALLBACK
from .tables import broker_at, event_at, open_slot, order_in, position, proposed_slot, resting, world_at
from .world import Sleeve, World, _callable

LEG = np.dtype([(name, "<i8") for name in ("instrument", "quantity", "type", "tif", "limit", "stop", "trail")])
"""One order of a group; quantity in lots, signed, prices in micros on the tick."""
_leg_at = at(LEG)
_FILL = int(Update.FILL)


@kernel
def _link(world: Any, n: int) -> None:
    """Make the last two proposals exits of one another and, of three, of the first."""
    target, stop = (
        proposed_slot(world, world.n_proposed - 2).slot,
        proposed_slot(world, world.n_proposed - 1).slot,
    )
    _pair(world, target, stop)
    # What may be closed is the caller's to say: nothing is shrunk here.
    order_in(world, target).reduce_only, order_in(world, stop).reduce_only = 0, 0
    if n == 3:
        entry = order_in(world, proposed_slot(world, world.n_proposed - 3).slot)
        entry.child_target, entry.child_stop = target, stop
        order_in(world, target).parent, order_in(world, stop).parent = entry.id, entry.id


@kernel
def _place(world_address: int, legs: int, n: int) -> int:
    """Propose one order, a pair of exits, or an entry with its exits; return the first id, 0 without room."""
    world = world_at(world_address, 0)
    if world.n_free < n:
        return 0
    world.sleeve = 0
    if n > 1:
        begin_group(world)
    first = 0
    for k in range(n):
        leg = _leg_at(legs, k)
        made = propose(world, leg.instrument, leg.quantity, leg.type, leg.tif, leg.limit, leg.stop, leg.trail)
        if k == 0:
            first = made
    if n > 1:
        _link(world, n)
        end_group(world)
    return int64(first)


@kernel
def _cancel(world_address: int, order_id: int) -> int:
    world = world_at(world_address, 0)
    world.sleeve = 0
    return int64(cancel(world, order_id))


@kernel
def _change(
    world_address: int, broker_address: int, order_id: int, quantity: int, limit: int, stop: int, trail: int, tif: int
) -> int:
    """Ask for new terms of an open order, larger ones too; 0 where it is not open or being changed already."""
    world, broker = world_at(world_address, 0), broker_at(broker_address, 0)
    world.sleeve = 0
    slot = _own(world, order_id)
    if slot < 0 or order_in(world, slot).status == PENDING_REPLACE:
        return 0
    order, own = order_in(world, slot), resting(broker, slot)
    order.status = PENDING_REPLACE
    order.tif = own.tif = tif
    if trail > 0 and trail != own.trail:
        order.trail = own.trail = trail
        own.stop = own.extreme + trail if own.remaining > 0 else max(own.extreme - trail, 1)
    _post(world, slot, REPLACE, quantity, limit, stop)
    return 1


@kernel
def _cross(world_address: int, broker_address: int, event: int) -> int:
    """Match one event out of turn, without marking anything by it; return how many order events wait.

    What is still under way to the broker counts as arrived.
    """
    world, broker, quote = world_at(world_address, 0), broker_at(broker_address, 0), event_at(event, 0)
    for k in range(world.n_open):
        own = resting(broker, open_slot(world, k).slot)
        if own.instrument == quote.instrument:
            own.eligible = min(own.eligible, quote.ts_event)
    match(broker, quote)
    world.n_waiting = broker.n_queue
    return int64(broker.n_queue)


@kernel
def _correct(world_address: int, instrument: int, quantity: int, price: int, fee: int) -> int:
    """Book lots at a price, without an order, and a fee."""
    world = world_at(world_address, 0)
    held = position(world, instrument)
    realised = trade(world, held, quantity, price)
    charge(world, held, fee)
    mark_to(world, held, held.mark)
    return int64(realised)


class Report(NamedTuple):
    """What the broker says of an order.

    `code` is one of `codes.Update`, `reason` one of `codes.Reason`. `quantity` (signed lots) and `price` (micros a
    share) are those of the fill, or of the new terms, to which `stop` belongs; `fee` (micros) goes with a fill.
    `happened` and `known` are ns UTC.
    """

    order_id: int
    instrument: int
    code: int
    reason: int
    quantity: int
    price: int
    stop: int
    fee: int
    happened: int
    known: int


class Terms(NamedTuple):
    """One order to place; quantity in lots, signed, prices in micros on the tick."""

    instrument: int
    quantity: int
    type: int
    tif: int
    limit: int = 0
    stop: int = 0
    trail: int = 0


class _Listener(Strategy):
    """Decides nothing and hears of every order; the counter answers in its place."""

    name: ClassVar[str] = "counter"

    def on_order(self, update: Any) -> None:
        """Stand for the callback; the counter reads the broker's queue itself."""


class Counter:
    """An account at the simulated broker whose orders come from outside.

    Parameters
    ----------
    instruments : sequence of Instrument
        What is traded, in any order.
    settings : Settings
        Account, costs and execution; nobody is judged here by limits on risk, whoever sends the orders is.
    listen : callable
        Gets a `Report` for everything that orders undergo, at the moment at which the account has booked it.
    """

    def __init__(self, instruments: Sequence[Instrument], settings: Settings, listen: Callable[[Report], None]) -> None:
        open_risk = Settings(settings.account, settings.costs, settings.execution, Risk.unlimited())
        self.world = World(instruments, [Sleeve(_Listener)], open_risk)
        self.listen = listen
        self.refused: dict[int, Reason] = {}
        self.flows: list[Any] = []
        self._output = Output(self.world, 4096)
        self._legs = np.zeros(3, LEG)
        self._event = np.zeros(1, EVENT)
        self._calls = {
            name: _callable(function, n)
            for name, function, n in (
                ("place", _place, 3), ("cancel", _cancel, 2), ("change", _change, 8), ("cross", _cross, 3),
                ("correct", _correct, 5),
            )
        }  # fmt: skip
        self._queue = self.world.queue_rows
        self._world, self._broker = address(self.world.block), address(self.world.broker_block)

    def place(self, terms: Sequence[Terms]) -> int:
        """Propose an order, two exits (target, stop), or an entry with two; ids follow one another.

        Returns
        -------
        int
            The first id; 0 where there is no room for them.
        """
        for k, each in enumerate(terms):
            self._legs[k] = tuple(each)
        return int(self._calls["place"](self._world, address(self._legs), len(terms)))

    def cancel(self, order_id: int) -> bool:
        """Ask for an order's cancellation; False where it is not open."""
        return bool(self._calls["cancel"](self._world, order_id))

    def change(self, order_id: int, quantity: int, limit: int, stop: int, trail: int, tif: int) -> bool:
        """Ask for new terms of an open order (quantity: signed, whole order); False where it cannot be changed."""
        return bool(self._calls["change"](self._world, self._broker, order_id, quantity, limit, stop, trail, tif))

    def settle(self, now: int) -> None:
        """Let what was asked for reach the broker at `now` (ns UTC), and hear what he says at once."""
        for _ in range(2):  # the broker answers what he was sent when the step begins again
            event = self._blank(now)
            event["kind"], event["instrument"] = SLICE, -1
            self.drive(self._event, 0, 1)

    def drive(self, events: Events, start: int, stop: int) -> None:
        """Send events `start` to `stop` - 1 through the step.

        Raises
        ------
        EngineError
            If the ledger does not balance, or overflowed.
        """
        world, header, j = self.world, self.world.header, start
        while j < stop or header.waits:
            j = world.drive(events, j, stop, self._output)
            if header.error:
                world.check()
            if header.waits == WAITS_CALLBACK:
                header.waits = 0
                self._report()
            elif self._output.words[0]:
                self._read_logs()
        self._read_logs()

    def cross(self, instrument: int, quantity: int, price: int, now: int) -> None:
        """Fill resting orders that `quantity` lots (positive: buy orders) at a price in micros can fill, at `now`."""
        event = self._blank(now)
        lots = int(self.world.positions[instrument]["lots"])
        event["kind"], event["instrument"] = QUOTE, instrument
        event["bid"] = event["ask"] = price / 1e6
        event["ask_size"] = quantity / lots if quantity > 0 else 0.0
        event["bid_size"] = -quantity / lots if quantity < 0 else 0.0
        self._calls["cross"](self._world, self._broker, address(self._event))
        self.settle(now)

    def correct(self, instrument: int, quantity: int, price: int, fee: int = 0) -> None:
        """Book lots (signed) at a price in micros without an order: a fill taken back, a transfer."""
        self._calls["correct"](self._world, instrument, quantity, price, fee)
        self.world.check()

    def _blank(self, now: int) -> Any:
        self._event[0] = np.zeros((), EVENT)
        event = self._event[0]
        event["ts_available"] = event["ts_event"] = now
        return event

    def _report(self) -> None:
        event = self._queue[int(self.world.header.queue) - 1]["event"]
        names = ("order_id", "instrument", "code", "reason", "quantity", "price", "fee", "ts_event", "ts_available")
        order, instrument, code, reason, quantity, price, other, happened, known = (int(event[name]) for name in names)
        # The event's field holds a fill's fee, or the stop of new terms.
        stop, fee = (0, other) if code == _FILL else (other, 0)
        self.listen(Report(order, instrument, code, reason, quantity, price, stop, fee, happened, known))

    def _read_logs(self) -> None:
        header = self._output.header
        if not (header.decisions_n or header.flows_n or self._output.words[0]):
            self._output.clear()
            return
        logs: dict[str, NDArray[Any]] = self._output.take()
        decisions = logs["decisions"]
        for row in decisions[decisions["verdict"] == REFUSED]:
            self.refused[int(row["order_id"])] = Reason(int(row["code"]))
        self.flows.extend(logs["flows"])

    def resting_price(self, order_id: int) -> tuple[int, int]:
        """Return the stop and the best price so far of an open order in micros, 0 where it has none."""
        rows = self._resting_rows()
        found = np.flatnonzero(rows["id"] == order_id)
        return (0, 0) if len(found) == 0 else (int(rows["stop"][found[0]]), int(rows["extreme"][found[0]]))

    def _resting_rows(self) -> Any:
        world = self.world
        start = int(world.broker["off_resting"])
        return world.broker_block[start : start + world.slots * r.RESTING.itemsize].view(r.RESTING)


__all__ = ["Counter", "Report", "Terms"]
