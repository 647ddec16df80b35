"""Other futures for a history: everything known by a cut stays bit for bit, everything after it is different.

``cocktail``
    Same times and length, other values: an opposite-signed extreme first bar, a path mirrored or resampled from the
    past, returns scaled ×0.2 to ×50, flat bars, bars without volume (the last one too), corporate actions changed.
``truncate``
    Nothing comes after the cut.
``extend``
    More comes after the end: the path goes on for a while.
``thin``
    Rows vanish after the cut: some instruments end, others skip bars.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.calendar import Sessions, iso_date, load_sessions
from lockstep.data.rows import Rows

from .files import Edit
from .history import History, Table

PRICES = ("open", "high", "low", "close")
QUOTES = ("bid", "ask")
EXTREMES = ((0.15, 0.2), (0.53, 0.56), (0.8, 0.88))
"""Sizes (log) of the first move: none may look like an undeclared split, or an import of the future would refuse it."""
LONGER = 40
"""Sessions that an extended history goes on."""
Floats = np.ndarray


def truncate(history: History, cut: int, seed: int = 0) -> History:
    """Return the history that ends at a cut."""
    return _each(history, lambda table: _keep(table, table.known_at <= cut, table.actions_known_at <= cut))


def cocktail(history: History, cut: int, seed: int = 0) -> History:
    """Return the history with every value after a cut replaced, at the same times."""
    return _each(history, lambda table: _other_values(table, cut, np.random.default_rng([seed, cut & 0xFFFFFFFF])))


def thin(history: History, cut: int, seed: int = 0) -> History:
    """Return the history with rows missing after a cut; the first instrument keeps all of its rows."""
    return _each(history, lambda table: _thinned(table, cut, np.random.default_rng([seed, 1, cut & 0xFFFFFFFF])))


def extend(history: History, cut: int, seed: int = 0) -> History:
    """Return the cocktail's history, going on for a while after its end."""
    return _each(cocktail(history, cut, seed), _longer)


FUTURES: dict[str, Callable[..., History]] = {
    "cocktail": cocktail,
    "truncate": truncate,
    "extend": extend,
    "thin": thin,
}


def future_of(history: History, future: str, cut: int, seed: int) -> History:
    """Return the history with another future, in its datasets and in the project's files."""
    future = "cocktail" if future == CACHE else future
    return replace(FUTURES[future](history, cut, seed), edit=Edit(future, cut, seed))


CACHE = "cache"
"""Not a future: the run as it is, after one over the cocktail, whose caches it finds."""
SAME_LENGTH = ("cocktail", CACHE)
"""Futures that leave times and lengths alone: what a run did before is compared bit for bit, always."""


def _each(history: History, change: Callable[[Table], Table]) -> History:
    return replace(history, tables={name: change(table) for name, table in history.tables.items()})


def _keep(table: Table, rows: np.ndarray, actions: np.ndarray) -> Table:
    return table.with_rows(table.rows.take(rows), table.actions.filter(pa.array(actions)))


def _other_values(table: Table, cut: int, rng: np.random.Generator) -> Table:
    rows, future = table.rows, table.known_at > cut
    columns = {name: np.array(rows[name], copy=True) for name in rows.values}
    for code in range(len(rows.ids)):
        own = np.flatnonzero((rows["code"] == code) & future)
        if len(own):
            before = np.flatnonzero((rows["code"] == code) & ~future)
            other_path(columns, before, own, rng, _grid(table))
    return table.with_rows(rows.with_columns(**columns), _other_actions(table, cut, rng))


def _grid(table: Table) -> float:
    return 0.01 if table.manifest.adjusted == "raw" else 1e-6


def other_path(
    columns: dict[str, Floats], before: np.ndarray, own: np.ndarray, rng: np.random.Generator, grid: float
) -> None:
    """Replace the values of one instrument's rows `own`, which follow its rows `before`, in place."""
    close = columns[_level(columns)]
    actual = (
        np.diff(np.log(close[np.append(before[-1:], own)])) if len(before) else np.diff(np.log(close[own]), prepend=0)
    )
    new_close = (close[before[-1]] if len(before) else close[own[0]]) * np.exp(np.cumsum(_other_returns(actual, rng)))
    ratio = np.clip(new_close, 0.5, 1e6) / close[own]
    for name in (*PRICES, *QUOTES, "price", "adj_close"):
        if name in columns:
            columns[name][own] = np.maximum(np.round(columns[name][own] * ratio / grid) * grid, grid)
    if "volume" in columns:
        _other_bars(columns, own, rng)
    for name in ("bid_size", "ask_size", "size"):
        if name in columns:
            columns[name][own] = np.maximum(np.rint(columns[name][own] * rng.uniform(0.2, 3.0, len(own))), 1.0)
    if "bid" in columns:
        columns["ask"][own] = np.maximum(columns["ask"][own], columns["bid"][own] + grid)


def _level(columns: dict[str, Floats]) -> str:
    return next(name for name in ("close", "price", "bid") if name in columns)


def _other_returns(actual: Floats, rng: np.random.Generator) -> Floats:
    """Return log returns that differ from the actual ones everywhere, the first with an opposite, extreme sign."""
    actual = np.nan_to_num(actual)
    usual = max(float(np.median(np.abs(actual))), 1e-4)
    mirrored = rng.random() < 0.5
    returns = -actual if mirrored else rng.permutation(actual)
    scale = float(np.exp(rng.uniform(np.log(0.2), np.log(50.0)))) if rng.random() < 0.3 else rng.uniform(0.5, 3.0)
    returns = np.clip(returns * scale + rng.normal(0.0, usual, len(actual)), -0.2, 0.2)
    sign = -1.0 if actual[0] > 0 else 1.0
    low, high = EXTREMES[int(rng.integers(len(EXTREMES)))]
    returns[0] = sign * rng.uniform(low, high)
    return returns - np.where(np.abs(np.cumsum(returns)) > 3.0, returns, 0.0)


