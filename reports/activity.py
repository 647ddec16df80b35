"""What risk refused or shrunk, and which orders did not fill, with the reasons in words."""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from .run import RunFolder

OPEN = "open"
REASONS = {
    "position_limit": "the position would exceed its share of equity",
    "sector_limit": "the sector would exceed its share of equity",
    "gross_limit": "gross leverage would exceed its limit",
    "daily_loss": "the day's loss limit was reached; only reductions pass",
    "order_size": "the order was larger than one order may be",
    "order_rate": "too many orders within one second",
    "price_collar": "the price lay too far from the mark",
    "not_shortable": "the instrument may not be sold short",
    "kill_switch": "the kill switch was on; only reductions pass",
    "no_price": "the instrument had no price yet",
    "capacity": "too many orders were open at once",
    "invalid": "the order contradicted itself",
    "delisted": "the instrument was delisted",
    "group": "another order of its group was refused or shrunk",
    "sleeve_rule": "several sleeves share the account; only targets and exits are taken",
    "zero_quantity": "nothing was left of the quantity",
    "equity": "equity was not positive",
    "not_listed": "the instrument was not listed at that time",
    "reduce_only": "an exit may only reduce the position",
    "by_strategy": "the strategy cancelled it",
    "session_end": "its session ended",
    "immediate": "immediate-or-cancel: the rest was cancelled",
    "fill_or_kill": "fill-or-kill: it could not fill whole",
    "auction_passed": "its auction had passed",
    "other_exit": "the bracket's other exit filled",
    "parent_done": "its parent order had ended",
    "split": "cancelled by a split",
    "end_of_data": "the data ended",
    "not_reached": "the price did not reach its limit",
    "no_volume": "nothing traded",
    "not_triggered": "the price did not reach its stop",
    "waiting": "it waited for its latency or its parent",
    "halted": "trading was halted",
    "volume_cap": "its share of the volume was used up",
    "unknown_order": "the broker did not know the order",
    "broker": "the broker rejected it",
    "stale": "the decision was too old to be sent",
    OPEN: "it was still open when the run ended",
}


def explain(code: str) -> str:
    """Return what a reason code means; empty for one that is not known."""
    return REASONS.get(code, "")


def refusals(run: "RunFolder") -> pd.DataFrame:
    """Return what the risk stage shrank or refused, by code.

    Returns
    -------
    DataFrame
        `code`, `verdict`, `count`, `symbols` (how many), `first`, `last` (times), `limit` and `value` (median of those
        recorded, NaN for none), most frequent first.
    """
    judged = run.decisions[run.decisions["verdict"] != "approved"]
    grouped = judged.groupby(["code", "verdict"], sort=True)
    table = grouped.agg(
        count=("ts", "size"),
        symbols=("symbol", "nunique"),
        first=("ts", "min"),
        last=("ts", "max"),
        limit=("limit", "median"),
        value=("value", "median"),
    )
    return table.reset_index().sort_values("count", ascending=False, kind="stable", ignore_index=True)


def unfilled(run: "RunFolder") -> pd.DataFrame:
    """Return the orders that ended without filling whole, by reason.

    Orders that risk refused count as refusals, not here. Where the folder holds no orders, the manifest's counts stand
    in.

    Returns
    -------
    DataFrame
        `reason`, `count`, `partly` (filled in part) and `share` (of the quantity left unfilled, mean; NaN where
        unknown), most frequent first.
    """
    orders = run.orders
    short = orders[(orders["filled"].abs() < orders["quantity"].abs()) & (orders["status"] != "refused")]
    if orders.empty:
        return _from_manifest(run)
    rest = 1 - (short["filled"] / short["quantity"]).abs()
    reason = short["reason"].where(short["reason"] != "", OPEN)
    frame = pd.DataFrame({"reason": reason, "partly": short["filled"] != 0, "share": rest})
    table = frame.groupby("reason", sort=True).agg(
        count=("share", "size"), partly=("partly", "sum"), share=("share", "mean")
    )
    return table.reset_index().sort_values("count", ascending=False, kind="stable", ignore_index=True)


def _from_manifest(run: "RunFolder") -> pd.DataFrame:
    counts = run.manifest.get("unfilled") or {}
    rows = [
        (reason, count, 0, float("nan"))
        for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return pd.DataFrame(rows, columns=["reason", "count", "partly", "share"])
