"""Who decides when time goes on: the client at speed `max`, the wall clock at any other.

At `max` the venue sends everything of a slice and then says so on the pace socket, with how many messages it has put on
each stream; the next slice waits until the client has answered that it is done, and until no request is in flight.
"""

import asyncio
import json
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from lockstep.engine.events import MINUTE, SECOND
from lockstep.live import clock

from .core import Venue

LEAD = MINUTE
"""Venue time before a session's open from which the wall clock counts again, ns."""


class Pace:
    """The conductor.

    Parameters
    ----------
    venue : Venue
        Whose time it is.
    speed : float
        Venue seconds to a second of the wall clock; 0: as fast as the client keeps up.
    """

    def __init__(self, venue: Venue, speed: float) -> None:
        self.venue, self.speed = venue, speed
        self.socket: WebSocket | None = None
        self.done, self.wake = -1, 0
        self.in_flight = 0
        self.events = 0
        self._moved = asyncio.Event()
        self._anchor = (clock.monotonic(), venue.now)

    def poke(self) -> None:
        """Look again whether time may go on."""
        self._moved.set()

    def touch(self) -> None:
        """Bring the venue's clock up to date between two slices, where it follows the wall clock."""
        following = self.venue.timeline.next_time
        if self.speed and following is not None:
            began, since = self._anchor
            reached = since + int((clock.monotonic() - began) * self.speed)
            self.venue.touch(min(reached, following - 1))

    async def run(self) -> None:
        """Let time go on to the end of the recording."""
        await self._announce()
        while (following := self.venue.timeline.next_time) is not None:
            if self.speed:
                await self._sleep_until(following)
            else:
                await self._client_done()
                following = self.venue.timeline.next_time or following
                if self.venue.now < self.wake < following:
                    self.venue.wake(self.wake)
                    self.events = 0
                    await self._announce()
                    continue
            self.events = self.venue.advance()
            await self._announce()
        await self._say({"end": True, **self._state()})

    async def _client_done(self) -> None:
        while self.socket is None or self.done < self.venue.slice or self.in_flight:
            self._moved.clear()
            await self._moved.wait()
        # What the client has sent before it was done is served first.
        await asyncio.sleep(0)

    async def _sleep_until(self, ts: int) -> None:
        hours = self.venue.hours
        place = hours.session
        opens, closes = int(hours.sessions.open[place]), int(hours.sessions.close[place])
        begin = max(self.venue.now, opens - LEAD) if ts > opens - LEAD else ts
        if ts > closes and self.venue.now >= closes:
            begin = ts
        self._anchor = (clock.monotonic(), begin)
        await clock.sleep((ts - begin) / SECOND / self.speed)

    def _state(self) -> dict[str, Any]:
        return {
            "slice": self.venue.slice,
            "time": self.venue.now,
            "events": self.events,
            **self._counts(),
        }

    def _counts(self) -> dict[str, int]:
        return {"market": self.venue.market.sent, "updates": self.venue.updates.sent}

    async def _announce(self) -> None:
        await self._say(self._state())

    async def _say(self, message: dict[str, Any]) -> None:
        if self.socket is None:
            return
        try:
            await self.socket.send_text(json.dumps(message))
        except (WebSocketDisconnect, RuntimeError):
            self.socket = None

    async def endpoint(self, socket: WebSocket) -> None:
        """Serve the pace socket; a new client takes it over from the one before."""
        await socket.accept()
        before, self.socket = self.socket, socket
        if before is not None:
            before.state.transport.abort()
        self.done, self.wake = -1, 0
        end = {"end": True} if self.venue.ended else {}
        await self._say({**self._state(), "again": True, **end})
        try:
            while True:
                await self._hear(json.loads(await socket.receive_text()))
        except (WebSocketDisconnect, RuntimeError, ValueError):
            pass  # gone, or no client of ours: the socket closes
        finally:
            if self.socket is socket:
                self.socket = None

    async def _hear(self, asked: dict[str, Any]) -> None:
        if "done" in asked:
            self.done, self.wake = int(asked["done"]), int(asked.get("wake") or 0)
            self.poke()
        if "sync" in asked:
            await self._say({"sync": asked["sync"], **self._counts()})