def _other_bars(columns: dict[str, Floats], own: np.ndarray, rng: np.random.Generator) -> None:
    """Give bars other volumes and ranges; some are flat, some without volume, the last one too."""
    n = len(own)
    columns["volume"][own] = np.rint(columns["volume"][own] * np.exp(rng.normal(0.0, 1.0, n))) + 1.0
    none = rng.random(n) < 0.05
    none[-1] = True
    columns["volume"][own[none]] = 0.0
    if "open" in columns:
        columns["open"][own] = np.clip(columns["open"][own], columns["close"][own] * 0.8, columns["close"][own] * 1.25)
        flat = rng.random(n) < 0.05
        for name in ("open", "high", "low"):
            columns[name][own[flat]] = columns["close"][own[flat]]
        body = [columns[name][own] for name in PRICES]
        columns["high"][own], columns["low"][own] = np.max(body, axis=0), np.min(body, axis=0)


def _other_actions(table: Table, cut: int, rng: np.random.Generator) -> pa.Table:
    """Drop half of the splits and dividends after a cut and change the rest; changes of status stay."""
    actions, future = table.actions, table.actions_known_at > cut
    if not future.any():
        return actions
    kinds = np.array(actions.column("kind").to_pylist(), dtype=object)
    priced = future & ((kinds == "split") | (kinds == "dividend"))
    kept = ~(priced & (rng.random(len(kinds)) < 0.5))
    changed = _scaled(actions, "numerator", priced & (kinds == "split"), 3)
    changed = _scaled(changed, "coefficient", priced & (kinds == "split"), 3)
    changed = _scaled(changed, "amount", priced & (kinds == "dividend"), 2)
    return changed.filter(pa.array(kept))


def _scaled(table: pa.Table, name: str, where: np.ndarray, factor: int) -> pa.Table:
    values = table.column(name)
    scaled = pc.if_else(pa.array(where), pc.multiply(values, pa.scalar(factor, values.type)), values)
    return table.set_column(table.column_names.index(name), table.schema.field(name), scaled)


def _thinned(table: Table, cut: int, rng: np.random.Generator) -> Table:
    rows, future = table.rows, np.flatnonzero(table.known_at > cut)
    keep = np.ones(len(rows), bool)
    code, known = rows["code"], table.known_at
    for number in range(1, len(rows.ids)):
        own = future[code[future] == number]
        if len(own) == 0:
            continue
        if rng.random() < 0.5:
            keep[own[int(rng.integers(0, len(own))) :]] = False
        else:
            keep[own[rng.random(len(own)) < 0.2]] = False
    keep |= known <= cut
    return _keep(table, keep, np.ones(table.actions.num_rows, bool))


def _longer(table: Table) -> Table:
    """Let the rows of the last sessions come again, later, from where prices have gone."""
    rows = table.rows
    ts = rows["ts_event"]
    sessions = _more_sessions(table.sessions)
    last = int(np.searchsorted(sessions.close, ts[-1]))
    span = min(LONGER, last + 1, len(sessions) - 1 - last)
    number = np.searchsorted(sessions.close, ts)
    chosen = np.flatnonzero((number > last - span) & (number <= last))
    columns = {name: rows[name][chosen] for name in rows.columns}
    target = number[chosen] + span
    for name in ("ts_event", "ts_open"):
        if name in columns:
            # Sessions may differ in length: rows keep their place after the open, those beyond the close go.
            columns[name] = columns[name] - sessions.open[number[chosen]] + sessions.open[target]
    columns["ts_event"] = np.where(
        rows["ts_event"][chosen] == sessions.close[number[chosen]], sessions.close[target], columns["ts_event"]
    )
    inside = columns["ts_event"] <= sessions.close[target]
    more = replace(rows, columns={name: values[inside] for name, values in columns.items()})
    more = _continued(rows, more, int(chosen[0]) if len(chosen) else 0)
    order = np.lexsort((more["code"], more["ts_event"]))
    more = more.take(order)
    joined = Rows(
        rows.kind,
        rows.ids,
        {name: np.concatenate([rows[name], more[name]]) for name in rows.columns},
        rows.files,
    )
    return replace(table, rows=joined, sessions=sessions)


def _continued(rows: Rows, more: Rows, begin: int) -> Rows:
    """Scale rows that come again, so that each instrument goes on from its last price; `begin`: their first row."""
    level = next(name for name in ("close", "price", "bid") if rows.has(name))
    factor = np.ones(len(rows.ids))
    for code in range(len(rows.ids)):
        own = np.flatnonzero(rows["code"] == code)
        before = own[own < begin]
        if len(before):
            factor[code] = np.clip(rows[level][own[-1]] / rows[level][before[-1]], 1e-3, 1e3)
    names = [name for name in (*PRICES, *QUOTES, "price", "adj_close") if more.has(name)]
    return more.with_columns(**{name: more[name] * factor[more["code"]] for name in names})


def _more_sessions(sessions: Sessions) -> Sessions:
    """Return the calendar, going on longer."""
    first, last = iso_date(int(sessions.date[0])), iso_date(int(sessions.date[-1]))
    full = load_sessions(sessions.calendar, first, last, LONGER + 10)
    new = full.slice(len(full) - LONGER - 10, len(full))
    new = new.slice(int(np.searchsorted(new.date, sessions.date[-1], "right")), len(new))
    joined = (
        np.concatenate([getattr(sessions, name), getattr(new, name)]) for name in ("date", "open", "close", "midnight")
    )
    return Sessions(sessions.calendar, sessions.zone, *joined)
