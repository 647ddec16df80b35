"""Shocks event by event: each kernel rewrites the prices of a batch in place.

What it must remember it keeps in `LEVEL` rows. A row's `level` is the factor from the market's own price to the shocked
one. It outlives the shock, so that no price ever jumps back; dividends and terminal values go with it. Every kernel
reads only the events up to the one it rewrites, but for `correlate`, which also reads the others of the same moment.
"""

from typing import Any

import numpy as np

from lockstep.engine.arena import at
from lockstep.engine.compile import kernel
from lockstep.engine.events import BAR, CLOSE, DELIST, DIVIDEND, EVENT, ORDER, QUOTE, SPLIT, TRADE
from lockstep.engine.mathx import exp, log

LEVEL = np.dtype(
    [
        ("member", "<i8"),
        ("tick", "<i8"),
        ("level", "<f8"),
        ("close", "<f8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("change", "<f8"),
        ("last", "<f8"),
        ("next", "<f8"),
        ("known", "<i8"),
    ]
)
"""One instrument: the factor so far, the market's own last price and quote; its return, last price and next factor at
the moment at hand."""

_event, _row = at(EVENT), at(LEVEL)


@kernel
def _price(event: Any) -> float:
    """Return what a market event says the price is."""
    if event.kind <= CLOSE:
        return event.close
    return event.last if event.kind == TRADE else 0.5 * (event.bid + event.ask)


@kernel
def _is_market(event: Any) -> bool:
    return BAR <= event.kind <= TRADE


@kernel
def _inside(event: Any, start: int, end: int) -> bool:
    """Tell whether a bar closes in (start, end], or a tick happens in [start, end)."""
    if event.kind <= CLOSE:
        return start < event.ts_event <= end
    return start <= event.ts_event < end


@kernel
def _scale(event: Any, factor: float) -> None:
    if event.kind == BAR:
        event.open, event.high, event.low = event.open * factor, event.high * factor, event.low * factor
    if event.kind <= CLOSE:
        event.close = event.close * factor
    elif event.kind == TRADE:
        event.last = event.last * factor
    else:
        event.bid, event.ask = event.bid * factor, event.ask * factor


@kernel
def _action(event: Any, row: Any) -> None:
    """Follow a corporate action: the remembered price moves with it, its dollars with the level."""
    if event.kind == SPLIT:
        ratio = event.denominator / event.numerator
        row.close, row.bid, row.ask = row.close * ratio, row.bid * ratio, row.ask * ratio
    elif event.kind == DIVIDEND:
        paid = event.amount / 1e9
        if row.close > paid:
            row.close = row.close - paid
        event.amount = np.int64(np.rint(event.amount * row.level))
    elif event.kind == DELIST:
        event.terminal = event.terminal * row.level


@kernel
def _remember(event: Any, row: Any, price: float) -> None:
    row.close = price
    if event.kind == QUOTE:
        row.bid, row.ask = event.bid, event.ask
    else:
        row.bid, row.ask = price, price


@kernel
def gap(events: int, n: int, rows: int, when: int, size: float) -> None:
    """Multiply every price from `when` on by 1 + size; of a bar that holds `when`, what comes after its open."""
    for j in range(n):
        event = _event(events, j)
        if event.instrument < 0 or event.kind == ORDER:
            continue
        row = _row(rows, event.instrument)
        if row.member == 0:
            continue
        if not _is_market(event):
            _action(event, row)
        elif event.ts_event >= when:
            if event.kind == BAR and event.ts_open < when:
                event.close = event.close * (1.0 + size)
                if size < 0.0:
                    event.low = event.low * (1.0 + size)
                else:
                    event.high = event.high * (1.0 + size)
            else:
                _scale(event, 1.0 + size)
            row.level = 1.0 + size


@kernel
def _stretch(event: Any, row: Any, factor: float) -> None:
    """Raise the event's move from the last price to the power of `factor`."""
    base, price = row.close, _price(event)
    low = row.level * base
    if event.kind <= CLOSE:
        if event.kind == BAR:
            event.open = low * exp(factor * log(event.open / base))
            event.high = low * exp(factor * log(event.high / base))
            event.low = low * exp(factor * log(event.low / base))
        event.close = low * exp(factor * log(price / base))
        row.level = event.close / price
    else:
        row.level = low * exp(factor * log(price / base)) / price
        _scale(event, row.level)


@kernel
def stretch(events: int, n: int, rows: int, start: int, end: int, factor: float) -> None:
    """Multiply log returns between `start` and `end` by `factor`."""
    for j in range(n):
        event = _event(events, j)
        if event.instrument < 0 or event.kind == ORDER:
            continue
        row = _row(rows, event.instrument)
        if row.member == 0:
            continue
        if not _is_market(event):
            _action(event, row)
            continue
        price = _price(event)
        if price > 0.0 and row.close > 0.0 and _inside(event, start, end):
            _stretch(event, row, factor)
        elif row.level != 1.0:
            _scale(event, row.level)
        if price > 0.0:
            _remember(event, row, price)


@kernel
def _depth(ts: int, when: int, length: int, recovery: float) -> float:
    """Return how much of the crash weighs at a time: up to 1 at half its length, then down to what does not recover."""
    if ts <= when:
        return 0.0
    if ts >= when + length:
        return 1.0 - recovery
    half = 0.5 * length
    past = float(ts - when)
    return past / half if past <= half else 1.0 - recovery * (past - half) / half


@kernel
def _crash_bar(event: Any, when: int, length: int, size: float, recovery: float) -> None:
    first = 1.0 + size * _depth(event.ts_open, when, length, recovery)
    last = 1.0 + size * _depth(event.ts_event, when, length, recovery)
    lowest, bottom = min(first, last), when + length // 2
    if event.ts_open < bottom < event.ts_event:
        lowest = 1.0 + size
    event.open, event.close = event.open * first, event.close * last
    event.high, event.low = event.high * max(first, last), event.low * lowest


@kernel
def crash(events: int, n: int, rows: int, when: int, length: int, size: float, recovery: float) -> None:
    """Let prices fall by `size` within half of `length` from `when`, and come back in the other half."""
    for j in range(n):
        event = _event(events, j)
        if event.instrument < 0 or event.kind == ORDER:
            continue
        row = _row(rows, event.instrument)
        if row.member == 0:
            continue
        if not _is_market(event):
            _action(event, row)
        elif event.ts_event > when:
            if event.kind == BAR:
                _crash_bar(event, when, length, size, recovery)
            else:
                _scale(event, 1.0 + size * _depth(event.ts_event, when, length, recovery))
            row.level = 1.0 + size * _depth(event.ts_event, when, length, recovery)


@kernel
def _freeze(event: Any, row: Any) -> None:
    if event.kind == BAR:
        event.open, event.high, event.low, event.volume = row.close, row.close, row.close, 0.0
    if event.kind <= CLOSE:
        event.close = row.close
    elif event.kind == TRADE:
        event.last, event.size = row.close, 0.0
    else:
        event.bid, event.ask, event.bid_size, event.ask_size = row.bid, row.ask, 0.0, 0.0


@kernel
def freeze(events: int, n: int, rows: int, start: int, end: int) -> None:
    """Repeat the last price before `start` until `end`, with no volume."""
    for j in range(n):
        event = _event(events, j)
        if event.instrument < 0 or event.kind == ORDER:
            continue
        row = _row(rows, event.instrument)
        if row.member == 0:
            continue
        if not _is_market(event):
            _action(event, row)
        elif _inside(event, start, end):
            if row.close > 0.0:
                _freeze(event, row)
        elif _price(event) > 0.0:
            _remember(event, row, _price(event))


@kernel
def _gather(events: int, first: int, stop: int, rows: int) -> float:
    """Follow the actions of one moment, note each member's return and return their mean.

    Members without an earlier price do not count; of several prices of one member the last does.
    """
    total, count = 0.0, 0
    for j in range(first, stop):
        event = _event(events, j)
        if event.instrument < 0 or event.kind == ORDER or _row(rows, event.instrument).member == 0:
            continue
        row = _row(rows, event.instrument)
        if not _is_market(event):
            _action(event, row)
            continue
        row.last = _price(event)
        if row.close > 0.0 and row.last > 0.0:
            change = log(row.last / row.close)
            total += change - (row.change if row.known else 0.0)
            count += 0 if row.known else 1
            row.change, row.known = change, 1
    return total / count if count > 0 else 0.0


@kernel
def _pull(events: int, first: int, stop: int, rows: int, start: int, end: int, strength: float, mean: float) -> None:
    """Rewrite the prices of one moment."""
    for j in range(first, stop):
        event = _event(events, j)
        if event.instrument < 0 or not _is_market(event) or _row(rows, event.instrument).member == 0:
            continue
        row, price = _row(rows, event.instrument), _price(event)
        factor = row.level
        if row.known and price > 0.0 and _inside(event, start, end):
            factor *= exp(strength * (mean - log(price / row.close)))
        row.next = factor
        if factor != 1.0:
            _scale(event, factor)


@kernel
def _settle(events: int, first: int, stop: int, rows: int) -> None:
    """Let the members' last prices and levels follow to the end of the moment."""
    for j in range(first, stop):
        event = _event(events, j)
        if event.instrument >= 0 and _is_market(event) and _row(rows, event.instrument).last > 0.0:
            row = _row(rows, event.instrument)
            row.close, row.level = row.last, row.next
            row.last, row.known = 0.0, 0


@kernel
def correlate(events: int, n: int, rows: int, start: int, end: int, strength: float) -> None:
    """Replace the part `strength` of each return between `start` and `end` by the members' mean at the moment."""
    first = 0
    while first < n:
        stop = first + 1
        while stop < n and _event(events, stop).ts_available == _event(events, first).ts_available:
            stop += 1
        mean = _gather(events, first, stop, rows)
        _pull(events, first, stop, rows, start, end, strength, mean)
        _settle(events, first, stop, rows)
        first = stop


@kernel
def put_on_tick(events: int, n: int, rows: int) -> None:
    """Put every price on its instrument's tick, at least one tick, and keep high and low around open and close."""
    for j in range(n):
        event = _event(events, j)
        tick = _row(rows, event.instrument).tick
        if event.kind == BAR:
            event.open, event.high = _rounded(event.open, tick), _rounded(event.high, tick)
            event.low, event.close = _rounded(event.low, tick), _rounded(event.close, tick)
            event.high = max(event.high, event.open, event.close)
            event.low = min(event.low, event.open, event.close)
        elif event.kind == CLOSE:
            event.close = _rounded(event.close, tick)
        elif event.kind == TRADE:
            event.last = _rounded(event.last, tick)
        else:
            event.bid, event.ask = _rounded(event.bid, tick), _rounded(event.ask, tick)


@kernel
def _rounded(price: float, tick: int) -> float:
    return max(np.rint(price * 1e6 / tick), 1.0) * tick / 1e6
