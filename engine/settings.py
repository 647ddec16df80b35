"""What a scenario may choose about account, costs, execution and risk, with pessimistic defaults."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from .errors import ConfigError
from .events import MS

INFINITE = float("inf")


def _check(settings: Any, bounds: dict[str, tuple[float, float]]) -> None:
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise ConfigError(
                f"{type(settings).__name__}.{name} = {value!r}, expected a number from {low:g} to {high:g}"
            )


@dataclass(frozen=True, slots=True)
class Account:
    """The account at the start.

    Parameters
    ----------
    cash : float
        Dollars at the start.
    max_orders : int
        Orders that may be open at once; a proposal above it is refused with `capacity`. 0: 64 and eight for each
        instrument.
    """

    cash: float = 1_000_000.0
    max_orders: int = 0

    def slots(self, n_instruments: int) -> int:
        """Return how many orders may be open at once on an account with this many instruments."""
        return max(self.max_orders, 8) if self.max_orders else 64 + 8 * n_instruments

    def __post_init__(self) -> None:
        _check(self, {"cash": (1.0, 1e12), "max_orders": (0, 1_000_000)})


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading and holding costs.

    Parameters
    ----------
    commission : {"none", "bps", "per_share"}
        `bps`: `commission_bps` of the notional. `per_share`: `commission_per_share` dollars, at least
        `commission_minimum` an order's fill and at most `commission_maximum_pct` percent of its notional.
    sec_fee : float
        Dollars per million dollars sold (SEC section 31), rounded up to the cent as brokers do.
    taf : float
        FINRA trading activity fee, dollars per share sold, at most `taf_maximum` a fill, rounded up to the cent.
    half_spread_bps : float
        Half the quoted spread, paid on every fill that takes liquidity, where the data has no quotes.
    impact : float
        Y of the square-root law: cost = Y × daily volatility × sqrt(quantity / daily volume), as a share of the price
        (Tóth et al. 2011, eq. 1). Volatility and volume are running averages over past sessions.
    borrow_rate : float
        Yearly fee on the value of short positions, act/360.
    margin_rate : float
        Yearly interest on negative cash, act/360.
    cash_rate : float
        Yearly interest received on positive cash, act/360.
    """

    commission: Literal["none", "bps", "per_share"] = "per_share"
    commission_bps: float = 1.0
    commission_per_share: float = 0.005
    commission_minimum: float = 1.0
    commission_maximum_pct: float = 1.0
    sec_fee: float = 27.8
    taf: float = 0.000166
    taf_maximum: float = 8.30
    half_spread_bps: float = 1.0
    impact: float = 1.0
    borrow_rate: float = 0.003
    margin_rate: float = 0.07
    cash_rate: float = 0.0

    def __post_init__(self) -> None:
        if self.commission not in ("none", "bps", "per_share"):
            raise ConfigError(f"Costs.commission = {self.commission!r}, expected 'none', 'bps' or 'per_share'")
        _check(
            self,
            {
                "commission_bps": (0, 1000),
                "commission_per_share": (0, 10),
                "commission_minimum": (0, 1000),
                "commission_maximum_pct": (0, 100),
                "sec_fee": (0, 1e5),
                "taf": (0, 1),
                "taf_maximum": (0, 1e4),
                "half_spread_bps": (0, 1000),
                "impact": (0, 100),
                "borrow_rate": (0, 10),
                "margin_rate": (0, 10),
                "cash_rate": (0, 10),
            },
        )

    @staticmethod
    def free() -> "Costs":
        """Return costs that are all zero."""
        return Costs("none", 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Execution:
    """How the simulated venue treats orders.

    Parameters
    ----------
    latency_ns : int
        From submission until the order can meet a price. A price counts if its `ts_event` is at or after
        submission + latency.
    volume_share : float
        Largest part of a bar's volume that one account's orders get; infinity: no cap.
    fill_on_touch : bool
        Whether a limit order fills when the range only touches its price.
    dividends_adjust : bool
        Whether kernels' forward-adjusted prices include dividends beside splits.
    cancel_on_split : bool
        Whether resting orders are cancelled on a split instead of rescaled and re-ticked.
    """

    latency_ns: int = 50 * MS
    volume_share: float = 0.10
    fill_on_touch: bool = False
    dividends_adjust: bool = False
    cancel_on_split: bool = False

    def __post_init__(self) -> None:
        _check(self, {"latency_ns": (0, 86_400e9), "volume_share": (1e-9, INFINITE)})


@dataclass(frozen=True, slots=True)
class Risk:
    """Limits that every order is judged by; fractions of equity unless said otherwise.

    Parameters
    ----------
    max_position, max_sector, max_gross : float
        Largest value of one position, of one sector (gross) and of all (gross). Resting orders count as filled.
    max_daily_loss : float
        Loss since the session's start from which new risk is refused until the next session; reductions pass.
    max_order : float
        Largest notional of one order.
    max_orders_per_second : int
        Orders in one second of the clock; above it, refused.
    collar : float
        Furthest that a limit or stop price may lie from the mark, as a fraction of the mark.
    allow_short : bool
        Whether positions may go below zero at all.
    kill : bool
        Refuse everything but reductions from the start.
    """

    max_position: float = 0.25
    max_sector: float = 0.50
    max_gross: float = 1.5
    max_daily_loss: float = 0.02
    max_order: float = 0.25
    max_orders_per_second: int = 1000
    collar: float = 0.20
    allow_short: bool = True
    kill: bool = False

    def __post_init__(self) -> None:
        _check(
            self,
            {
                "max_position": (0, INFINITE),
                "max_sector": (0, INFINITE),
                "max_gross": (0, INFINITE),
                "max_daily_loss": (0, INFINITE),
                "max_order": (0, INFINITE),
                "max_orders_per_second": (1, 1e9),
                "collar": (0, INFINITE),
            },
        )

    @staticmethod
    def unlimited() -> "Risk":
        """Return limits that never bind."""
        return Risk(INFINITE, INFINITE, INFINITE, INFINITE, INFINITE, 10**9, INFINITE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an account runs under."""

    account: Account = field(default_factory=Account)
    costs: Costs = field(default_factory=Costs)
    execution: Execution = field(default_factory=Execution)
    risk: Risk = field(default_factory=Risk)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return the settings as nested dictionaries, for manifests."""
        return {
            part.name: {f.name: getattr(getattr(self, part.name), f.name) for f in fields(getattr(self, part.name))}
            for part in fields(self)
        }
