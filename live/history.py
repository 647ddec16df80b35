"""The past by REST: the warm-up before a run, and what a stream has missed.

1. Bars and corporate actions are asked for in pages, patiently: what is limited or unsure is asked for again.
2. `warm_up` makes of them the rows that a replay of the same time would have: groups of bars with their slices, timers
   and session closes between them, corporate actions at the beginning of their date.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lockstep.data.calendar import days
from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY, HOUR, MINUTE, SESSION_CLOSE

from . import clock
from .alpaca.decode import Undecodable, nanoseconds, number
from .alpaca.rest import Kind, Outcome, Rest
from .market import Malformed, Market, Values, values_of
from .schedule import ROLL, Due

MOST_SYMBOLS, PAGE = 200, 10_000
TRIES = 8
Bar = tuple[int, int, int, Values]
"""`ts_event`, instrument, `ts_open` or the day's label, and the values."""


def iso(ts: int) -> str:
    """Return ns UTC as RFC 3339."""
    return f"{np.datetime64(ts, 'ns')}Z"


def timeframe_text(length: int) -> str:
    """Return a bar's length as Alpaca writes it."""
    for unit, name in ((DAY, "Day"), (HOUR, "Hour"), (MINUTE, "Min")):
        if length % unit == 0:
            return f"{length // unit}{name}"
    raise DataError(f"bars of {length} ns are none of Alpaca's; choose minutes, hours or days")


def patiently(ask: Callable[[], Outcome], what: str) -> Any:
    """Return the reply to a question that may be asked again.

    Raises
    ------
    DataError
        If it is refused, or nothing comes back after several tries.
    """
    outcome = ask()
    for attempt in range(TRIES):
        if outcome.kind is Kind.OK:
            return outcome.data
        if outcome.kind not in (Kind.LIMITED, Kind.UNSURE):
            break
        clock.block(max(outcome.wait, 0.2 * 2**attempt))
        outcome = ask()
    if outcome.kind is Kind.OK:
        return outcome.data
    raise DataError(f"{what}: {outcome.kind}, {outcome.status} {outcome.detail}")


def paged(rest: Rest, what: str, query: Mapping[str, Any], token: str = "") -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield the pages of bars, quotes or trades from a token on, each with the token of the next; empty for none.

    Raises
    ------
    DataError
        As `patiently`.
    """
    while True:
        asked = {"limit": PAGE, **query, **({"page_token": token} if token else {})}
        path = f"/stocks/{what}"
        page = patiently(lambda asked=asked, path=path: rest.call("GET", path, asked, rest.data), f"historical {what}")
        token = page.get("next_page_token") or ""
        yield page.get(what) or {}, token
        if not token:
            return


def bars(rest: Rest, market: Market, length: int, start: int, end: int, feed: str) -> list[Bar]:
    """Return the bars whose close lies in (start, end], ns UTC, sorted by time and instrument.

    Raises
    ------
    DataError
        If they cannot be had.
    """
    symbols = [each.symbol for each in market.instruments]
    found: list[Bar] = []
    label_from = start - DAY if length >= DAY else start - length
    for at in range(0, len(symbols), MOST_SYMBOLS):
        query = {
            "symbols": ",".join(symbols[at : at + MOST_SYMBOLS]), "timeframe": timeframe_text(length),
            "adjustment": "raw", "start": iso(label_from), "end": iso(end), "feed": feed, "sort": "asc",
        }  # fmt: skip
        for page, _ in paged(rest, "bars", query):
            for symbol, listed in page.items():
                found += _read(market, symbol, listed, length)
    return sorted(each for each in found if start < each[0] <= end)


def _read(market: Market, symbol: str, listed: Iterable[Mapping[str, Any]], length: int) -> Iterator[Bar]:
    instrument = market.numbers.get(symbol)
    if instrument is None:
        return
    closes, opens, midnights = (getattr(market.sessions, name) for name in ("close", "open", "midnight"))
    for raw in listed:
        try:
            label, values = nanoseconds(raw["t"]), values_of(raw)
        except (Undecodable, KeyError, ValueError, TypeError) as error:
            raise DataError(f"historical bar of {symbol}: {error}") from error
        if length < DAY:
            yield label + length, instrument, label, values
            continue
        place = int(np.searchsorted(midnights, label))
        if place < len(midnights):
            yield int(closes[place]), instrument, int(opens[place]), values


Actions = list[tuple[int, int, str, tuple[int, int]]]
"""When they take effect (ns UTC), instrument, ``split`` or ``dividend``, and the payload's two numbers."""


