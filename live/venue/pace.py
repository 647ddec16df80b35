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
MOST_BEHIND = SECOND
"""Wall time in ns that the venue makes up for; after a longer stop it goes on from where it was."""


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
        """Wait until the wall clock has come to `ts`; what is closed is skipped, but for the minute before an open."""
        begin, (wall, since) = self._skip_closed(ts), self._anchor
        behind = clock.monotonic() - wall - int((ts - since) / self.speed)
        if begin > self.venue.now or behind > MOST_BEHIND:
            self._anchor = wall, since = clock.monotonic(), begin
        await clock.sleep((wall + (ts - since) / self.speed - clock.monotonic()) / SECOND)

    def _skip_closed(self, ts: int) -> int:
        """Return from when on the wall clock counts until `ts`: from now, where the market is open."""
        hours = self.venue.hours
        place = hours.session
        lead, closes = int(hours.sessions.open[place]) - LEAD, int(hours.sessions.close[place])
        if ts <= lead or (ts > closes and self.venue.now >= closes):
            return ts
        return max(self.venue.now, lead)

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
