"""Spans of time as a scenario writes them: "50ms", "15min", "2d"."""

import re

from lockstep.engine.events import DAY, HOUR, MINUTE, MS, NS, SECOND, US

UNITS = {"ns": NS, "us": US, "ms": MS, "s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?\s*(ns|us|ms|s|min|h|d)")
EXPECTED = f'expected a number and one of {", ".join(UNITS)}, such as "50ms" or "15min"'
LONGEST = 366 * DAY


def nanoseconds(text: str) -> int:
    """Return the nanoseconds of a span of time.

    Parameters
    ----------
    text : str
        A number without sign and a unit: ns, us, ms, s, min, h or d (24 hours).

    Raises
    ------
    ValueError
        If the text is none, or longer than 366 days.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(EXPECTED)
    whole, part, unit = found[1], found[2] or "", UNITS[found[3]]
    span = int(whole) * unit + int(part or 0) * unit // 10 ** len(part)
    if span > LONGEST:
        raise ValueError("expected at most 366d")
    return span


def text(span: int) -> str:
    """Return a span in the largest unit that divides it."""
    unit = next(name for name in reversed(UNITS) if span % UNITS[name] == 0)
    return f"{span // UNITS[unit]}{unit}" if span else "0s"
