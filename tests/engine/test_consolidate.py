"""Consolidated bars: the same as pandas makes of whole history, and never known before their end."""

import numpy as np
import pandas as pd
import pytest

from lockstep.data.calendar import load_sessions
from lockstep.engine.arena import address
from lockstep.engine.compile import kernel
from lockstep.engine.consolidate import (
    Consolidator,
    dtype,
    finish,
    open_session,
    start_sessions,
    start_span,
    start_weeks,
    update,
)
from lockstep.engine.events import BAR, CLOSE, DAY, HOUR, MINUTE, SESSION_FIRST, SESSION_LAST, Events, empty
from lockstep.engine.python_strategy import Bar
from lockstep.engine.tables import event_at

ZONE = "America/New_York"


def minute_bars(first: str, last: str, delay: int = 0, step: int = MINUTE) -> Events:
    """Every minute of the exchange's sessions, prices drawn at random, flags as the feed sets them."""
    sessions = load_sessions("XNYS", first, last)
    parts = [np.arange(o + step, c + 1, step) for o, c in zip(sessions.open, sessions.close, strict=True)]
    ts = np.concatenate(parts)
    bars = empty(len(ts))
    bars["kind"], bars["instrument"] = BAR, 0
    bars["ts_event"], bars["ts_available"], bars["ts_open"] = ts, ts + delay, ts - step
    random = np.random.default_rng(3)
    bars["close"] = 100 + np.round(np.cumsum(random.normal(0, 0.05, len(ts))), 2)
    bars["open"] = bars["close"] + np.round(random.normal(0, 0.03, len(ts)), 2)
    bars["high"] = np.maximum(bars["open"], bars["close"]) + 0.01
    bars["low"] = np.minimum(bars["open"], bars["close"]) - 0.01
    bars["volume"] = random.integers(1, 1000, len(ts))
    mark(bars, sessions)
    return bars


def mark(bars: Events, sessions) -> None:
    """Flag each session's first bar and the one that closes with it."""
    bars["flags"] = 0
    session = np.searchsorted(sessions.close, bars["ts_event"])
    first = np.flatnonzero(np.append(True, np.diff(session) != 0))
    bars["flags"][first] |= SESSION_FIRST
    bars["flags"][np.isin(bars["ts_event"], sessions.close)] |= SESSION_LAST


@kernel
def update_at(state, where, number):
    return update(state, event_at(where, number))


def state_of(start, *parameters):
    state = np.zeros(1, dtype()).view(np.recarray)[0]
    start(state, *parameters)
    return state


def run(state, bars: Events) -> pd.DataFrame:
    """Return the completed bars, and at which bar's number each came out."""
    where, found = address(bars), []
    for number in range(len(bars)):
        while update_at(state, where, number):
            done = state.done
            found.append({name: done[name] for name in done.dtype.names} | {"number": number})
    return pd.DataFrame(found)


def expected(bars: Events, bucket: np.ndarray) -> pd.DataFrame:
    """The same by pandas, from whole history."""
    frame = pd.DataFrame({n: bars[n] for n in ("ts_open", "ts_event", "open", "high", "low", "close", "volume")})
    return frame.groupby(bucket).agg(
        ts_open=("ts_open", "first"),
        ts=("ts_event", "last"),
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
        count=("close", "size"),
    )


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert len(found) == len(wanted)
    for name in wanted.columns:
        np.testing.assert_array_equal(found[name].to_numpy(), wanted[name].to_numpy(), err_msg=name)


def local(ts) -> list[str]:
    return [f"{t:%H:%M}" for t in pd.DatetimeIndex(np.asarray(ts, "M8[ns]"), tz="UTC").tz_convert(ZONE)]


