"""Where the profit came from: per instrument and per sleeve, adding up to the account's own.

Reckoned in whole micro-dollars with the ledger's rounding, so that the parts add up to the last one; dollars only at
the end.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .schema import MICROS

if TYPE_CHECKING:
    from .run import RunFolder

ACCOUNT, RESIDUAL = "(account)", "(residual)"
TO_POSITION = ("fraction", "terminal")
OF_ACCOUNT = ("dividend", "dividend_paid", "borrow", *TO_POSITION)


def attribution(run: "RunFolder", by: str = "symbol") -> pd.DataFrame:
    """Return the account's profit and loss by instrument or by sleeve.

    Parameters
    ----------
    run : RunFolder
    by : {"symbol", "sleeve"}

    Returns
    -------
    DataFrame
        Dollars, indexed by name, largest `pnl` first, then `(account)`, what belongs to no single part, and
        `(residual)`. By symbol: `pnl` = `realised` + `unrealised` + `dividends` − `fees` − `borrow`, where `realised`
        + `unrealised` is the last value less what was paid for it; `(account)` is interest. By sleeve: `pnl` =
        `equity` − `start`, the sleeve's share of the initial cash. `pnl` sums to the final equity less the initial
        cash; `(residual)` is what the parts do not explain, 0 in a sound run.

    Raises
    ------
    ValueError
        If `by` is neither.
    """
    if by not in ("symbol", "sleeve"):
        raise ValueError(f"by={by!r}, expected 'symbol' or 'sleeve'")
    parts = _symbols(run) if by == "symbol" else _sleeves(run)
    parts = parts.sort_values("pnl", ascending=False, kind="stable")
    if by == "symbol":
        parts.loc[ACCOUNT] = 0
        parts.loc[ACCOUNT, "pnl"] = _interest(run)
    rest = profit(run) - int(parts["pnl"].sum())
    parts.loc[RESIDUAL] = 0
    parts.loc[RESIDUAL, "pnl"] = rest
    return (parts / MICROS).rename_axis(by)


def profit(run: "RunFolder") -> int:
    """Return the final equity less the initial cash, micros."""
    equity = run.sessions["equity"]
    return int(_micros(equity.iloc[-1:])[0]) - int(run.manifest["initial_cash"]) if len(equity) else 0


def _micros(dollars: "pd.Series[float]") -> np.ndarray:
    """Return dollars as the whole micros they were read from: exact below 2^53 micros, nine billion dollars."""
    return np.rint(dollars.to_numpy() * MICROS).astype("int64")


def paid(run: "RunFolder") -> "pd.Series[int]":
    """Return the cash paid (sales: received, negative) for each fill, micros, rounded half-even as the ledger does."""
    units = run.fills["symbol"].map(run.lots_per_unit)
    lots = np.rint(run.fills["quantity"].to_numpy() * units.to_numpy("float64")).astype("int64")
    rows = zip(lots.tolist(), _micros(run.fills["price"]).tolist(), units.tolist(), strict=True)
    return pd.Series(
        [_half_even(quantity * price, unit) for quantity, price, unit in rows], run.fills.index, dtype="int64"
    )


def _half_even(product: int, divisor: int) -> int:
    quotient, rest = divmod(product, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1))


def _symbols(run: "RunFolder") -> pd.DataFrame:
    names = sorted({row["symbol"] for row in run.manifest["instruments"]})
    columns = ["value", "realised", "fees", "dividends", "borrow"]
    last = run.marks.groupby("symbol").last()
    table = pd.DataFrame({name: _micros(last[name]) for name in columns}, index=last.index).reindex(names, fill_value=0)
    flows = run.flows[run.flows["kind"].isin(TO_POSITION)]
    received = pd.Series(_micros(flows["amount"]), flows["symbol"], dtype="int64").groupby(level=0).sum()
    spent = paid(run).groupby(run.fills["symbol"]).sum()
    trading = table["value"] - spent.reindex(names, fill_value=0) + received.reindex(names, fill_value=0)
    table["unrealised"] = trading - table["realised"]
    table["pnl"] = trading + table["dividends"] - table["fees"] - table["borrow"]
    return table[["realised", "unrealised", "dividends", "fees", "borrow", "pnl"]]


def _interest(run: "RunFolder") -> int:
    flows = run.flows[~run.flows["kind"].isin(OF_ACCOUNT)]
    return int(_micros(flows["amount"]).sum())


def _sleeves(run: "RunFolder") -> pd.DataFrame:
    rows = run.manifest.get("sleeves", [])
    last = run.sleeves.groupby("sleeve").last()
    names = [row["name"] for row in rows]
    table = pd.DataFrame({name: _micros(last[name]) for name in ("realised", "fees", "equity")}, index=last.index)
    table = table.reindex(names, fill_value=0)
    initial = int(run.manifest["initial_cash"])
    starts = [round(initial * float(row.get("weight", 1.0))) for row in rows]
    # What no sleeve was given, and rounding, is the first one's: so the account hands out its cash.
    table["start"] = [start + (initial - sum(starts) if k == 0 else 0) for k, start in enumerate(starts)]
    table["pnl"] = table["equity"] - table["start"]
    return table[["realised", "fees", "start", "equity", "pnl"]]
