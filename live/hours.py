"""When the broker's market opens and closes."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from lockstep.engine.events import SECOND


def close_of(calendar: Sequence[Any], day: str, zone: str) -> int:
    """Return when a day's session closes by the broker's calendar, ns UTC; 0 where it has none that day."""
    for entry in calendar:
        if entry.get("date") == day:
            hour, minute = (int(part) for part in str(entry["close"]).split(":")[:2])
            moment = datetime.combine(date.fromisoformat(day), time(hour, minute), ZoneInfo(zone))
            return int(moment.timestamp()) * SECOND
    return 0
