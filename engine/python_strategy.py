"""Strategies in plain Python: the same callbacks, the same loop, the same decisions."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import records as r
from .actions import Action
from .codes import CLS, DAY, FOK, GTC, IOC, OPG
from .errors import ConfigError, StrategyError, reads_ahead
from .parameters import Parameter, resolve
from .step import ON_BAR, ON_HAND_OVER, ON_ORDER, ON_SLICE, ON_STATUS, ON_TICK, ON_TIMER

TIFS = {"day": DAY, "gtc": GTC, "ioc": IOC, "fok": FOK, "opg": OPG, "cls": CLS}
METHODS = {
    "on_bar": ON_BAR,
    "on_tick": ON_TICK,
    "on_slice": ON_SLICE,
    "on_order": ON_ORDER,
    "on_timer": ON_TIMER,
    "on_hand_over": ON_HAND_OVER,
    "on_status": ON_STATUS,
}


class Bar(NamedTuple):
    """A bar as plain Python sees it: forward-adjusted dollars a share, `ts` its close in ns UTC."""

    symbol: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Tick(NamedTuple):
    """A quote or trade: for a trade `bid` and `ask` are both its price."""

    symbol: str
    ts: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float


class OrderUpdate(NamedTuple):
    """A change of one of the strategy's own orders; `code` is a `codes.Update`, prices are raw dollars a share."""

    order_id: int
    symbol: str
    code: int
    reason: int
    quantity: int
    price: float


class Notice(NamedTuple):
    """A timer, or a change of an instrument's status; `code` is the timer's number or an `events.Kind`."""

    symbol: str
    ts: int
    code: int


