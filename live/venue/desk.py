"""The account: orders come in as Alpaca's, go to the engine's counter, and what becomes of them is told.

1. `submit` checks an order against the account (`margin`), places it at the counter and lets it reach the broker.
2. The counter reports what orders undergo, in order; `_hear` brings the order up to date, writes the activity, and
   tells the trade_updates stream.
3. `cancel` and `replace` ask the counter; Alpaca's replacement is a new order in the place of the old.
"""

from collections.abc import Callable
from typing import Any

from lockstep.engine.codes import Reason, Update
from lockstep.engine.counter import Counter, Report
from lockstep.engine.events import Events
from lockstep.engine.money import notional as worth

from . import making, margin
from .activities import Activities
from .hours import Hours
from .orders import FINAL, TIFS, WAITING, Order
from .recording import Recording
from .rules import BAD_REQUEST, Refusal, Request, check_exits, forbidden, not_found, unprocessable
from .wire import identity, money, shares

Tell = Callable[[str, Order, dict[str, Any]], None]
"""Gets the event's name, the order, and the fields of a fill."""

_REFUSED = {
    Reason.NO_PRICE: 'asset "{}" has no price yet',
    Reason.NOT_LISTED: "asset {} is not active",
    Reason.NOT_SHORTABLE: 'asset "{}" cannot be sold short',
    Reason.EQUITY: "insufficient buying power",
}


