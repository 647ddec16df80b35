"""Historical market data: bars, quotes, trades and corporate actions by REST, in pages."""

import base64
import re
from typing import Any

import msgpack
import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lockstep.data.calendar import iso_date
from lockstep.engine.events import (
    BAR,
    CLOSE,
    DAY,
    DIVIDEND,
    HOUR,
    MINUTE,
    QUOTE,
    SECOND,
    SPLIT,
    TRADE,
    Events,
)  # fmt: skip

from .core import Venue
from .messages import bar_message, quote_message, trade_message
from .rules import BAD_REQUEST, Refusal, unprocessable
from .trading import count, moment
from .wire import identity, iso

MOST = 10_000
DEFAULT = 1_000
_TIMEFRAME = re.compile(r"(?P<number>\d*)(?P<unit>[A-Za-z]+)")
_UNITS = {
    "min": MINUTE, "t": MINUTE, "hour": HOUR, "h": HOUR, "day": DAY, "d": DAY, "s": SECOND, "m": MINUTE,
}  # fmt: skip
_DROPPED = ("T", "S")


def length_of(timeframe: str) -> int:
    """Return the nanoseconds of a timeframe such as ``1Min``, ``5T``, ``1Hour`` or ``1d``; 0 for ticks.

    Raises
    ------
    Refusal
        If it is none.
    """
    if timeframe == "tick":
        return 0
    found = _TIMEFRAME.fullmatch(timeframe)
    unit = _UNITS.get((found["unit"].lower().removesuffix("s") or "s") if found else "")
    if found is None or unit is None or int(found["number"] or 1) == 0:
        raise Refusal(400, BAD_REQUEST, f"invalid timeframe: {timeframe}")
    return int(found["number"] or 1) * unit


