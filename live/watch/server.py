"""The web server of a live session: a thread with an event loop of its own, away from the trading path."""

import ipaddress
import socket
import threading
from collections.abc import Sequence

import uvicorn
from prometheus_client.registry import Collector
from pydantic import SecretStr

from lockstep.engine.errors import ConfigError
from lockstep.engine.events import SECOND

from ..clock import monotonic
from ..metrics import registry
from ..publishing import Commands, Publisher
from .app import Page
from .guards import Gate

HOST, PORT = "127.0.0.1", 8790
STARTS_WITHIN = 10
STOPS_WITHIN = 5.0


class WatchServer:
    """Serves the page until it is closed; use it with ``with``.

    Parameters
    ----------
    publisher, commands : Publisher, Commands
        What the session tells, and where it hears.
    host : str
        An address of this machine's loopback; anything else is refused.
    port : int
        0 takes any that is free.
    token : SecretStr, optional
        What actions need; by default a new one.
    collectors : sequence of prometheus_client collectors
        Further metrics, such as those of alerts.

    Raises
    ------
    ConfigError
        If the host is not loopback, or the port is taken.
    """

    def __init__(
        self,
        publisher: Publisher,
        commands: Commands,
        host: str = HOST,
        port: int = PORT,
        token: SecretStr | None = None,
        collectors: Sequence[Collector] = (),
    ) -> None:
        self._socket = _listen(_loopback(host), port)
        self.port: int = self._socket.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self.port}"
        self.gate = Gate(self.port, token)
        page = Page(publisher, commands, self.gate, registry(publisher, *collectors), lambda: self._server.should_exit)
        names = tuple(dict.fromkeys((shown, "127.0.0.1", "localhost")))
        self._server = uvicorn.Server(
            uvicorn.Config(
                page.app(names),
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=64,
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="lockstep-watch", daemon=True)

    @property
    def invitation(self) -> str:
        """The address with the token, for the terminal of whoever started the session; show it nowhere else."""
        return f"{self.address}/#token={self.gate.token.get_secret_value()}"

    def __enter__(self) -> "WatchServer":
        self._thread.start()
        deadline = monotonic() + STARTS_WITHIN * SECOND
        while not self._server.started:
            self._thread.join(0.01)
            if monotonic() > deadline or not self._thread.is_alive():
                raise ConfigError(f"the page did not come up at {self.address} within {STARTS_WITHIN} s; see the log")
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.should_exit = True
        self._thread.join(STOPS_WITHIN)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def _loopback(host: str) -> str:
    try:
        fine = ipaddress.ip_address(host).is_loopback
    except ValueError:
        fine = False
    if not fine:
        raise ConfigError(
            f"the page is for this machine alone, got host {host!r}: give 127.0.0.1 or ::1, and reach it from "
            "elsewhere through `ssh -L`"
        )
    return host


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"the page cannot listen on {host} port {port}: {error.strerror}; choose another port"
        ) from None
