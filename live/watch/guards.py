"""What stands between the page and everybody else on the network and in the browser.

1. The server listens on this machine alone (`server`), and answers only to its own names: a foreign ``Host`` header
   means that somebody's domain was pointed at 127.0.0.1.
2. A request that another site's page makes is refused: by ``Origin``, and by ``Sec-Fetch-Site`` where the browser sends
   it. Only following a link to the page is allowed. No answer ever allows another origin to read it.
3. What changes anything is a POST with a JSON body from the page itself, and needs the token, or the cookie that a
   browser got for the token.
4. Every answer carries a content security policy that forbids the page all but its own files.
"""

import hmac
import secrets
from collections import OrderedDict

from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lockstep.engine.events import HOUR

from .. import secrecy
from ..clock import monotonic

READS = ("GET", "HEAD")
MOST_BODY = 4_096
MOST_LOGINS = 32
LOGIN_LASTS = 24 * HOUR
HEADERS = {
    # plotly.js writes its rules into a style element of its own; scripts come from files alone.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses requests of strangers before they reach the page."""

    def __init__(self, app: ASGIApp, names: tuple[str, ...]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        refused = self._refusal(scope["method"], scope["path"], headers)
        if refused is not None:
            await refusal(*refused)(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _refusal(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        if _without_port(headers.get("host", "")) not in self._names:
            return 421, "this server answers only to its own address"
        if _foreign(method, headers):
            return 403, "requests from other sites are refused"
        follows_link = path == "/" and method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not follows_link:
            return 403, "requests from other sites are refused"
        if method not in READS and headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return 415, "the body must be JSON"
        return None


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if port.isdecimal() and name else host


def _foreign(method: str, headers: Headers) -> bool:
    """Return whether a request says that another origin made it, or is an action and does not say who made it.

    Through a tunnel the port is another, and the same in both headers. Programs that send the token need no origin.
    """
    origin = headers.get("origin")
    if origin is None:
        return method not in READS and "authorization" not in headers
    return origin != f"http://{headers['host']}"


def refusal(code: int, why: str) -> JSONResponse:
    """Return an answer that refuses, with the reason."""
    return JSONResponse({"error": why}, code)


class Gate:
    """The token, and the cookies that browsers got for it."""

    def __init__(self, port: int, token: SecretStr | None) -> None:
        self.token = token or SecretStr(secrets.token_urlsafe(24))
        secrecy.register("token of the page", self.token)
        # Cookies do not tell ports apart, and two sessions may run on one machine.
        self.cookie = f"lockstep-{port}"
        self._logins: OrderedDict[str, int] = OrderedDict()

    def login(self, token: str) -> str | None:
        """Return a new cookie's value for the token, None for anything else."""
        if not self._is_token(token):
            return None
        while len(self._logins) >= MOST_LOGINS:
            self._logins.popitem(last=False)
        value = secrets.token_urlsafe(24)
        self._logins[value] = monotonic() + LOGIN_LASTS
        return value

    def admits(self, request: Request) -> bool:
        """Return whether a request carries the token or a cookie that was given for it."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme:
            return scheme.lower() == "bearer" and self._is_token(token.strip())
        expires = self._logins.get(request.cookies.get(self.cookie, ""))
        return expires is not None and expires > monotonic()

    def _is_token(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.get_secret_value().encode())
