"""Rules on time: sessions, extended hours, labels, order, duplicates, timeframe; then gaps and sparse sessions."""

import numpy as np

from lockstep.data.calendar import Ints, iso_date
from lockstep.data.rows import Array, Rows
from lockstep.data.timestamps import place
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY, MINUTE, SECOND

from .inspection import Inspection, follows

NEVER = np.iinfo(np.int64).max
ENOUGH = 100
"""Spacings between bars that must have been seen before the declared timeframe is held against them."""
SPIKE = 3.0
"""Times the volume of its neighbour: the bar that holds the opening auction stands out at least so much."""


def check_times(inspection: Inspection) -> None:
    """Place rows in time and apply the rules on it; afterwards rows are sorted by (instrument, ts_event)."""
    intraday = inspection.declaration.nanoseconds > 0 and inspection.declaration.label != "session"
    if inspection.rows.has("stamp"):
        if intraday:
            _timeframe(inspection)
        inspection.rows, inspection.session = place(inspection.rows, inspection.declaration, inspection.sessions)
    else:
        inspection.session = inspection.sessions.holding(inspection.rows["ts_event"])
    _calendar(inspection)
    _extended(inspection)
    _order(inspection)
    _duplicates(inspection)
    if intraday:
        _label(inspection)
    _gaps(inspection)
    _half_days(inspection)
    _sparse(inspection)


class Sayer:
    """Says when a row ended, in the exchange's local time."""

    def __init__(self, rows: Rows, zone: str) -> None:
        self.rows, self.zone = rows, zone

    def __call__(self, row: int) -> str:
        """Return instrument and local time of a row."""
        return f"{self.rows.ids[int(self.rows['code'][row])]} at {local(int(self.rows['ts_event'][row]), self.zone)}"


class DateSayer(Sayer):
    """Says of which instrument and date a row is, where no session was found for its date."""

    def __call__(self, row: int) -> str:
        """Return instrument and date of a row."""
        return f"{self.rows.ids[int(self.rows['code'][row])]} on {iso_date(int(self.rows['ts_event'][row]) // DAY)}"


def local(ts: int, zone: str) -> str:
    """Return an instant (ns UTC) as text in a zone."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    moment = datetime.fromtimestamp(ts // SECOND, UTC).astimezone(ZoneInfo(zone))
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z")


def _on_session_day(inspection: Inspection) -> Array:
    """Tell whether the exchange was open at all on each row's local date."""
    ts = inspection.rows["ts_open"] if inspection.rows.has("ts_open") else inspection.rows["ts_event"]
    midnight = inspection.sessions.midnight
    number = np.searchsorted(midnight, ts, "right") - 1
    return (number >= 0) & (ts - midnight[np.maximum(number, 0)] < DAY)


def _calendar(inspection: Inspection) -> None:
    outside = inspection.session < 0
    if inspection.declaration.label != "session":
        outside &= ~_on_session_day(inspection)
    say = Sayer(inspection.rows, inspection.sessions.zone)
    if inspection.declaration.label == "session":
        say = DateSayer(inspection.rows, inspection.sessions.zone)
    expected = f"a day on which {inspection.declaration.calendar} was open"
    if inspection.violation("calendar", outside, say, expected) == "drop":
        inspection.keep(~outside)
    elif inspection.declaration.label == "session" and outside.any():
        raise DataError(
            f"repair calendar=keep: rows labelled by session cannot be kept without one, e.g. {say(_at(outside))}"
        )


def _at(mask: Array) -> int:
    return int(mask.argmax())


def _extended(inspection: Inspection) -> None:
    outside = (inspection.session < 0) & _on_session_day(inspection)
    say = Sayer(inspection.rows, inspection.sessions.zone)
    expected = f"rows within the sessions of {inspection.declaration.calendar}{_hint(inspection, outside)}"
    if inspection.violation("extended", outside, say, expected) == "drop":
        inspection.keep(~outside)


def _hint(inspection: Inspection, outside: Array) -> str:
    """Return what may be declared wrongly, where rows lie outside sessions: the label or the zone."""
    if not outside.any() or not inspection.declaration.nanoseconds:
        return ""
    ts, sessions = inspection.rows["ts_event"], inspection.sessions
    if np.isin(ts[outside], sessions.open).all():
        return " (the first bar would end as the session opens: is the label 'open'?)"
    if np.isin(inspection.rows["ts_event"][outside] - inspection.declaration.nanoseconds, sessions.close).all():
        return " (the last bar would begin as the session closes: is the label 'close'?)"
    shift = _usual_shift(inspection)
    return f" (sessions seem to begin {shift:+.1f} h from the opening: is the zone right?)" if shift else ""


