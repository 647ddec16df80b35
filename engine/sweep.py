"""Many worlds over one pass of the events: the same strategy with many sets of parameters.

Each world is a world of its own, with its own orders, ledger and digest; they share nothing but the events, which
they take in tiles small enough to stay in the processor's cache.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import records as r
from .arena import address, allocate, at
from .compile import int64, kernel
from .digest import text
from .errors import ConfigError, EngineError
from .events import EVENT, SESSION_CLOSE, Events
from .instruments import Instrument
from .settings import Settings
from .step import drive
from .strategy import START
from .tables import output_at, world_at
from .world import Sleeve, World, _callable, _header

TILE = 1024
WORLD_AT = np.dtype([("world", "<i8"), ("broker", "<i8"), ("output", "<i8")])
RESULT = np.dtype(
    [("equity", "<f8"), ("fills", "<i8"), ("orders", "<i8"), ("refused", "<i8"), ("fees", "<f8"), ("digest", "<U32")]
)
"""What a sweep tells of each world: final equity and fees in dollars, counts, the digest."""

_entry = at(WORLD_AT)


@kernel
def drive_many(worlds: int, n: int, events: int, stop: int, tile: int, table: int) -> int:
    """Take n worlds through events 0 to stop - 1, `tile` at a time; return the first that could not finish, or -1."""
    begin = 0
    while begin < stop:
        end = min(begin + tile, stop)
        for k in range(n):
            entry = _entry(worlds, k)
            done = drive(entry.world, entry.broker, events, begin, end, table, entry.output)
            if done < end or world_at(entry.world, 0).error != 0 or output_at(entry.output, 0).full != 0:
                return int64(k)
        begin = end
    return int64(-1)


class Sweep:
    """Runs one compiled strategy under many sets of parameters.

    Parameters
    ----------
    instruments : sequence of Instrument
    strategy : KernelStrategy
    grid : sequence of mappings
        One set of parameters for each world.
    settings : Settings
        The same for all worlds.

    Raises
    ------
    ConfigError
        If the grid is empty, a parameter lies outside its range, or the strategy is plain Python or has jobs.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        strategy: Any,
        grid: Sequence[Mapping[str, Any]],
        settings: Settings | None = None,
        *,
        trade_from: int = -(2**62),
        seed: int = 0,
    ) -> None:
        if not grid:
            raise ConfigError("The grid is empty: give at least one set of parameters")
        if not strategy.is_kernel or strategy.jobs or getattr(strategy, "timers", ()):
            raise ConfigError(
                f"{strategy.name or strategy.__name__}: only compiled strategies without jobs and timers can be swept; "
                "use run"
            )
        self.grid = [strategy.resolve(parameters) for parameters in grid]
        self.template = World(instruments, [Sleeve(strategy, grid[0])], settings, trade_from=trade_from, seed=seed)
        self._lay_out(len(self.grid))
        self._fill(strategy)
        self._run = _callable(drive_many, 6)
        self.sessions: list[NDArray[Any]] = []

    def _lay_out(self, n: int) -> None:
        world, broker = self.template.block, self.template.broker_block
        # A line between two worlds keeps equal fields from falling onto the same places of the cache.
        self._stride, self._broker_stride = len(world) + 64 * 9, len(broker) + 64 * 11
        self._blocks = allocate(self._stride * n).reshape(n, self._stride)
        self._brokers = allocate(self._broker_stride * n).reshape(n, self._broker_stride)
        self._blocks[:, : len(world)], self._brokers[:, : len(broker)] = world, broker
        self._outputs = np.zeros(n, r.OUTPUT)
        for name in r.LOGS:
            self._outputs[f"{name}_room"] = -1
        self._worlds = np.zeros(n, WORLD_AT)
        self._worlds["world"] = address(self._blocks) + self._stride * np.arange(n)
        self._worlds["broker"] = address(self._brokers) + self._broker_stride * np.arange(n)
        self._worlds["output"] = address(self._outputs) + r.OUTPUT.itemsize * np.arange(n)
        self._outputs["broker"] = self._worlds["broker"]

    def _fill(self, strategy: Any) -> None:
        offset, size = self.template._states[0], strategy.state_size(len(self.template.instruments))
        me_size = strategy.me_dtype.itemsize
        start = self.template.row_starter(strategy.entries[START])
        for k, parameters in enumerate(self.grid):
            state = self._blocks[k, offset : offset + size]
            state[:] = 0
            me = state[:me_size].view(strategy.me_dtype)[0]
            me["rows"] = strategy.rows_offset
            for name, value in parameters.items():
                me[name] = value
            where = int(self._worlds["world"][k])
            for i in range(len(self.template.instruments)):
                start(where, where + offset, i)

    def feed(self, batch: Events) -> None:
        """Take all worlds through a batch of events; session equities are kept in `sessions`."""
        batch = np.ascontiguousarray(batch)
        if batch.dtype != EVENT:
            raise EngineError(
                f"Sweep.feed got dtype {batch.dtype}, expected events.EVENT: build the batch with events.empty"
            )
        n, rows = len(self.grid), int(np.count_nonzero(batch["kind"] == SESSION_CLOSE))
        equity = np.zeros((n, rows + 1), r.EQUITY_LOG)
        self._outputs["equity_at"] = address(equity) + equity.strides[0] * np.arange(n)
        self._outputs["equity_n"], self._outputs["equity_room"] = 0, rows + 1
        stuck = int(self._run(address(self._worlds), n, address(batch), len(batch), TILE, address(self.template.table)))
        if stuck >= 0:
            raise EngineError(
                f"World {stuck} of the sweep, {self.grid[stuck]}, could not go on: its broker's queue overflowed; "
                "raise account.max_orders"
            )
        if rows:
            self.sessions.append(equity[:, : int(self._outputs["equity_n"][0])].copy())

    def header(self, k: int) -> Any:
        """Return the header record of world k."""
        return _header(self._blocks[k], r.WORLD)

    def results(self) -> NDArray[Any]:
        """Return one `RESULT` row for each set of parameters, in the grid's order."""
        found = np.zeros(len(self.grid), RESULT)
        for k in range(len(self.grid)):
            header = self.header(k)
            found[k] = (
                header.equity / 1e6,
                header.count_fills,
                header.count_orders,
                header.count_refused,
                header.fees / 1e6,
                text((int(header.digest), int(header.marks))),
            )
        return found

    def session_equity(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return ``(ts, equity)``: session times and dollars of shape (worlds, sessions)."""
        if not self.sessions:
            return np.zeros(0, np.int64), np.zeros((len(self.grid), 0))
        joined = np.concatenate(self.sessions, axis=1)
        return joined["ts"][0], joined["equity"] / 1e6
