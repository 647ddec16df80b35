"""The fill ledger: a price that an order took must have happened after the order could have reached the market.

No other future shows an order that is filled at a price older than itself, since both are past; the records of orders
and fills do. A price from inside a bar may be as old as the bar's open.
"""

import numpy as np

from .journal import Difference, Journal


def early_fill(journal: Journal) -> Difference | None:
    """Return the first fill at a price that happened before its order was submitted and had arrived; None if none."""
    found = [each for run, latency in sorted(journal.latencies.items()) if (each := _early(journal, run, latency))]
    return min(found, key=lambda each: each.ts, default=None)


def _early(journal: Journal, run: str, latency: int) -> Difference | None:
    fills, orders = journal.tracks[f"{run}: fills"], journal.tracks[f"{run}: orders ended"].rows
    resting = journal.tracks[f"{run}: orders open"].rows
    every = np.concatenate([orders, resting])
    submitted = dict(zip(every["order_id"].tolist(), every["submitted"].tolist(), strict=True))
    for row, begun in zip(fills.rows, journal.begun[run].tolist(), strict=True):
        arrived = submitted.get(int(row["order_id"]))
        if arrived is not None and begun < arrived + latency:
            symbol = fills.symbols[int(row["instrument"])]
            record = {name: row[name].item() for name in fills.rows.dtype.names or ()}
            fields = ("ts",)
            order = {"order_id": record["order_id"], "submitted": arrived, "latency": latency, "begun": begun}
            return Difference("fills", f"{run}: fills", int(row["ts"]), symbol, fields, record, order)
    return None
