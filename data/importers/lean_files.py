"""LEAN's map and factor files: which permanent id a ticker meant on a day, and the splits and dividends of an id.

Map file: ``date,ticker[,exchange]``; a ticker holds up to and including its date, the first line gives the first day.
The file's name is the permanent id, the last date (2050 for those still listed) the last day of trading.

Factor file: ``date,price factor,split factor,reference close``; a line holds up to and including its date. From one
line to the next the split factors' ratio is the split, ``reference * (1 - price factor / next price factor)`` the
dividend, both effective after the line's date.
"""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np

from lockstep.data.actions import NANO, Action
from lockstep.data.calendar import EPOCH, Sessions, iso_date
from lockstep.engine.errors import DataError

from .table import as_ratio
from .text import Text, integers, numbers, read_bytes, read_text

FOREVER = 20500101
SPLIT_DIGITS = 3e-4
"""Factors are rounded, so that the ratio of two may miss the true one by so much."""
DIVIDEND_DIGITS = 4


@dataclass(frozen=True)
class Mapping:
    """One permanent id: first and last day (days since 1970), and its tickers with the last day of each."""

    id: str
    first: int
    tickers: tuple[tuple[int, str], ...]

    @property
    def last(self) -> int:
        """The last day of trading."""
        return self.tickers[-1][0]

    @property
    def delisted(self) -> bool:
        """Whether the id is known to have ended."""
        return self.last < day(FOREVER)

    def history(self) -> tuple[tuple[str, str], ...]:
        """Return (ISO date from which it holds, ticker), oldest first."""
        starts = [self.first, *(until + 1 for until, _ in self.tickers[:-1])]
        return tuple((iso_date(start), ticker) for start, (_, ticker) in zip(starts, self.tickers, strict=True))


def day(number: int) -> int:
    """Return the days since 1970 of a date written as 20140609.

    Raises
    ------
    ValueError
        If there is no such day.
    """
    return date(number // 10_000, number // 100 % 100, number % 100).toordinal() - EPOCH


def _days(text: Text, column: str) -> list[int]:
    found = []
    for row, number in enumerate(integers(text, column)):
        try:
            found.append(day(int(number)))
        except ValueError as error:
            raise DataError(f"{text.name}:{text.lines[row]}: date {number}, expected YYYYMMDD ({error})") from error
    if found != sorted(found):
        raise DataError(f"{text.name}: dates are not ascending; expected the oldest line first")
    return found


def read_map(path: Path) -> Mapping:
    """Read one map file.

    Raises
    ------
    DataError
        If it is wrong.
    """
    content = read_bytes(path)
    width = content.splitlines()[0].count(b",") + 1
    if width not in (2, 3):
        raise DataError(f"{path}:1: {width} values, expected date,ticker or date,ticker,exchange")
    text = read_text(content, str(path), ["date", "ticker", "exchange"][:width])
    dates = _days(text, "date")
    names = [name.strip().upper() for name in text.columns["ticker"].to_pylist()]
    if len(dates) < 2:
        raise DataError(f"{path}: one line, expected a first day and at least one ticker")
    tickers: list[tuple[int, str]] = []
    for until, name in zip(dates[1:], names[1:], strict=True):
        if tickers and tickers[-1][1] == name:
            tickers.pop()
        tickers.append((until, name))
    return Mapping(path.name.removesuffix(".csv").upper(), dates[0], tuple(tickers))


class Owners:
    """Which permanent id had a ticker on a day.

    Parameters
    ----------
    folder : Path or None
        The map files; None, or a ticker without any, makes the ticker its own id for ever.

    Raises
    ------
    DataError
        If two ids claim a ticker for the same day.
    """

    def __init__(self, folder: Path | None) -> None:
        files = sorted(folder.glob("*.csv")) if folder and folder.is_dir() else []
        self.mappings = {mapping.id: mapping for mapping in map(read_map, files)}
        self._spans: dict[str, list[tuple[int, int, str]]] = {}
        for mapping in self.mappings.values():
            start = mapping.first
            for until, ticker in mapping.tickers:
                self._spans.setdefault(ticker, []).append((start, until, mapping.id))
                start = until + 1
        for ticker, spans in self._spans.items():
            spans.sort()
            for left, right in pairwise(spans):
                if right[0] <= left[1]:
                    raise DataError(
                        f"{folder}: {ticker} is claimed by {left[2]} and {right[2]} on {iso_date(right[0])}; "
                        "mend the map files"
                    )

    def known(self, ticker: str) -> bool:
        """Tell whether any map file mentions a ticker."""
        return ticker in self._spans

    def spans(self, ticker: str) -> list[tuple[int, int, str]]:
        """Return (first day, last day, id) of each id that had the ticker, oldest first."""
        return self._spans.get(ticker, [(-(10**6), 10**6, ticker)])


def lifecycle(mapping: Mapping, first: int, last: int) -> list[Action]:
    """Return the renames and the delisting of an id between two days, both inclusive."""
    actions = [
        Action(mapping.id, "rename", until + 1, symbol=new, note="map file")
        for (until, _), (_, new) in pairwise(mapping.tickers)
        if first <= until + 1 <= last
    ]
    if mapping.delisted and first <= mapping.last <= last:
        actions.append(Action(mapping.id, "delist", mapping.last + 1, note="map file"))
    return actions


def read_factors(path: Path, name: str, sessions: Sessions) -> list[Action]:
    """Return the splits and dividends of a factor file.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Permanent id.
    sessions : Sessions
        To find the ex-date, the first session after a line's date; lines outside are left out.

    Raises
    ------
    DataError
        If it is wrong.
    """
    text = read_text(read_bytes(path), str(path), ["date", "price", "split", "reference"])
    dates = _days(text, "date")
    price, split, reference = (numbers(text, column) for column in ("price", "split", "reference"))
    if not ((price > 0) & (split > 0)).all():
        row = int((~((price > 0) & (split > 0))).argmax())
        raise DataError(f"{path}:{row + 1}: factors {price[row]:g}, {split[row]:g}, expected numbers above 0")
    actions: list[Action] = []
    for row in range(len(dates) - 1):
        place = int(np.searchsorted(sessions.date, dates[row], "right"))
        if dates[row] < sessions.date[0] or place >= len(sessions):
            continue
        ex_date = int(sessions.date[place])
        paid = round(float(reference[row] * (1 - price[row] / price[row + 1])), DIVIDEND_DIGITS)
        if paid > 0:
            actions.append(Action(name, "dividend", ex_date, amount=round(paid * NANO), note="factor file"))
        if split[row] != split[row + 1]:
            ratio = as_ratio(float(split[row + 1] / split[row]), SPLIT_DIGITS)
            actions.append(Action(name, "split", ex_date, ratio.numerator, ratio.denominator, note="factor file"))
    return actions
