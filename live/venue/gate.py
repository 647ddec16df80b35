"""What every request passes: keys, the count of requests in flight, the rate limit, and the faults of requests."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from starlette.requests import ClientDisconnect

from lockstep.live import clock

from .faults import REQUESTS, Fault
from .pace import Pace

LIMIT = 200
_FINAL = ("filled", "canceled", "expired", "rejected", "replaced")


class Gate:
    """The ASGI application around the routes.

    Parameters
    ----------
    app : ASGI application
        The routes.
    pace : Pace
        Who must know of requests in flight.
    """

    def __init__(self, app: Any, pace: Pace) -> None:
        self.app, self.pace, self.venue = app, pace, pace.venue
        self._minute, self._count = 0, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request or connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif not _is_local(scope) or (scope["path"].startswith("/lockstep/") and not self._has_token(scope)):
            await _refuse(scope, receive, send, 403, {"message": "forbidden."})
        elif scope["type"] == "websocket" or scope["path"].startswith("/lockstep/"):
            await self.app(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    def _has_token(self, scope: Any) -> bool:
        token = self.venue.options.token.encode()
        given = _header(scope, b"x-lockstep-token")
        return not token or given == token or f"token={token.decode()}".encode() in scope["query_string"].split(b"&")

    async def _request(self, scope: Any, receive: Any, send: Any) -> None:
        self.pace.touch()
        self.pace.in_flight += 1
        held = [True]

        def release() -> None:
            if held:
                held.clear()
                self.pace.in_flight -= 1
                self.pace.poke()

        try:
            fault = self.venue.script.take(REQUESTS, method=scope["method"], path=scope["path"])
            if fault is None:
                await self._serve(scope, receive, self._counted(send))
            else:
                await self._faulty(fault, scope, receive, self._counted(send), release)
        finally:
            release()

    def _counted(self, send: Any) -> Any:
        """Return `send` with the rate limit's headers."""
        limit = self.venue.options.rate_limit or LIMIT
        minute = clock.now() // (60 * 10**9)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        headers = [
            (b"x-ratelimit-limit", str(limit).encode()),
            (b"x-ratelimit-remaining", str(max(limit - self._count, 0)).encode()),
            (b"x-ratelimit-reset", str((minute + 1) * 60).encode()),
        ]

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *headers]}
            await send(message)

        return counted

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        key, secret = (_header(scope, name).decode("latin-1") for name in (b"apca-api-key-id", b"apca-api-secret-key"))
        if not self.venue.authorised(key, secret):
            await _refuse(scope, receive, send, 401, {"message": "unauthorized."})
        elif self.venue.options.rate_limit and self._count > self.venue.options.rate_limit:
            await _refuse(scope, receive, send, 429, {"code": 42910000, "message": "rate limit exceeded"})
        else:
            try:
                await self.app(scope, receive, send)
            except ClientDisconnect:  # what was half sent is not taken, and nobody is left to hear that
                await _refuse(scope, receive, send, 400, {"message": "the request broke off"})

    async def _faulty(self, fault: Fault, scope: Any, receive: Any, send: Any, release: Any) -> None:
        """Serve a request as the script wants it: answered wrongly, late, or not at all; processed before or not."""
        kind = fault.fault
        processed = fault.after or kind in ("drop_after", "504_after", "delay_reply")
        reply: list[Any] = []

        async def keep(message: Any) -> None:
            reply.append(message)

        if processed:
            await self._serve(scope, receive, keep)
        if kind in ("drop_before", "drop_after"):
            scope["state"]["transport"].abort()
        elif kind == "hang":
            release()
            await _until(receive, fault.seconds or 3600.0)
            scope["state"]["transport"].abort()
        elif kind == "504_after":
            await _refuse(scope, receive, send, fault.status or 504, {"message": "upstream request timeout"})
        elif kind == "429":
            again = [(b"retry-after", f"{fault.seconds:g}".encode())] if fault.seconds else []
            words = json.dumps({"code": 42910000, "message": "too many requests."})
            await _respond(send, 429, b"application/json", words.encode(), again)
        elif kind == "raw_body":
            body = (fault.body or "").encode()
            await _respond(send, fault.status or 200, fault.content_type.encode(), body)
        else:
            await self._delay(fault, reply, send, release)

    async def _delay(self, fault: Fault, reply: list[Any], send: Any, release: Any) -> None:
        """Hold a reply back: until the order has ended, if `fill`, else for so many seconds."""
        release()
        order = self.venue.desk.orders.get(_id_in(reply))
        if fault.fill and order is not None and order.open:
            from .actions import fill_now

            fill_now(self.venue, order, fault.quantity)
        await clock.sleep(fault.seconds or 0.2)
        for message in reply:
            await send(message)


def _header(scope: Any, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _is_local(scope: Any) -> bool:
    """Return whether a request was meant for loopback and comes from no web page."""
    host = _header(scope, b"host").decode("latin-1").rpartition(":")[0]
    return host in ("127.0.0.1", "localhost", "[::1]") and not _header(scope, b"origin")


def _id_in(reply: list[Any]) -> str:
    body = b"".join(message.get("body", b"") for message in reply)
    try:
        return str(json.loads(body).get("id", ""))
    except (ValueError, AttributeError):
        return ""


async def _until(receive: Any, seconds: float) -> None:
    """Wait until the client has gone, at most so many seconds."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        return


async def _respond(send: Any, status: int, kind: bytes, body: bytes, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse(scope: Any, receive: Any, send: Any, status: int, body: dict[str, Any]) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await _respond(send, status, b"application/json", json.dumps(body).encode())
