"""Alpaca's two streams over the SDK's, tamed.

The SDK hangs without end where a handshake is not answered, drops the rest of a frame when a handler raises, says
nothing of errors, and slows its reconnects down on quiet streams. Here handshakes have a timeout, frames are decoded
once and handed over whole, and whoever listens is told how the connection stands.
"""

import asyncio
import json
import logging
import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import msgpack

from lockstep.live import clock
from lockstep.live.status import StreamState

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK lives on the old interface of `websockets`
    from alpaca.data.live.stock import StockDataStream
    from alpaca.trading.stream import TradingStream

HANDSHAKE_SECONDS = 10.0
SOCKET = {
    "ping_interval": 5, "ping_timeout": 15, "max_queue": 1024, "max_size": 16 * 2**20, "close_timeout": 2,
    "open_timeout": HANDSHAKE_SECONDS, "compression": None,
}  # fmt: skip
REFUSALS = ("auth failed", "failed to authenticate", "insufficient subscription")
logging.getLogger("alpaca").setLevel(logging.CRITICAL)  # it logs endpoints and tracebacks; `Watch` says it better


class Watch:
    """How a connection stands.

    Parameters
    ----------
    name : str
        ``market`` or ``updates``.
    changed : callable
        Called when the state has changed.
    """

    def __init__(self, name: str, changed: Callable[["Watch"], None]) -> None:
        self.name, self.changed = name, changed
        self.state, self.detail, self.since = StreamState.OFF, "", clock.now()
        self.messages = self.on_this = self.reconnects = 0
        self.last = clock.monotonic()
        self.heard_at = 0

    def set(self, state: StreamState, detail: str = "") -> None:
        """Take another state."""
        if state is StreamState.CONNECTING:
            self.on_this = 0
        if state is StreamState.UP and self.state is not StreamState.UP:
            self.last = clock.monotonic()
        same = self.state is state and self.detail == detail
        self.state, self.detail = state, detail
        if not same:
            self.since = clock.now()
            self.changed(self)

    def heard(self, n: int) -> None:
        """Note that so many data messages came in."""
        self.messages += n
        self.on_this += n
        self.last, self.heard_at = clock.monotonic(), clock.now()

    @property
    def up(self) -> bool:
        """Whether what it says can be relied on."""
        return self.state is StreamState.UP


async def _within(step: Any, what: str, seconds: float) -> Any:
    try:
        return await asyncio.wait_for(step, seconds)
    except TimeoutError:
        raise ConnectionError(f"no {what} within {seconds:g} s") from None


class _Tamed:
    """What both streams have in common, before the SDK's class."""

    watch: Watch
    auth: Any
    retries_from: float

    def _calm(self, fastest: float, seconds: float) -> None:
        self._reconnect_min_backoff, self.seconds = fastest, min(seconds, HANDSHAKE_SECONDS)
        self._websocket_params = dict(SOCKET)

    async def _start_ws(self) -> None:
        if self.watch.state is not StreamState.OFF:
            self.watch.reconnects += 1
        self.watch.set(StreamState.CONNECTING)
        if self.auth is not None:
            # The keys may have been replaced since the last sign-in.
            self._api_key, self._secret_key = self.auth.pair()
        try:
            await self._shake_hands()
        except Exception as error:
            text = str(error) or type(error).__name__
            refused = any(words in text for words in REFUSALS)
            self.watch.set(StreamState.REFUSED if refused else StreamState.DOWN, text[:200])
            raise
        # A quiet stream that came up is as good as a busy one: the next reconnect is quick again.
        self._data_received = True

    @abstractmethod
    async def _shake_hands(self) -> None:
        """Connect, prove who we are, subscribe."""

    async def close(self) -> None:
        """Close the connection and say so."""
        if self.watch.state in (StreamState.UP, StreamState.MUTE, StreamState.CONNECTING):
            self.watch.set(StreamState.DOWN, self.watch.detail or "closed")
        await super().close()  # type: ignore[misc]

    async def renew(self, why: str) -> None:
        """Cut the connection, so that it is made anew."""
        self.watch.set(StreamState.DOWN, why)
        socket = self._ws  # type: ignore[attr-defined]
        if socket is not None and socket.transport is not None:
            socket.transport.abort()


