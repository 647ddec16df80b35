"""Snapshots as JSON: dollars, not micros; ISO times; seconds, not ns; ids as text; NaN and infinity as null."""

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from lockstep.engine.events import SECOND, US

from .publishing import EquityPoint, Published
from .status import (
    DecisionStatus,
    FeedStatus,
    FillStatus,
    KillSwitch,
    LatencyStatus,
    OrderStatus,
    PositionStatus,
    Status,
    StreamStatus,
    Utilisation,
)

MICROS = 1_000_000
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def money(micros: int | None) -> float | None:
    """Return dollars."""
    return None if micros is None else micros / MICROS


@lru_cache(maxsize=4_096)
def moment(ts: int) -> str | None:
    """Return ns UTC as ISO text with microseconds; None for 0, which means never."""
    if ts == 0:
        return None
    text = (EPOCH + dt.timedelta(microseconds=ts // US)).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def finite(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return value if math.isfinite(value) else None


def price(micros: int) -> float | None:
    """Return dollars a share; None for 0, which means: has none."""
    return micros / MICROS if micros else None


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / SECOND


def _names(of: type, **how: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """Return what turns a record of a type into a dictionary; fields without a `how` stand as they are."""
    plain: Callable[[Any], Any] = lambda value: value  # noqa: E731
    fields = [(name, how.get(name, plain)) for name in of.__slots__]  # type: ignore[attr-defined]
    return lambda record: {name: convert(getattr(record, name)) for name, convert in fields}


def _each(convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda records: [convert(record) for record in records]


_position = _names(PositionStatus, quantity=finite, mark=price, value=money, unrealised=money, realised=money)
_order = _names(OrderStatus, order_id=str, quantity=finite, filled=finite, submitted=moment, limit=price, stop=price)
_decision = _names(
    DecisionStatus, ts=moment, order_id=str, quantity=finite, approved=finite, limit=finite, value=finite
)
_fill = _names(FillStatus, ts=moment, order_id=str, quantity=finite, price=price, fee=money)
_stream = _names(StreamStatus, since=moment, last_message=moment)
_feed = _names(FeedStatus, last_event=moment, last_slice=moment, delay=_seconds)
_latency = _names(LatencyStatus, p50=_seconds, p90=_seconds, p99=_seconds, highest=_seconds)
_kill = _names(KillSwitch, since=moment)


def _limit(limit: Utilisation) -> dict[str, Any]:
    return {
        "name": limit.name,
        "used": finite(limit.used),
        "limit": finite(limit.limit),
        "share": finite(limit.share),
        "where": limit.where,
    }


_MONEY = ("equity", "session_equity", "initial_cash", "cash", "gross", "net")
_TIMES = ("ts", "wall", "next_open", "next_close")
_PARTS: dict[str, Callable[[Any], Any]] = {
    "kill": _kill,
    "positions": _each(_position),
    "orders": _each(_order),
    "decisions": _each(_decision),
    "fills": _each(_fill),
    "limits": _each(_limit),
    "streams": _each(_stream),
    "feed": _feed,
    "latency": _each(_latency),
    "counts": dict[str, int],
    "proxies": dict[str, str],
    "warnings": list[str],
    "synthetic": list[str],
}
_status = _names(Status, **dict.fromkeys(_MONEY, money), **dict.fromkeys(_TIMES, moment), **_PARTS)


def as_dict(published: Published) -> dict[str, Any]:
    """Return a snapshot as what JSON can hold, with its ``number``."""
    return {"number": published.number, **_status(published.status)}


def as_json(value: Mapping[str, Any]) -> str:
    """Return compact JSON on one line; a NaN that slipped through raises ValueError, for browsers refuse it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def curve_json(points: list[EquityPoint]) -> list[list[Any]]:
    """Return the equity curve as ``[milliseconds since 1970 UTC, dollars]``."""
    return [[point.ts // MICROS, point.equity / MICROS] for point in points]
