"""What the session tells those who watch: one snapshot of everything, made when it is due."""

from collections import deque
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from lockstep.data.calendar import iso_date
from lockstep.engine.codes import OrderType, Reason, TimeInForce
from lockstep.engine.codes import Status as OrderState

from . import clock
from .core import Why
from .status import (
    DecisionStatus,
    FeedStatus,
    FillStatus,
    KillSwitch,
    LatencyStatus,
    OrderStatus,
    Phase,
    PositionStatus,
    Status,
    StreamState,
    StreamStatus,
    Venue,
)
from .utilisation import utilisation

KEPT = 200
VERDICTS = ("approved", "shrunk", "refused")


class Teller:
    """Makes snapshots of a session.

    Parameters
    ----------
    session : Session
        What they are of.
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.run, self.setup = session.run, session.setup
        self.decisions: deque[DecisionStatus] = deque(maxlen=KEPT)
        self.fills: deque[FillStatus] = deque(maxlen=KEPT)
        self.kill = KillSwitch(on=bool(session.core.kill & Why.HAND), flattens=self.setup.live.kill_flattens)
        self.foreign = 0
        self.run.listeners.append(self.logged)
        self._sleeves = [sleeve.name for sleeve in session.core.world.sleeves]
        self._units = [each.lots_per_unit for each in self.setup.instruments]

    def logged(self, logs: dict[str, np.ndarray]) -> None:
        """Take what the engine logged."""
        for row in logs["decisions"][-KEPT:]:
            self.decisions.append(self._decision(row))
        for row in logs["fills"][-KEPT:]:
            unit = self._units[int(row["instrument"])]
            self.fills.append(
                FillStatus(
                    ts=int(row["ts"]), order_id=int(row["order_id"]), symbol=self._symbol(int(row["instrument"])),
                    quantity=int(row["quantity"]) / unit, price=int(row["price"]), fee=int(row["fee"]),
                )
            )  # fmt: skip

    def _decision(self, row: Any) -> DecisionStatus:
        i, sleeve = int(row["instrument"]), int(row["sleeve"])
        unit = self._units[i] if i >= 0 else 1
        return DecisionStatus(
            ts=int(row["ts"]), order_id=int(row["order_id"]), sleeve=self._sleeves[sleeve] if sleeve >= 0 else "",
            symbol=self._symbol(i), quantity=int(row["quantity"]) / unit, approved=int(row["approved"]) / unit,
            verdict=VERDICTS[int(row["verdict"])], code=_reason(int(row["code"])), limit=float(row["limit"]),
            value=float(row["value"]),
        )  # fmt: skip

    def _symbol(self, i: int) -> str:
        return self.setup.instruments[i].symbol if i >= 0 else ""

    def commanded(self, command: Any) -> None:
        """Note that the kill switch was moved by hand."""
        on = command.action == "kill_on"
        self.kill = KillSwitch(
            on=on, since=self.session.time.now(), by=command.by, reason=command.reason,
            flattens=self.setup.live.kill_flattens,
        )  # fmt: skip

    def tell(self) -> None:
        """Publish a snapshot."""
        self.session.publisher.publish(self.status())

    def status(self) -> Status:
        """Return how the session stands."""
        s, header = self.session, self.session.core.world.header
        sessions, now = s.schedule.sessions, s.time.now()
        place = min(int(np.searchsorted(sessions.close, now, "right")), len(sessions) - 1)
        is_open = s.market_open
        opens = min(place + int(is_open), len(sessions) - 1)
        equity, cash = int(header.equity), int(header.cash)
        values = s.core.world.positions["value"]
        gross = int(np.abs(values).sum())
        return Status(
            run=s.run.folder.name, scenario=self.setup.scenario.name, venue=Venue(self.setup.venue), phase=s.phase,
            ts=now, wall=clock.now(), market_open=is_open,
            session=iso_date(int(sessions.date[place])) if is_open else "",
            next_open=int(sessions.open[opens]), next_close=int(sessions.close[place]), equity=equity,
            session_equity=int(header.session_equity), initial_cash=int(header.initial_cash), cash=cash, gross=gross,
            net=int(values.sum()), kill=self.kill, halt=s.halt or ("daily loss" if header.loss_halt else ""),
            positions=tuple(self._positions()), orders=tuple(self._orders()), decisions=tuple(self.decisions),
            fills=tuple(self.fills), limits=utilisation(s.core.world, now),
            streams=tuple(self._stream(watch) for watch in s.watches.values()),
            feed=FeedStatus(
                events=s.pipeline.rows.number, backlog=s.inbox.backlog, shed_quotes=s.inbox.shed, late=s.market.late,
                revised=s.market.revised, last_event=s.pipeline.rows.last,
            ),
            latency=tuple(
                LatencyStatus(stage=stage, count=x.count, p50=x.p50, p90=x.p90, p99=x.p99, highest=x.highest)
                for stage, x in s.pipeline.latency.summaries().items()
            ),
            counts=MappingProxyType(self._counts(header)), warnings=tuple(self._warnings()),
            proxies=MappingProxyType(dict(self.setup.proxies)),
            synthetic=tuple(each.symbol for each in self.setup.instruments if each.synthetic),
            digest=s.core.world.digest,
        )  # fmt: skip

    def _counts(self, header: Any) -> dict[str, int]:
        names = ("events", "bars", "slices", "decisions", "refused", "orders", "fills")
        return {name: int(header[f"count_{name}"]) for name in names} | {"foreign_orders": self.foreign}

    def _positions(self) -> Sequence[PositionStatus]:
        s = self.session
        found = []
        for i, (instrument, row) in enumerate(zip(self.setup.instruments, s.core.world.positions, strict=True)):
            if int(row.quantity):
                value, basis = int(row.value), int(row.basis)
                found.append(
                    PositionStatus(
                        symbol=instrument.symbol, quantity=int(row.quantity) / instrument.lots_per_unit,
                        mark=int(row.mark), value=value, unrealised=value - basis, realised=int(row.realised),
                        synthetic=instrument.synthetic, proxy=self.setup.proxies.get(instrument.symbol, ""),
                        halted=s.market.halted[i],
                    )
                )  # fmt: skip
        return found

    def _orders(self) -> Sequence[OrderStatus]:
        tickets = self.session.desk.tickets
        found = []
        for order in self.session.core.open_orders().values():
            ticket = tickets.get(order.id)
            unit = self._units[order.instrument]
            found.append(
                OrderStatus(
                    order_id=order.id, client_order_id=ticket.key if ticket else "",
                    symbol=self._symbol(order.instrument),
                    sleeve=self._sleeves[order.sleeve] if order.sleeve >= 0 else "",
                    type=OrderType(order.type).name.lower(), tif=TimeInForce(order.tif).name.lower(),
                    quantity=order.quantity / unit, filled=order.filled / unit,
                    status=OrderState(order.status).name.lower(), submitted=order.submitted, limit=order.limit,
                    stop=order.stop,
                )
            )  # fmt: skip
        return found

    def _stream(self, watch: Any) -> StreamStatus:
        return StreamStatus(
            name=watch.name, state=StreamState(watch.state), since=watch.since, last_message=watch.heard_at,
            messages=watch.messages, reconnects=watch.reconnects, detail=watch.detail,
        )  # fmt: skip

    def _warnings(self) -> Sequence[str]:
        found: list[str] = []
        if self.foreign:
            found.append(f"{self.foreign} open orders at the broker are not this run's; they are left alone")
        if self.session.phase is Phase.TRADING and not self.session.reconciled:
            found.append("orders wait: the account is being reconciled")
        return found


def _reason(code: int) -> str:
    return Reason(code).name.lower() if code else ""
