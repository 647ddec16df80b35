"""Rules on series of prices: splits, jumps, vendor-adjusted closes, bad ticks, stale and coarse prices, zero volume."""

from dataclasses import dataclass

import numpy as np

from lockstep.data.actions import NANO, Action
from lockstep.data.rows import Array
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY, HOUR

from .inspection import NAMED, Inspection, follows

RATIOS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 1.5)
"""New shares for one old share that companies choose; reverse splits are their inverses."""
NEAR = 0.03
"""Largest |log| by which an overnight move may miss a ratio and still look like that split."""
VENDOR = 1e-6
"""Difference between a day's total return and that of the vendor's adjusted close above which the row is named."""
LARGE = float(np.log(1.5))
SPLIT_SEEN = float(np.log(1.3))
APART = 10
"""Sessions between two rows beyond which their prices are no longer compared."""
STALE = {True: 5, False: 120}
"""Equal closes in a row, for daily and for shorter bars, that are called stale."""
COARSE = 1e-3
"""Share of a price that one step of the vendor's rounding may be."""
ENOUGH = 20
"""Rows from which on the vendor's rounding is inferred."""


def check_prices(inspection: Inspection) -> None:
    """Apply the rules on prices; rows are sorted by (instrument, ts_event)."""
    if inspection.rows.kind == "quotes":
        return
    night = Overnight.of(inspection)
    if inspection.declaration.adjusted == "raw":
        _splits(inspection, night)
    _jumps(inspection, night)
    if inspection.rows.has("adj_close") and inspection.declaration.adjusted == "raw":
        _vendor(inspection, night)
    _bad_ticks(inspection)
    _stale(inspection)
    _zero_volume(inspection)
    _coarse(inspection)


@dataclass(frozen=True)
class Overnight:
    """Each instrument's sessions with the one before: rows of the last close and the next open, and what was declared.

    Parameters
    ----------
    before, first, last : (n,) int64
        Rows: the last of the session before, the first and the last of the session.
    split, sourced : (n,) float64
        Declared new shares for one old share at the session's start; exact, and as the source gave them.
    dividend : (n,) float64
        Declared dollars per old share.
    genuine : (n,) bool
        Whether the move was declared real.
    """

    before: Array
    first: Array
    last: Array
    split: Array
    sourced: Array
    dividend: Array
    genuine: Array

    @classmethod
    def of(cls, inspection: Inspection) -> "Overnight":
        """Pair the sessions of the rows under inspection; only rows within sessions take part."""
        rows = inspection.rows
        held = np.flatnonzero(inspection.session >= 0)
        code, session = rows["code"][held], inspection.session[held]
        starts = np.flatnonzero(np.append(True, (code[1:] != code[:-1]) | (session[1:] != session[:-1]))[: len(code)])
        ends = np.append(starts[1:] - 1, len(code) - 1)[: len(starts)]
        near = np.diff(session[starts], prepend=0) <= APART
        paired = np.flatnonzero(follows(code[starts]) & near)
        first, last, before = held[starts[paired]], held[ends[paired]], held[ends[paired - 1]]
        split, sourced, dividend = np.ones(len(paired)), np.ones(len(paired)), np.zeros(len(paired))
        genuine = np.zeros(len(paired), bool)
        for action, place in _declared(inspection, first, before):
            if action.kind == "split":
                split[place] *= action.ratio
                sourced[place] *= action.sourced
            elif action.kind == "dividend":
                dividend[place] += action.amount / NANO
            else:
                genuine[place] = True
        return cls(before, first, last, split, sourced, dividend, genuine)


def _declared(inspection: Inspection, first: Array, before: Array) -> list[tuple[Action, int]]:
    """Return the declared actions with the pair of sessions between which each falls."""
    rows, sessions = inspection.rows, inspection.sessions
    day, previous = sessions.date[inspection.session[first]], sessions.date[inspection.session[before]]
    code = rows["code"][first]
    number = {name: place for place, name in enumerate(rows.ids)}
    key = code.astype(np.int64) << 32 | day
    found = []
    for action in inspection.actions:
        if action.kind not in ("split", "dividend", "genuine") or action.id not in number:
            continue
        place = int(np.searchsorted(key, number[action.id] << 32 | action.date))
        # An action falls on the first session on or after its date, if the one before it lies before that date.
        if place < len(key) and code[place] == number[action.id] and previous[place] < action.date:
            found.append((action, place))
    return found


