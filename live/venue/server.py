"""The venue on one port of loopback: REST, two streams, the side channel."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import WebSocketRoute
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from lockstep.engine.errors import ConfigError

from .core import Options, Venue
from .gate import Gate
from .market_data import MarketData
from .pace import Pace
from .recording import Recording
from .rules import Refusal
from .side import Side
from .trading import Trading

LOOPBACK = "127.0.0.1"
FEEDS = ("iex", "sip", "delayed_sip", "test")


class _Reachable:
    """Lets faults reach the TCP connection of a request."""

    app_state: dict[str, Any]

    def connection_made(self, transport: Any) -> None:
        """Note the connection where requests can see it."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)  # type: ignore[misc]


class _Http(_Reachable, H11Protocol):
    """HTTP/1.1 with a reachable connection."""


class _Socket(_Reachable, WebSocketsSansIOProtocol):
    """Websockets with a reachable connection."""


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error.body, error.status)


async def _not_there(request: Request, error: Exception) -> Response:
    return JSONResponse({"code": 40410000, "message": "endpoint not found."}, 404)


def make_app(venue: Venue, pace: Pace) -> Any:
    """Return the ASGI application of a venue; its time begins to pass when it starts."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        conductor = asyncio.create_task(pace.run())
        conductor.add_done_callback(_stop_if_failed)
        yield
        conductor.cancel()

    routes: list[Any] = [
        *Trading(venue).routes(),
        *MarketData(venue).routes(),
        *Side(venue, pace).routes(),
        WebSocketRoute("/stream", venue.updates.endpoint),
        *[WebSocketRoute(f"/v2/{feed}", venue.market.endpoint) for feed in FEEDS],
        WebSocketRoute("/lockstep/pace", pace.endpoint),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={Refusal: _refusal, 404: _not_there})
    return Gate(app, pace)


def _stop_if_failed(task: "asyncio.Task[None]") -> None:
    """End the server where the replay has failed; its traceback is logged by the loop."""
    if not task.cancelled() and task.exception() is not None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "the replay failed", "exception": task.exception(), "task": task}
        )
        signal.raise_signal(signal.SIGTERM)


def serve(recording: Recording, options: Options, port: int, speed: float, listening: Callable[[int], None]) -> None:
    """Serve a recording on a port of loopback until interrupted.

    Parameters
    ----------
    port : int
        0 takes a free one.
    speed : float
        Venue seconds to a second; 0: as fast as the client keeps up.
    listening : callable
        Told the port once the venue can be reached.
    """
    asyncio.run(_serve(recording, options, port, speed, listening))


async def _serve(
    recording: Recording, options: Options, port: int, speed: float, listening: Callable[[int], None]
) -> None:
    with bind(port) as door:
        venue = Venue(recording, options)
        server = make_server(venue, Pace(venue, speed))
        serving = asyncio.create_task(server.serve([door]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            listening(int(door.getsockname()[1]))
        await serving


def bind(port: int) -> socket.socket:
    """Return a socket on a port of loopback; 0 takes a free one.

    Raises
    ------
    ConfigError
        If the port is taken or forbidden.
    """
    # Only where the protocol is named does asyncio switch Nagle's algorithm off, which costs 40 ms an answer.
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((LOOPBACK, port))
    except OSError as error:
        door.close()
        raise ConfigError(f"--port {port}: {error.strerror}; choose another one, or 0 for a free one") from error
    return door


def make_server(venue: Venue, pace: Pace) -> uvicorn.Server:
    """Return a server for a venue, not yet started."""
    config = uvicorn.Config(
        make_app(venue, pace), http=_Http, ws=_Socket, log_level="warning", access_log=False,
        ws_per_message_deflate=False, ws_ping_interval=None, timeout_keep_alive=3600, lifespan="on",
        timeout_graceful_shutdown=2, h11_max_incomplete_event_size=2**20,  # thousands of symbols in a query
    )  # fmt: skip
    return uvicorn.Server(config)
