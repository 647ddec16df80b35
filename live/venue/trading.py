"""The trading REST API, ``/v2``."""

import json
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lockstep.engine.instruments import MICROS, Instrument

from . import actions, shown
from .activities import MOST
from .core import Venue
from .orders import TIFS, Order
from .rules import BAD_REQUEST, Refusal, lots_of, not_found, number, on_grid, parse, unprocessable
from .wire import nanoseconds, shares

MOST_ORDERS, DEFAULT_ORDERS = 500, 50


def truth(value: str | None) -> bool:
    """Return a flag of a query: the SDK writes ``True``."""
    return (value or "").lower() in ("true", "1")


def moment(value: str | None, default: int | None = None) -> int | None:
    """Return a time of a query in ns UTC.

    Raises
    ------
    Refusal
        If it is none.
    """
    if not value:
        return default
    try:
        return nanoseconds(value)
    except ValueError:
        raise unprocessable(f"invalid time: {value!r}", BAD_REQUEST) from None


def count(request: Request, name: str, default: int, most: int) -> int:
    """Return a whole number of a query, from 1 to `most`.

    Raises
    ------
    Refusal
        If it is none.
    """
    text = request.query_params.get(name)
    if not text:
        return default
    if not text.isdigit() or int(text) < 1:
        raise unprocessable(f"invalid {name}: {text!r}", BAD_REQUEST)
    return min(int(text), most)


async def read_json(request: Request) -> Any:
    """Return a request's body, its numbers exact.

    Raises
    ------
    Refusal
        If it is no JSON.
    """
    try:
        return json.loads(await request.body(), parse_float=Decimal)
    except ValueError:
        raise unprocessable("request body format is invalid", BAD_REQUEST) from None