class Desk:
    """Orders, positions and cash of the one account.

    Parameters
    ----------
    recording : Recording
        What is traded, and under which settings.
    hours : Hours
        The venue's calendar and time.
    tell : callable
        See `Tell`.
    multiplier : int
        Buying power as a multiple of equity.
    lenient : bool
        Whether orders are taken that only Alpaca refuses; see `margin.check`.
    """

    def __init__(
        self, recording: Recording, hours: Hours, tell: Tell, *, multiplier: int = 4, lenient: bool = False
    ) -> None:
        self.recording, self.hours, self.tell = recording, hours, tell
        self.multiplier, self.lenient = multiplier, lenient
        self.counter = Counter(recording.instruments, recording.settings, self._hear)
        self.instruments = recording.instruments
        self.symbols = {each.symbol: number for number, each in enumerate(self.instruments)}
        self.assets = {identity("asset", each.symbol): number for number, each in enumerate(self.instruments)}
        self.orders: dict[str, Order] = {}
        self.by_client: dict[str, Order] = {}
        self.by_engine: dict[int, Order] = {}
        """Open orders by the engine's id."""
        self.replacing: dict[int, Order] = {}
        self.waiting_open: list[tuple[int, Order]] = []
        """Orders that came while the market was closed, with the next open, ns UTC."""
        self.pending_legs: dict[int, Order] = {}
        """An OTO's leg by its entry's number at the engine."""
        self.activities = Activities()
        self.executions = 0
        self.cap: int | None = None
        """Buying power in micros that a fault has left, None for what the account has."""

    # -- what the account is -------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The venue's time, ns UTC."""
        return self.hours.now

    @property
    def header(self) -> Any:
        """The account's own record."""
        return self.counter.world.header

    def position(self, instrument: int) -> Any:
        """Return the record of what is held of an instrument."""
        return self.counter.world.positions[instrument]

    def find(self, symbol: str) -> tuple[int, Any] | None:
        """Return an instrument's number and description by ticker or asset id, None where there is none."""
        place = self.symbols.get(symbol, self.assets.get(symbol))
        return None if place is None else (place, self.instruments[place])

    def open_orders(self, instrument: int | None = None) -> list[Order]:
        """Return the open orders, oldest first."""
        return [order for order in self.by_engine.values() if instrument is None or order.instrument == instrument]

    def order(self, order_id: str) -> Order:
        """Return an order by its id.

        Raises
        ------
        Refusal
            If there is none.
        """
        if order_id not in self.orders:
            raise not_found(f"order not found for {order_id}")
        return self.orders[order_id]

    # -- what is asked for ---------------------------------------------------------------------------------------

    def submit(self, request: Request) -> Order:
        """Take an order.

        Raises
        ------
        Refusal
            If the account may not place it.
        """
        if request.client_id and request.client_id in self.by_client:
            raise unprocessable("client_order_id must be unique", BAD_REQUEST)
        instrument, mark = self.instruments[request.instrument], int(self.position(request.instrument)["mark"])
        if mark <= 0:
            raise unprocessable(_REFUSED[Reason.NO_PRICE].format(instrument.symbol))
        if not self.lenient:
            self.hours.check(request.tif)
        lots = request.quantity or int(request.notional * instrument.lots_per_unit // mark)
        if request.order_class:
            check_exits(request, request.limit or mark)
        margin.check(self, request, lots, mark)
        order = self._keep(
            making.entry(
                request, instrument, self._number, lots, self.now, self.hours.expiry(request.tif),
                request.intent or margin.intent(self, request),
            )
        )  # fmt: skip
        self._add_legs(order, request)
        self._place(order)
        return order

    def _keep(self, order: Order) -> Order:
        self.orders[order.id] = order
        self.by_client[order.client_id] = order
        return order

    @property
    def _number(self) -> int:
        """The number of the next order."""
        return len(self.orders) + 1

    def _add_legs(self, order: Order, request: Request) -> None:
        for part, buys in making.exits_of(order, request):
            order.legs.append(self._keep(making.leg(order, self._number, part, buys=buys)))

    def _place(self, order: Order) -> None:
        group = [order] if order.order_class == "oto" else [order, *order.legs]
        first = self.counter.place([making.terms(each) for each in group])
        if first == 0:
            raise Refusal(500, 50010000, "internal server error occurred: the venue has no room for more open orders")
        for k, each in enumerate(group):
            each.engine = first + k
            self.by_engine[first + k] = each
        if order.order_class == "oto":
            self.pending_legs[first] = order.legs[0]
        self.counter.settle(self.now)
        if first in self.counter.refused:
            self._refuse(order, self.counter.refused[first])

    def _refuse(self, order: Order, reason: Reason) -> None:
        for each in (order, *order.legs):
            self.by_engine.pop(each.engine, None)
            each.status, each.failed_at, each.why = "rejected", self.now, reason.name.lower()
        words = _REFUSED.get(reason, f"order refused: {reason.name.lower()}").format(order.symbol)
        raise forbidden(words) if reason == Reason.EQUITY else unprocessable(words)

    def cancel(self, order: Order) -> None:
        """Ask for an order's cancellation.

        Raises
        ------
        Refusal
            If it is not open any more.
        """
        if not order.open or order.status == "pending_cancel":
            raise unprocessable(f'order is already in "{order.status}" state')
        if order.status == "held" and order.engine == 0:
            self._end_leg(order)
            return
        self.counter.cancel(order.engine)
        before = order.status
        order.status = "pending_cancel"
        self.counter.settle(self.now)
        if order.status == "pending_cancel":
            order.updated = self.now
            self.tell("pending_cancel", order, {})
        elif order.open:
            order.status = before

    def _end_leg(self, leg: Order) -> None:
        """End a leg that never reached the broker."""
        leg.status, leg.canceled_at, leg.updated = "canceled", self.now, self.now
        self.tell("canceled", leg, {})

    def replace(self, order: Order, changes: dict[str, Any]) -> Order:
        """Put an order with new terms in the place of an open one; return it.

        Parameters
        ----------
        order : Order
            The old one.
        changes : dict
            Any of quantity (lots), limit, stop, trail (micros), tif, client_id.

        Raises
        ------
        Refusal
            If the order cannot be replaced now, or the terms are wrong.
        """
        if not order.open:
            raise unprocessable(f'order is already in "{order.status}" state')
        if order.status in WAITING:
            raise unprocessable(f"cannot replace order in {order.status} status")
        for name, has in (("limit", order.limit), ("stop", order.stop), ("trail", order.trail)):
            if changes.get(name) and not has:
                raise unprocessable(f"{order.kind} orders have no {name} price to replace", BAD_REQUEST)
        lots = changes.get("quantity") or order.quantity
        if lots <= order.filled:
            raise unprocessable("qty must be > filled_qty")
        margin.check_larger(self, order, lots, changes.get("limit") or order.limit)
        if changes.get("client_id") and changes["client_id"] in self.by_client:
            raise unprocessable("client_order_id must be unique", BAD_REQUEST)
        expires = self.hours.expiry(changes.get("tif") or order.tif)
        new = making.successor(order, self._number, lots, changes, self.now, expires)
        asked = self.counter.change(
            order.engine, order.sign * lots, new.limit, new.stop, new.trail, int(TIFS[new.tif])
        )  # fmt: skip
        if not asked:
            raise unprocessable(f"cannot replace order in {order.status} status")
        before, order.status = order.status, "pending_replace"
        self.replacing[order.engine] = new
        self._keep(new)
        self.counter.settle(self.now)
        if order.status == "pending_replace":
            order.updated = self.now
            self.tell("pending_replace", order, {})
        elif order.open:
            order.status = before
        return new

    # -- what becomes of it --------------------------------------------------------------------------------------

    def drive(self, group: Events) -> None:
        """Let market events pass: orders fill, expire, come alive."""
        self.release()
        self.counter.drive(group, 0, len(group))
        if self.counter.flows:
            self.activities.flows(self.counter.flows, self.instruments)
            self.counter.flows.clear()

    def release(self) -> None:
        """Tell that orders which came while the market was closed have reached it, once it has opened."""
        waiting, self.waiting_open = self.waiting_open, []
        for opens, order in waiting:
            if opens > self.now:
                self.waiting_open.append((opens, order))
            elif order.status == "accepted":
                order.status, order.updated = "new", self.now
                self.tell("new", order, {})

    def _hear(self, report: Report) -> None:
        order = self.by_engine.get(report.order_id)
        if order is None:
            return
        order.updated = report.known
        code = Update(report.code)
        if code == Update.ACCEPTED:
            self._accepted(order)
        elif code == Update.FILL:
            self._filled(order, report)
        elif code in (Update.CANCELLED, Update.EXPIRED):
            self._ended(order, report, expired=code == Update.EXPIRED)
        elif code == Update.REPLACED:
            self._replaced(order, report)
        elif code == Update.ACTIVATED:
            order.quantity, order.status = abs(report.quantity), "new"
            self.tell("new", order, {})
        elif code == Update.RESCALED:
            self._restated(order, report)

    def _accepted(self, order: Order) -> None:
        if order.status != "pending_new":
            return
        if self.hours.is_open:
            order.status = "new"
        else:
            order.status = "accepted"
            self.waiting_open.append((self.hours.next_open, order))
        self.tell(order.status, order, {})

    def _filled(self, order: Order, report: Report) -> None:
        lots = abs(report.quantity)
        order.filled += lots
        order.turnover += worth(lots, report.price, order.per_share)
        whole = order.filled >= order.quantity
        order.status = "filled" if whole else "partially_filled"
        if whole:
            order.filled_at = report.happened
        self.executions += 1
        fill = {
            "execution_id": identity("execution", self.executions),
            "price": money(report.price),
            "qty": shares(lots, order.per_share),
            "position_qty": shares(int(self.position(order.instrument)["quantity"]), order.per_share),
            "timestamp": report.happened,
        }
        self.activities.fill(order, report, fill)
        self.tell("fill" if whole else "partial_fill", order, fill)
        if whole:
            self._close(order, report)

    def _ended(self, order: Order, report: Report, *, expired: bool) -> None:
        order.status = "expired" if expired else "canceled"
        order.why = Reason(report.reason).name.lower()
        if expired:
            order.expired_at = report.happened
        else:
            order.canceled_at = report.happened
        self.tell(order.status, order, {"timestamp": report.happened})
        self._close(order, report)

    def _close(self, order: Order, report: Report) -> None:
        """Forget an order that has ended, and settle what hung on it."""
        del self.by_engine[order.engine]
        self._reject_replacement(order, report)
        self._free_leg(order)

    def _reject_replacement(self, order: Order, report: Report) -> None:
        """Reject the replacement that came too late for an order that has ended."""
        new = self.replacing.pop(report.order_id, None)
        if new is not None:
            new.status, new.failed_at, new.updated = "rejected", report.known, report.known
            self.tell("order_replace_rejected", order, {})
            self.tell("rejected", new, {})

    def _free_leg(self, order: Order) -> None:
        """Send an OTO's leg once its entry has ended: for what has filled, or not at all."""
        leg = self.pending_legs.pop(order.engine, None)
        if leg is None or not leg.open:
            return
        if order.filled == 0:
            self._end_leg(leg)
            return
        leg.quantity, leg.status = order.filled, "pending_new"
        # In the midst of the step, as a strategy would: the broker has it before the next event.
        leg.engine = self.counter.place([making.terms(leg)])
        self.by_engine[leg.engine] = leg

    def _replaced(self, order: Order, report: Report) -> None:
        new = self.replacing.pop(report.order_id, None)
        if new is None:
            self._restated(order, report)
            return
        order.status, order.replaced_at, order.replaced_by = "replaced", report.happened, new
        new.engine, new.status, new.updated = order.engine, "new", report.known
        new.filled, new.turnover, new.legs = order.filled, order.turnover, order.legs
        if order.parent is not None:
            order.parent.legs = [new if leg is order else leg for leg in order.parent.legs]
            if order.parent.status not in FINAL:
                new.status = "held"
        for leg in new.legs:
            leg.parent = new
        self.by_engine[order.engine] = new
        self.tell("replaced", order, {"timestamp": report.happened})
        if new.status == "new":
            self.tell("new", new, {})

    def _restated(self, order: Order, report: Report) -> None:
        """Tell that the venue changed an order by itself: a split rescaled it, its sibling filled in part."""
        rescaled = report.code == Update.RESCALED
        order.quantity = order.filled + abs(report.quantity) if rescaled else abs(report.quantity)
        order.limit, order.stop = report.price or order.limit, report.stop or order.stop
        self.tell("restated", order, {"timestamp": report.happened})

    def high_water(self, order: Order) -> None:
        """Bring a trailing stop's level and best price up to date."""
        if order.kind == "trailing_stop" and order.open:
            order.stop, order.high_water = self.counter.resting_price(order.engine)