def _usual_shift(inspection: Inspection) -> float:
    ts = inspection.rows["ts_open" if inspection.rows.has("ts_open") else "ts_event"]
    midnight = inspection.sessions.midnight
    number = np.clip(np.searchsorted(midnight, ts, "right") - 1, 0, len(midnight) - 1)
    first, last = np.full(len(midnight), np.iinfo(np.int64).max), np.zeros(len(midnight), np.int64)
    np.minimum.at(first, number, ts)
    np.maximum.at(last, number, inspection.rows["ts_event"])
    used = first < np.iinfo(np.int64).max
    hours = (first[used] - inspection.sessions.open[used]) / 3.6e12
    middle = float(np.median(hours))
    usual = abs(middle) >= 0.5 and float(np.mean(np.abs(hours - middle) < 0.1)) > 0.5
    # Another zone moves both ends of a session; rows of extended hours begin early and end late.
    late = float(np.median((last[used] - inspection.sessions.close[used]) / 3.6e12))
    return middle if usual and (middle > 0 or late < 0.5) else 0.0


def _order(inspection: Inspection) -> None:
    rows = inspection.rows
    # Files may come in any order; within one, each instrument's rows must ascend.
    grouped = np.lexsort((rows["line"], rows["code"], rows["file"]))
    part = rows.take(grouped)
    ts = part["ts_event"]
    same = follows(part["code"]) & (np.append(False, part["file"][1:] == part["file"][:-1])[: len(part)])
    bad = np.zeros(len(rows), bool)
    bad[grouped] = same & (ts < np.append(ts[:1], ts[:-1]))
    say = Sayer(rows, inspection.sessions.zone)
    inspection.violation("order", bad, say, "times that ascend within a file")
    keys = (rows["line"], rows["file"], rows["ts_event"], rows["code"])
    inspection.order(np.lexsort(keys))


def _duplicates(inspection: Inspection) -> None:
    rows = inspection.rows
    if rows.kind in ("quotes", "trades"):
        return
    repeated = follows(rows["code"]) & (rows["ts_event"] == np.roll(rows["ts_event"], 1))
    if not repeated.any():
        return
    differs = repeated & np.logical_or.reduce([rows[name] != np.roll(rows[name], 1) for name in rows.values])
    action = inspection.declaration.repair.get("duplicates")
    say = Sayer(rows, inspection.sessions.zone)
    if action == "drop" and differs.any() and not inspection.audit:
        place_ = rows.place(_at(differs))
        raise DataError(
            f"{place_}: {say(_at(differs))} is given twice with different values ({int(differs.sum())} such); expected "
            "one row; correct the file, or declare repair duplicates=first or duplicates=last"
        )
    if inspection.violation("duplicates", repeated, say, "one row for each instrument and time"):
        inspection.keep(~np.append(repeated[1:], False) if action == "last" else ~repeated)


def _timeframe(inspection: Inspection) -> None:
    """Hold the declared length of bars against the spacing of their labels."""
    rows, length = inspection.rows, inspection.declaration.nanoseconds
    order = np.lexsort((rows["stamp"], rows["code"]))
    code, stamp = rows["code"][order], rows["stamp"][order]
    spacing = np.full(len(rows), NEVER)
    # Equal labels are duplicates, which have a rule of their own.
    spacing[order] = np.where(follows(code) & (np.diff(stamp, prepend=stamp[:1]) > 0), np.diff(stamp, prepend=0), NEVER)
    expected = f"labels {inspection.declaration.timeframe} apart or more, as declared"
    inspection.violation("timeframe", spacing < length, lambda row: f"{spacing[row] / SECOND:g} s apart", expected)
    nearest = int(spacing.min())
    if length < nearest < NEVER and (spacing < NEVER).sum() >= ENOUGH:
        raise DataError(
            f"{', '.join(rows.files[:3])}: no two bars are nearer than {nearest / SECOND:g} s, but the declared "
            f"timeframe is {inspection.declaration.timeframe}; bars would be known before they close: declare their "
            "true length"
        )