def _splits(inspection: Inspection, night: Overnight) -> None:
    rows = inspection.rows
    close = rows["close" if rows.has("close") else "price"]
    opened = rows["open"] if rows.has("open") else close
    moves = [
        np.log((series + night.dividend) / close[night.before]) for series in (opened[night.first], close[night.last])
    ]
    looks, ratio = _nearest(moves)
    vendor = _vendor_jump(inspection, night)
    if vendor is None:
        hidden = (night.split == 1.0) & looks & ~night.genuine
    else:
        # The vendor's adjusted close knows: it moves otherwise than the close exactly where there was an action.
        known = np.log(1 + night.dividend / close[night.last])
        hidden = (night.split == 1.0) & (np.abs(vendor - known) > SPLIT_SEEN) & ~night.genuine
    declared = np.abs(np.log(night.split)) > SPLIT_SEEN
    # A declared split must show: the price must move by its ratio rather than stay where it was.
    absent = declared & (np.abs(moves[0] + np.log(night.split)) > np.abs(moves[0])) & ~night.genuine
    if vendor is None and inspection.declaration.splits_known:
        detail = "moves that look like a split which the source does not list, kept"
        inspection.note("split_like", int(hidden.sum()), detail, _named(inspection, night, hidden), "warning")
        hidden = np.zeros(len(hidden), bool)
    bad = np.zeros(len(rows), bool)
    bad[night.first[hidden | absent]] = True
    place = {int(night.first[number]): int(number) for number in np.flatnonzero(hidden | absent)}

    def say(row: int) -> str:
        if absent[place[row]]:
            return f"{inspection.name(row)}: a split is declared, but the price did not move by its ratio"
        like = _words(float(ratio[place[row]]))
        return f"{inspection.name(row)}: the price moved overnight like a {like} split, none is declared"

    expected = "every split declared in the actions file, or the move declared there as kind genuine"
    inspection.violation("split", bad, say, expected)
    confirmed = declared & ~absent
    inspection.note(
        "splits", int(confirmed.sum()), "declared splits that the prices confirm", _named(inspection, night, confirmed)
    )


def _named(inspection: Inspection, night: Overnight, where: Array) -> list[str]:
    return [inspection.name(int(row)) for row in night.first[where]]


def _nearest(moves: list[Array]) -> tuple[Array, Array]:
    """Tell where an overnight move (log, by open or by close) is near a split's ratio, and which."""
    ratios = np.array([*RATIOS, *(1 / ratio for ratio in RATIOS)])
    near, ratio = np.zeros(len(moves[0]), bool), np.ones(len(moves[0]))
    # Nearly all nights are calm; only the others are held against every ratio.
    wild = np.flatnonzero(np.logical_or.reduce([np.abs(move) > SPLIT_SEEN for move in moves]))
    misses = np.stack([np.abs(move[wild, None] + np.log(ratios)[None, :]) for move in moves]).min(axis=0)
    near[wild], ratio[wild] = misses.min(axis=1) < NEAR, ratios[misses.argmin(axis=1)]
    return near, ratio


def _words(ratio: float) -> str:
    for denominator in (1, 2):
        if abs(ratio * denominator - round(ratio * denominator)) < 1e-9:
            return f"{round(ratio * denominator)}:{denominator}"
    return f"1:{round(1 / ratio)}" if abs(1 / ratio - round(1 / ratio)) < 1e-9 else "2:3"


def _vendor_jump(inspection: Inspection, night: Overnight) -> Array | None:
    """Return how much more the vendor's adjusted close moved than the close (log), or None if there is none."""
    rows = inspection.rows
    if not rows.has("adj_close"):
        return None
    adjusted, close = rows["adj_close"], rows["close"]
    return np.asarray(
        np.log(adjusted[night.last] / adjusted[night.before]) - np.log(close[night.last] / close[night.before])
    )


