"""An order as Alpaca shows it, and what its words mean to the engine."""

from dataclasses import dataclass, field
from typing import Any

from lockstep.engine.codes import OrderType, TimeInForce

from .wire import average, identity, money, shares, when

TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP,
    "stop_limit": OrderType.STOP_LIMIT,
    "trailing_stop": OrderType.TRAILING_STOP,
}
TIFS = {each.name.lower(): each for each in TimeInForce}
FINAL = ("filled", "canceled", "expired", "replaced", "rejected")
WAITING = ("accepted", "pending_new", "pending_cancel", "pending_replace")
"""Statuses in which an order cannot be replaced."""


@dataclass
class Order:
    """One order; quantities in lots (unsigned), prices in micros a share, times in ns UTC, 0 where there is none."""

    number: int
    client_id: str
    symbol: str
    instrument: int
    per_share: int
    buys: bool
    kind: str
    tif: str
    quantity: int
    limit: int = 0
    stop: int = 0
    trail: int = 0
    notional: int = 0
    order_class: str = ""
    extended: bool = False
    intent: str = ""
    status: str = "pending_new"
    engine: int = 0
    filled: int = 0
    turnover: int = 0
    high_water: int = 0
    submitted: int = 0
    updated: int = 0
    filled_at: int = 0
    canceled_at: int = 0
    expired_at: int = 0
    failed_at: int = 0
    replaced_at: int = 0
    expires_at: int = 0
    replaces: "Order | None" = None
    replaced_by: "Order | None" = None
    parent: "Order | None" = None
    legs: "list[Order]" = field(default_factory=list)
    why: str = ""

    @property
    def id(self) -> str:
        """Its UUID."""
        return identity("order", self.number)

    @property
    def open(self) -> bool:
        """Whether it may still trade."""
        return self.status not in FINAL

    @property
    def remaining(self) -> int:
        """Lots that have not filled."""
        return self.quantity - self.filled

    @property
    def sign(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return 1 if self.buys else -1

    @property
    def is_exit(self) -> bool:
        """Whether it is one of a pair of exits."""
        return self.parent is not None or self.order_class == "oco"

    def to_json(self, *, nested: bool = False) -> dict[str, Any]:
        """Return the order as the REST API and trade_updates show it."""
        price = average(self.turnover, self.filled, self.per_share) if self.filled else None
        return {
            "id": self.id,
            "client_order_id": self.client_id,
            "created_at": when(self.submitted),
            "updated_at": when(self.updated or self.submitted),
            "submitted_at": when(self.submitted),
            "filled_at": when(self.filled_at),
            "expired_at": when(self.expired_at),
            "canceled_at": when(self.canceled_at),
            "failed_at": when(self.failed_at),
            "replaced_at": when(self.replaced_at),
            "replaced_by": self.replaced_by.id if self.replaced_by else None,
            "replaces": self.replaces.id if self.replaces else None,
            "expires_at": when(self.expires_at),
            "asset_id": identity("asset", self.symbol),
            "symbol": self.symbol,
            "asset_class": "us_equity",
            "notional": money(self.notional) if self.notional else None,
            "qty": None if self.notional and self.open else shares(self.quantity, self.per_share),
            "filled_qty": shares(self.filled, self.per_share),
            "filled_avg_price": price,
            "order_class": self.order_class,
            "order_type": self.kind,
            "type": self.kind,
            "side": "buy" if self.buys else "sell",
            "position_intent": self.intent or None,
            "time_in_force": self.tif,
            "limit_price": money(self.limit) if self.limit else None,
            "stop_price": money(self.stop) if self.stop else None,
            "status": self.status,
            "extended_hours": self.extended,
            "legs": [leg.to_json() for leg in self.legs] if nested and self.legs else None,
            "trail_percent": None,
            "trail_price": money(self.trail) if self.trail else None,
            "hwm": money(self.high_water) if self.high_water else None,
            "subtag": None,
            "source": None,
        }
