"""A session at a venue that says where it stands, and, at speed `max`, waits until its client is done.

1. The venue says how far it is and how many messages it has sent. Once they have come in, the slice is whole.
2. What falls due before it is taken at its own time, then the slice: order updates first, then market data, then what
   falls due at that very time, then the slice's own row.
3. Requests are waited for, and the updates that they cause, until nothing is under way.
4. The venue hears that the session is done with the slice, and when it wants to be woken before the next.
"""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from lockstep.scenarios.durations import nanoseconds

from . import clock, points
from .session import Session


class PacedSession(Session):
    """A session that follows a venue's slices.

    Parameters
    ----------
    pace_url : str
        The venue's pace socket, token included.
    """

    pace_url = ""
    _slice: dict[str, Any] | None = None
    _counts: dict[str, Any] | None = None
    _pace: Any = None
    _syncs = 0
    _taken: dict[str, tuple[int, int]] | None = None
    """Of each stream, when the last slice was taken: how often it had been made anew, and the venue's count of it."""

    def _connect(self) -> None:
        super()._connect()
        self._pacing = asyncio.create_task(self._listen())

    async def _disconnect(self) -> None:
        self._pacing.cancel()
        await super()._disconnect()

    async def _listen(self) -> None:
        """Hear the venue, and connect again where the connection breaks."""
        while not self.stopping:
            try:
                async with connect(self.pace_url, max_size=2**20, compression=None, ping_interval=None) as socket:
                    self._pace = socket
                    async for text in socket:
                        self._hear(json.loads(text))
            except (OSError, WebSocketException) as error:
                self._odd("pace", f"{type(error).__name__}: {error}")
            self._pace = None
            await clock.sleep(0.1)

    def _hear(self, message: dict[str, Any]) -> None:
        if "sync" in message:
            self._counts = message
        else:
            self._slice = message | {"lives": self._lives()}
            if not self.time.paced:
                self.time.set(int(message["time"]))
            if message.get("end"):
                self.ended = True
        self._wake.set()

    def _lives(self) -> dict[str, int]:
        """Return how often each stream has been made anew: what was sent on an earlier connection does not come."""
        return {name: watch.reconnects for name, watch in self.watches.items()}

    # -- slices --------------------------------------------------------------------------------------------------

    async def _sleep(self) -> None:
        if not self.time.paced:
            await super()._sleep()
            if self.ended and self.inbox.empty:
                await self._last_turn()
            return
        if self._slice is None and not self.alarms and self.streams_up and self.reconciled:
            await self._wait(0.25)
        self._wake.clear()

    async def _last_turn(self) -> None:
        await self.turn()
        self.stop("the recording is over")

    async def turn(self) -> None:
        """Take a slice, if the venue has sent one; else only what does not belong to any."""
        if not self.time.paced:
            await super().turn()
            return
        message, self._slice = self._slice, None
        if message is None or not self.streams_up or not self.reconciled:
            self._slice = self._slice or message
            self.pipeline.received = clock.monotonic()
            self.take_orders()
            self.pipeline.flush()
            await self.after()
            if not self.streams_up:
                await self._wait(0.05)
            return
        if not await self._arrived(message):
            self._slice = self._slice or message
            return
        await self._take_slice(message)
        await self.after()
        await self._quiet()
        if message.get("end"):
            self.stop("the recording is over")
        elif self.streams_up:
            await self._done(message)
        else:
            self._slice = self._slice or message

    async def _take_slice(self, message: dict[str, Any]) -> None:
        ts, pipeline = int(message["time"]), self.pipeline
        pipeline.received = clock.monotonic()
        await self._until(ts)
        self.time.set(ts)
        self.take_orders()
        while not self.inbox.empty:
            self.take_market()
            if not self.inbox.empty:
                pipeline.flush()
        await self._take_lost(message)
        self.market.release_days(pipeline.rows, ts)
        await self.take_due(ts)
        if self.market.waiting:
            self.market.slice(pipeline.rows, ts)
        pipeline.flush()
        await self._quiet()

    async def _take_lost(self, message: dict[str, Any]) -> None:
        """Ask for the bars that were sent on a connection that is no more."""
        lives, before = self._lives(), self._taken
        if before is not None and any(lives[name] != before[name][0] for name in lives):
            await self.backfill()
        self._taken = {name: (lives[name], int(message[name])) for name in lives}

    async def _until(self, ts: int) -> None:
        """Take what falls due before `ts`, each at its own time."""
        while (due := self.schedule.peek()) is not None and due.ts < ts and self._ready(due):
            self.time.set(due.ts)
            await self.take_due(due.ts)
            self.pipeline.flush()
            await self._quiet()

    async def _arrived(self, message: dict[str, Any]) -> bool:
        """Wait until all that the venue has sent has come in; False where a stream broke meanwhile."""
        until = clock.monotonic() + nanoseconds(self.setup.live.mute)
        while any(self._lacks(watch, message) for watch in self.watches.values()):
            if not self.streams_up or self._slice is not None:
                return False
            if clock.monotonic() > until:
                await self._renew([each for each in self.streams if self._lacks(each.watch, message)])
                return False
            await self._wait(0.05)
            self._wake.clear()
        return True

    async def _renew(self, streams: list[Any]) -> None:
        """Cut streams on which nothing comes of what the venue has sent."""
        for stream in streams:
            self.alert("mute", f"{stream.watch.name} has not said what the venue sent")
            await stream.renew("mute")

    def _lacks(self, watch: Any, message: dict[str, Any]) -> bool:
        """Return whether something of a slice is still to come on a stream, or its end: the venue counts anew."""
        if watch.reconnects != message["lives"][watch.name]:
            return False
        lives, before = self._taken[watch.name] if self._taken is not None else (-1, 0)
        count = int(message[watch.name])
        return watch.on_this < count or (lives == watch.reconnects and count < before)

    async def _quiet(self) -> None:
        """Wait until no request, job or order update is under way."""
        sent = self.sender.in_flight > 0
        while True:
            await self.finish_jobs()
            while self.sender.in_flight and not self.stopping:
                sent = True
                self._wake.clear()
                if not self.answers and not self.alarms and self.inbox.empty:
                    await self._wait(0.05)
                self.take_orders()
                self.pipeline.flush()
                if not self.streams_up:
                    return
            await self.look_up_doubts()
            self.pipeline.flush()
            if not sent or not await self._synced():
                return
            self.take_orders()
            self.pipeline.flush()
            if not self.sender.in_flight:
                return

    async def _synced(self) -> bool:
        """Wait for the updates that requests have caused; False where that is not to be had."""
        if self._pace is None:
            return False
        self._syncs += 1
        self._counts = None
        try:
            await self._pace.send(json.dumps({"sync": self._syncs}))
        except WebSocketException:
            return False
        until = clock.monotonic() + nanoseconds(self.setup.live.mute)
        updates, lives = self.watches["updates"], self._lives()
        while self._counts is None or updates.on_this < int(self._counts["updates"]):
            if self._lives() != lives or not self.streams_up or self._pace is None:
                return False
            if clock.monotonic() > until:
                await self._renew([each for each in self.streams if each.watch is updates])
                return False
            await self._wait(0.05)
            self._wake.clear()
        return True

    async def _done(self, message: dict[str, Any]) -> None:
        points.reach("pace-before")
        due = self.schedule.peek()
        wake = due.ts if due is not None and due.ts > int(message["time"]) else 0
        if self._pace is None:
            return
        try:
            await self._pace.send(json.dumps({"done": message["slice"], "wake": wake}))
        except WebSocketException as error:
            self._odd("pace", str(error))
        points.reach("pace-after")


__all__ = ["PacedSession"]
