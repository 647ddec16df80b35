"""The side channel, ``/lockstep``: faults, the truth for tests, and the pace."""

from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import actions
from .core import Venue
from .faults import Fault
from .pace import Pace
from .rules import Refusal
from .trading import read_json

_FAULTS = TypeAdapter(list[Fault])


class Side:
    """Answers for whoever drives the venue."""

    def __init__(self, venue: Venue, pace: Pace) -> None:
        self.venue, self.pace = venue, pace

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/lockstep/faults", self.add, methods=["POST"]),
            Route("/lockstep/faults", self.shown, methods=["GET"]),
            Route("/lockstep/faults", self.clear, methods=["DELETE"]),
            Route("/lockstep/state", self.state, methods=["GET"]),
        ]

    async def add(self, request: Request) -> Response:
        """Add faults to the script; what is due happens at once."""
        body = await read_json(request)
        try:
            faults = _FAULTS.validate_json(await request.body()) if isinstance(body, list) else []
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Refusal(422, 42210000, f"faults: {where}: {first['msg']}") from None
        if not isinstance(body, list):
            raise Refusal(422, 42210000, "faults: expected a list of faults")
        self.venue.script.add(faults)
        actions.run(self.venue)
        return await self.shown(request)

    async def shown(self, request: Request) -> Response:
        """Answer with the script and what of it has happened."""
        return JSONResponse([armed.to_json() for armed in self.venue.script.armed])

    async def clear(self, request: Request) -> Response:
        """Forget the script."""
        self.venue.script.armed.clear()
        return JSONResponse([])

    async def state(self, request: Request) -> Response:
        """Answer with the truth: time, account, positions, orders and fills."""
        desk, header = self.venue.desk, self.venue.desk.header
        held = [
            {
                "symbol": each.symbol,
                "quantity": int(row["quantity"]),
                "mark": int(row["mark"]),
                "basis": int(row["basis"]),
            }
            for each, row in zip(self.venue.recording.instruments, desk.counter.world.positions, strict=True)
            if row["quantity"]
        ]
        recording = self.venue.recording
        state: dict[str, Any] = {
            "slice": self.venue.slice,
            "time": self.venue.now,
            "ended": self.venue.ended,
            "recording": recording.name,
            "timeframe": recording.timeframe,
            "symbols": [each.symbol for each in recording.instruments],
            "proxies": dict(recording.proxies),
            "speed": self.pace.speed or "max",
            "cash": int(header.cash),
            "equity": int(header.equity),
            "positions": held,
            "orders": [order.to_json() for order in desk.orders.values()],
            "fills": [row for row in desk.activities.rows if row["activity_type"] == "FILL"],
            "streams": {hub.name: {"connected": hub.live is not None, "sent": hub.sent}
                        for hub in (self.venue.updates, self.venue.market)},
            "in_flight": self.pace.in_flight,
        }  # fmt: skip
        return JSONResponse(state)