class MarketData:
    """Answers for what has become known so far."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.symbols = {each.symbol: place for place, each in enumerate(venue.recording.instruments)}
        self.stored = length_of(venue.recording.timeframe)

    def routes(self) -> list[Route]:
        """Return the routes."""
        table: list[tuple[str, Any]] = [
            ("/v2/stocks/bars", self.bars),
            ("/v2/stocks/quotes", self.quotes),
            ("/v2/stocks/trades", self.trades),
            ("/v2/stocks/bars/latest", self.latest_bars),
            ("/v2/stocks/quotes/latest", self.latest_quotes),
            ("/v2/stocks/trades/latest", self.latest_trades),
            ("/v1/corporate-actions", self.corporate_actions),
        ]
        return [Route(path, answer, methods=["GET"]) for path, answer in table]

    # -- rows ----------------------------------------------------------------------------------------------------

    def _places(self, request: Request) -> list[int]:
        names = [each for each in request.query_params.get("symbols", "").split(",") if each]
        if not names:
            raise Refusal(400, BAD_REQUEST, "symbols is required")
        return [self.symbols[name] for name in sorted(names) if name in self.symbols]

    def _window(self, request: Request) -> tuple[int, int]:
        query, now = request.query_params, self.venue.now
        start = moment(query.get("start"), int(self._midnights([now])[0]))
        end = moment(query.get("end"), now)
        assert start is not None
        assert end is not None
        return start, min(end, now)

    def _midnights(self, times: Any) -> Any:
        midnight = self.venue.hours.sessions.midnight
        return midnight[np.maximum(np.searchsorted(midnight, np.asarray(times), "left") - 1, 0)]

    def _select(self, places: list[int], kinds: tuple[int, ...], start: int, end: int) -> Events:
        return self.venue.history.select(places, kinds, start, end)

    def _bar_rows(self, places: list[int], start: int, end: int) -> list[tuple[int, int, dict[str, Any]]]:
        """Return stored bars as (instrument, label, message) whose label lies between start and end."""
        reach = max(self.stored, DAY) + DAY
        rows = self._select(places, (BAR, CLOSE), start - reach, end + reach)
        labels = self._midnights(rows["ts_event"]) if self.venue.recording.daily else rows["ts_open"]
        if self.venue.recording.daily is False:
            labels = np.where(rows["kind"] == CLOSE, rows["ts_event"], labels)
        found = []
        for row, label in zip(rows, labels.tolist(), strict=True):
            if start <= label <= end:
                place, close = int(row["instrument"]), float(row["close"])
                prices = (close,) * 4
                if row["kind"] == BAR:
                    prices = (float(row["open"]), float(row["high"]), float(row["low"]), close)
                volume = float(row["volume"]) if row["kind"] == BAR else 0.0
                found.append((place, label, bar_message("b", self._symbol(place), label, prices, volume)))
        return found

    def _symbol(self, place: int) -> str:
        return self.venue.recording.instruments[place].symbol

    # -- answers -------------------------------------------------------------------------------------------------

    async def bars(self, request: Request) -> Response:
        """Answer with bars of the stored timeframe, or of a longer one made of them."""
        query = request.query_params
        asked = length_of(query.get("timeframe", ""))
        if query.get("adjustment", "raw") not in ("raw", ""):
            raise Refusal(400, BAD_REQUEST, "the local venue serves adjustment=raw only")
        if not self.stored or asked < self.stored or asked % self.stored:
            raise Refusal(
                400,
                BAD_REQUEST,
                f"invalid timeframe: {self.venue.recording.name} holds {self.venue.recording.timeframe}",
            )
        start, end = self._window(request)
        rows = self._bar_rows(self._places(request), start, end)
        if asked > self.stored:
            rows = self._longer(rows, asked)
        return self._page(request, "bars", rows)

    def _longer(
        self, rows: list[tuple[int, int, dict[str, Any]]], length: int
    ) -> list[tuple[int, int, dict[str, Any]]]:
        """Put bars together into longer ones, by the clock, or by sessions from a day on."""
        made: dict[tuple[int, int], dict[str, Any]] = {}
        for place, label, bar in rows:
            bucket = label // length * length if length < DAY else int(self._midnights([label + 1])[0])
            whole = made.get((place, bucket))
            if whole is None:
                stamp = msgpack.Timestamp.from_unix_nano(bucket)
                made[place, bucket] = {**bar, "t": stamp}
                continue
            whole["h"], whole["l"] = max(whole["h"], bar["h"]), min(whole["l"], bar["l"])
            whole["c"] = whole["vw"] = bar["c"]
            whole["v"] += bar["v"]
        return [(place, bucket, bar) for (place, bucket), bar in made.items()]

    async def quotes(self, request: Request) -> Response:
        """Answer with quotes."""
        start, end = self._window(request)
        rows = self._select(self._places(request), (QUOTE,), start, end)
        return self._page(request, "quotes", [self._quote(row) for row in rows])

    def _quote(self, row: Any) -> tuple[int, int, dict[str, Any]]:
        place, ts = int(row["instrument"]), int(row["ts_event"])
        values = tuple(float(row[name]) for name in ("bid", "ask", "bid_size", "ask_size"))
        return place, ts, quote_message(self._symbol(place), ts, values)

    async def trades(self, request: Request) -> Response:
        """Answer with trades."""
        start, end = self._window(request)
        rows = self._select(self._places(request), (TRADE,), start, end)
        return self._page(request, "trades", [self._trade(row, k) for k, row in enumerate(rows, 1)])

    def _trade(self, row: Any, number: int) -> tuple[int, int, dict[str, Any]]:
        place, ts = int(row["instrument"]), int(row["ts_event"])
        return place, ts, trade_message(self._symbol(place), ts, float(row["last"]), float(row["size"]), number)

    def _page(self, request: Request, name: str, rows: list[tuple[int, int, dict[str, Any]]]) -> Response:
        """Answer with one page, sorted by symbol, then by time."""
        query = request.query_params
        limit = count(request, "limit", DEFAULT, MOST)
        newest_first = query.get("sort") == "desc"
        rows = sorted(rows, key=lambda row: (self._symbol(row[0]), -row[1] if newest_first else row[1]))
        begin = _begin(query.get("page_token"))
        shown: dict[str, list[dict[str, Any]]] = {}
        for place, _, message in rows[begin : begin + limit]:
            shown.setdefault(self._symbol(place), []).append(plain(message))
        more = begin + limit < len(rows)
        return JSONResponse({name: shown, "next_page_token": _token(begin + limit) if more else None})

    async def latest_bars(self, request: Request) -> Response:
        """Answer with each symbol's last bar."""
        rows = self._bar_rows(self._places(request), self.venue.now - 40 * DAY, self.venue.now)
        return self._latest("bars", rows)

    async def latest_quotes(self, request: Request) -> Response:
        """Answer with each symbol's last quote."""
        rows = self._select(self._places(request), (QUOTE,), self.venue.now - 7 * DAY, self.venue.now)
        return self._latest("quotes", [self._quote(row) for row in rows])

    async def latest_trades(self, request: Request) -> Response:
        """Answer with each symbol's last trade."""
        rows = self._select(self._places(request), (TRADE,), self.venue.now - 7 * DAY, self.venue.now)
        return self._latest("trades", [self._trade(row, k) for k, row in enumerate(rows, 1)])

    def _latest(self, name: str, rows: list[tuple[int, int, dict[str, Any]]]) -> Response:
        return JSONResponse({name: {self._symbol(place): plain(message) for place, _, message in rows}})

    # -- corporate actions ---------------------------------------------------------------------------------------

    async def corporate_actions(self, request: Request) -> Response:
        """Answer with splits and dividends between two dates, as far as their ex-date has come."""
        query, now = request.query_params, self.venue.now
        names = [each for each in query.get("symbols", "").split(",") if each] or sorted(self.symbols)
        places = [self.symbols[name] for name in names if name in self.symbols]
        day = iso_date(now // DAY)
        first, last = query.get("start") or day, query.get("end") or day
        kinds = [each for each in query.get("types", "").split(",") if each]
        rows = self._select(places, (SPLIT, DIVIDEND), 0, now)
        listed: list[tuple[str, dict[str, Any]]] = []
        for number, row in enumerate(rows):
            kind, shown = self._action(row, number)
            if first <= shown["ex_date"] <= last and (not kinds or kind.removesuffix("s") in kinds):
                listed.append((kind, shown))
        begin, limit = _begin(query.get("page_token")), count(request, "limit", DEFAULT, MOST)
        found: dict[str, list[dict[str, Any]]] = {}
        for kind, shown in listed[begin : begin + limit]:
            found.setdefault(kind, []).append(shown)
        token = _token(begin + limit) if begin + limit < len(listed) else None
        return JSONResponse({"corporate_actions": found, "next_page_token": token})

    def _action(self, row: Any, number: int) -> tuple[str, dict[str, Any]]:
        symbol, ts = self._symbol(int(row["instrument"])), int(row["ts_event"])
        date = self._date(ts)
        common = {
            "id": identity("action", f"{symbol} {ts} {number}"),
            "symbol": symbol,
            "process_date": date,
            "ex_date": date,
        }
        if row["kind"] == DIVIDEND:
            pays = int(row["pay_ts"])
            more = {"payable_date": self._date(pays)} if pays else {}
            rate = int(row["amount"]) / 1e9
            return "cash_dividends", {**common, **more, "cusip": "", "rate": rate, "special": False, "foreign": False}
        new, old = int(row["numerator"]), int(row["denominator"])
        rates = {"new_rate": float(new), "old_rate": float(old)}
        if new >= old:
            return "forward_splits", {**common, **rates, "cusip": ""}
        return "reverse_splits", {**common, **rates, "old_cusip": "", "new_cusip": ""}

    def _date(self, ts: int) -> str:
        sessions = self.venue.hours.sessions
        place = int(np.searchsorted(sessions.midnight, ts, "right")) - 1
        same = place >= 0 and ts - int(sessions.midnight[place]) < DAY
        return iso_date(int(sessions.date[place])) if same else iso_date(ts // DAY)


def plain(message: dict[str, Any]) -> dict[str, Any]:
    """Return a stream's message as REST shows it: without type and symbol, times as text."""
    return {
        name: iso(value.to_unix_nano()) if name == "t" else value
        for name, value in message.items()
        if name not in _DROPPED
    }


def _token(place: int) -> str:
    return base64.urlsafe_b64encode(f"row {place}".encode()).decode()


def _begin(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("row "))
    except ValueError:
        raise unprocessable(f"invalid page_token: {token!r}", BAD_REQUEST) from None
