"""A wall clock that is wrong, for one run's process: what a backtest does must not depend on the day it is run on.

The system's own clock is turned where that can be done (`system_clock`). Elsewhere the doors that Python code goes
through are replaced before the target is imported: `time.time`, `time.time_ns`, `time.localtime`, `time.gmtime`,
`datetime.now`, `utcnow` and `today`, `date.today`; compiled code (`numpy.datetime64("now")`) is not reached there.
"""

import datetime
import time
from typing import Any

from .system_clock import shift_system_clock

NS = 1_000_000_000


class _Like(type):
    """Lets what the real class made count as the replaced one's."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1])

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.__mro__[1])


def shift_clock(seconds: float) -> None:
    """Let the wall clock of this process be wrong by so many whole seconds."""
    if not shift_system_clock(int(seconds)):
        _shift_doors(seconds)


def _shift_doors(seconds: float) -> None:
    _shift_time(seconds)
    shift = datetime.timedelta(seconds=seconds)
    real, real_date = datetime.datetime, datetime.date

    class Date(real_date, metaclass=_Like):
        """A date whose today is another day."""

        @classmethod
        def today(cls) -> Any:
            """Return the wrong day."""
            return (real.now() + shift).date()

    class DateTime(real, metaclass=_Like):
        """A time whose now is another."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            """Return the wrong time."""
            return real.now(tz) + shift

        @classmethod
        def utcnow(cls) -> Any:
            """Return the wrong time, UTC."""
            return real.now(datetime.UTC).replace(tzinfo=None) + shift

        @classmethod
        def today(cls) -> Any:
            """Return the wrong time."""
            return real.now() + shift

    datetime.datetime, datetime.date = DateTime, Date  # type: ignore[misc]


def _shift_time(seconds: float) -> None:
    now, now_ns, local, utc = time.time, time.time_ns, time.localtime, time.gmtime
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + int(seconds * NS)
    time.localtime = lambda at=None: local(now() + seconds if at is None else at)
    time.gmtime = lambda at=None: utc(now() + seconds if at is None else at)
