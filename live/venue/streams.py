"""The two websockets: trade_updates in JSON and market data in msgpack, one connection each.

A connection has a queue and a task that writes it out; what was put there counts as sent. A client that lets more than
`backlog` bytes pile up is told 407 and disconnected. While a stream has no connection its messages are lost, as at the
broker.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgpack
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from lockstep.live import clock

from .faults import Script

BACKLOG = 16 * 2**20
AUTH_SECONDS = 10.0
CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "corrections", "cancelErrors")
ERRORS = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    407: "slow client",
    409: "insufficient subscription",
    410: "invalid subscribe action for this feed",
    500: "internal error",
}


class Connection:
    """One websocket with what is on its way to it."""

    def __init__(self, socket: WebSocket, backlog: int = BACKLOG) -> None:
        self.socket, self.backlog = socket, backlog
        self.sent = self.queued = 0
        self.muted = self.slow = self.ready = False
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    @property
    def transport(self) -> Any:
        """The TCP connection underneath."""
        return self.socket.state.transport

    @property
    def alive(self) -> bool:
        """Whether the other side is still there, as far as one can know."""
        return not self.transport.is_closing()

    def put(self, payload: bytes, messages: int = 0) -> None:
        """Queue a frame; `messages` of it count as sent, also where a mute connection swallows it."""
        if self.slow:
            return
        self.sent += messages
        if self.muted:
            return
        self.queued += len(payload)
        if self.queued > self.backlog:
            self.slow = True
            return
        self._queue.put_nowait(payload)

    async def _write(self) -> None:
        try:
            while True:
                payload = await self._queue.get()
                await self.socket.send_bytes(payload)
                self.queued -= len(payload)
        except (WebSocketDisconnect, RuntimeError):
            return  # the reading side has noticed, or will

    def mute(self, *, frozen: bool = False) -> None:
        """Send nothing any more; `frozen`: read nothing either, so that pings go unanswered."""
        self.muted = True
        if frozen:
            self.transport.pause_reading()

    def unmute(self) -> None:
        """Undo `mute`."""
        self.muted = False
        self.transport.resume_reading()

    def abort(self) -> None:
        """Cut the TCP connection without a word."""
        self.transport.abort()

    def end(self) -> None:
        """Stop writing."""
        self._writer.cancel()


class Hub:
    """What the two streams have in common: one connection at a time, keys, faults.

    Parameters
    ----------
    name : str
        ``updates`` or ``market``.
    authorised : callable
        Whether a key and a secret are good.
    script : Script
        The faults.
    """

    def __init__(self, name: str, authorised: Callable[[str, str], bool], script: Script) -> None:
        self.name, self.authorised, self.script = name, authorised, script
        self.connection: Connection | None = None
        self.held_until = 0
        self.backlog = BACKLOG

    @property
    def sent(self) -> int:
        """Messages sent on the connection at hand; 0 where there is none."""
        return self.connection.sent if self.connection is not None else 0

    @property
    def live(self) -> Connection | None:
        """The connection, if it listens."""
        connection = self.connection
        return connection if connection is not None and connection.ready and connection.alive else None

    def taken(self) -> bool:
        """Return whether the only slot is held, by a connection or by a fault."""
        if self.script.take(("hold_slot",), stream=self.name) is not None:
            return True
        held = self.held_until > clock.monotonic()
        return held or (self.connection is not None and self.connection.alive)

    def hold(self, seconds: float) -> None:
        """Keep the slot for so many seconds, as after a peer that died."""
        self.held_until = clock.monotonic() + int(seconds * 1e9)

    def silent_at(self, step: str) -> bool:
        """Return whether a fault keeps the venue from answering at this step."""
        return self.script.take(("nowelcome",), stream=self.name, step=step) is not None

    def drop(self) -> None:
        """Cut the connection."""
        if self.connection is not None:
            self.connection.abort()

    def _begin(self, connection: Connection) -> None:
        self.connection = connection

    def _end(self, connection: Connection) -> None:
        connection.end()
        if self.connection is connection:
            self.connection = None


class Updates(Hub):
    """The trade_updates stream."""

    def send(self, data: dict[str, Any]) -> None:
        """Send one update to who listens."""
        self.send_raw({"stream": "trade_updates", "data": data})

    def send_raw(self, message: Any) -> None:
        """Send any JSON as an update."""
        if self.live is not None:
            self.live.put(json.dumps(message).encode(), 1)
            if self.live.slow:
                self.live.abort()  # this stream has no words for it

    async def endpoint(self, socket: WebSocket) -> None:
        """Serve one connection."""
        if self.taken():
            refusal = {"code": 42910000, "message": "too many requests: only one connection is allowed"}
            await socket.send_denial_response(JSONResponse(refusal, 429))
            return
        await socket.accept()
        connection = Connection(socket, self.backlog)
        self._begin(connection)
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                if not self._answer(connection, message.get("bytes") or message.get("text") or ""):
                    break
        finally:
            self._end(connection)

    def _answer(self, connection: Connection, text: bytes | str) -> bool:
        """Answer one message; False ends the connection."""
        try:
            asked = json.loads(text)
            action, data = asked["action"], asked.get("data") or {}
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        if action in ("authenticate", "auth"):
            return self._authenticate(connection, data or asked, action)
        if action == "listen" and getattr(connection, "key", None):
            streams = [name for name in data.get("streams", []) if name == "trade_updates"]
            connection.ready = bool(streams)
            if not self.silent_at("listening"):
                connection.put(json.dumps({"stream": "listening", "data": {"streams": streams}}).encode())
            return True
        return False

    def _authenticate(self, connection: Connection, data: dict[str, Any], action: str) -> bool:
        if self.silent_at("auth") or self.silent_at("welcome"):
            return True
        key = str(data.get("key_id") or data.get("key") or "")
        good = self.authorised(key, str(data.get("secret_key") or data.get("secret") or ""))
        connection.key = key if good else ""  # type: ignore[attr-defined]
        status = "authorized" if good else "unauthorized"
        reply = {"stream": "authorization", "data": {"status": status, "action": action}}
        connection.put(json.dumps(reply).encode())
        return True


class Market(Hub):
    """The market-data stream.

    Parameters
    ----------
    symbols : tuple of str
        By instrument's number.
    limit : int
        Most symbols of one channel; 0: any number.
    """

    def __init__(
        self, authorised: Callable[[str, str], bool], script: Script, symbols: tuple[str, ...], limit: int = 0
    ) -> None:
        super().__init__("market", authorised, script)
        self.symbols, self.limit = symbols, limit
        self.asked: dict[str, list[str]] = {}
        self.wanted: dict[str, list[bool]] = {}

    def send(self, messages: list[tuple[str, int, bytes]]) -> None:
        """Send those messages (channel, instrument, msgpack) that were subscribed to, in frames."""
        connection = self.live
        if connection is None:
            return
        none: list[bool] = []
        chosen = []
        for channel, instrument, payload in messages:
            mask = self.wanted.get(channel, none)
            if mask and mask[instrument]:
                chosen.append(payload)
        for start in range(0, len(chosen), 1000):
            part = chosen[start : start + 1000]
            connection.put(frame(part), len(part))

    def send_raw(self, messages: list[Any]) -> None:
        """Send any messages to who is connected, subscribed or not."""
        if self.live is not None:
            self.live.put(msgpack.packb(messages), len(messages))

    async def endpoint(self, socket: WebSocket) -> None:
        """Serve one connection."""
        await socket.accept()
        connection = Connection(socket, self.backlog)
        if not self.silent_at("welcome"):
            _say(connection, {"T": "success", "msg": "connected"})
        try:
            await self._serve(connection)
        finally:
            self._end(connection)
            if self.connection is None:
                self.asked, self.wanted = {}, {}

    async def _serve(self, connection: Connection) -> None:
        authenticated, deadline = False, clock.monotonic() + int(AUTH_SECONDS * 1e9)
        while True:
            try:
                left = (deadline - clock.monotonic()) / 1e9
                timeout = 0.25 if authenticated else max(min(left, 0.25), 0.0)
                message = await asyncio.wait_for(connection.socket.receive(), timeout)
            except TimeoutError:
                if connection.slow:
                    await self._close(connection, 407)
                    return
                if not authenticated and clock.monotonic() > deadline:
                    await self._close(connection, 404)
                    return
                continue
            if message["type"] == "websocket.disconnect":
                return
            asked = _decoded(message.get("bytes"))
            if asked is None:
                _error(connection, 400)
            elif asked["action"] == "auth":
                verdict = 403 if authenticated else self._authenticate(connection, asked)
                if verdict == 0:
                    authenticated = True
                elif verdict > 0:
                    await self._close(connection, verdict, closes=verdict != 403)
                    if verdict != 403:
                        return
            elif not authenticated:
                _error(connection, 401)
            else:
                self._subscribe(connection, asked)

    def _authenticate(self, connection: Connection, asked: dict[str, Any]) -> int:
        """Return 0 if the client is in, the code of the error if not, -1 where a fault keeps the answer back."""
        if self.silent_at("auth"):
            return -1
        if not self.authorised(str(asked.get("key")), str(asked.get("secret"))):
            return 402
        if self.script.take(("insufficient_subscription",)) is not None:
            return 409
        if self.taken():
            return 406
        self._begin(connection)
        connection.ready = True
        self.asked, self.wanted = {name: [] for name in CHANNELS}, {}
        _say(connection, {"T": "success", "msg": "authenticated"})
        return 0

    async def _close(self, connection: Connection, code: int, *, closes: bool = True) -> None:
        """Tell an error and, as a rule, close."""
        _error(connection, code)
        if not closes:
            return
        if code == 407:  # the queue is what it is slow at
            connection.end()
            await _send_within(connection, [{"T": "error", "code": code, "msg": ERRORS[code]}], 1.0)
        else:
            await asyncio.sleep(0.05)
        await _close_within(connection, 1.0)

    def _subscribe(self, connection: Connection, asked: dict[str, Any]) -> None:
        action = asked["action"]
        if action not in ("subscribe", "unsubscribe"):
            _error(connection, 400)
            return
        chosen = {name: list(symbols) for name, symbols in self.asked.items()}
        for channel in CHANNELS:
            for symbol in asked.get(channel) or ():
                if action == "subscribe" and symbol not in chosen[channel]:
                    chosen[channel].append(symbol)
                elif action == "unsubscribe" and symbol in chosen[channel]:
                    chosen[channel].remove(symbol)
        if self.limit and any(len(symbols) > self.limit for symbols in chosen.values()):
            _error(connection, 405)
            return
        chosen["corrections"] = chosen["cancelErrors"] = list(chosen["trades"])
        self.asked = chosen
        self.wanted = {
            channel: [("*" in symbols) or (symbol in symbols) for symbol in self.symbols]
            for channel, symbols in ((name, frozenset(listed)) for name, listed in chosen.items())
            if symbols
        }
        _say(connection, {"T": "subscription", **chosen})


def frame(messages: list[bytes]) -> bytes:
    """Return packed messages as one msgpack array."""
    return bytes(msgpack.Packer().pack_array_header(len(messages))) + b"".join(messages)


def _decoded(payload: bytes | None) -> dict[str, Any] | None:
    try:
        asked = msgpack.unpackb(payload or b"")
    except (ValueError, msgpack.exceptions.UnpackException):
        return None
    return asked if isinstance(asked, dict) and "action" in asked else None


def _say(connection: Connection, message: dict[str, Any]) -> None:
    connection.put(msgpack.packb([message]))


def _error(connection: Connection, code: int) -> None:
    _say(connection, {"T": "error", "code": code, "msg": ERRORS[code]})


async def _send_within(connection: Connection, messages: list[Any], seconds: float) -> None:
    try:
        await asyncio.wait_for(connection.socket.send_bytes(msgpack.packb(messages)), seconds)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        connection.abort()


async def _close_within(connection: Connection, seconds: float) -> None:
    try:
        await asyncio.wait_for(connection.socket.close(), seconds)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        connection.abort()
