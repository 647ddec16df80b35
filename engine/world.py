"""A world and its simulated broker as Python sees them: made, driven, snapshotted, restored."""

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from . import records as r
from .arena import INTERPRETED, Layout, address, allocate, registered
from .codes import Fault, Reason
from .compile import callback, kernel
from .digest import text
from .errors import ConfigError, EngineError
from .events import EVENT, Events
from .instruments import MICROS, Instrument, canonical
from .ledger import imbalance
from .money import LARGEST
from .orders import MAX_SERIES_ROWS
from .risk import start_session
from .settings import Costs, Settings
from .sleeves import unbooked
from .spin import silent_entry
from .step import ENTRIES, ON_ORDER, PYTHON, SPIN, drive
from .strategy import START
from .tables import world_at

_COMMISSIONS = {"none": 0, "bps": 1, "per_share": 2}


_kept: list[Any] = []
"""Compiled functions whose addresses are in use."""


@cache
def _callable(function: Any, n_arguments: int) -> Any:
    """Return a function of addresses that runs a kernel of int64 arguments and result."""
    if INTERPRETED:
        return _quiet(function)
    compiled = callback(types.int64(*[types.int64] * n_arguments))(function.py_func)
    call = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * n_arguments)(compiled.address)
    _kept.append(compiled)
    return call


@cache
def _callable_act(function: Any) -> Any:
    """Return `actions.act` as a function of an address, integers and three prices."""
    if INTERPRETED:
        return _quiet(function)
    whole, real = types.int64, types.float64
    compiled = callback(whole(whole, whole, whole, whole, real, real, real, whole))(function.py_func)
    word, price = ctypes.c_int64, ctypes.c_double
    call = ctypes.CFUNCTYPE(word, word, word, word, word, price, price, price, word)(compiled.address)
    _kept.append(compiled)
    return call


def _quiet(function: Any) -> Any:
    def run(*args: int) -> int:
        # The digest's products wrap around by design.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return int(function(*args))

    return run


@kernel
def _audit(world_address: int, which: int) -> int:
    world = world_at(world_address, 0)
    return unbooked(world) if which else imbalance(world)


def _header(block: NDArray[np.uint8], dtype: np.dtype[Any]) -> Any:
    return block[: dtype.itemsize].view(dtype).view(np.recarray)[0]


def _rows(block: NDArray[np.uint8], offset: int, dtype: np.dtype[Any], n: int) -> Any:
    return block[offset : offset + n * dtype.itemsize].view(dtype).view(np.recarray)


class Sleeve:
    """One strategy of an account: the strategy, its parameters, its share of the capital."""

    def __init__(
        self, strategy: Any, parameters: Mapping[str, Any] | None = None, share: float = 1.0, name: str = ""
    ) -> None:
        self.strategy, self.share = strategy, share
        self.parameters: dict[str, Any] = strategy.resolve(parameters or {})
        self.name = name or strategy.name
        if not 0.0 < share <= 1.0:
            raise ConfigError(f"Sleeve {self.name}: share = {share!r}, expected more than 0 and at most 1")