class MarketStream(_Tamed, StockDataStream):
    """Market data: frames as lists of dictionaries, times in ns.

    Parameters
    ----------
    access : Access
        Where it is, and the keys.
    watch : Watch
        Told how the connection stands.
    sink : callable
        Gets each frame's messages and when they came in, monotonic ns.
    odd : callable
        Gets what could not be decoded: what it is, and its text.
    channels : mapping of str to list of str
        What is subscribed to.
    """

    def __init__(
        self, access: Any, watch: Watch, sink: Callable[[list[Any], int], None], odd: Callable[[str, str], None],
        channels: dict[str, list[str]],
    ) -> None:  # fmt: skip
        super().__init__(access.key, access.secret, raw_data=True, url_override=access.market_url)
        self.watch, self.auth, self.sink, self.odd = watch, access.auth, sink, odd
        self._calm(0.2, access.timeout)
        for channel, symbols in channels.items():
            self._handlers[channel] = dict.fromkeys(symbols, self._never)

    async def _never(self, message: Any) -> None:
        """Stand for the SDK's handlers, which are not used."""

    async def _shake_hands(self) -> None:
        await _within(self._connect(), "welcome from market data", self.seconds)
        await _within(self._auth(), "answer to the keys from market data", self.seconds)

    async def _consume(self) -> bool:
        while True:
            if not self._stop_stream_queue.empty():
                self._stop_stream_queue.get_nowait()
                await self.close()
                return False
            try:
                frame = await asyncio.wait_for(self._ws.recv(), 1.0)
            except TimeoutError:
                continue
            self._take(frame)
            while self._ws.messages:  # what is there already comes in one turn of the session: a busy feed needs fewer
                self._take(await self._ws.recv())

    def _take(self, frame: Any) -> None:
        received = clock.monotonic()
        try:
            messages = msgpack.unpackb(frame, timestamp=2)
        except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
            self.odd("market data", f"{error}: {frame[:200]!r}")
            return
        data = []
        for message in messages if isinstance(messages, list) else [messages]:
            kind = message.get("T") if isinstance(message, dict) else None
            if kind == "subscription":
                self.watch.set(StreamState.UP)
            elif kind == "error":
                self._refused(message)
            elif kind != "success":
                data.append(message)
        if data:
            self.watch.heard(len(data))
            self.sink(data, received)

    def _refused(self, message: dict[str, Any]) -> None:
        text = f"{message.get('code')}: {message.get('msg')}"
        self.odd("market data", text)
        self.watch.set(StreamState.DOWN, text)
        raise ConnectionError(text)


class UpdateStream(_Tamed, TradingStream):
    """Order updates: each message as JSON gave it, and its text.

    Parameters
    ----------
    access, watch, odd
        As of `MarketStream`.
    sink : callable
        Gets each message, its text and when it came in, monotonic ns.
    """

    def __init__(
        self, access: Any, watch: Watch, sink: Callable[[Any, str, int], None], odd: Callable[[str, str], None]
    ) -> None:
        super().__init__(access.key, access.secret, raw_data=True, url_override=access.updates_url)
        self.watch, self.auth, self.sink, self.odd = watch, access.auth, sink, odd
        self._calm(0.2, access.timeout)
        self._trade_updates_handler = self._never

    async def _never(self, message: Any) -> None:
        """Stand for the SDK's handler, which is not used."""

    async def _shake_hands(self) -> None:
        await _within(self._connect(), "connection to order updates", self.seconds)
        await _within(self._auth(), "answer to the keys from order updates", self.seconds)
        await self._subscribe_trade_updates()
        await _within(self._listening(), "`listening` from order updates", self.seconds)
        self.watch.set(StreamState.UP)

    async def _listening(self) -> None:
        while True:
            if self._take(await self._ws.recv()):
                return

    async def _consume(self) -> None:
        while True:
            if not self._stop_stream_queue.empty():
                self._stop_stream_queue.get_nowait()
                await self.close()
                return
            try:
                self._take(await asyncio.wait_for(self._ws.recv(), 1.0))
            except TimeoutError:
                continue

    def _take(self, frame: Any) -> bool:
        """Take one frame; return whether it says that the stream listens."""
        received = clock.monotonic()
        text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame
        try:
            message = json.loads(text)
        except ValueError as error:
            self.odd("order updates", f"{error}: {text[:200]}")
            return False
        stream = message.get("stream") if isinstance(message, dict) else None
        if stream == "listening":
            return "trade_updates" in ((message.get("data") or {}).get("streams") or [])
        if stream == "authorization":
            return False
        self.watch.heard(1)
        self.sink(message, text, received)
        return False


async def stop(stream: Any, task: "asyncio.Task[Any]") -> None:
    """End a stream; cut it where it does not end within two seconds."""
    await stream.stop_ws()
    done, _ = await asyncio.wait([task], timeout=2.0)
    if not done:
        task.cancel()
        await asyncio.wait([task], timeout=1.0)
    await stream.close()
    stream.watch.set(StreamState.OFF)