def _jumps(inspection: Inspection, night: Overnight) -> None:
    """Count the large moves that are real as far as is known; they stay."""
    rows = inspection.rows
    close = rows["close" if rows.has("close") else "price"]
    growth = (close[night.last] * night.split + night.dividend) / close[night.before]
    large = np.abs(np.log(growth)) > LARGE
    examples = [
        f"{inspection.name(int(row))} {100 * (value - 1):+.0f} %"
        for row, value in zip(night.first[large], growth[large], strict=True)
    ]
    inspection.note(
        "jumps", int(large.sum()), "moves from close to close beyond −33 % or +50 %, kept", examples, limit=60
    )


def _vendor(inspection: Inspection, night: Overnight) -> None:
    """Compare total returns (reinvested at the ex-date close) with those of the vendor's adjusted close."""
    rows = inspection.rows
    close, adjusted = rows["close"], rows["adj_close"]
    ours = (close[night.last] * night.sourced + night.dividend) / close[night.before]
    vendors = adjusted[night.last] / adjusted[night.before]
    miss = ours - vendors
    where = np.abs(miss) > VENDOR
    examples = [
        f"{inspection.name(int(row))} {value:+.3g}" for row, value in zip(night.first[where], miss[where], strict=True)
    ]
    inspection.note(
        "vendor_adjusted",
        int(where.sum()),
        f"rows whose total return misses that of the vendor's adjusted close by more than {VENDOR:g}, "
        f"{int((np.abs(miss) > 0.01).sum())} of them by more than 1 %",
        examples,
        "warning",
        limit=NAMED,
    )


def _spike_threshold(inspection: Inspection) -> float:
    """Return the ratio beyond which a price that nothing around it confirms is called a bad tick."""
    length = inspection.declaration.nanoseconds
    return 1.1 if length == 0 else 1.25 if length <= HOUR else 1.6 if length >= DAY else 1.4


def _split_rows(inspection: Inspection) -> Array:
    """Return for each row the new shares for one old share since the row before it, 1 where there was no split."""
    rows, sessions = inspection.rows, inspection.sessions
    split = np.ones(len(rows))
    number = {name: place for place, name in enumerate(rows.ids)}
    start = np.searchsorted(rows["code"], np.arange(len(rows.ids) + 1))
    for action in inspection.actions:
        if action.kind == "split" and action.id in number:
            low, high = start[number[action.id]], start[number[action.id] + 1]
            session = int(np.searchsorted(sessions.date, action.date))
            effective = sessions.midnight[min(session, len(sessions) - 1)]
            row = low + int(np.searchsorted(rows["ts_event"][low:high], effective, "right"))
            if low < row < high:
                split[row] *= action.ratio
    return split


def _neighbours(inspection: Inspection, series: Array) -> tuple[Array, Array]:
    """Return the value before and after each row of the same instrument, in the row's own share; NaN at the ends."""
    rows = inspection.rows
    same = follows(rows["code"])
    split = _split_rows(inspection)
    before = np.where(same, np.roll(series, 1), np.nan) / split
    after = np.where(np.append(same[1:], False), np.roll(series * split, -1), np.nan)
    return before, after


def _bad_ticks(inspection: Inspection) -> None:
    rows = inspection.rows
    if rows.kind != "bars":
        _isolated(inspection, "close" if rows.kind == "closes" else "price")
        return
    theta = _spike_threshold(inspection)
    opened, high, low, close = (rows[name] for name in ("open", "high", "low", "close"))
    before, after = _neighbours(inspection, close)
    after_open = _neighbours(inspection, opened)[1]
    around = np.stack([before, close, after_open, after])
    top, bottom = np.nanmax(around, axis=0), np.nanmin(around, axis=0)
    alone = np.isnan(before) & np.isnan(after)
    bad = ((high > top * theta) | (low < bottom / theta)) & ~alone

    def say(row: int) -> str:
        return (
            f"{inspection.name(row)} open {opened[row]:.10g} high {high[row]:.10g} low {low[row]:.10g} "
            f"close {close[row]:.10g}, between closes {before[row]:.10g} and {after[row]:.10g}"
        )

    expected = f"a range within {theta:g} times of what lies around it (a flash crash may be real: keep it)"
    action = inspection.violation("bad_tick", bad, say, expected)
    if action == "drop":
        inspection.keep(~bad)
    elif action == "clip":
        _clip(inspection, bad, theta)