def hour_buckets(bars: Events) -> np.ndarray:
    times = pd.to_datetime(bars["ts_event"], utc=True).tz_convert(ZONE)
    minutes = times.hour * 60 + times.minute - 9 * 60 - 30
    return (times.normalize().asi8 // 10**9 * 100 + (minutes - 1) // 60).to_numpy()


def test_hours_count_from_the_open_through_daylight_saving():
    bars = minute_bars("2021-03-11", "2021-03-16")  # clocks change on Sunday the 14th
    found = run(state_of(start_span, HOUR), bars)
    same(found, expected(bars, hour_buckets(bars)))
    assert local(found.ts)[:7] == ["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]
    assert local(found.ts)[-7:] == local(found.ts)[:7]


@pytest.mark.parametrize("delay", [0, 15 * 1_000_000_000])
def test_a_bar_is_known_with_its_last_part_and_not_before(delay):
    bars = minute_bars("2021-03-11", "2021-03-11", delay)
    found = run(state_of(start_span, HOUR), bars)
    assert (found.ts_known == found.ts + delay).all()
    assert (bars["ts_event"][found.number] == found.ts).all()


def test_what_forms_is_never_shown():
    bars, state = minute_bars("2021-03-11", "2021-03-11"), state_of(start_span, HOUR)
    run(state, bars[:75])
    shown = state.done.tobytes()
    run(state, bars[75:119])
    assert state.done.tobytes() == shown
    run(state, bars[119:120])
    assert state.done.tobytes() != shown


def test_a_half_day_ends_its_last_bar_early():
    bars = minute_bars("2021-11-26", "2021-11-29")
    found = run(state_of(start_span, HOUR), bars)
    assert local(found.ts)[:4] == ["10:30", "11:30", "12:30", "13:00"]
    assert found["count"].tolist()[:4] == [60, 60, 60, 30]
    assert local(found.ts)[4] == "10:30"


def test_missing_minutes_delay_the_knowledge_but_move_no_boundary():
    whole = minute_bars("2021-03-11", "2021-03-12")
    lost = np.r_[0:3, 58:62, 200:330, 388:390]  # the first minutes, about a boundary, two hours, the last minutes
    bars = np.delete(whole, lost)
    mark(bars, load_sessions("XNYS", "2021-03-11", "2021-03-12"))
    state = state_of(start_span, HOUR)
    open_session(state, whole["ts_open"][0])
    found = run(state, bars)
    same(found, expected(bars, hour_buckets(bars)))
    first = found.iloc[0]
    assert local([first.ts]) == ["10:28"]
    assert first.ts_known == bars["ts_available"][bars["ts_event"] > whole["ts_event"][59]][0]
    across = found[found.ts < whole["ts_event"][390]].iloc[-1]
    assert across.ts_known == whole["ts_available"][390], "the session's last minutes were missing"


def test_the_open_said_at_a_timer_holds_for_its_session_alone():
    bars = minute_bars("2021-03-11", "2021-03-12")
    late = np.delete(bars, np.r_[0:10, 390:395])
    mark(late, load_sessions("XNYS", "2021-03-11", "2021-03-12"))
    state = state_of(start_span, HOUR)
    open_session(state, bars["ts_open"][0])
    assert local(run(state, late).ts) == [
        *["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"],
        *["10:35", "11:35", "12:35", "13:35", "14:35", "15:35", "16:00"],
    ]


def test_one_bar_may_end_two():
    bars = minute_bars("2021-03-11", "2021-03-11", step=30 * MINUTE)
    kept = bars[[0, 3]]  # 10:00 of the first hour, 11:30, the end of the second
    found = run(state_of(start_span, HOUR), kept)
    assert found.number.tolist() == [1, 1]
    assert local(found.ts) == ["10:00", "11:30"]


def test_finish_ends_what_forms_once():
    bars, state = minute_bars("2021-03-11", "2021-03-11"), state_of(start_span, HOUR)
    run(state, bars[:30])
    assert finish(state, 7)
    assert (state.done.ts_known, state.done.count) == (7, 30)
    assert not finish(state, 8)


def test_sessions():
    bars = minute_bars("2021-11-22", "2021-11-30")
    session = np.cumsum(bars["flags"] & SESSION_FIRST != 0) - 1
    found = run(state_of(start_sessions, 1), bars)
    same(found, expected(bars, session))
    assert local(found.ts) == ["16:00", "16:00", "16:00", "13:00", "16:00", "16:00"]
    pairs = run(state_of(start_sessions, 2), bars)
    same(pairs, expected(bars, session // 2))
    assert (pairs.ts_known == pairs.ts).all()


def test_a_session_without_its_last_minute_ends_with_the_next_one():
    bars = minute_bars("2021-03-11", "2021-03-12")
    found = run(state_of(start_sessions, 1), np.delete(bars, 389))
    assert found.ts_known.tolist() == [bars["ts_available"][390], bars["ts_available"][-1]]
    assert found.ts.tolist() == [bars["ts_event"][388], bars["ts_event"][-1]]


def daily_closes(first: str, last: str) -> Events:
    sessions = load_sessions("XNYS", first, last)
    closes = empty(len(sessions))
    closes["kind"], closes["instrument"], closes["flags"] = CLOSE, 0, SESSION_FIRST | SESSION_LAST
    closes["ts_event"] = closes["ts_available"] = closes["ts_open"] = sessions.close
    closes["close"] = np.arange(len(sessions)) + 50.0
    closes["high"], closes["volume"] = -1.0, -1.0  # what a close-only price does not have must not be read
    return closes


def test_weeks_of_closes_are_known_with_the_next_weeks_first():
    closes = daily_closes("2021-03-29", "2021-04-16")  # Good Friday on April 2
    found = run(state_of(start_weeks), closes)
    week = pd.to_datetime(closes["ts_event"], utc=True).isocalendar().week.to_numpy()
    assert found["count"].tolist() == [4, 5]
    assert found.close.tolist() == [closes["close"][week == w][-1] for w in (13, 14)]
    assert found.high.tolist() == found.close.tolist()
    assert found.low.tolist() == found.open.tolist()
    assert found.volume.tolist() == [0, 0]
    assert found.ts_known.tolist() == [closes["ts_available"][4], closes["ts_available"][9]]


def test_a_price_that_is_not_finite_is_passed_over():
    closes = daily_closes("2021-03-29", "2021-04-06")
    closes["close"][2] = np.nan
    assert run(state_of(start_weeks), closes)["count"].tolist() == [3]


def test_plain_python_gets_the_same_bars():
    bars = minute_bars("2021-03-11", "2021-03-16")
    found = run(state_of(start_span, HOUR), bars)
    hours, made = Consolidator(span=HOUR), []
    for bar in bars:
        if bar["flags"] & SESSION_FIRST:
            hours.open_session(int(bar["ts_open"]))
        values = (float(bar[name]) for name in ("open", "high", "low", "close", "volume"))
        made += hours.update(Bar("A", int(bar["ts_event"]), *values))
        if bar["flags"] & SESSION_LAST and (last := hours.finish("A", int(bar["ts_event"]))):
            made.append(last)
    columns = ["ts", "open", "high", "low", "close", "volume"]
    assert [bar[1:] for bar in made] == [tuple(row) for row in found[columns].itertuples(index=False)]


def test_later_bars_change_no_earlier_result():
    bars = minute_bars("2021-03-11", "2021-03-12")
    changed = bars.copy()
    changed["close"][500:] *= 2
    changed["high"][500:] *= 2
    one, other = run(state_of(start_span, HOUR), bars), run(state_of(start_span, HOUR), changed)
    before = one.number < 500
    pd.testing.assert_frame_equal(one[before], other[other.number < 500])
    assert not one[~before].equals(other[~before])


def test_an_always_open_market_has_days_of_utc():
    state, bars = state_of(start_span, 4 * HOUR), minute_bars("2021-03-11", "2021-03-11")[:1]
    midnight = bars["ts_event"][0] // DAY * DAY
    open_session(state, midnight)
    hours = empty(24)
    hours["kind"], hours["close"] = BAR, 1.0
    hours["ts_event"] = hours["ts_available"] = midnight + (np.arange(24) + 1) * HOUR
    assert ((run(state, hours).ts - midnight) // HOUR).tolist() == [4, 8, 12, 16, 20, 24]