def corporate_actions(rest: Rest, market: Market, start: int, end: int) -> Actions:
    """Return the splits and dividends whose date begins in [start, end), sorted; dividends before splits.

    Raises
    ------
    DataError
        If they cannot be had.
    """
    first, last = (str(np.datetime64(ts, "ns").astype("datetime64[D]")) for ts in (start - DAY, end + DAY))
    listed = told_actions(rest, [each.symbol for each in market.instruments], first, last)
    found = [action for kind, raw in listed for action in _action(market, kind, raw)]
    return sorted(each for each in found if start <= each[0] < end)


def told_actions(rest: Rest, symbols: Sequence[str], first: str, last: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the corporate actions between two ISO dates as Alpaca tells them, each with its kind.

    Raises
    ------
    DataError
        As `patiently`.
    """
    query = {"symbols": ",".join(symbols), "start": first, "end": last, "limit": 1000}
    token = ""
    while True:
        asked = {**query, **({"page_token": token} if token else {})}
        page = patiently(
            lambda asked=asked: rest.call("GET", "/corporate-actions", asked, rest.actions), "corporate actions"
        )
        for kind, listed in (page.get("corporate_actions") or {}).items():
            yield from ((kind, raw) for raw in listed)
        token = page.get("next_page_token") or ""
        if not token:
            return


def _action(market: Market, kind: str, raw: Mapping[str, Any]) -> Actions:
    instrument = market.numbers.get(str(raw.get("symbol", "")))
    date = raw.get("ex_date")
    if instrument is None or not date:
        return []
    at = _midnight(market, str(date))
    if kind in ("forward_splits", "reverse_splits"):
        new, old = number(raw["new_rate"]), number(raw["old_rate"])
        assert new is not None
        assert old is not None
        return [(at, instrument, "split", (new / old).as_integer_ratio())]
    if kind == "cash_dividends":
        amount = int((number(raw["rate"]) or 0) * 10**9)
        pay = _midnight(market, str(raw["payable_date"])) if raw.get("payable_date") else 0
        return [(at, instrument, "dividend", (pay, amount))] if amount else []
    return []


def _midnight(market: Market, date: str) -> int:
    """Return when a date begins at the exchange: its session's midnight, or that of the next session."""
    sessions = market.sessions
    place = int(np.searchsorted(sessions.date, days(date)))
    return int(sessions.midnight[min(place, len(sessions) - 1)])


class WarmUp:
    """Makes rows of the past.

    Parameters
    ----------
    session : object with `market`, `schedule`, `pipeline`
        What they go through.
    take_due : callable
        Takes what falls due, see `Session`.
    delay : int
        Nanoseconds from a bar's close until it is known.
    """

    def __init__(self, session: Any, take_due: Callable[[Due, int], None], delay: int) -> None:
        self.market, self.schedule, self.pipeline = session.market, session.schedule, session.pipeline
        self.take_due, self.delay = take_due, delay

    def run(self, found: Sequence[Bar], actions: Actions, until: int) -> None:
        """Let the past happen up to `until`, ns UTC."""
        self.waiting = list(actions)
        at = 0
        while at < len(found):
            end, ts = at, found[at][0]
            while end < len(found) and found[end][0] == ts:
                end += 1
            self._group(found[at:end], ts + self.delay)
            at = end
        self._due(until - 1)
        self.pipeline.flush()

    def _group(self, group: Sequence[Bar], known: int) -> None:
        rows = self.pipeline.rows
        if self.pipeline.room < len(group) + 64:
            self.pipeline.flush()
        self._due(known - 1)
        for ts, instrument, opened, values in group:
            try:
                self.market.bar(instrument, opened, values, rows, known, ts)
            except Malformed as error:
                raise DataError(f"historical bar: {error}") from error
        self._due(known)
        if self.market.waiting:
            self.market.slice(rows, known)

    def _due(self, until: int) -> None:
        """Take what falls due until then, inclusive; corporate actions with their date."""
        while (due := self.schedule.peek()) is not None and due.ts <= until:
            self.schedule.pop()
            if due.kind == ROLL:
                self._actions(due.ts)
            else:
                self.take_due(due, due.ts)
            if due.kind == SESSION_CLOSE and self.pipeline.rows.n > self.pipeline.rows.capacity // 2:
                self.pipeline.flush()

    def _actions(self, until: int) -> None:
        while self.waiting and self.waiting[0][0] <= until:
            add_action(self.pipeline.rows, self.waiting.pop(0), until)


def add_action(rows: Any, action: Any, now: int) -> None:
    """Add the row of a corporate action."""
    at, instrument, kind, numbers = action
    (rows.split if kind == "split" else rows.dividend)(now, instrument, at, *numbers)
