"""What a live session tells those who watch it: one frozen snapshot, published whole, and what it hears back.

Money is in micros, a price in micros a share, a quantity in shares (fractional where the instrument is), a time in ns
UTC, a duration in ns. ``None`` means: not known yet. A snapshot is built by the session's thread alone; every field is
immutable or never changed after publishing, so that any thread may read it without a lock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """Where a session stands."""

    STARTING = "starting"
    WARM_UP = "warm_up"
    RECONCILING = "reconciling"
    READY = "ready"
    TRADING = "trading"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class StreamState(StrEnum):
    """Where a connection stands; only `UP` carries orders and data that can be relied on."""

    OFF = "off"
    CONNECTING = "connecting"
    UP = "up"
    MUTE = "mute"
    DOWN = "down"
    REFUSED = "refused"


class Venue(StrEnum):
    """Against what a session trades."""

    LOCAL = "local"
    PAPER = "paper"
    REAL_MONEY = "real_money"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionStatus:
    """One instrument that is held; `proxy` names the symbol whose data it is fed, if that is another."""

    symbol: str
    quantity: float
    mark: int
    value: int
    unrealised: int
    realised: int
    synthetic: bool = False
    proxy: str = ""
    halted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus:
    """One order that is open; `quantity` and `filled` are signed, sales negative; a price of 0 means: has none."""

    order_id: int
    client_order_id: str
    symbol: str
    sleeve: str
    type: str
    tif: str
    quantity: float
    filled: float
    status: str
    submitted: int
    limit: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionStatus:
    """What risk made of one proposal: the columns of a run folder's decisions."""

    ts: int
    order_id: int
    sleeve: str
    symbol: str
    quantity: float
    approved: float
    verdict: str
    code: str = ""
    limit: float = 0.0
    value: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FillStatus:
    """One fill; `quantity` is signed."""

    ts: int
    order_id: int
    symbol: str
    quantity: float
    price: int
    fee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilisation:
    """How much of one limit of the scenario's ``[risk]`` is used, both in the limit's own unit.

    `name` is the key in the scenario, such as ``max_gross``; `where` says for which instrument or sector it is nearest.
    """

    name: str
    used: float
    limit: float
    where: str = ""

    @property
    def share(self) -> float:
        """Return what part of the limit is used; 0 where there is no limit."""
        return self.used / self.limit if 0.0 < self.limit < float("inf") else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """One connection: the market data, the order updates, or requests."""

    name: str
    state: StreamState
    since: int = 0
    last_message: int = 0
    messages: int = 0
    reconnects: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """What came in, and how far behind the session is."""

    events: int = 0
    backlog: int = 0
    shed_quotes: int = 0
    late: int = 0
    revised: int = 0
    last_event: int = 0
    last_slice: int = 0
    delay: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyStatus:
    """Percentiles of one stage, such as ``event_to_decision``."""

    stage: str
    count: int
    p50: int
    p90: int
    p99: int
    highest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """Whether new risk is refused by hand; what reduces a position still passes.

    Turning it on also cancels the open orders, and closes all positions if it `flattens`, as the scenario says.
    """

    on: bool = False
    since: int = 0
    by: str = ""
    reason: str = ""
    flattens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A live session at one moment.

    Parameters
    ----------
    ts : int
        Exchange time: in a replayed market that of the recording.
    wall : int
        Wall clock when the snapshot was made.
    session : str
        The exchange's session, ISO date; empty between sessions.
    session_equity : int or None
        Equity at the session's start, from which its profit is counted.
    halt : str
        Why new risk is refused although the kill switch is off: drift, daily loss; empty if it is not.
    decisions, fills : tuple
        The latest ones, oldest first; some hundred are enough.
    proxies : mapping
        Symbol → the symbol whose data stands in for it.
    synthetic : tuple of str
        Symbols whose prices are generated.
    counts : mapping
        Running totals since the run began, such as ``orders``, ``fills``, ``refused``, ``slices``.
    """

    run: str
    scenario: str
    venue: Venue
    phase: Phase
    ts: int
    wall: int
    market_open: bool = False
    session: str = ""
    next_open: int = 0
    next_close: int = 0
    equity: int | None = None
    session_equity: int | None = None
    initial_cash: int | None = None
    cash: int | None = None
    gross: int | None = None
    net: int | None = None
    kill: KillSwitch = field(default_factory=KillSwitch)
    halt: str = ""
    positions: tuple[PositionStatus, ...] = ()
    orders: tuple[OrderStatus, ...] = ()
    decisions: tuple[DecisionStatus, ...] = ()
    fills: tuple[FillStatus, ...] = ()
    limits: tuple[Utilisation, ...] = ()
    streams: tuple[StreamStatus, ...] = ()
    feed: FeedStatus = field(default_factory=FeedStatus)
    latency: tuple[LatencyStatus, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)
    synthetic: tuple[str, ...] = ()
    digest: str = ""
