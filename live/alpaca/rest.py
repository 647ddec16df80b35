"""Requests to Alpaca: the SDK's clients, tamed.

They wait without end, retry POSTs blindly (a 504 after acceptance made two orders) and raise a dozen kinds of errors.
Here every request has a timeout and is sent once, and what comes of it is one of few outcomes. Whether and how to try
again is the caller's to say, who knows what he asked for.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from requests import RequestException, Session
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from lockstep.live import clock

CONNECT_SECONDS = 3.05
SUCCESS, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE, LIMITED, ERROR = (
    200, 400, 401, 403, 404, 409, 422, 429, 500,
)  # fmt: skip
DUPLICATE = 40010001
MOST_ORDERS = 500
PAGE = 100


class Kind(StrEnum):
    """What came of a request."""

    OK = "ok"
    REFUSED = "refused"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    WASH = "wash"
    LIMITED = "limited"
    DENIED = "denied"
    UNSURE = "unsure"


class Outcome(NamedTuple):
    """What came of a request: `data` is the reply, `wait` the seconds until the rate limit is lifted."""

    kind: Kind
    status: int
    detail: str
    data: Any
    wait: float = 0.0


class Access(NamedTuple):
    """Where Alpaca is, or who plays it, and the keys."""

    trading_url: str
    data_url: str
    updates_url: str
    market_url: str
    key: str
    secret: str
    auth: AuthBase | None = None
    timeout: float = 10.0

    def __repr__(self) -> str:
        return f"Access({self.trading_url!r})"


class _Timeouts(HTTPAdapter):
    """Gives every request a timeout."""

    def __init__(self, seconds: float) -> None:
        super().__init__(pool_connections=2, pool_maxsize=2)
        self._seconds = seconds

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request, with a timeout where none was given."""
        if options.get("timeout") is None:
            options["timeout"] = (CONNECT_SECONDS, self._seconds)
        return super().send(request, *args, **options)


def tame(client: Any, access: Access) -> Any:
    """Give one of the SDK's clients timeouts, and take its retries, proxies and keys in headers away from it."""
    client._retry = 0
    session: Session = client._session
    session.trust_env = False
    session.auth = access.auth
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Timeouts(access.timeout))
    return client


class Rest:
    """Alpaca's REST API. Not for several threads at once: make one for each.

    Parameters
    ----------
    access : Access
        Where it is, and the keys.
    """

    def __init__(self, access: Access) -> None:
        from alpaca.data.historical import StockHistoricalDataClient
        from alpaca.data.historical.corporate_actions import CorporateActionsClient
        from alpaca.trading.client import TradingClient

        keys = (access.key, access.secret)
        self.trading = tame(TradingClient(*keys, url_override=access.trading_url, raw_data=True), access)
        self.data = tame(StockHistoricalDataClient(*keys, url_override=access.data_url, raw_data=True), access)
        self.actions = tame(CorporateActionsClient(*keys, url_override=access.data_url, raw_data=True), access)

    def call(self, method: str, path: str, data: Any = None, client: Any = None) -> Outcome:
        """Send one request, once."""
        from alpaca.common.exceptions import APIError

        try:
            reply = (client or self.trading)._request(method, path, data)
        except APIError as error:
            return failed(error)
        except (RequestException, ValueError, TypeError) as error:
            # Timeouts, broken connections, and replies that are no JSON: the request may have been served.
            return Outcome(Kind.UNSURE, 0, f"{type(error).__name__}: {str(error)[:200]}", None)
        if reply is None and method != "DELETE":
            return Outcome(Kind.UNSURE, SUCCESS, "an empty reply", None)
        return Outcome(Kind.OK, SUCCESS, "", reply)

    # -- orders --------------------------------------------------------------------------------------------------

    def submit(self, body: Mapping[str, Any]) -> Outcome:
        """Send an order."""
        return self.call("POST", "/orders", dict(body))

    def cancel(self, broker_id: str) -> Outcome:
        """Ask for an order's cancellation."""
        return self.call("DELETE", f"/orders/{broker_id}")

    def replace(self, broker_id: str, body: Mapping[str, Any]) -> Outcome:
        """Ask for another order in the place of one."""
        return self.call("PATCH", f"/orders/{broker_id}", dict(body))

    def order(self, broker_id: str) -> Outcome:
        """Look an order up by the broker's id, legs included."""
        return self.call("GET", f"/orders/{broker_id}", {"nested": "true"})

    def order_by_client_id(self, coid: str) -> Outcome:
        """Look an order up by its client order id, legs included."""
        return self.call("GET", "/orders:by_client_order_id", {"client_order_id": coid, "nested": "true"})

    def open_orders(self) -> Outcome:
        """Return all open orders."""
        return self.call(
            "GET", "/orders", {"status": "open", "nested": "true", "limit": MOST_ORDERS, "direction": "asc"}
        )

    def orders_after(self, after: str) -> Outcome:
        """Return the orders submitted after an instant, RFC 3339, oldest first; at most 500."""
        query = {"status": "all", "nested": "true", "limit": MOST_ORDERS, "direction": "asc", "after": after}
        return self.call("GET", "/orders", query)

    # -- account -------------------------------------------------------------------------------------------------

    def account(self) -> Outcome:
        """Return the account."""
        return self.call("GET", "/account")

    def positions(self) -> Outcome:
        """Return all positions."""
        return self.call("GET", "/positions")

    def activities(self, after: str, token: str = "") -> Outcome:
        """Return one page of activities after an instant, oldest first; `token` is the last one's id."""
        query: dict[str, Any] = {"direction": "asc", "page_size": PAGE}
        query |= {"page_token": token} if token else {"after": after}
        return self.call("GET", "/account/activities", query)

    def clock(self) -> Outcome:
        """Return the time and when the market opens and closes next."""
        return self.call("GET", "/clock")

    def calendar(self, start: str, end: str) -> Outcome:
        """Return the sessions between two ISO dates."""
        return self.call("GET", "/calendar", {"start": start, "end": end})


def failed(error: Any) -> Outcome:
    """Return what an `APIError` means. Its own properties raise where the body is no JSON, so they are not used."""
    status = int(error.status_code or 0)
    text = str(error._error or "")
    try:
        body = json.loads(text)
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    detail = str(body.get("message") or text[:200] or f"HTTP {status}")
    if status == LIMITED:
        return Outcome(Kind.LIMITED, status, detail, body, _wait(error))
    return Outcome(_kind(status, body, detail), status, detail, body)


def _kind(status: int, body: Mapping[str, Any], detail: str) -> Kind:
    if status == UNAUTHORIZED or (status == FORBIDDEN and "code" not in body):
        return Kind.DENIED
    if status >= ERROR or status == 0 or "message" not in body:
        # A gateway's page says nothing about what became of the request.
        return Kind.UNSURE
    if status == UNPROCESSABLE and body.get("code") == DUPLICATE and "client_order_id" in detail:
        return Kind.DUPLICATE
    if status == FORBIDDEN and "wash trade" in detail:
        return Kind.WASH
    return Kind.MISSING if status == NOT_FOUND else Kind.REFUSED


def _wait(error: Any) -> float:
    """Return the seconds until the rate limit is lifted, as the headers say."""
    headers = getattr(error.response, "headers", {}) or {}
    try:
        if headers.get("Retry-After"):
            return max(float(headers["Retry-After"]), 0.0)
        return min(max(float(headers.get("X-Ratelimit-Reset") or 0) - clock.now() / 1e9, 0.0) + 0.05, 60.0)
    except ValueError:
        return 1.0