def _clip(inspection: Inspection, bad: Array, theta: float) -> None:
    """Draw the range of bad bars in to open and close, and an open that is itself off in to the close.

    Only the bar's own prices are used: a repair that looked at the next bar would carry the future into this one.
    """
    rows = inspection.rows
    opened, close = rows["open"], rows["close"]
    off = bad & (np.abs(np.log(opened / close)) > np.log(theta))
    opened = np.where(off, close, opened)
    high = np.where(bad, np.maximum(opened, close), rows["high"])
    low = np.where(bad, np.minimum(opened, close), rows["low"])
    inspection.rows = rows.with_columns(open=opened, high=high, low=low)


def _isolated(inspection: Inspection, name: str) -> None:
    """Find single prices that jump away and come back at once."""
    rows, theta = inspection.rows, np.log(_spike_threshold(inspection))
    series = rows[name]
    before, after = _neighbours(inspection, series)
    there, back = np.log(series / before), np.log(after / series)
    bad = (np.abs(there) > theta) & (np.abs(back) > theta) & (np.abs(there + back) < theta / 2)

    def say(row: int) -> str:
        return f"{inspection.name(row)} {name} {series[row]:.10g} between {before[row]:.10g} and {after[row]:.10g}"

    action = inspection.violation("bad_tick", bad, say, "a price that its neighbours confirm")
    if action == "drop":
        inspection.keep(~bad)
    elif action == "clip":
        raise DataError(f"repair bad_tick=clip: {rows.kind} have no range to clip; declare bad_tick=drop or keep")


def _stale(inspection: Inspection) -> None:
    rows = inspection.rows
    if rows.kind == "trades":
        return
    least = STALE[inspection.declaration.nanoseconds >= DAY]
    changed = ~follows(rows["code"])
    for name in ("open", "high", "low", "close"):
        if rows.has(name):
            changed |= rows[name] != np.roll(rows[name], 1)
    starts = np.flatnonzero(changed)
    length = np.diff(np.append(starts, len(rows)))
    long = length >= least
    examples = (
        f"{inspection.name(int(start))} {count} times {rows['close'][start]:.10g}"
        for start, count in zip(starts[long], length[long], strict=True)
    )
    inspection.note("stale", int(long.sum()), f"runs of {least} or more equal bars", examples)


def _zero_volume(inspection: Inspection) -> None:
    if inspection.rows.kind != "bars":
        return
    zero = inspection.rows["volume"] == 0
    examples = (inspection.name(int(row)) for row in np.flatnonzero(zero))
    inspection.note("zero_volume", int(zero.sum()), "bars without volume, in which no order fills", examples)


def _coarse(inspection: Inspection) -> None:
    """Name instruments whose prices are so low that the vendor's rounding is a large part of them."""
    rows = inspection.rows
    if inspection.declaration.adjusted == "raw" or len(rows) < ENOUGH:
        return
    close = rows["close" if rows.has("close") else "price"]
    decimals = next((n for n in range(7) if np.abs(np.round(close, n) - close).max() < 1e-9), 7)
    lowest = np.full(len(rows.ids), np.inf)
    np.minimum.at(lowest, rows["code"], close)
    share = 10.0**-decimals / lowest
    coarse = np.flatnonzero((share > COARSE) & (decimals < 7))
    examples = (f"{rows.ids[place]} at {lowest[place]:g}: one step is {100 * share[place]:.2g} %" for place in coarse)
    detail = f"instruments whose adjusted prices, rounded to {decimals} decimals, are coarse at their lowest"
    inspection.note("coarse", len(coarse), detail, examples)
