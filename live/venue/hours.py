"""The venue's time and its trading hours."""

from bisect import bisect_left, bisect_right
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from lockstep.data.calendar import Sessions, iso_date
from lockstep.engine.events import DAY, SECOND

from .rules import unprocessable
from .wire import iso


class Hours:
    """Time, as the replay has it, and the sessions around it.

    Parameters
    ----------
    sessions : Sessions
        The recording's calendar.
    now : int
        Time at the start, ns UTC.
    """

    def __init__(self, sessions: Sessions, now: int) -> None:
        self.recorded, self.sessions, self.now = sessions, sessions, now
        self.zone = ZoneInfo(sessions.zone)
        self._dates = dates_of(sessions)

    def begin_round(self, shift: int) -> None:
        """Take the calendar that goes with a recording moved by so many ns."""
        base, days = self.recorded, shift // DAY
        self.sessions = replace(
            base, date=base.date + days, open=base.open + shift, close=base.close + shift,
            midnight=base.midnight + shift,
        )  # fmt: skip
        self._dates = dates_of(self.sessions)

    def close_early(self, close: int) -> None:
        """Let the session at hand, or the next one, close at `close` (ns UTC)."""
        place = self._at_hand()
        closes = self.sessions.close.copy()
        closes[place] = close
        self.sessions = replace(self.sessions, close=closes)

    def _at_hand(self) -> int:
        """Return the number of the session that is open, or of the next one."""
        return min(int(np.searchsorted(self.sessions.close, self.now, "right")), len(self.sessions) - 1)

    @property
    def session(self) -> int:
        """The number of the session whose close lies next."""
        return self._at_hand()

    @property
    def is_open(self) -> bool:
        """Whether the market is open: from the open on, until the close."""
        place = self._at_hand()
        return bool(self.sessions.open[place] <= self.now < self.sessions.close[place])

    @property
    def next_open(self) -> int:
        """When a session opens next, ns UTC."""
        opens = self.sessions.open
        return int(opens[min(int(np.searchsorted(opens, self.now, "right")), len(opens) - 1)])

    def midnight_before(self, ts: int) -> int:
        """Return 00:00 exchange time of the session that was on at `ts` or last before it, ns UTC."""
        midnight = self.sessions.midnight
        return int(midnight[max(int(np.searchsorted(midnight, ts, "left")) - 1, 0)])

    def clock(self) -> dict[str, Any]:
        """Return what /v2/clock says."""
        return {
            "timestamp": iso(self.now),
            "is_open": self.is_open,
            "next_open": iso(self.next_open),
            "next_close": iso(int(self.sessions.close[self._at_hand()])),
        }

    def calendar(self, start: str | None, end: str | None) -> list[dict[str, str]]:
        """Return the sessions between two dates (both inclusive), in exchange time."""
        first, last = bisect_left(self._dates, start or ""), bisect_right(self._dates, end or "9999")
        return [self._shown(number) for number in range(first, last)]

    def _shown(self, number: int) -> dict[str, str]:
        opens, closes = (self._local(int(each[number])) for each in (self.sessions.open, self.sessions.close))
        return {
            "date": self._dates[number],
            "open": opens,
            "close": closes,
            "session_open": opens.replace(":", ""),
            "session_close": closes.replace(":", ""),
            "settlement_date": self._dates[min(number + 1, len(self.sessions) - 1)],
        }

    def _local(self, ts: int) -> str:
        return datetime.fromtimestamp(ts // SECOND, UTC).astimezone(self.zone).strftime("%H:%M")

    def expiry(self, tif: str) -> int:
        """Return when an order of this time in force ends, ns UTC; 0 for one that is good till cancelled."""
        if tif == "gtc":
            return 0
        return int(self.sessions.close[self._at_hand()])

    def check(self, tif: str) -> None:
        """Refuse orders for auctions when they are not taken: opg from 09:28 to 19:00, cls from 15:50 to 19:00.

        Raises
        ------
        Refusal
            In such hours, exchange time.
        """
        if tif not in ("opg", "cls") or self.sessions.calendar == "24/7":
            return
        local = self._local(self.now)
        begins = "09:28" if tif == "opg" else "15:50"
        if begins <= local < "19:00" and self._trades_today():
            raise unprocessable(f"{tif} orders are not accepted between {begins} and 19:00 ET")

    def _trades_today(self) -> bool:
        day = datetime.fromtimestamp(self.now // SECOND, UTC).astimezone(self.zone).date().isoformat()
        number = int(np.datetime64(day, "D").astype(np.int64))
        return bool((self.sessions.date == number).any())


def dates_of(sessions: Sessions) -> list[str]:
    """Return the ISO dates of a calendar's sessions."""
    return [iso_date(day) for day in sessions.date.tolist()]
