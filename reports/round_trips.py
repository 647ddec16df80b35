"""Round trips: what each closing order earned, at average cost.

The ledger books positions at average cost, so the profit of a closing fill is its `realised` as recorded. A trade is
what one order closed of a position in one instrument:

1. Fills are read in order, per instrument. A fill against the position closes it; what goes beyond opens the other
   side.
2. Entries form one pool per position: its average time, its fees, and its average price. A closing fill takes its
   share of the pool's fees.
3. Closing fills of one order, with no other order's fill between them, form one trade.
4. A share of the pool is measured against the position that the fill reports, so a split between entry and exit needs
   no care.

So the trades' `gross` sums to the fills' `realised`, exactly up to float rounding. What is still open is no trade.
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
    """An open position: mean entry time (ns), fees paid on entry, and the trade being closed."""

    time: int = 0
    fees: float = 0.0
    trade: "list[Any] | None" = None


def trades(run: "RunFolder") -> pd.DataFrame:
    """Return the round trips, by exit time.

    Returns
    -------
    DataFrame
        `symbol`, `sleeve`, `order_id` (of the closing order), `side` (`long` or `short`), `quantity` (shares closed, >
        0), `entry_ts` (average of the entries, weighted by shares) and `exit_ts` (last closing fill), `days` held,
        `entry_price` (average cost, adjusted for splits since), `exit_price` (average), `gross` (dollars, before fees;
        spread and impact lie in the prices), `fees` (entry's share and exit), `net`, `return` (net on the entry's
        notional) and `reason` (of the last closing fill).
    """
    pools: dict[str, _Pool] = {}
    rows: list[list[Any]] = []
    for fill in _fill_rows(run.fills):
        _absorb(pools.setdefault(fill[0], _Pool()), fill, rows)
    return _frame(rows)


def _fill_rows(fills: pd.DataFrame) -> Any:
    ordered = fills.sort_values("ts_known", kind="stable")
    names = ["symbol", "sleeve", "order_id", "quantity", "price", "fee", "realised", "position_after", "reason"]
    columns = [ordered[name].tolist() for name in names]
    return zip(*columns, nanos(ordered["ts"]).tolist(), strict=True)


def _absorb(pool: _Pool, fill: tuple[Any, ...], rows: list[list[Any]]) -> None:
    _, _, order, quantity, price, fee, realised, after, _, ts = fill
    before = after - quantity
    closed = min(abs(quantity), abs(before)) if quantity * before < 0 else 0.0
    fee_closing = fee * closed / abs(quantity) if quantity else 0.0
    if closed:
        share = pool.fees * closed / abs(before)
        pool.fees -= share
        if pool.trade is None or pool.trade[2] != order:
            pool.trade = [fill[0], fill[1], order, 1.0 if before > 0 else -1.0, 0.0, pool.time, 0, 0.0, 0.0, 0.0, ""]
            rows.append(pool.trade)
        _extend(pool.trade, closed, price, realised, fee_closing + share, ts, fill[8])
    opened = abs(quantity) - closed
    if opened > 0:
        held = abs(before) - closed
        pool.time += round((ts - pool.time) * (opened / (held + opened)))
        pool.fees += fee - fee_closing
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
