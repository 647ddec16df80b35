"""Round trips: what each closing order earned, at average cost.

The ledger books positions at average cost, so the profit of a closing fill is its `realised` as recorded. A trade is
what one order closed of the account's position in one instrument:

1. Fills are read in order, per instrument. A fill against the position closes it; what goes beyond opens the other
   side.
2. Entries form one pool per position: its average time, its fees and its cost. A closing fill takes its share of the
   pool.
3. Closing fills of one order, with no other order's fill between them, form one trade.
4. Shares are measured against the position that the fill reports, so a split between entry and exit needs no care.
5. A delisting pays its terminal value without a fill; it closes a trade of its own, with order 0 and reason `terminal`.

So the trades' `gross` sums to the ledger's realised profit, but for cash in lieu of fractions. What is still open is no
trade.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .sessions import nanos

if TYPE_CHECKING:
    from .run import RunFolder

COLUMNS = {
    "symbol": "str",
    "sleeve": "str",
    "order_id": "int64",
    "side": "str",
    "quantity": "float64",
    "entry_ts": "datetime64[ns, UTC]",
    "exit_ts": "datetime64[ns, UTC]",
    "days": "float64",
    "entry_price": "float64",
    "exit_price": "float64",
    "gross": "float64",
    "fees": "float64",
    "net": "float64",
    "return": "float64",
    "reason": "str",
}
NS_PER_DAY = 86_400e9


@dataclass(slots=True)
class _Pool:
    """An open position: mean entry time (ns), entry fees and signed cost (dollars), and the trade being closed."""

    time: int = 0
    fees: float = 0.0
    cost: float = 0.0
    trade: "list[Any] | None" = None


def trades(run: "RunFolder") -> pd.DataFrame:
    """Return the round trips, by exit time.

    Returns
    -------
    DataFrame
        `symbol`, `sleeve` (of the closing order; empty where several sleeves share it), `order_id` (the closing order),
        `side` (`long` or `short`), `quantity` (shares closed, > 0), `entry_ts` (mean of the entries, weighted by
        shares), `exit_ts` (last closing fill), `days` held, `entry_price` (average cost, adjusted for splits since),
        `exit_price` (average), `gross` (dollars before fees; spread and impact lie in the prices), `fees` (the entry's
        share and the exit's), `net`, `return` (net on the entry's notional) and `reason` (of the last closing fill).
    """
    pools: dict[str, _Pool] = {}
    rows: list[list[Any]] = []
    for step in sorted([*_fill_rows(run.fills), *_terminal_rows(run)], key=lambda step: step[0]):
        _absorb(pools.setdefault(step[2], _Pool()), step, rows)
    return _frame(rows)


def _fill_rows(fills: pd.DataFrame) -> Any:
    names = ["symbol", "sleeve", "order_id", "quantity", "price", "fee", "realised", "position_after", "reason"]
    columns = [fills[name].tolist() for name in names]
    return zip(nanos(fills["ts_known"]).tolist(), nanos(fills["ts"]).tolist(), *columns, strict=True)


def _terminal_rows(run: "RunFolder") -> Any:
    """Return delistings as closing fills at the terminal price; NaN stands for the profit that the cost gives."""
    for flow in run.flows[run.flows["kind"] == "terminal"].to_dict("records"):
        marks = run.marks[(run.marks["symbol"] == flow["symbol"]) & (run.marks["ts"] < flow["ts"])]
        held = float(marks["quantity"].iloc[-1]) if len(marks) else 0.0
        if held:
            ts, price = flow["ts"].value, flow["amount"] / held
            yield ts, ts, flow["symbol"], "", 0, -held, price, 0.0, float("nan"), 0.0, "terminal"


def _absorb(pool: _Pool, step: tuple[Any, ...], rows: list[list[Any]]) -> None:
    _, ts, symbol, sleeve, order, quantity, price, fee, realised, after, reason = step
    before = after - quantity
    closed = min(abs(quantity), abs(before)) if quantity * before < 0 else 0.0
    fee_closing = fee * closed / abs(quantity) if quantity else 0.0
    if closed:
        part = closed / abs(before)
        fees, cost = pool.fees * part, pool.cost * part
        pool.fees -= fees
        pool.cost -= cost
        if realised != realised:
            realised = -quantity * price - cost
        if pool.trade is None or pool.trade[2] != order:
            pool.trade = [symbol, sleeve, order, 1.0 if before > 0 else -1.0, 0.0, pool.time, 0, 0.0, 0.0, 0.0, ""]
            rows.append(pool.trade)
        _extend(pool.trade, closed, price, realised, fee_closing + fees, ts, reason)
    opened = abs(quantity) - closed
    if opened > 0:
        held = abs(before) - closed
        pool.time += round((ts - pool.time) * (opened / (held + opened)))
        pool.fees += fee - fee_closing
        pool.cost += opened * price * (1 if quantity > 0 else -1)
        pool.trade = None


def _extend(trade: list[Any], closed: float, price: float, realised: float, fees: float, ts: int, reason: str) -> None:
    trade[4] += closed
    trade[6] = ts
    trade[7] += closed * price
    trade[8] += realised
    trade[9] += fees
    trade[10] = reason


def _frame(rows: list[list[Any]]) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 11
    symbol, sleeve, order, side, quantity, entry, last, proceeds, gross, fees, reason = (np.array(c) for c in columns)
    sign, size = side.astype(float), quantity.astype(float)
    exit_price = proceeds.astype(float) / size
    entry_price = exit_price - sign * gross.astype(float) / size
    net, basis = gross.astype(float) - fees.astype(float), entry_price * size
    entry_ns, exit_ns = entry.astype("int64"), last.astype("int64")
    data = {
        "symbol": symbol,
        "sleeve": sleeve,
        "order_id": order,
        "side": np.where(sign > 0, "long", "short"),
        "quantity": size,
        "entry_ts": pd.to_datetime(entry_ns, utc=True),
        "exit_ts": pd.to_datetime(exit_ns, utc=True),
        "days": (exit_ns - entry_ns) / NS_PER_DAY,
        "entry_price": entry_price,
        "exit_price": exit_price,
        "gross": gross,
        "fees": fees,
        "net": net,
        "return": np.divide(net, basis, out=np.full(len(net), np.nan), where=basis > 0),
        "reason": reason,
    }
    frame = pd.DataFrame(data).astype(COLUMNS)
    return frame.sort_values("exit_ts", kind="stable", ignore_index=True)
