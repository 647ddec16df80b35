"""The reality gap: the same period backtested with simulated fills, next to the fills that there really were.

The journal's market data, timers and results go through the same core on a world with its simulated broker; order
events are left out. What was then decided is put beside what was really decided, order by order, and the difference in
profit is told by cause. Everything is reckoned at the last marks, so that the causes add up to the whole:

- `slippage`: the same lots at another price;
- `missed`: lots that only one of the two filled;
- `decisions`: orders that only one of the two had, because an earlier fill was another;
- `fees`, and `flows` such as borrow fees, dividends and adjustments;
- `rest`: what rounding, and crossings of sleeves, leave.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockstep.engine import records as r
from lockstep.engine.events import BAR, CONTROL, HAND_OVER, ORDER, REVISION, SESSION_CLOSE, SLICE, TIMER, TRADE, Events

from .core import Core
from .journal import Reader
from .rows import Rows
from .setup import Setup, from_meta

MICROS = 1e6


@dataclass(frozen=True)
class OrderGap:
    """One order in both worlds: lots filled, average price (micros, 0 for none) and ns from decision to first fill."""

    symbol: str
    decided: int
    quantity: int
    filled: int
    filled_simulated: int
    price: float
    price_simulated: float
    wait: int
    wait_simulated: int


@dataclass(frozen=True)
class Gap:
    """What the real fills did to the result, in dollars; positive: reality was better than the simulation."""

    profit: float
    profit_simulated: float
    causes: dict[str, float]
    orders: int
    matched: int
    missed: int
    slippage_bps: float
    wait_ms: float
    wait_ms_simulated: float
    detail: tuple[OrderGap, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it: nothing in the place of NaN."""
        told = asdict(self)
        return {key: None if isinstance(value, float) and value != value else value for key, value in told.items()}


class _Logs:
    """Keeps orders and fills of one world, and its cash flows."""

    def __init__(self) -> None:
        self.parts: dict[str, list[NDArray[Any]]] = defaultdict(list)

    def sink(self, logs: dict[str, NDArray[Any]]) -> None:
        """Take logs."""
        for name in ("orders", "fills", "flows"):
            if len(logs[name]):
                self.parts[name].append(logs[name])

    def get(self, name: str) -> NDArray[Any]:
        """Return all rows of a log."""
        parts = self.parts[name]
        return np.concatenate(parts) if parts else np.zeros(0, r.LOGS[name])


def reality_gap(folder: Path) -> Gap:
    """Compare a run's real fills with those that its backtest would have had.

    Raises
    ------
    LockstepError
        If the journal cannot be read or applied.
    """
    reader = Reader(folder)
    try:
        setup = from_meta(reader.meta())
        real, simulated, moved = _both(reader, setup)
    finally:
        reader.close()
    return _compare(setup, real, simulated, moved)


def _both(reader: Reader, setup: Setup) -> tuple[Any, Any, dict[int, int]]:
    """Return both worlds with their logs, and the recorded time of each row by its live stamp."""
    real_logs, simulated_logs = _Logs(), _Logs()
    real, simulated = Core(setup.world(), real_logs.sink), Core(setup.world(external=False), simulated_logs.sink)
    rows, last, moved = Rows(), -(2**62), {}
    for batch in reader.batches():
        told = _recorded(batch.events, setup.delay, last)
        last = int(told[-1]) if len(told) else last
        moved |= dict(zip(batch.events["ts_available"].tolist(), told.tolist(), strict=True))
        _feed(real, rows, reader, batch.first, batch.events)
        kept = (batch.events["kind"] != ORDER) & ~((batch.events["kind"] == CONTROL) & (batch.events["code"] > 2))
        events = np.ascontiguousarray(batch.events[kept])
        events["ts_available"] = told[kept]
        _feed(simulated, rows, reader, batch.first, events)
    real.runner.finish()
    simulated.runner.finish()
    return (real.world, real_logs), (simulated.world, simulated_logs), moved


def _recorded(events: Events, delay: int, last: int) -> NDArray[np.int64]:
    """Return when each row would be known in a replay of the recording: never earlier than the row before it."""
    kind = events["kind"]
    timed = ((kind >= BAR) & (kind <= TRADE)) | (kind == SLICE) | (kind == SESSION_CLOSE)
    told = np.where(timed, events["ts_event"] + delay, events["ts_event"])
    own = timed | (kind == TIMER) | (kind == HAND_OVER)
    told = np.where(own & ((events["flags"] & REVISION) == 0), told, last)
    return np.maximum.accumulate(np.append(last, told))[1:]


def _feed(core: Core, rows: Rows, reader: Reader, first: int, events: Events) -> None:
    for start in range(0, len(events), rows.capacity):
        rows.load(first, events[start : start + rows.capacity])
        for j in range(rows.n):
            is_result = rows.head(j)[1] == HAND_OVER
            core.apply(rows, j, reader.result(int(rows.events["sequence"][j])) if is_result else None)
        core.messages.clear()
        core.jobs.clear()
        core.digests.clear()


