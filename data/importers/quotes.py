"""Two-sided quotes from a stream whose ticks each give one side of the best bid and offer."""

import numpy as np

from lockstep.data.rows import Array, Rows


def best_quotes(rows: Rows) -> Rows:
    """Return a quote for each change of the best bid and offer.

    A tick gives one side, the other side's price is 0; a side stands until it is given again, and is NaN with size 0
    before that. The vendor writes an update of both sides as a bid and an ask of the same instant: these are one quote.

    Parameters
    ----------
    rows : Rows
        One-sided quotes of one file, in order.
    """
    gives_bid = rows["bid"] > 0
    columns = {}
    for side, given in (("bid", gives_bid), ("ask", rows["ask"] > 0)):
        columns[side] = _standing(rows[side], given, np.nan)
        columns[f"{side}_size"] = _standing(rows[f"{side}_size"], given, 0.0)
    stamp = rows["stamp"]
    half = np.append(gives_bid[:-1] & ~gives_bid[1:] & (stamp[:-1] == stamp[1:]), False)
    whole = rows.with_columns(**columns).take(~half)
    changed = np.ones(len(whole), bool)
    changed[1:] = np.logical_or.reduce([whole[name][1:] != whole[name][:-1] for name in columns])
    return whole.take(changed)


def _standing(values: Array, given: Array, before: float) -> Array:
    """Return the last given value at each row, `before` until there is one."""
    last = np.maximum.accumulate(np.where(given, np.arange(len(values)), -1))
    return np.where(last >= 0, values[np.maximum(last, 0)], before)
