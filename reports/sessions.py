"""From equity marks to sessions: the returns on which every statistic rests."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from .run import RunFolder


def session_ends(run: "RunFolder") -> np.ndarray:
    """Return the times that end sessions, int64 ns UTC, sorted.

    They are the times of the per-session tables (marks, sleeves, benchmark, whichever has rows); without any, the last
    equity mark of each UTC day.
    """
    for frame in (run.marks, run.sleeves, run.benchmark):
        if len(frame):
            return np.unique(nanos(frame["ts"]))
    times = nanos(run.equity["ts"])
    last = np.append(np.flatnonzero(np.diff(times // 86_400_000_000_000)), len(times) - 1)
    return times[last] if len(times) else times


def session_table(run: "RunFolder") -> pd.DataFrame:
    """Return one row per session.

    Returns
    -------
    DataFrame
        Index `ts`: the session's last equity mark, UTC. Columns `equity`, `cash`, `gross`, `net` (dollars, at that
        mark), `returns` (simple, the first against the initial cash), `drawdown` (≤ 0, against the highest equity so
        far and the initial cash), `exposure`, `net_exposure` (gross and net over equity, mean of the session's marks),
        `peak_exposure` (the highest gross), `benchmark` (dollars, the last value known by then, NaN before the first)
        and `benchmark_returns`.

    Notes
    -----
    NaN: once equity is not positive, the following returns are NaN. Marks after the last session form one more row.
    """
    frame = run.equity.sort_values("ts", kind="stable")
    group = np.searchsorted(session_ends(run), nanos(frame["ts"]), side="left")
    last = np.flatnonzero(np.append(np.diff(group) != 0, True)) if len(group) else group
    table = frame.iloc[last].set_index("ts")
    path = np.append(run.initial_cash, table["equity"].to_numpy())
    base = np.where(path[:-1] > 0, path[:-1], np.nan)
    table["returns"] = path[1:] / base - 1
    table["drawdown"] = path[1:] / np.maximum.accumulate(path)[1:] - 1
    equity = frame["equity"].where(frame["equity"] > 0)
    gross = (frame["gross"] / equity).groupby(group)
    table["exposure"], table["peak_exposure"] = gross.mean().to_numpy(), gross.max().to_numpy()
    table["net_exposure"] = (frame["net"] / equity).groupby(group).mean().to_numpy()
    table["benchmark"] = _benchmark(run, table.index)
    table["benchmark_returns"] = table["benchmark"].pct_change()
    return table


def benchmark_name(run: "RunFolder") -> str:
    """Return the name of the benchmark compared with: the first recorded; empty where there is none."""
    return str(run.benchmark["name"].iloc[0]) if len(run.benchmark) else ""


def nanos(times: "pd.Series | pd.Index") -> np.ndarray:
    """Return times as int64 ns UTC."""
    return times.to_numpy("datetime64[ns]").astype("int64")


def _benchmark(run: "RunFolder", index: pd.Index) -> np.ndarray:
    values = run.benchmark[run.benchmark["name"] == benchmark_name(run)].sort_values("ts", kind="stable")
    if values.empty:
        return np.full(len(index), np.nan)
    place = np.searchsorted(nanos(values["ts"]), nanos(index), side="right") - 1
    return np.where(place >= 0, values["value"].to_numpy()[np.maximum(place, 0)], np.nan)
