"""Numbers, dates and codes as text for people: thin thousands separators, a true minus, a dash for the undefined."""

from math import isfinite

import pandas as pd

THIN, MINUS, NONE = "\u202f", "\u2212", "–"


def number(value: float, digits: int = 2) -> str:
    """Return a number with `digits` decimals; NaN and infinity become a dash."""
    if not isfinite(value):
        return NONE
    text = f"{abs(value):,.{digits}f}".replace(",", THIN)
    return MINUS + text if value < 0 and any(c in "123456789" for c in text) else text


def whole(value: float) -> str:
    """Return a count."""
    return number(value, 0)


def money(value: float, digits: int = 0) -> str:
    """Return dollars."""
    text = number(value, digits)
    return text if text == NONE else _dollar(text)


def _dollar(text: str) -> str:
    return f"{MINUS}${text[1:]}" if text.startswith(MINUS) else f"${text}"


def short_money(value: float) -> str:
    """Return dollars to three digits with k, M or bn."""
    if not isfinite(value):
        return NONE
    for limit, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            scaled = value / limit
            return _dollar(number(scaled, 0 if abs(scaled) >= 100 else 1)) + THIN + unit
    return _dollar(number(value, 0))


def percent(value: float, digits: int = 1) -> str:
    """Return a fraction as percent."""
    text = number(value * 100, digits)
    return text if text == NONE else f"{text}%"


def basis_points(value: float) -> str:
    """Return basis points that are basis points already."""
    text = number(value, 1)
    return text if text == NONE else f"{text}{THIN}bp"


def quantity(value: float) -> str:
    """Return shares, with as many decimals as they need: up to four, below one share up to nine."""
    if not isfinite(value) or value == round(value):
        return number(value, 0)
    return number(value, 4 if abs(value) >= 1 else 9).rstrip("0").rstrip(".")


def days(value: float) -> str:
    """Return a span of days in the unit that reads best."""
    if not isfinite(value):
        return NONE
    if value >= 1:
        return f"{number(value, 0 if value >= 20 else 1)} d"
    return f"{number(value * 24, 1)} h" if value * 24 >= 1 else f"{number(value * 1440, 1)} min"


def date(value: pd.Timestamp) -> str:
    """Return the UTC date, ISO."""
    return NONE if pd.isna(value) else f"{value:%Y-%m-%d}"


def time(value: pd.Timestamp) -> str:
    """Return UTC date and time to the minute; the date alone at midnight."""
    if pd.isna(value):
        return NONE
    return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"


def long_date(value: pd.Timestamp) -> str:
    """Return the UTC date in words."""
    return NONE if pd.isna(value) else f"{value.day} {value:%B %Y}"


def words(code: str) -> str:
    """Return a code as words: `session_end` becomes `session end`."""
    return code.replace("_", " ")
