"""The routes: the page and its files, snapshots as server-sent events, the kill switch, metrics and health."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jinja2
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lockstep.engine.errors import ConfigError
from lockstep.reports.html import TEMPLATES as REPORT_TEMPLATES
from lockstep.reports.theme import DARK, FONT, LIGHT

from ..encoding import as_dict, as_json, curve_json
from ..health import health
from ..metrics import exposition
from ..publishing import Action, Commands, Publisher
from .guards import MOST_BODY, Gate, Guard, refusal

TEMPLATES = Path(__file__).parent / "templates"
PUSH_EVERY = 0.25
BEAT_EVERY = 8
MOST_STREAMS = 16
REASON_LENGTH = 200
STREAM_HEADERS = {"X-Accel-Buffering": "no"}


class Page:
    """Serves one session to browsers, scrapers and monitors."""

    def __init__(
        self,
        publisher: Publisher,
        commands: Commands,
        gate: Gate,
        metrics: CollectorRegistry,
        closing: Callable[[], bool],
    ) -> None:
        self._publisher, self._commands, self._gate = publisher, commands, gate
        self._metrics, self._closing = metrics, closing
        self._streams, self._encoded = 0, (0, as_json({"number": 0}))
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader((TEMPLATES, REPORT_TEMPLATES)),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._style = templates.get_template("watch.css").render(light=LIGHT, dark=DARK, font=FONT)

    def app(self, names: tuple[str, ...]) -> Starlette:
        """Return the application, answering to these host names alone."""
        routes = [
            Route("/", self._file("watch.html", TEMPLATES, "text/html")),
            Route("/watch.js", self._file("watch.js", TEMPLATES, "text/javascript")),
            Route("/chart.js", self._file("chart.js", TEMPLATES, "text/javascript")),
            Route("/plotly.js", self._file("plotly-basic.min.js", REPORT_TEMPLATES, "text/javascript")),
            Route("/watch.css", self._css),
            Route("/status", self._status),
            Route("/stream", self._stream),
            Route("/metrics", self._scrape),
            Route("/healthz", self._health),
            Route("/login", self._login, methods=["POST"]),
            Route("/actions", self._propose, methods=["POST"]),
            Route("/actions/confirm", self._confirm, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=[Middleware(Guard, names=names)])

    def _file(self, name: str, folder: Path, kind: str) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            return FileResponse(folder / name, media_type=kind, headers={"Cache-Control": "no-cache"})

        return serve

    async def _css(self, request: Request) -> Response:
        return Response(self._style, media_type="text/css")

    async def _status(self, request: Request) -> Response:
        return Response(self._snapshot(), media_type="application/json")

    async def _scrape(self, request: Request) -> Response:
        body, content_type = exposition(self._metrics, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    async def _health(self, request: Request) -> Response:
        found = health(self._publisher)
        return JSONResponse({"ok": found.ok, "reasons": found.reasons}, 200 if found.ok else 503)

    def _judged(self) -> dict[str, Any]:
        found, age = health(self._publisher), self._publisher.age()
        return {"health": {"ok": found.ok, "reasons": list(found.reasons)}, "age": age if age < float("inf") else None}

    def _snapshot(self) -> str:
        """Return the latest snapshot and how it is judged; a snapshot is encoded once, however many pages are open."""
        latest = self._publisher.latest
        number = latest.number if latest else 0
        if number != self._encoded[0]:
            self._encoded = number, as_json(as_dict(latest)) if latest else self._encoded[1]
        return f"{self._encoded[1][:-1]},{as_json(self._judged())[1:]}"

    async def _stream(self, request: Request) -> Response:
        if self._streams >= MOST_STREAMS:
            return refusal(503, f"{MOST_STREAMS} pages are open already; close one")
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=STREAM_HEADERS)

    async def _events(self) -> AsyncIterator[str]:
        """Yield the curve so far, then each snapshot, at most four a second, with a beat where nothing is new."""
        self._streams += 1
        try:
            yield f"retry: 1000\nevent: curve\ndata: {as_json({'points': curve_json(self._publisher.curve())})}\n\n"
            seen, quiet = 0, BEAT_EVERY
            while not self._closing():
                latest = self._publisher.latest
                if latest is not None and latest.number != seen:
                    seen, quiet = latest.number, 0
                    yield f"event: status\ndata: {self._snapshot()}\n\n"
                elif quiet >= BEAT_EVERY:
                    quiet = 0
                    yield f"event: beat\ndata: {as_json(self._judged())}\n\n"
                quiet += 1
                await asyncio.sleep(PUSH_EVERY)
        finally:
            self._streams -= 1

    async def _login(self, request: Request) -> Response:
        cookie = self._gate.login(str((await _body(request) or {}).get("token", "")))
        if cookie is None:
            return refusal(401, "this is not the token that the session printed")
        answer = JSONResponse({"ok": True})
        answer.set_cookie(self._gate.cookie, cookie, path="/", httponly=True, samesite="strict")
        return answer

    async def _propose(self, request: Request) -> Response:
        if not self._gate.admits(request):
            return refusal(401, "an action needs the token that the session printed")
        action = str((await _body(request) or {}).get("action", ""))
        if action not in tuple(Action):
            return refusal(400, f"no such action; expected one of {', '.join(Action)}")
        return JSONResponse({"ticket": self._commands.propose(Action(action), "the web page")})

    async def _confirm(self, request: Request) -> Response:
        if not self._gate.admits(request):
            return refusal(401, "an action needs the token that the session printed")
        given = await _body(request) or {}
        try:
            reason = str(given.get("reason", "")).strip()[:REASON_LENGTH]
            command = self._commands.confirm(str(given.get("ticket", "")), reason)
        except ConfigError as error:
            return refusal(409, str(error))
        return JSONResponse({"action": command.action})


async def _body(request: Request) -> dict[str, Any] | None:
    """Return a small JSON object, None for anything else."""
    read = b""
    async for chunk in request.stream():
        read += chunk
        if len(read) > MOST_BODY:
            return None
    try:
        found = json.loads(read)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
