"""Rows of a synthetic session: intraday or daily bars, quotes, trades."""

import numpy as np

from lockstep.data.manifest import RowKind
from lockstep.data.rows import Array, Rows

from .market import VOLATILITY, Market, Stream
from .paths import TICK, Path

ORIGIN = ("synthetic",)


def step_bars(market: Market, path: Path) -> Rows:
    """Return a session's bars, one a step; a step without trade, or in a halt, has none."""
    session, steps = path.session, path.close.shape[1]
    bars = _bars(market, path)
    ends = market.sessions.open[session] + market.length * np.arange(1, steps + 1)
    present = _present(market, path, ends) & (bars["volume"] > 0)
    code, step = np.nonzero(present.T)[::-1]
    columns = {name: values[code, step] for name, values in bars.items()}
    times = {"ts_event": ends[step], "ts_open": ends[step] - market.length}
    return _rows("bars", market, code, {**times, **columns})


def daily_bars(market: Market, path: Path) -> Rows:
    """Return a session's daily bars, made of its steps."""
    session = path.session
    bars = _bars(market, path)
    ends = market.sessions.open[session] + market.length * np.arange(1, path.close.shape[1] + 1)
    present = _present(market, path, ends) & (bars["volume"] > 0)
    code = np.flatnonzero(present.any(axis=1))
    kept = {name: values[code] for name, values in bars.items()}
    here = present[code]
    first, last = here.argmax(axis=1), here.shape[1] - 1 - here[:, ::-1].argmax(axis=1)
    line = np.arange(len(code))
    columns = {
        "open": kept["open"][line, first],
        "high": np.where(here, kept["high"], -np.inf).max(axis=1),
        "low": np.where(here, kept["low"], np.inf).min(axis=1),
        "close": kept["close"][line, last],
        "volume": np.where(here, kept["volume"], 0.0).sum(axis=1),
        "ts_event": np.full(len(code), market.sessions.close[session]),
        "ts_open": np.full(len(code), market.sessions.open[session]),
    }
    return _rows("bars", market, code, columns)


def quotes(market: Market, path: Path, per_step: int) -> Rows:
    """Return a session's quotes, `per_step` of each instrument in each step that trades."""
    ts, code, middle, noise = _ticks(market, path, per_step)
    width = TICK * np.maximum(1, np.rint(middle * 0.0002 / TICK) + (noise[0] > 0.8))
    bid = np.maximum(np.floor((middle - width / 2) / TICK) * TICK, TICK).round(2)
    sizes = {name: 100 * np.ceil(10 * noise[at] ** 2 + 0.01) for at, name in ((1, "bid_size"), (2, "ask_size"))}
    return _rows("quotes", market, code, {"ts_event": ts, "bid": bid, "ask": (bid + width).round(2), **sizes})


def trades(market: Market, path: Path, per_step: int) -> Rows:
    """Return a session's trades, each at the bid or the ask that stood there."""
    ts, code, middle, noise = _ticks(market, path, per_step)
    side = np.where(noise[0] > 0.5, 1, -1)
    price = np.maximum((np.rint(middle / TICK) + side) * TICK, TICK).round(2)
    size = np.ceil(200 * noise[1] ** 3 + 0.01) * np.where(noise[2] > 0.9, 7, 100)
    return _rows("trades", market, code, {"ts_event": ts, "price": price, "size": size})


def _bars(market: Market, path: Path) -> dict[str, Array]:
    """Return open, high, low, close and volume (n, steps), on the tick."""
    n, steps = path.close.shape
    draws = market.random(Stream.BARS, path.session).standard_normal((n, 3, steps))
    before = np.concatenate([path.open[:, None], path.close[:, :-1]], axis=1)
    opened = before * np.exp(0.1 * path.sigma * draws[:, 0])
    opened[:, 0] = path.open
    opened = np.maximum(np.rint(opened / TICK) * TICK, TICK).round(2)
    high = np.maximum(opened, path.close) * np.exp(np.abs(draws[:, 1]) * path.sigma / 2)
    low = np.minimum(opened, path.close) * np.exp(-np.abs(draws[:, 2]) * path.sigma / 2)
    high, low = (np.rint(values / TICK) * TICK for values in (high, low))
    return {
        "open": opened,
        "high": np.maximum(high, np.maximum(opened, path.close)).round(2),
        "low": np.clip(low, TICK, np.minimum(opened, path.close)).round(2),
        "close": path.close,
        "volume": _volume(market, path),
    }


def _volume(market: Market, path: Path) -> Array:
    n, steps = path.close.shape
    draws = market.random(Stream.VOLUME, path.session).standard_normal((n, steps))
    busy = VOLATILITY[market.regime[path.session]]
    shares = (
        (market.volume * market.settings.step * market.split_factor(path.session))[:, None] * path.profile**1.5 * busy
    )
    return np.asarray(np.floor(shares * np.exp(0.5 * draws - 0.125) / 10) * 10)


def _present(market: Market, path: Path, ends: Array) -> Array:
    """Tell in which steps (n, steps) an instrument trades: listed, not halted, not asleep."""
    n, steps = path.close.shape
    session = path.session
    present = np.ones((n, steps), bool)
    present &= market.random(Stream.ABSENCE, session).random((n, steps)) >= market.absence[:, None]
    present[(market.first > session) | (market.last < session)] = False
    for instrument, start, end in market.halted(session):
        present[instrument, (ends > start) & (ends - market.length < end)] = False
    return present


def _ticks(market: Market, path: Path, per_step: int) -> tuple[Array, Array, Array, Array]:
    """Return times, instruments, mid prices and uniform noise (3, n) of ticks, sorted by time and instrument."""
    session, (n, steps) = path.session, path.close.shape
    ends = market.sessions.open[session] + market.length * np.arange(1, steps + 1)
    present = _present(market, path, ends)
    before = np.concatenate([path.open[:, None], path.close[:, :-1]], axis=1)
    parts = []
    chance = market.random(Stream.TICKS, session)
    for k in range(n):
        offset = np.sort(chance.integers(1, market.length, (steps, per_step)), axis=1)
        share = offset / market.length
        wobble = chance.standard_normal((steps, per_step)) * path.sigma[k][:, None] * np.sqrt(share * (1 - share))
        middle = (before[k][:, None] * (1 - share) + path.close[k][:, None] * share) * np.exp(wobble)
        noise = chance.random((3, steps, per_step))
        keep = np.repeat(present[k], per_step)
        ts = ((ends - market.length)[:, None] + offset).ravel()[keep]
        parts.append((ts, np.full(len(ts), k), middle.ravel()[keep], noise.reshape(3, -1)[:, keep]))
    ts, code, middle = (np.concatenate([part[at] for part in parts]) for at in range(3))
    noise = np.concatenate([part[3] for part in parts], axis=1)
    order = np.lexsort((code, ts))
    return ts[order], code[order], middle[order], noise[:, order]


def _rows(kind: RowKind, market: Market, code: Array, columns: dict[str, Array]) -> Rows:
    place: dict[str, Array] = {"line": np.zeros(len(code), np.int64), "file": np.zeros(len(code), np.int32)}
    return Rows(kind, market.ids, {"code": code.astype(np.int32), **columns, **place}, ORIGIN)