@dataclass
class _Filled:
    """What an order's fills came to: lots signed, lots × price, time of the first."""

    lots: int = 0
    paid: float = 0.0
    first: int = 0

    @property
    def price(self) -> float:
        return self.paid / self.lots if self.lots else 0.0


def _filled(fills: NDArray[Any]) -> dict[int, _Filled]:
    found: dict[int, _Filled] = defaultdict(_Filled)
    for row in fills:
        each = found[int(row["order_id"])]
        each.first = each.first or int(row["ts"])
        each.lots += int(row["quantity"])
        each.paid += float(row["quantity"]) * float(row["price"])
    return found


def _keyed(orders: NDArray[Any], moved: dict[int, int] | None) -> dict[tuple[int, ...], Any]:
    """Return orders by when they were decided (recorded time), instrument, kind, side, and which of these they are."""
    found: dict[tuple[int, ...], Any] = {}
    count: dict[tuple[int, ...], int] = defaultdict(int)
    for row in orders[np.argsort(orders["order_id"], kind="stable")]:
        submitted = int(row["submitted"])
        when = moved.get(submitted, submitted) if moved is not None else submitted
        key = (when, int(row["instrument"]), int(row["type"]), int(row["quantity"] > 0))
        found[(*key, count[key])] = row
        count[key] += 1
    return found


def _compare(setup: Setup, real: Any, simulated: Any, moved: dict[int, int]) -> Gap:
    (world, logs), (shadow, shadow_logs) = real, simulated
    fills, shadow_fills = _filled(logs.get("fills")), _filled(shadow_logs.get("fills"))
    marks = world.positions["mark"].astype(float)
    units = np.array([each.lots_per_unit for each in setup.instruments], float)
    ours, theirs = _keyed(logs.get("orders"), moved), _keyed(shadow_logs.get("orders"), None)
    causes: dict[str, float] = dict.fromkeys(("slippage", "missed", "decisions", "fees", "flows"), 0.0)
    detail, traded = [], 0.0
    for key in sorted({*ours, *theirs}):
        row, other = ours.get(key), theirs.get(key)
        a = fills.get(int(row["order_id"]), _Filled()) if row is not None else _Filled()
        b = shadow_fills.get(int(other["order_id"]), _Filled()) if other is not None else _Filled()
        mark, unit = marks[key[1]], units[key[1]]
        if row is None or other is None:
            causes["decisions"] += (_worth(a, mark) - _worth(b, mark)) / unit / MICROS
            continue
        common = min(abs(a.lots), abs(b.lots)) * (1 if a.lots + b.lots > 0 else -1)
        causes["slippage"] += common * (b.price - a.price) / unit / MICROS
        traded += abs(common) * b.price / unit / MICROS
        left = (a.lots - common) * (mark - a.price) - (b.lots - common) * (mark - b.price)
        causes["missed"] += left / unit / MICROS
        if a.lots or b.lots:
            detail.append(_order(setup, key, row, other, a, b))
    profit, shadow_profit = (float(w.header.equity - w.header.initial_cash) / MICROS for w in (world, shadow))
    # Of the account, since a broker may charge fees apart from fills.
    causes["fees"] = float(shadow.header.fees - world.header.fees) / MICROS
    causes["flows"] = _flows(logs) - _flows(shadow_logs)
    causes = {cause: float(amount) for cause, amount in causes.items()}
    causes["rest"] = profit - shadow_profit - sum(causes.values())
    return Gap(
        profit, shadow_profit, causes, len(ours), len([key for key in ours if key in theirs]),
        sum(each.filled != each.filled_simulated for each in detail),
        float(-1e4 * causes["slippage"] / traded) if traded else 0.0, *_waits(detail), tuple(detail),
    )  # fmt: skip


def _worth(filled: _Filled, mark: float) -> float:
    return filled.lots * mark - filled.paid


def _flows(logs: _Logs) -> float:
    return float(logs.get("flows")["amount"].sum()) / MICROS


def _order(setup: Setup, key: tuple[int, ...], row: Any, other: Any, a: _Filled, b: _Filled) -> OrderGap:
    return OrderGap(
        setup.instruments[key[1]].symbol, key[0], int(row["quantity"]), a.lots, b.lots, a.price, b.price,
        a.first - int(row["submitted"]) if a.lots else -1, b.first - int(other["submitted"]) if b.lots else -1,
    )  # fmt: skip


def _waits(detail: list[OrderGap]) -> tuple[float, float]:
    """Return the median ms from decision to first fill, real and simulated; NaN without fills."""
    found = []
    for name in ("wait", "wait_simulated"):
        waits = [getattr(each, name) for each in detail if getattr(each, name) >= 0]
        found.append(float(np.median(waits)) / 1e6 if waits else float("nan"))
    return found[0], found[1]
