"""The benchmark: what the market itself did, per session, in total return and free of costs.

Dividends are reinvested at the close of their ex-date, splits change nothing, a delisted symbol pays its terminal
value.
"""

from typing import Any

import numpy as np

from lockstep.engine.arena import address, at
from lockstep.engine.compile import kernel
from lockstep.engine.events import BAR, CLOSE, DELIST, DIVIDEND, EVENT, SESSION_CLOSE, SPLIT, TRADE, Events

ALL = -1
_STATE = np.dtype([("value", "<f8"), ("start", "<i8"), ("member", "<i8"), ("n", "<i8"), ("sessions", "<i8")])
_HOLDING = np.dtype([("close", "<f8"), ("growth", "<f8"), ("dividend", "<f8"), ("before", "<f8"), ("gone", "<i8")])
"""One instrument: last price, shares that one has grown to, dividends of this session, worth a session ago."""
_POINT = np.dtype([("ts", "<i8"), ("value", "<f8")])
_event, _state, _holding, _point = at(EVENT), at(_STATE), at(_HOLDING), at(_POINT)


class Benchmark:
    """Follows the market's closes through the stream.

    Parameters
    ----------
    name : str
        How reports call it.
    n_instruments : int
        Instruments of the stream.
    member : int
        The one that is held; `ALL` holds all that have prices, in equal parts, rebalanced every session.
    start : int
        When it starts, ns UTC; before it prices are only noted.
    cash : float
        Dollars at the start. It buys at the close of the first session.
    """

    def __init__(self, name: str, n_instruments: int, member: int, start: int, cash: float) -> None:
        self.name = name
        self._state = np.array([(cash, start, member, n_instruments, 0)], _STATE)
        self._holdings = np.zeros(n_instruments, _HOLDING)
        self._holdings["growth"] = 1.0
        self._points: list[np.ndarray] = []

    def absorb(self, batch: Events) -> None:
        """Take the next events of the stream."""
        points = np.zeros(int(np.count_nonzero(batch["kind"] == SESSION_CLOSE)), _POINT)
        where = (address(each) for each in (batch, self._state, self._holdings, points))
        n = follow(*where, len(batch))
        self._points.append(points[:n])

    def path(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the times of the sessions' closes (ns UTC) and the value at each, dollars."""
        points = np.concatenate([np.zeros(0, _POINT), *self._points])
        return points["ts"], points["value"]


@kernel
def follow(events: int, state_at: int, holdings: int, points: int, n: int) -> int:
    """Take n events in order; return how many points were written. Reads no event ahead."""
    state, written = _state(state_at, 0), 0
    for j in range(n):
        event = _event(events, j)
        if event.kind == SESSION_CLOSE:
            written += _end_session(state, holdings, points, written, event.ts_available)
        elif event.instrument >= 0:
            _note(_holding(holdings, event.instrument), event)
    return written


@kernel
def _note(held: Any, event: Any) -> None:
    kind = event.kind
    if BAR <= kind <= TRADE:
        price = event.close
        if kind > CLOSE:
            price = event.last if kind == TRADE else 0.5 * (event.bid + event.ask)
        if price > 0.0:
            held.close = price
    elif kind == SPLIT:
        ratio = event.numerator / event.denominator
        held.growth, held.close = held.growth * ratio, held.close / ratio
    elif kind == DIVIDEND:
        held.dividend += event.amount / 1e9
    elif kind == DELIST:
        held.gone = 1
        if event.terminal >= 0.0:
            held.close = event.terminal


@kernel
def _end_session(state: Any, holdings: int, points: int, written: int, now: int) -> int:
    """Value every instrument; from the second session after the start on, let the benchmark earn the return."""
    total, count = 0.0, 0
    for i in range(state.n):
        held = _holding(holdings, i)
        if held.dividend > 0.0 and held.close > 0.0:
            held.growth *= 1.0 + held.dividend / held.close
        worth = held.close * held.growth
        if held.before > 0.0 and (state.member == ALL or state.member == i):
            total += worth / held.before - 1.0
            count += 1
        held.before, held.dividend = worth, 0.0
        if held.gone:
            held.before, held.close, held.gone = 0.0, 0.0, 0
    if now < state.start:
        return 0
    if state.sessions > 0 and count > 0:
        state.value *= 1.0 + total / count
    state.sessions += 1
    point = _point(points, written)
    point.ts, point.value = now, state.value
    return 1
