"""Prices of a synthetic market, one session after another."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lockstep.data.rows import Array

from .market import PAIR_SIGMA, SECTORS, VOLATILITY, Market, Stream

OVERNIGHT = 0.2
"""Share of a day's variance that falls between sessions."""
MARKET_VOLATILITY = 0.009
SECTOR_VOLATILITY = 0.005
SMILE = 1.6
TICK = 0.01
LOWEST = 1.0


@dataclass(frozen=True)
class Path:
    """One session's prices, raw dollars.

    Parameters
    ----------
    session : int
        Its number.
    open : (n,) float64
        The first price of each instrument.
    close : (n, steps) float64
        The price at the end of each step.
    sigma : (n, steps) float64
        Standard deviation of each step's log return.
    profile : (steps,) float64
        U-shaped activity, mean 1.
    """

    session: int
    open: Array
    close: Array
    sigma: Array
    profile: Array


def paths(market: Market) -> Iterator[Path]:
    """Yield the sessions of a market in order; only the last prices are carried over."""
    log_price = np.log(market.price)
    spread = np.zeros(len(market.pairs))
    for session in range(market.settings.sessions):
        path, log_price, spread = _session(market, session, log_price, spread)
        yield path


def smile(steps: int) -> Array:
    """Return U-shaped activity over a session's steps, mean 1."""
    place = (np.arange(steps) + 0.5) / steps * 2 - 1
    shape = 1 + SMILE * place**2
    return np.asarray(shape / shape.mean())


def _session(market: Market, session: int, log_price: Array, spread: Array) -> tuple[Path, Array, Array]:
    steps = market.steps(session)
    profile = smile(steps)
    level = VOLATILITY[market.regime[session]]
    gaps, moves, sigma = _moves(market, session, steps, profile, level)
    factor = market.split_factor(session)
    # A price falls by its dividend overnight; the dividend is per share as traded.
    gaps += np.log1p(-np.minimum(market.paid(session) * factor / np.exp(log_price), 0.5))
    start = log_price + gaps
    logs = start[:, None] + np.cumsum(moves, axis=1)
    shocks = market.random(Stream.SPREAD, session).standard_normal((len(market.pairs), steps))
    for number, pair in enumerate(market.pairs):
        wander = _spread(shocks[number], spread[number], pair.phi)
        start[pair.second] = pair.offset + pair.beta * start[pair.first] + spread[number]
        logs[pair.second] = pair.offset + pair.beta * logs[pair.first] + wander
        spread[number] = wander[-1]
    raw_open, raw_close = (np.exp(values) for values in (start - np.log(factor), logs - np.log(factor)[:, None]))
    path = Path(session, _grid(raw_open), _grid(raw_close), sigma, profile)
    return path, logs[:, -1].copy(), spread


def _moves(market: Market, session: int, steps: int, profile: Array, level: float) -> tuple[Array, Array, Array]:
    """Return overnight gaps (n,), moves (n, steps) and their standard deviations, in logs."""
    n = len(market.ids)
    inside = np.sqrt((1 - OVERNIGHT) * profile / steps)
    common = market.random(Stream.MARKET, session).standard_normal(steps + 1)
    sectors = market.random(Stream.SECTOR, session).standard_normal((len(SECTORS), steps + 1))
    own = market.random(Stream.OWN, session).standard_normal((n, steps + 1))
    scale = np.stack([MARKET_VOLATILITY * market.beta, np.full(n, SECTOR_VOLATILITY), market.volatility]) * level
    shocks = scale[0][:, None] * common + scale[1][:, None] * sectors[market.sector] + scale[2][:, None] * own
    sigma = np.sqrt((scale**2).sum(axis=0))[:, None] * inside
    gaps = shocks[:, 0] * np.sqrt(OVERNIGHT)
    moves = shocks[:, 1:] * inside + (market.drift / steps)[:, None]
    return gaps, moves, sigma


def _spread(shocks: Array, start: float, phi: float) -> Array:
    """Return a pair's spread after each step: an AR(1), whose shocks are standard normal, with `PAIR_SIGMA`."""
    scaled = shocks * PAIR_SIGMA * np.sqrt(1 - phi * phi)
    wander = np.empty(len(scaled))
    for step in range(len(scaled)):
        start = phi * start + scaled[step]
        wander[step] = start
    return wander


def _grid(price: Array) -> Array:
    return np.maximum(np.rint(price / TICK) * TICK, LOWEST).round(2)