class _Declaration(type):
    """Lets a strategy's class stand where a `KernelStrategy` object can: its declarations are class attributes."""

    is_kernel = False

    @property
    def callbacks(cls) -> tuple[int, ...]:
        """The callbacks that the class defines."""
        return tuple(number for method, number in METHODS.items() if getattr(cls, method, None) is not None)

    @property
    def me_dtype(cls) -> np.dtype[Any] | None:
        """The record that holds its declared state."""
        fields = list(getattr(cls, "state", ()))
        return np.dtype(fields, align=True) if fields else None

    def state_size(cls, n_instruments: int) -> int:
        """Return the bytes of declared state."""
        return cls.me_dtype.itemsize if cls.me_dtype else 0

    def resolve(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters, checked."""
        return resolve(cls.__dict__.get("name") or cls.__name__, getattr(cls, "parameters", {}), given)


class Strategy(metaclass=_Declaration):
    """Base of strategies in plain Python.

    Subclasses define any of ``on_bar(bar)``, ``on_tick(tick)``, ``on_slice(ts)``, ``on_order(update)``,
    ``on_timer(notice)``, ``on_hand_over(result)``, ``on_status(notice)`` and ``start()``. Parameters are attributes.
    Quantities are lots (shares, unless the instrument trades in fractions), signed; prices given to orders are raw
    dollars a share.

    Attributes declared by the class
    --------------------------------
    name : str
    parameters : mapping of str to Integer, Number or Switch
    state : sequence of numpy fields; then ``self.state`` is a record that snapshots keep.
    series : names that it records.
    bars_kept : how many bars `history` can give.
    features : a function of DataFrames whose columns `feature` reads row by row, see `scenarios/features.py`.
    warmup : bars of each instrument before it decides, or a method that gives them.
    jobs, timers : scheduled work, see `engine/jobs.py`.
    """

    name: ClassVar[str] = ""
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    state: Any = ()
    series: ClassVar[Sequence[str]] = ()
    bars_kept: ClassVar[int] = 512
    features: ClassVar[Any] = None
    jobs: ClassVar[Sequence[Any]] = ()
    timers: ClassVar[Sequence[Any]] = ()

    on_bar: Any = None
    on_tick: Any = None
    on_slice: Any = None
    on_order: Any = None
    on_timer: Any = None
    on_hand_over: Any = None
    on_status: Any = None

    def __init__(self, desk: "Desk", parameters: Mapping[str, Any]) -> None:
        self._desk = desk
        for name, value in parameters.items():
            setattr(self, name, value)
        if desk.state is not None:
            self.state = desk.state
        self._declared = frozenset(vars(self)) | {"_declared"}
        self.start()

    @classmethod
    def warmup(cls, parameters: Mapping[str, Any]) -> int:
        """Return how many bars of each instrument it must have seen before it decides."""
        return 0

    def start(self) -> None:
        """Prepare; called once before the first event."""

    def undeclared(self) -> list[str]:
        """Return the attributes that are neither parameters nor declared state: a snapshot would lose them."""
        return sorted(set(vars(self)) - self._declared)

    @property
    def now(self) -> int:
        """The time, ns UTC."""
        return self._desk.sync("now")

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols in canonical order."""
        return self._desk.symbols

    @property
    def equity(self) -> float:
        """What the strategy is worth, in dollars: its sleeve's equity on an account with several."""
        return self._desk.equity()

    @property
    def cash(self) -> float:
        """The account's cash in dollars."""
        return self._desk.sync("cash") / 1e6

    def position(self, symbol: str) -> int:
        """Return the lots held: the sleeve's on an account with several."""
        return self._desk.held(symbol)

    def mark(self, symbol: str) -> float:
        """Return the last raw price in dollars; NaN before the first."""
        return self._desk.mark(symbol)

    def raw(self, symbol: str, adjusted: float) -> float:
        """Turn a price of the forward-adjusted series into today's raw price."""
        return adjusted / self._desk.factor(symbol)

    def lots_for(self, symbol: str, dollars: float) -> int:
        """Return the whole lots that `dollars` buy at the mark, rounded towards zero."""
        return self._desk.act(Action.LOTS_FOR, symbol, 0, dollars, proposes=False)

    def history(self, symbol: str, n: int, column: str = "close") -> NDArray[np.float64]:
        """Return a copy of the last `n` values of a column up to and with this bar, oldest first.

        Fewer where there are fewer.

        Parameters
        ----------
        column : {"open", "high", "low", "close", "volume"}
            Forward-adjusted.
        """
        if not 0 <= n <= self.bars_kept:
            if n < 0:
                raise reads_ahead(f"{type(self).__name__}", f"history({symbol!r}, {n})", self.now, None)
            raise StrategyError(f"history({symbol!r}, {n}): only {self.bars_kept} bars are kept; raise `bars_kept`")
        return self._desk.history(symbol, n, column)

    def feature(self, name: str, symbol: str) -> float:
        """Return a column of the declared `features` in the last row known by now; NaN before the first."""
        return self._desk.feature(name, symbol)

    def market(self, symbol: str, quantity: int, tif: str = "day") -> int:
        """Propose a market order; return its id."""
        return self._desk.act(Action.MARKET, symbol, quantity, tif=tif)

    def limit(self, symbol: str, quantity: int, price: float, tif: str = "day") -> int:
        """Propose a limit order; return its id."""
        return self._desk.act(Action.LIMIT, symbol, quantity, price, tif=tif)

    def stop(self, symbol: str, quantity: int, price: float, tif: str = "gtc") -> int:
        """Propose a stop order; return its id."""
        return self._desk.act(Action.STOP, symbol, quantity, price, tif=tif)

    def stop_limit(self, symbol: str, quantity: int, stop: float, limit: float, tif: str = "gtc") -> int:
        """Propose a stop-limit order; return its id."""
        return self._desk.act(Action.STOP_LIMIT, symbol, quantity, stop, limit, tif=tif)

    def trailing_stop(self, symbol: str, quantity: int, distance: float, tif: str = "gtc") -> int:
        """Propose a stop order that follows the best price at `distance` dollars; return its id."""
        return self._desk.act(Action.TRAILING_STOP, symbol, quantity, distance, tif=tif)

    def bracket(
        self, symbol: str, quantity: int, *, target: float, stop: float, limit: float = 0.0, tif: str = "day"
    ) -> int:
        """Propose an entry (at `limit`, 0: at the market) with a target and a stop; return the entry's id."""
        return self._desk.act(Action.BRACKET, symbol, quantity, limit, target, stop, tif=tif)

    def oco(self, symbol: str, quantity: int, *, target: float, stop: float) -> int:
        """Propose two exits of a held position of which one cancels the other; return the target's id.

        `quantity` is what is held and to be left, signed like the position.
        """
        return self._desk.act(Action.OCO, symbol, quantity, target, stop)

    def target(self, symbol: str, quantity: int) -> None:
        """Ask for a position of `quantity` lots."""
        self._desk.act(Action.TARGET, symbol, quantity)

    def cancel(self, order_id: int) -> bool:
        """Ask for an order's cancellation; False where it is not open."""
        return bool(self._desk.act(Action.CANCEL, None, order_id))

    def cancel_all(self, symbol: str | None = None) -> int:
        """Ask for the cancellation of all open orders, or of a symbol's; return how many."""
        return self._desk.act(Action.CANCEL_ALL, symbol, 0)

    def replace(self, order_id: int, quantity: int = 0, limit: float = 0.0, stop: float = 0.0) -> bool:
        """Ask to change an open order (0: as it is); False where it is not open or the change would add risk."""
        return bool(self._desk.act(Action.REPLACE, None, quantity, limit, stop, tif=order_id))

    def begin_group(self) -> int:
        """Begin an order group: what is proposed until `end_group` is judged whole and shrunk by one ratio."""
        return self._desk.act(Action.BEGIN_GROUP, None, 0)

    def end_group(self) -> None:
        """End the order group."""
        self._desk.act(Action.END_GROUP, None, 0)

    def record(self, name: str, value: float) -> None:
        """Record a value of one of the declared `series`."""
        if name not in self.series:
            raise StrategyError(
                f"record({name!r}): not among the declared series {list(self.series)}; add it to `series`"
            )
        self._desk.act(Action.RECORD, None, self.series.index(name), float(value))


class Desk:
    """What a plain-Python strategy reaches its world through; made by the runner."""

    def __init__(self, runner: Any, k: int) -> None:
        world = runner.world
        self._runner, self._k = runner, k
        self.symbols = tuple(i.symbol for i in world.instruments)
        self._index = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.state = world.me(k)
        self._words = memoryview(world.block).cast("B").cast("q")
        self._floats = memoryview(world.block).cast("B").cast("d")
        header, row = r.WORLD.fields, r.POSITION.fields
        assert header is not None
        assert row is not None
        self._at = {name: header[name][1] // 8 for name in ("now", "cash", "equity")}
        self._row, self._rows = r.POSITION.itemsize // 8, world._offsets["off_positions"] // 8
        self._column = {name: row[name][1] // 8 for name in ("quantity", "mark", "factor")}
        self._book = (world._offsets["off_books"] + k * len(self.symbols) * r.BOOK.itemsize) // 8
        self._alone = len(world.sleeves) == 1

    def _where(self, symbol: str) -> int:
        index = self._index.get(symbol)
        if index is None:
            raise StrategyError(f"Unknown symbol {symbol!r}; this run has: {', '.join(self.symbols)}")
        return index

    def sync(self, name: str) -> int:
        """Bring the world up to the event at hand and return one of its header's fields."""
        self._runner.catch_up()
        return self._words[self._at[name]]

    def equity(self) -> float:
        """Return the strategy's worth in dollars."""
        if self._alone:
            return self.sync("equity") / 1e6
        return self.act(Action.SLEEVE_EQUITY, None, self._k, proposes=False) / 1e6

    def held(self, symbol: str) -> int:
        """Return the lots held; no bar that the world has still to catch up with can have changed them."""
        i = self._where(symbol)
        if self._alone:
            return self._words[self._rows + i * self._row]
        return self._words[self._book + i * (r.BOOK.itemsize // 8)]

    def mark(self, symbol: str) -> float:
        """Return the last raw price in dollars."""
        self._runner.catch_up()
        price = self._words[self._rows + self._where(symbol) * self._row + self._column["mark"]]
        return price / 1e6 if price > 0 else float("nan")

    def factor(self, symbol: str) -> float:
        """Return the forward adjustment factor."""
        return self._floats[self._rows + self._where(symbol) * self._row + self._column["factor"]]

    def history(self, symbol: str, n: int, column: str) -> NDArray[np.float64]:
        """Return the last values of a column."""
        return self._runner.history(self._where(symbol), n, column)

    def feature(self, name: str, symbol: str) -> float:
        """Return a feature's value in the last row known by now."""
        return self._runner.feature(self._k, self._where(symbol), name)

    def act(
        self,
        action: Action,
        symbol: str | None,
        quantity: int,
        a: float = 0.0,
        b: float = 0.0,
        c: float = 0.0,
        tif: str | int = 0,
        *,
        proposes: bool = True,
    ) -> int:
        """Do one action at the event at hand."""
        if isinstance(tif, str):
            if tif not in TIFS:
                raise ConfigError(f"Time in force {tif!r}, expected one of {', '.join(TIFS)}")
            tif = TIFS[tif]
        if int(quantity) != quantity:
            raise StrategyError(
                f"{action.name.lower()}({symbol!r}): quantity {quantity!r} is not a whole number of lots"
            )
        i = -1 if symbol is None else self._where(symbol)
        return self._runner.act(self._k, action, i, int(quantity), float(a), float(b), float(c), tif)
