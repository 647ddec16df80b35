"""Market events as the messages of the market-data stream."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgpack

from lockstep.engine.events import BAR, CLOSE, HALT, QUOTE, RESUME, TRADE, Events

_COLUMNS = ("kind", "instrument", "ts_event", "ts_open", "open", "high", "low", "close", "volume")
_stamp = lru_cache(maxsize=16)(msgpack.Timestamp.from_unix_nano)
"""Most messages of a group bear the same time."""
_pack = msgpack.Packer().pack
STATUSES = {HALT: ("H", "Trading Halt", "T12", "Trading Halted"), RESUME: ("T", "Trading Resumption", "", "")}


def whole(number: float) -> float | int:
    """Return a number as an int where it is one."""
    return int(number) if number == int(number) else number


def bar_message(letter: str, symbol: str, ts: int, prices: tuple[float, ...], volume: float) -> dict[str, Any]:
    """Return a bar; the catalogue knows neither its trades nor their mean price, so `n` is 0 and `vw` the close."""
    open_, high, low, close = prices
    return {
        "T": letter, "S": symbol, "o": open_, "h": high, "l": low, "c": close, "v": whole(volume), "n": 0, "vw": close,
        "t": _stamp(ts),
    }  # fmt: skip


def quote_message(symbol: str, ts: int, values: tuple[float, ...]) -> dict[str, Any]:
    """Return a quote; sizes in shares."""
    bid, ask, bid_size, ask_size = values
    return {
        "T": "q", "S": symbol, "bx": "V", "bp": bid, "bs": whole(bid_size), "ax": "V", "ap": ask, "as": whole(ask_size),
        "c": ["R"], "z": "C", "t": _stamp(ts),
    }  # fmt: skip


def trade_message(symbol: str, ts: int, price: float, size: float, number: int) -> dict[str, Any]:
    """Return a trade."""
    return {
        "T": "t", "S": symbol, "i": number, "x": "V", "p": price, "s": whole(size), "c": ["@"], "z": "C",
        "t": _stamp(ts),
    }  # fmt: skip


def status_message(symbol: str, ts: int, kind: int) -> dict[str, Any]:
    """Return a halt or a resumption."""
    code, message, reason, words = STATUSES[kind]
    return {
        "T": "s", "S": symbol, "sc": code, "sm": message, "rc": reason, "rm": words, "z": "C", "t": _stamp(ts),
    }  # fmt: skip


class Encoder:
    """Turns groups of events into messages.

    Parameters
    ----------
    symbols : tuple of str
        By instrument's number.
    daily : bool
        Whether bars are days: they go to ``dailyBars`` as of the session's midnight.
    """

    def __init__(self, symbols: tuple[str, ...], *, daily: bool) -> None:
        self.symbols, self.daily = symbols, daily
        self.trades = 0
        self._letter = "d" if daily else "b"
        self._channels = {
            BAR: "dailyBars" if daily else "bars", CLOSE: "dailyBars", QUOTE: "quotes", TRADE: "trades",
            HALT: "statuses", RESUME: "statuses",
        }  # fmt: skip

    def encode(self, group: Events, midnight: int, wanted: Mapping[str, list[bool]]) -> list[tuple[str, int, bytes]]:
        """Return the messages that are wanted as (channel, instrument, msgpack), in the events' order.

        Parameters
        ----------
        group : (n,) EVENT
            Known at one instant.
        midnight : int
            00:00 exchange time of their session, ns UTC.
        wanted : mapping
            By channel, whether each instrument is subscribed to.
        """
        if not wanted:
            return []
        columns = [group[name].tolist() for name in _COLUMNS]
        found = []
        for kind, number, ts, opened, a, b, c, d, e in zip(*columns, strict=True):
            channel = self._channels.get(kind)
            mask = wanted.get(channel) if channel else None
            if channel is None or mask is None or not mask[number]:
                continue
            symbol = self.symbols[number]
            if kind == BAR:
                label = midnight if self.daily else opened
                message = bar_message(self._letter, symbol, label, (a, b, c, d), e)
            elif kind == CLOSE:
                message = bar_message("d", symbol, midnight, (d, d, d, d), 0.0)
            elif kind == QUOTE:
                message = quote_message(symbol, ts, (a, b, c, d))
            elif kind == TRADE:
                self.trades += 1
                message = trade_message(symbol, ts, a, b, self.trades)
            else:
                message = status_message(symbol, ts, kind)
            found.append((channel, number, _pack(message)))
        return found
