"""A venue on a real port with the unmodified SDK on it, driven step by step."""

import asyncio
import contextlib
import json
import threading
import time
import warnings

import requests
from websockets.sync.client import connect

from lockstep.live.venue.core import Options, Venue
from lockstep.live.venue.pace import Pace
from lockstep.live.venue.server import bind, make_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK uses websockets' legacy client
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.live import StockDataStream
    from alpaca.trading.client import TradingClient
    from alpaca.trading.requests import (
        LimitOrderRequest,
        MarketOrderRequest,
        StopLimitOrderRequest,
        StopOrderRequest,
        TrailingStopOrderRequest,
    )
    from alpaca.trading.stream import TradingStream

KEY, SECRET, TOKEN = "LOCKSTEP", "local-venue", "side"
PATIENCE = 10.0
KINDS = {
    "market": MarketOrderRequest,
    "limit": LimitOrderRequest,
    "stop": StopOrderRequest,
    "stop_limit": StopLimitOrderRequest,
    "trailing_stop": TrailingStopOrderRequest,
}


class Rig:
    """A venue in a thread, the SDK's streams in another, REST and pace in the test's own."""

    def __init__(self, recording, *, speed=0.0, **options):
        self.venue = Venue(recording, Options(token=TOKEN, **options))
        self._stack = contextlib.ExitStack()
        self.server = None
        self._thread = threading.Thread(target=self._serve, args=(speed,), daemon=True)
        self._thread.start()
        self.until(lambda: self.server is not None and self.server.started)
        self.url = f"http://127.0.0.1:{self.port}"
        self.rest = self.client(TradingClient)
        self.raw = self.client(TradingClient, raw_data=True)
        self.data = self.client(StockHistoricalDataClient)
        self.actions = self.client(CorporateActionsClient)
        self.updates, self.bars, self.quotes, self.trades, self.statuses, self.revised = [], [], [], [], [], []
        self.counts = {"market": 0, "updates": 0}
        self.trading_stream = self.market_stream = None
        self.said = None
        self._loop = self._streams = self._pace = None

    def _serve(self, speed):
        async def run():
            with bind(0) as door:
                self.port = door.getsockname()[1]
                self.server = make_server(self.venue, Pace(self.venue, speed))
                await self.server.serve([door])

        asyncio.run(run())

    def client(self, kind, key=KEY, secret=SECRET, **options):
        made = kind(key, secret, url_override=self.url, **options)
        made._session.trust_env = False
        made._retry = 0
        return made

    def until(self, condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "did not happen"
            time.sleep(0.002)

    # -- the SDK's streams ---------------------------------------------------------------------------------------

    def connect(self, *, trading=True, market=True, wait=True):
        self._loop = asyncio.new_event_loop()
        self._streams = threading.Thread(target=self._run_streams, args=(trading, market), daemon=True)
        self._streams.start()
        if wait:
            self.until(lambda: self.listening(trading=trading, market=market))

    def listening(self, *, trading=True, market=True):
        updates, data = self.venue.updates, self.venue.market
        return (not trading or updates.live is not None) and (
            not market or (data.live is not None and bool(data.wanted))
        )

    def _run_streams(self, trading, market):
        asyncio.set_event_loop(self._loop)
        jobs = []
        if trading:
            self.trading_stream = TradingStream(KEY, SECRET, url_override=f"ws://127.0.0.1:{self.port}/stream")
            self.trading_stream.subscribe_trade_updates(self._keep(self.updates, "updates"))
            jobs.append(self.trading_stream._run_forever())
        if market:
            self.market_stream = stream = StockDataStream(
                KEY, SECRET, url_override=f"ws://127.0.0.1:{self.port}/v2/iex"
            )
            for stream in (self.trading_stream, self.market_stream):
                if stream is not None:
                    stream._reconnect_min_backoff = 0.05
            stream.subscribe_bars(self._keep(self.bars, "market"), "*")
            stream.subscribe_daily_bars(self._keep(self.bars, "market"), "*")
            stream.subscribe_updated_bars(self._keep(self.revised, "market"), "*")
            stream.subscribe_quotes(self._keep(self.quotes, "market"), "*")
            stream.subscribe_trades(self._keep(self.trades, "market"), "*")
            stream.subscribe_trading_statuses(self._keep(self.statuses, "market"), "*")
            jobs.append(stream._run_forever())
        self._jobs = [self._loop.create_task(job) for job in jobs]
        self._loop.run_forever()

    def _call(self, function):
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(PATIENCE)

    def _keep(self, kept, name):
        async def handler(message):
            kept.append(message)
            self.counts[name] += 1

        return handler

    # -- pace ----------------------------------------------------------------------------------------------------

    def pace(self):
        if self._pace is None:
            url = f"ws://127.0.0.1:{self.port}/lockstep/pace?token={TOKEN}"
            self._pace = self._stack.enter_context(connect(url, proxy=None))
            self.said = json.loads(self._pace.recv(PATIENCE))
        return self._pace

    def go(self, slices=1, *, wait=True, wake=0):
        """Let the venue go on by so many slices, and take in what it sends."""
        pace = self.pace()
        for _ in range(slices):
            pace.send(json.dumps({"done": self.said["slice"], "wake": wake}))
            self.said = json.loads(pace.recv(PATIENCE))
            if wait:
                self.take_in(self.said)
        return self.said

    def take_in(self, said):
        self.until(lambda: self.counts["market"] >= said["market"] and self.counts["updates"] >= said["updates"])

    def sync(self):
        """Take in everything that has been sent by now."""
        pace = self.pace()
        pace.send(json.dumps({"sync": 1}))
        self.take_in(json.loads(pace.recv(PATIENCE)))

    # -- orders and faults ---------------------------------------------------------------------------------------

    def order(self, symbol="AAA", qty=10, side="buy", kind="market", tif="day", **more):
        return self.rest.submit_order(
            KINDS[kind](symbol=symbol, qty=qty, side=side, time_in_force=tif, type=kind, **more)
        )

    def script(self, *faults):
        answer = self.side("POST", "faults", list(faults))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state(self):
        return self.side("GET", "state").json()

    def side(self, method, path, body=None, token=TOKEN, **headers):
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, f"{self.url}/lockstep/{path}", json=body, headers={"X-Lockstep-Token": token, **headers}
            )

    @property
    def events(self):
        return [(update.event, update.order.status) for update in self.updates]

    def names(self):
        return [getattr(update.event, "value", update.event) for update in self.updates]

    def close(self):
        self._stack.close()
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._stop_streams(), self._loop).result(PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._streams.join(PATIENCE)
            self._loop.close()
        for client in (self.rest, self.raw, self.data, self.actions):
            client._session.close()
        self.server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    async def _stop_streams(self):
        for task in self._jobs:
            task.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        for stream in (self.trading_stream, self.market_stream):
            if stream is not None and stream._ws is not None:
                stream._ws.transport.abort()
                await stream._ws.wait_closed()
