"""Trading sessions of an exchange, or of a market that never closes, as arrays of int64 nanoseconds UTC."""

import warnings
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY, SECOND

Ints = NDArray[np.int64]
ALWAYS = "24/7"
EARLIEST = "1960-01-01"
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Sessions:
    """The sessions of one calendar, in order.

    Parameters
    ----------
    calendar : str
        Name of the calendar: an exchange's (``XNYS``) or ``24/7``.
    zone : str
        IANA name of the exchange's time zone.
    date : (n,) int64
        Session labels, days since 1970-01-01.
    open, close : (n,) int64
        First and last instant, ns UTC. A half day closes early.
    midnight : (n,) int64
        00:00 exchange time of the label, ns UTC: when corporate actions of that date take effect.
    """

    calendar: str
    zone: str
    date: Ints
    open: Ints
    close: Ints
    midnight: Ints

    def __len__(self) -> int:
        return len(self.date)

    def slice(self, first: int, last: int) -> "Sessions":
        """Return the sessions numbered `first` to `last - 1`."""
        part = slice(max(first, 0), max(last, 0))
        return Sessions(
            self.calendar, self.zone, self.date[part], self.open[part], self.close[part], self.midnight[part]
        )

    def between(self, first_date: int, last_date: int, extra: int = 0) -> "Sessions":
        """Return the sessions dated `first_date` to `last_date` (days since 1970), and `extra` more."""
        start = int(np.searchsorted(self.date, first_date))
        stop = int(np.searchsorted(self.date, last_date, side="right"))
        return self.slice(start, stop + extra)

    def of_date(self, date: Ints) -> Ints:
        """Return the number of the session with each label, −1 where the market was closed that day."""
        place = np.searchsorted(self.date, date)
        found = place < len(self.date)
        found[found] = self.date[place[found]] == date[found]
        return np.where(found, place, -1).astype(np.int64)

    def holding(self, ts: Ints) -> Ints:
        """Return the number of the session with ``open < ts <= close`` (where a bar's close may lie), else −1."""
        place = np.searchsorted(self.close, ts)
        inside = place < len(self.close)
        inside[inside] = self.open[place[inside]] < ts[inside]
        return np.where(inside, place, -1).astype(np.int64)

    def nights(self) -> Ints:
        """Return the calendar days from each session's close to the next one's; the last has no next and gets 1."""
        return np.append(np.diff(self.date), 1).astype(np.int64)

    def last_open_by(self, ts: int) -> int:
        """Return the number of the last session that opened at or before `ts`, −1 if none had."""
        return int(np.searchsorted(self.open, ts, side="right")) - 1


def days(iso: str) -> int:
    """Return the days since 1970-01-01 of an ISO date."""
    return int(np.datetime64(iso, "D").astype(np.int64))


def iso_date(day: int) -> str:
    """Return the ISO date of a number of days since 1970-01-01."""
    return str(np.datetime64(int(day), "D"))


def load_sessions(calendar: str, first_date: str, last_date: str, extra: int = 0) -> Sessions:
    """Return a calendar's sessions from `first_date` to `last_date` (ISO) and `extra` more.

    Parameters
    ----------
    calendar : str
        ``24/7``, where every UTC day is a session, or a name that exchange_calendars knows.
    first_date, last_date : str
        ISO dates; labels of sessions, both inclusive.
    extra : int
        Sessions to add after the last one.

    Raises
    ------
    DataError
        If the calendar is unknown, or does not reach back to `first_date`.
    """
    first, last = days(first_date), days(last_date)
    if calendar == ALWAYS:
        return _always(first, last + extra)
    year = int(last_date[:4]) + 2
    return _exchange(calendar, min(first_date[:4], EARLIEST[:4]), year).between(first, last, extra)


def midnights(dates: Ints, zone: str) -> Ints:
    """Return 00:00 in `zone` of each date (days since 1970), ns UTC; the first valid instant where DST skips it."""
    if zone == "UTC":
        return dates * DAY
    place = ZoneInfo(zone)
    dawn = [datetime.combine(date.fromordinal(int(day) + EPOCH), time(), place) for day in dates]
    return np.array([int(moment.timestamp()) * SECOND for moment in dawn], np.int64)


def _always(first: int, last: int) -> Sessions:
    label = np.arange(first, last + 1, dtype=np.int64)
    return Sessions(ALWAYS, "UTC", label, label * DAY, (label + 1) * DAY, label * DAY)


@lru_cache(maxsize=8)
def _exchange(calendar: str, first_year: str, last_year: int) -> Sessions:
    """Ask exchange_calendars once per process; it costs about 0.4 s, so a dataset keeps its own sessions."""
    from exchange_calendars import errors, get_calendar

    try:
        with warnings.catch_warnings():
            # It calls what this pandas calls deprecated; the constraints file holds the versions that go together.
            warnings.simplefilter("ignore")
            found = get_calendar(calendar, start=f"{first_year}-01-01", end=f"{last_year}-12-31")
    except errors.InvalidCalendarName as error:
        raise DataError(
            f"calendar={calendar!r} is not known; expected {ALWAYS!r} or a name of exchange_calendars such as 'XNYS'"
        ) from error
    except ValueError as error:
        raise DataError(f"calendar={calendar!r} does not cover {first_year} to {last_year}: {error}") from error
    label = found.opens.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    zone = str(found.tz)
    opens, closes = (
        column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
        for column in (found.opens, found.closes)
    )
    return Sessions(calendar, zone, label, opens, closes, midnights(label, zone))