class Trading:
    """Answers for account, orders, positions, assets and the clock."""

    def __init__(self, venue: Venue) -> None:
        self.venue, self.desk = venue, venue.desk

    def routes(self) -> list[Route]:
        """Return the routes."""
        table: list[tuple[str, str, Any]] = [
            ("GET", "/account", self.account),
            ("GET", "/account/configurations", self.configurations),
            ("GET", "/account/activities", self.activities),
            ("GET", "/account/activities/{kind}", self.activities),
            ("GET", "/orders", self.orders),
            ("POST", "/orders", self.submit),
            ("DELETE", "/orders", self.cancel_all),
            ("GET", "/orders:by_client_order_id", self.by_client_id),
            ("GET", "/orders/{order_id}", self.order),
            ("PATCH", "/orders/{order_id}", self.replace),
            ("DELETE", "/orders/{order_id}", self.cancel),
            ("GET", "/positions", self.positions),
            ("DELETE", "/positions", self.close_all),
            ("GET", "/positions/{symbol}", self.position),
            ("DELETE", "/positions/{symbol}", self.close),
            ("GET", "/assets", self.assets),
            ("GET", "/assets/{symbol}", self.asset),
            ("GET", "/clock", self.clock),
            ("GET", "/calendar", self.calendar),
        ]
        return [Route(f"/v2{path}", answer, methods=[method]) for method, path, answer in table]

    # -- account -------------------------------------------------------------------------------------------------

    async def account(self, request: Request) -> Response:
        """Answer with cash, equity and buying power."""
        return JSONResponse(shown.account(self.venue))

    async def configurations(self, request: Request) -> Response:
        """Answer with what may be done."""
        return JSONResponse(
            {
                "dtbp_check": "entry",
                "fractional_trading": True,
                "max_margin_multiplier": str(self.desk.multiplier),
                "no_shorting": False,
                "pdt_check": "entry",
                "suspend_trade": False,
                "trade_confirm_email": "none",
                "ptp_no_exception_entry": False,
            }
        )

    async def activities(self, request: Request) -> Response:
        """Answer with one page of activities."""
        query = request.query_params
        kind = request.path_params.get("kind") or query.get("activity_types") or ""
        date = query.get("date")
        after = moment(date, moment(query.get("after")))
        until = None if date is None else (after or 0) + 86_400 * 10**9
        return JSONResponse(
            self.desk.activities.page(
                [each for each in kind.split(",") if each],
                token=query.get("page_token", ""),
                size=count(request, "page_size", MOST, MOST),
                ascending=query.get("direction") == "asc",
                after=after,
                until=moment(query.get("until"), until),
            )
        )

    # -- orders --------------------------------------------------------------------------------------------------

    def _json(self, order: Order, *, nested: bool = False) -> dict[str, Any]:
        self.desk.high_water(order)
        return order.to_json(nested=nested)

    async def submit(self, request: Request) -> Response:
        """Take an order."""
        order = self.desk.submit(parse(await read_json(request), self.desk.find))
        told = self._json(order, nested=True)
        # The broker has it, but says so on the stream alone.
        if told["status"] in ("new", "accepted"):
            told["status"] = "pending_new"
        fault = self.venue.script.take(("partial",), symbol=order.symbol)
        if fault is not None:
            quantity = fault.quantity or float(int(order.remaining * fault.fraction)) / order.per_share
            actions.fill_now(self.venue, order, quantity)
        return JSONResponse(told)

    async def orders(self, request: Request) -> Response:
        """Answer with orders, by status, time, symbol and side."""
        query = request.query_params
        status, nested = query.get("status", "open"), truth(query.get("nested"))
        after, until = moment(query.get("after")), moment(query.get("until"))
        wanted = [each for each in query.get("symbols", "").split(",") if each]
        found = {
            order.id: order
            for order in self.desk.orders.values()
            if (status == "all" or order.open == (status == "open"))
            and (after is None or order.submitted > after)
            and (until is None or order.submitted <= until)
            and (not wanted or order.symbol in wanted)
            and (query.get("side") in (None, "buy" if order.buys else "sell"))
        }
        # A leg is shown with its parent, or by itself where the parent is not among the answers.
        rows = [each for each in found.values() if not (nested and each.parent and each.parent.id in found)]
        if query.get("direction", "desc") != "asc":
            rows.reverse()
        most = count(request, "limit", DEFAULT_ORDERS, MOST_ORDERS)
        return JSONResponse([self._json(order, nested=nested) for order in rows[:most]])

    async def order(self, request: Request) -> Response:
        """Answer with one order."""
        order = self.desk.order(request.path_params["order_id"])
        return JSONResponse(self._json(order, nested=truth(request.query_params.get("nested"))))

    async def by_client_id(self, request: Request) -> Response:
        """Answer with the order that the client called so."""
        client_id = request.query_params.get("client_order_id", "")
        order = self.desk.by_client.get(client_id)
        if order is None:
            raise not_found(f"order not found for {client_id}")
        return JSONResponse(self._json(order, nested=truth(request.query_params.get("nested"))))

    async def replace(self, request: Request) -> Response:
        """Put another order in the place of an open one."""
        order = self.desk.order(request.path_params["order_id"])
        body = await read_json(request)
        if not isinstance(body, dict):
            raise unprocessable("request body format is invalid", BAD_REQUEST)
        fault = self.venue.script.take(("fill_on_replace",), symbol=order.symbol)
        if fault is not None and order.open:
            actions.fill_now(self.venue, order, fault.quantity)
        new = self.desk.replace(order, self._changes(body, self.venue.recording.instruments[order.instrument]))
        told = self._json(new)
        if told["status"] == "new":
            told["status"] = "pending_new"
        return JSONResponse(told)

    def _changes(self, body: dict[str, Any], instrument: Instrument) -> dict[str, Any]:
        changes: dict[str, Any] = {"client_id": str(body.get("client_order_id") or "")}
        quantity = number(body, "qty")
        if quantity is not None:
            changes["quantity"] = lots_of(quantity, instrument)
        for name, field in (("limit", "limit_price"), ("stop", "stop_price")):
            price = number(body, field)
            if price is not None:
                changes[name] = on_grid(price, instrument, field)
        trail = number(body, "trail")
        if trail is not None:
            changes["trail"] = int(trail * MICROS)
        tif = str(body.get("time_in_force") or "")
        if tif and tif not in TIFS:
            raise unprocessable(f"invalid time_in_force: {tif!r}", BAD_REQUEST)
        return {**changes, "tif": tif}

    async def cancel(self, request: Request) -> Response:
        """Cancel an order."""
        order = self.desk.order(request.path_params["order_id"])
        self._race(order)
        self.desk.cancel(order)
        return Response(status_code=204)

    def _race(self, order: Order) -> None:
        """Let a fill overtake a cancellation, where the script says so."""
        fault = self.venue.script.take(("fill_on_cancel",), symbol=order.symbol)
        if fault is not None and order.open:
            actions.fill_now(self.venue, order, fault.quantity)

    async def cancel_all(self, request: Request) -> Response:
        """Cancel every open order; each has a status of its own."""
        answers = []
        for order in self.desk.open_orders():
            if not order.open or (order.parent is not None and order.parent.open):
                continue
            try:
                self._race(order)
                self.desk.cancel(order)
                answers.append({"id": order.id, "status": 200})
            except Refusal as refusal:
                answers.append({"id": order.id, "status": refusal.status, "body": refusal.body})
        return JSONResponse(answers, 207)

    # -- positions -----------------------------------------------------------------------------------------------

    def _held(self, symbol: str) -> int:
        found = self.desk.find(symbol)
        if found is None:
            raise not_found(f"symbol not found: {symbol}")
        if int(self.desk.position(found[0])["quantity"]) == 0:
            raise not_found("position does not exist")
        return found[0]

    def _places(self) -> list[int]:
        return [place for place, row in enumerate(self.desk.counter.world.positions) if row["quantity"] != 0]

    async def positions(self, request: Request) -> Response:
        """Answer with all positions."""
        return JSONResponse([shown.position(self.venue, place) for place in self._places()])

    async def position(self, request: Request) -> Response:
        """Answer with one position."""
        return JSONResponse(shown.position(self.venue, self._held(request.path_params["symbol"])))

    async def close(self, request: Request) -> Response:
        """Close a position, or a part of it, at the market."""
        place, query = self._held(request.path_params["symbol"]), request.query_params
        return JSONResponse(self._json(self._close(place, query.get("qty"), query.get("percentage"))))

    def _close(self, place: int, quantity: str | None = None, percentage: str | None = None) -> Order:
        instrument = self.venue.recording.instruments[place]
        lots = int(self.desk.position(place)["quantity"])
        size = shares(abs(lots), instrument.lots_per_unit)
        if percentage:
            step = Decimal(1) / instrument.lots_per_unit
            size = str((Decimal(size) * Decimal(percentage) / 100) // step * step)
        body = {
            "symbol": instrument.symbol, "qty": quantity or size, "side": "sell" if lots > 0 else "buy",
            "type": "market", "time_in_force": "day",
        }  # fmt: skip
        return self.desk.submit(parse(body, self.desk.find))

    async def close_all(self, request: Request) -> Response:
        """Close every position, after cancelling the open orders if asked to."""
        if truth(request.query_params.get("cancel_orders")):
            for order in self.desk.open_orders():
                if order.open and not (order.parent is not None and order.parent.open):
                    self.desk.cancel(order)
        answers = []
        for place in self._places():
            symbol = self.venue.recording.instruments[place].symbol
            try:
                order = self._close(place)
                answers.append({"symbol": symbol, "status": 200, "order_id": order.id, "body": self._json(order)})
            except Refusal as refusal:
                answers.append({"symbol": symbol, "status": refusal.status, "body": refusal.body})
        return JSONResponse(answers, 207)

    # -- assets and time -----------------------------------------------------------------------------------------

    async def assets(self, request: Request) -> Response:
        """Answer with all assets."""
        status = request.query_params.get("status")
        listed = [shown.asset(self.venue, place) for place in range(len(self.venue.recording.instruments))]
        return JSONResponse([each for each in listed if status in (None, "all", each["status"])])

    async def asset(self, request: Request) -> Response:
        """Answer with one asset."""
        symbol = request.path_params["symbol"]
        found = self.desk.find(symbol)
        if found is None:
            raise not_found(f"asset not found for {symbol}")
        return JSONResponse(shown.asset(self.venue, found[0]))

    async def clock(self, request: Request) -> Response:
        """Answer with the venue's time."""
        return JSONResponse(self.venue.hours.clock())

    async def calendar(self, request: Request) -> Response:
        """Answer with the sessions between two dates."""
        query = request.query_params
        start, end = (text[:10] if (text := query.get(name)) else None for name in ("start", "end"))
        return JSONResponse(self.venue.hours.calendar(start, end))
