"""What has happened on the account: fills, fees, dividends, interest."""

from collections.abc import Iterable, Sequence
from typing import Any

from lockstep.engine.counter import Report
from lockstep.engine.instruments import Instrument
from lockstep.engine.updates import FLOWS

from .orders import Order
from .wire import identity, iso, money, shares

KINDS = {"dividend": "DIV", "borrow": "FEE", "interest": "INT", "fraction": "CIL", "terminal": "MA"}
MOST = 100


class Activities:
    """Activities in the order in which they came about."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._known: list[int] = []

    def _add(self, known: int, row: dict[str, Any]) -> None:
        number = len(self.rows) + 1
        digits = "".join(c for c in iso(known)[:19] if c.isdigit())
        # The number within the time keeps ids in the order of the rows.
        row = {"id": f"{digits}{number:012d}::{identity('activity', number)}", **row}
        self.rows.append(row)
        self._known.append(known)

    def fill(self, order: Order, report: Report, fill: dict[str, Any]) -> None:
        """Note one fill."""
        whole = order.filled >= order.quantity
        self._add(
            report.known,
            {
                "activity_type": "FILL",
                "transaction_time": iso(report.happened),
                "type": "fill" if whole else "partial_fill",
                "price": fill["price"],
                "qty": fill["qty"],
                "side": "buy" if order.buys else "sell",
                "symbol": order.symbol,
                "leaves_qty": shares(order.remaining, order.per_share),
                "order_id": order.id,
                "cum_qty": shares(order.filled, order.per_share),
                "order_status": order.status,
                "execution_id": fill["execution_id"],
            },
        )
        if report.fee:
            self._cash(report.known, "FEE", order.symbol, -report.fee)

    def _cash(self, known: int, kind: str, symbol: str, amount: int) -> None:
        row = {"activity_type": kind, "date": iso(known)[:10], "net_amount": money(amount), "status": "executed"}
        self._add(known, {**row, "symbol": symbol} if symbol else row)

    def correction(self, known: int, order: Order, kind: str, lots: int, price: int) -> None:
        """Note that a fill was taken back or restated."""
        self._add(
            known,
            {
                "activity_type": "FILL",
                "transaction_time": iso(known),
                "type": kind,
                "price": money(price),
                "qty": shares(lots, order.per_share),
                "side": "buy" if order.buys else "sell",
                "symbol": order.symbol,
                "order_id": order.id,
                "order_status": order.status,
            },
        )

    def flows(self, rows: Iterable[Any], instruments: Sequence[Instrument]) -> None:
        """Note cash flows that came of no fill: rows of the engine's log of flows."""
        for row in rows:
            place = int(row["instrument"])
            kind = KINDS.get(FLOWS[int(row["kind"])], "MISC")
            self._cash(int(row["ts"]), kind, instruments[place].symbol if place >= 0 else "", int(row["amount"]))

    def page(
        self,
        kinds: Sequence[str],
        *,
        token: str = "",
        size: int = MOST,
        ascending: bool = False,
        after: int | None = None,
        until: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return one page of the activities of some kinds (all, if none is named), newest first unless ascending."""
        chosen = [
            row
            for row, known in zip(self.rows, self._known, strict=True)
            if (not kinds or row["activity_type"] in kinds)
            and (after is None or known > after)
            and (until is None or known < until)
        ]
        if not ascending:
            chosen.reverse()
        ids = [row["id"] for row in chosen]
        begin = ids.index(token) + 1 if token in ids else 0
        return chosen[begin : begin + max(1, min(size, MOST))]
