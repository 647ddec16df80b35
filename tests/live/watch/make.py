"""Snapshots of a session as one could look, for the tests of what watches it."""

import dataclasses
import datetime as dt

from lockstep.live.status import (
    DecisionStatus,
    FeedStatus,
    FillStatus,
    LatencyStatus,
    OrderStatus,
    Phase,
    PositionStatus,
    Status,
    StreamState,
    StreamStatus,
    Utilisation,
    Venue,
)

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DOLLAR = 1_000_000


def at(text):
    """Return an ISO time of UTC as ns."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * SECOND


OPEN, WALL = at("2026-11-20T14:30"), at("2026-11-27T14:00")
STREAMS = (
    StreamStatus(
        name="market data",
        state=StreamState.UP,
        since=WALL - 3600 * SECOND,
        last_message=WALL - SECOND,
        messages=48_213,
        reconnects=1,
    ),
    StreamStatus(
        name="order updates",
        state=StreamState.UP,
        since=WALL - 3600 * SECOND,
        last_message=WALL - 95 * SECOND,
        messages=37,
    ),
    StreamStatus(
        name="requests", state=StreamState.UP, since=WALL - 3600 * SECOND, last_message=WALL - 20 * SECOND, messages=61
    ),
)


def position(symbol, quantity, mark, unrealised, **more):
    mark = round(mark * DOLLAR)
    return PositionStatus(
        symbol=symbol,
        quantity=quantity,
        mark=mark,
        value=round(quantity * mark),
        unrealised=round(unrealised * DOLLAR),
        realised=round(unrealised * DOLLAR) // 3,
        **more,
    )


def decision(number, symbol, quantity, approved, code=""):
    verdict = "refused" if approved == 0 else "shrunk" if approved != quantity else "approved"
    return DecisionStatus(
        ts=OPEN + number * MINUTE,
        order_id=number,
        sleeve="trend",
        symbol=symbol,
        quantity=quantity,
        approved=approved,
        verdict=verdict,
        code=code,
        limit=0.25,
        value=0.31,
    )


def status(step=60, **changes):
    """Return a session's snapshot `step` minutes after the open."""
    ts = OPEN + step * MINUTE
    equity = round((100_000 + 350.25 * (step % 17) - 12.5 * step) * DOLLAR)
    base = Status(
        run="live-20261120-143000-sma-cross",
        scenario="sma-cross",
        venue=Venue.LOCAL,
        phase=Phase.TRADING,
        ts=ts,
        wall=WALL + step * SECOND,
        market_open=True,
        session="2026-11-20",
        next_open=at("2026-11-23T14:30"),
        next_close=at("2026-11-20T21:00"),
        equity=equity,
        session_equity=100_000 * DOLLAR,
        initial_cash=95_000 * DOLLAR,
        cash=41_250_370_000,
        gross=round(0.81 * equity),
        net=round(0.36 * equity),
        positions=(
            position("AAPL", 120.0, 271.35, 512.2),
            position("BRK.B", 12.5, 499.01, -88.4),
            position("PDFS", 300.0, 271.35, 14.0, proxy="AAPL"),
            position("TSLA", -45.0, 402.9, -1210.75, halted=True),
        ),
        orders=(
            OrderStatus(
                order_id=59,
                client_order_id="ls-1-59",
                symbol="MSFT",
                sleeve="trend",
                type="limit",
                tif="day",
                quantity=80.0,
                filled=20.0,
                status="partially_filled",
                submitted=ts - MINUTE,
                limit=415_250_000,
            ),
            OrderStatus(
                order_id=60,
                client_order_id="ls-1-60",
                symbol="AAPL",
                sleeve="trend",
                type="stop",
                tif="gtc",
                quantity=-120.0,
                filled=0.0,
                status="accepted",
                submitted=ts - MINUTE,
                stop=255_000_000,
            ),
        ),
        decisions=tuple(
            decision(k, ("AAPL", "MSFT", "TSLA")[k % 3], 100.0, *((0.0, "gross_limit") if k % 7 == 0 else (100.0,)))
            for k in range(max(1, step - 30), step + 1)
        ),
        fills=tuple(
            FillStatus(
                ts=OPEN + k * MINUTE,
                order_id=k,
                symbol="AAPL",
                quantity=100.0 if k % 2 else -100.0,
                price=271_350_000 + k * 10_000,
                fee=350_000,
            )
            for k in range(max(1, step - 12), step + 1)
        ),
        limits=(
            Utilisation(name="max_gross", used=0.81, limit=1.5),
            Utilisation(name="max_position", used=0.23, limit=0.25, where="AAPL"),
            Utilisation(name="max_sector", used=0.31, limit=float("inf"), where="Technology"),
            Utilisation(name="max_daily_loss", used=0.004, limit=0.03),
            Utilisation(name="max_orders_per_second", used=3.0, limit=10.0),
        ),
        streams=STREAMS,
        feed=FeedStatus(
            events=48_213, backlog=0, shed_quotes=12, late=3, revised=1, last_event=ts, last_slice=ts, delay=82_000_000
        ),
        latency=(
            LatencyStatus(stage="event_to_decision", count=41_200, p50=1_400, p90=2_100, p99=7_800, highest=412_000),
            LatencyStatus(
                stage="decision_to_sent", count=61, p50=310_000, p90=840_000, p99=2_100_000, highest=9_000_000
            ),
        ),
        counts={"slices": step, "decisions": step, "orders": 61, "fills": 37, "refused": 8},
        warnings=("The recorded market holds a hindsight selection of stocks.",),
        proxies={"PDFS": "AAPL"},
        synthetic=(),
        digest="3f6c9a0d11e2b7c4",
    )
    return dataclasses.replace(base, **changes)


def mute(state=StreamState.MUTE):
    """Return the streams with the market data's one not up."""
    return (dataclasses.replace(STREAMS[0], state=state), *STREAMS[1:])