class World:
    """An account with its strategies and, unless `external`, its simulated broker.

    Parameters
    ----------
    instruments : sequence of Instrument
        In any order; the engine numbers them canonically.
    sleeves : sequence of Sleeve
        The strategies. Their shares must not add up to more than 1.
    settings : Settings
        Account, costs, execution and risk.
    trade_from : int
        Until this time, in ns UTC, events warm strategies up and proposals are dropped.
    external : bool
        Whether orders go to a broker outside; then order events come with the stream.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        sleeves: Sequence[Sleeve],
        settings: Settings | None = None,
        *,
        trade_from: int = -(2**62),
        seed: int = 0,
        external: bool = False,
    ) -> None:
        self.instruments, self.sleeves = canonical(instruments), tuple(sleeves)
        self.settings = settings or Settings()
        if not self.instruments:
            raise ConfigError("No instruments: an account needs at least one")
        if not self.sleeves:
            raise ConfigError("No strategies: an account needs at least one")
        if sum(s.share for s in self.sleeves) > 1.0 + 1e-9:
            total = sum(s.share for s in self.sleeves)
            raise ConfigError(f"Sleeves' shares add up to {total:g}, expected at most 1: lower some")
        self._plan()
        self._fill_world(trade_from, seed)
        self._fill_broker(external)
        self._table()
        self._address, self._broker_address = address(self.block), address(self.broker_block)
        self._table_address = address(self.table)
        self._silent = address(self._no_callbacks)
        self._drive = _callable(drive, 7)

    def _plan(self) -> None:
        n, k = len(self.instruments), len(self.sleeves)
        self.slots = slots = self.settings.account.slots(n)
        self.sectors = sorted({i.sector for i in self.instruments if i.sector})
        layout = Layout(r.WORLD)
        self._offsets = {
            "off_positions": layout.add(r.POSITION, n),
            "off_orders": layout.add(r.ORDER, slots),
            "off_free": layout.add(r.SLOT, slots),
            "off_open": layout.add(r.SLOT, slots),
            "off_proposed": layout.add(r.SLOT, slots),
            "off_outbox": layout.add(r.OUTBOX, 3 * slots),
            "off_sleeves": layout.add(r.SLEEVE, k),
            "off_books": layout.add(r.BOOK, n * k),
            "off_dividends": layout.add(r.DIVIDEND_DUE, slots),
            "off_series": layout.add(r.SERIES_LOG, MAX_SERIES_ROWS),
        }
        byte = np.dtype("u1")
        self._states = [layout.add(byte, sleeve.strategy.state_size(n)) for sleeve in self.sleeves]
        self.block = allocate(layout.size)
        self.header = _header(self.block, r.WORLD)
        broker = Layout(r.BROKER)
        self._broker_offsets = {
            "off_venues": broker.add(r.VENUE, n),
            "off_resting": broker.add(r.RESTING, slots),
            "off_queue": broker.add(r.UPDATE, 4 * slots + n + 16),
        }
        self.broker_block = allocate(broker.size)
        self.broker = _header(self.broker_block, r.BROKER)

    def _fill_world(self, trade_from: int, seed: int) -> None:
        w, slots, cash = self.header, self.slots, round(self.settings.account.cash * MICROS)
        w.schema, w.size = r.SCHEMA, len(self.block)
        for name, offset in self._offsets.items():
            w[name] = offset
        w.n_instruments, w.n_slots, w.n_sleeves = len(self.instruments), slots, len(self.sleeves)
        w.n_free, w.next_order, w.next_group = slots, 1, 1
        w.cash = w.equity = w.initial_cash = cash
        w.trade_from, w.seed, w.digest, w.marks = trade_from, seed, 1, 2
        w.kill, w.dividends_adjust = self.settings.risk.kill, self.settings.execution.dividends_adjust
        w.track = self.settings.costs.impact > 0
        _rows(self.block, w.off_free, r.SLOT, slots)["slot"] = np.arange(slots)[::-1]
        self._fill_limits()
        rows, sectors = self.positions, {name: k for k, name in enumerate(self.sectors)}
        rows["factor"] = rows["split_factor"] = 1.0
        rows["active"], rows["shortable"] = 1, [i.shortable for i in self.instruments]
        rows["sector"] = [sectors.get(i.sector, -1) for i in self.instruments]
        rows["lots"], rows["tick"] = [i.lots_per_unit for i in self.instruments], [i.tick for i in self.instruments]
        given = 0
        for k, sleeve in enumerate(self.sleeves):
            row = self.sleeve_rows[k]
            row.off_state, row.size_state = self._states[k], sleeve.strategy.state_size(len(self.instruments))
            row.kernel, row.weight = sleeve.strategy.is_kernel, 1.0
            row.initial_cash = row.cash = round(cash * sleeve.share)
            given += row.cash
            self._fill_state(k, sleeve)
        # What no sleeve was given, and rounding, is the first one's, so that the books add up.
        self.sleeve_rows[0].cash += cash - given
        self.sleeve_rows[0].initial_cash += cash - given
        getattr(start_session, "py_func", start_session)(w)

    def _fill_limits(self) -> None:
        risk, limits = self.settings.risk, self.header.limits
        for name in ("max_position", "max_sector", "max_gross", "max_daily_loss", "max_order", "collar"):
            limits[name] = getattr(risk, name)
        limits["max_orders_per_second"], limits["allow_short"] = risk.max_orders_per_second, risk.allow_short

    def _fill_state(self, k: int, sleeve: Sleeve) -> None:
        me = self.me(k)
        if me is None or not sleeve.strategy.is_kernel:
            return
        me["rows"] = sleeve.strategy.rows_offset
        for name, value in sleeve.parameters.items():
            me[name] = value

    def _fill_broker(self, external: bool) -> None:
        b, costs, execution = self.broker, self.settings.costs, self.settings.execution
        b.schema, b.size, b.external, b.latency = r.SCHEMA, len(self.broker_block), external, execution.latency_ns
        b.fill_on_touch, b.cancel_on_split = execution.fill_on_touch, execution.cancel_on_split
        for name, offset in self._broker_offsets.items():
            b[name] = offset
        n, slots = len(self.instruments), self.slots
        b.n_instruments, b.n_slots, b.queue_size = n, slots, 4 * slots + n + 16
        b.track, b.volume_share = self.header.track, execution.volume_share
        self._fill_costs(costs)
        venues = _rows(self.broker_block, b.off_venues, r.VENUE, n)
        venues["first"] = venues["last"] = -1
        venues["tick"], venues["lots"] = self.positions["tick"], self.positions["lots"]
        venues["uncapped"] = [i.close_only or i.adjusted != "raw" for i in self.instruments]

    def _fill_costs(self, costs: Costs) -> None:
        b = self.broker
        b.commission = _COMMISSIONS[costs.commission]
        b.commission_bps, b.commission_maximum = costs.commission_bps, costs.commission_maximum_pct / 100.0
        b.commission_per_share = round(costs.commission_per_share * MICROS)
        b.commission_minimum = round(costs.commission_minimum * MICROS)
        b.sec_fee, b.half_spread, b.impact = costs.sec_fee, costs.half_spread_bps * 1e-4, costs.impact
        b.taf, b.taf_maximum = round(costs.taf * MICROS), round(costs.taf_maximum * MICROS)
        b.borrow_rate, b.margin_rate, b.cash_rate = costs.borrow_rate, costs.margin_rate, costs.cash_rate

    def _table(self) -> None:
        """Set up the callbacks' addresses and start every strategy's rows."""
        self.table = np.zeros(ENTRIES * len(self.sleeves), np.int64)
        self._no_callbacks = np.zeros_like(self.table)
        self._entries: list[Any] = []
        for k, sleeve in enumerate(self.sleeves):
            strategy = sleeve.strategy
            if not strategy.is_kernel:
                for which in strategy.callbacks:
                    self.table[k * ENTRIES + which] = PYTHON
                if len(self.sleeves) == 1 and not INTERPRETED:
                    self._no_callbacks[SPIN] = silent_entry().address
                continue
            self._entries.append(strategy.entries)
            for which, compiled in strategy.entries.items():
                if which != START:
                    self.table[k * ENTRIES + which] = compiled.address
            self._start_rows(k, strategy)
        # Acknowledgements are made only where somebody listens; they are no part of the digest.
        self.broker.acknowledges = bool(self.table.reshape(-1, ENTRIES)[:, ON_ORDER].any())

    def _start_rows(self, k: int, strategy: Any) -> None:
        start, where = self.row_starter(strategy.entries[START]), address(self.block)
        for i in range(len(self.instruments)):
            start(where, where + self._states[k], i)

    @staticmethod
    def row_starter(entry: Any) -> Any:
        """Return the function ``f(world, me, instrument)`` of addresses that starts a row."""
        if INTERPRETED:
            return registered(entry.address)
        return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(entry.address)

    @property
    def positions(self) -> Any:
        """The position records, by instrument."""
        return _rows(self.block, self._offsets["off_positions"], r.POSITION, len(self.instruments))

    @property
    def sleeve_rows(self) -> Any:
        """The sleeve records."""
        return _rows(self.block, self._offsets["off_sleeves"], r.SLEEVE, len(self.sleeves))

    @property
    def books(self) -> Any:
        """The sleeves' books, shape (sleeves, instruments)."""
        n, k = len(self.instruments), len(self.sleeves)
        return _rows(self.block, self._offsets["off_books"], r.BOOK, n * k).reshape(k, n)

    def me(self, k: int) -> Any:
        """Return the own record of sleeve k's strategy, or None where it declares none."""
        strategy = self.sleeves[k].strategy
        if strategy.me_dtype is None:
            return None
        offset = self._states[k]
        return self.block[offset : offset + strategy.me_dtype.itemsize].view(strategy.me_dtype).view(np.recarray)[0]

    def rows(self, k: int) -> Any:
        """Return the rows of sleeve k's compiled strategy, by instrument."""
        strategy = self.sleeves[k].strategy
        return _rows(self.block, self._states[k] + strategy.rows_offset, strategy.row_dtype, len(self.instruments))

    @property
    def queue_rows(self) -> Any:
        """The simulated broker's queue of order events."""
        return self.broker_block[self._broker_offsets["off_queue"] :][
            : int(self.broker.queue_size) * r.UPDATE.itemsize
        ].view(r.UPDATE)

    def open_orders(self) -> NDArray[Any]:
        """Return rows of the orders log for the orders still open, each with the reason why it has not filled."""
        slots = _rows(self.block, self._offsets["off_open"], r.SLOT, int(self.header.n_open))["slot"]
        orders = _rows(self.block, self._offsets["off_orders"], r.ORDER, int(self.header.n_slots))[slots]
        resting = _rows(self.broker_block, self._broker_offsets["off_resting"], r.RESTING, int(self.header.n_slots))[
            slots
        ]
        log = np.zeros(len(slots), r.ORDER_LOG)
        for name in r.ORDER_LOG.names or ():
            if name not in ("ts", "order_id", "reason"):
                log[name] = orders[name]
        log["ts"], log["order_id"] = self.header.now, orders["id"]
        log["reason"] = np.where(resting["why"] > 0, resting["why"], int(Reason.END_OF_DATA))
        return log

    @property
    def digest(self) -> str:
        """The digest of everything decided, ordered, filled and marked so far."""
        return text((int(self.header.digest), int(self.header.marks)))

    def check(self) -> None:
        """Raise unless the ledger and the sleeves' books balance to the last unit."""
        audit, where = _callable(_audit, 2), address(self.block)
        fault, books = audit(where, 0), audit(where, 1) if len(self.sleeves) > 1 else 0
        if fault or books:
            raise EngineError(
                f"The ledger is out by {fault} micro-dollars, the sleeves' books by {books}; this is a defect"
            )
        now, error = np.datetime64(int(self.header.now), "ns"), int(self.header.error)
        if error == Fault.QUEUE:
            raise EngineError(
                f"The broker's queue overflowed at {now} UTC: raise account.max_orders above {int(self.header.n_slots)}"
            )
        if error == Fault.MONEY:
            raise EngineError(
                f"A position or cash flow exceeded {LARGEST // MICROS:,} dollars or {LARGEST:,} lots at {now} UTC: "
                "lower the account's cash, or check the prices"
            )

    def snapshot(self) -> bytes:
        """Return the world and its broker as bytes."""
        return self.block.tobytes() + self.broker_block.tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Take over a snapshot of a world of the same make.

        Raises
        ------
        EngineError
            If it was made by another schema or another account.
        """
        size = len(self.block)
        if len(snapshot) != size + len(self.broker_block):
            raise EngineError(
                f"Snapshot has {len(snapshot)} bytes, expected {size + len(self.broker_block)}: "
                "it belongs to another account"
            )
        header = np.frombuffer(snapshot[: r.WORLD.itemsize], r.WORLD)[0]
        if header["schema"] != r.SCHEMA:
            raise EngineError(
                f"Snapshot has schema {header['schema']}, expected {r.SCHEMA}: replay the journal instead"
            )
        self.block[:] = np.frombuffer(snapshot[:size], np.uint8)
        self.broker_block[:] = np.frombuffer(snapshot[size:], np.uint8)

    def drive(self, events: Events, start: int, stop: int, output: Any) -> int:
        """Take the world through events start to stop - 1; see `step.drive`."""
        if events.dtype != EVENT or not events.flags["C_CONTIGUOUS"] or not 0 <= start <= stop <= len(events):
            raise EngineError(
                f"World.drive got {len(events)} rows of {events.dtype.itemsize} bytes from {start} to {stop}, expected "
                f"a contiguous array of events.EVENT ({EVENT.itemsize} bytes) that holds them: "
                "build it with events.empty and events.join"
            )
        return self.drive_at(address(events), start, stop, output)

    def drive_at(self, events: int, start: int, stop: int, output: Any, *, silent: bool = False) -> int:
        """Do what `drive` does for events at an address; `silent`: without any callback."""
        table = self._silent if silent else self._table_address
        done: int = self._drive(self._address, self._broker_address, events, start, stop, table, output.at)
        return done