def _label(inspection: Inspection) -> None:
    """Find a label that is off by one bar, where extended hours hide it: the auction's volume is in the first bar."""
    rows = inspection.rows
    if rows.kind != "bars" or inspection.declaration.nanoseconds > 5 * MINUTE:
        return
    first = np.isin(rows["ts_open"], inspection.sessions.open) & (inspection.session >= 0)
    before = np.isin(rows["ts_event"], inspection.sessions.open)
    after = np.isin(rows["ts_open"] - inspection.declaration.nanoseconds, inspection.sessions.open)
    if min(first.sum(), before.sum(), after.sum()) < 5:
        return
    volume = [float(np.median(rows["volume"][where])) for where in (before, first, after)]
    if volume[0] > SPIKE * volume[1] or (volume[2] > SPIKE * volume[1] and volume[2] > SPIKE * volume[0]):
        says = "before" if volume[0] > volume[2] else "after"
        inspection.note(
            "label",
            int(first.sum()),
            f"the bar {says} the opening one has the auction's volume: is label={inspection.declaration.label} right?",
            severity="warning",
        )


def _gaps(inspection: Inspection) -> None:
    rows, session = inspection.rows, inspection.session
    held = session >= 0
    code, number = rows["code"][held], session[held]
    jump = np.where(follows(code), np.diff(number, prepend=number[:1]), 1)
    at = np.flatnonzero(jump > 1)
    missing = int((jump[at] - 1).sum())
    examples = (
        f"{rows.ids[int(code[place_])]} {iso_date(int(inspection.sessions.date[lost]))}"
        for place_ in at
        for lost in range(int(number[place_ - 1]) + 1, int(number[place_]))
    )
    names = ", ".join(sorted({rows.ids[int(code[place_])] for place_ in at})[:12])
    inspection.note("gaps", missing, f"sessions without any row, in {names}", examples, "warning", limit=60)
    _ends(inspection, code, number)


def _ends(inspection: Inspection, code: Ints, number: Ints) -> None:
    if len(number) == 0:
        return
    last = np.full(len(inspection.rows.ids), -1, np.int64)
    np.maximum.at(last, code, number)
    end = int(number.max())
    # A declared delisting explains an early end.
    gone = {action.id for action in inspection.actions if action.kind == "delist"}
    early = [
        (inspection.rows.ids[place_], int(last[place_]))
        for place_ in np.flatnonzero((last >= 0) & (last < end))
        if inspection.rows.ids[int(place_)] not in gone
    ]
    examples = (f"{name} {iso_date(int(inspection.sessions.date[session]))}" for name, session in early)
    inspection.note("ends_early", len(early), "instruments whose rows end before the dataset does", examples)


def _half_days(inspection: Inspection) -> None:
    if inspection.declaration.label == "session" or inspection.declaration.calendar == "24/7":
        return
    sessions = inspection.sessions
    length = sessions.close - sessions.open
    short = length < np.median(length)
    seen = np.unique(inspection.session[inspection.session >= 0])
    halves = seen[short[seen]]
    examples = (iso_date(int(sessions.date[number])) for number in halves)
    inspection.note("half_days", len(halves), "sessions that closed early", examples)


def _sparse(inspection: Inspection) -> None:
    """Count the bars that are absent within sessions, by instrument; no trade, no bar."""
    length = inspection.declaration.nanoseconds
    if length == 0 or inspection.declaration.label == "session":
        return
    rows, session = inspection.rows, inspection.session
    held = session >= 0
    duration = inspection.sessions.close - inspection.sessions.open
    per_session = -(-duration // length)
    pairs = np.unique(rows["code"][held].astype(np.int64) << 32 | session[held])
    n = len(rows.ids)
    expected = np.bincount(pairs >> 32, per_session[pairs & 0xFFFFFFFF], minlength=n).astype(np.int64)
    present = np.bincount(rows["code"][held], minlength=n)
    lacking = np.flatnonzero(present < expected)
    examples = (f"{rows.ids[place_]} has {present[place_]} of {expected[place_]} bars" for place_ in lacking)
    total = int((expected - present)[lacking].sum())
    inspection.note("sparse", total, f"bars absent within sessions, {len(lacking)} instruments", examples, limit=40)
