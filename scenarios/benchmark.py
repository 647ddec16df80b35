"""The benchmark: what the market itself did, per session, in total return and free of costs.

Dividends are reinvested at the close of their ex-date, splits change nothing, a delisted symbol pays its terminal
value.
"""

import numpy as np

from lockstep.engine.events import BAR, CLOSE, DELIST, DIVIDEND, QUOTE, SESSION_CLOSE, SPLIT, TRADE, Events


class Benchmark:
    """Follows the market's closes through the stream.

    Parameters
    ----------
    name : str
        How reports call it.
    n_instruments : int
        Instruments of the stream.
    member : int or None
        The one that is held; None holds all, in equal parts, rebalanced every session.
    start : int
        When it starts, ns UTC; before it prices are only noted.
    cash : float
        Dollars at the start.
    """

    def __init__(self, name: str, n_instruments: int, member: int | None, start: int, cash: float) -> None:
        self.name, self._member, self._start, self._value = name, member, start, cash
        self._close = np.full(n_instruments, np.nan)
        self._growth = np.ones(n_instruments)
        self._dividend = np.zeros(n_instruments)
        self._before = np.full(n_instruments, np.nan)
        self._gone: list[int] = []
        self.ts: list[int] = []
        self.values: list[float] = []

    def absorb(self, batch: Events) -> None:
        """Take the next events of the stream."""
        kinds = batch["kind"]
        cuts = np.flatnonzero((kinds == SESSION_CLOSE) | (kinds == SPLIT) | (kinds == DIVIDEND) | (kinds == DELIST))
        done = 0
        for cut in cuts.tolist():
            self._prices(batch[done:cut])
            self._event(batch[cut])
            done = cut + 1
        self._prices(batch[done:])

    def _prices(self, events: Events) -> None:
        if len(events):
            index, price = closes(events)
            self._close[index] = price

    def _event(self, event: np.void) -> None:
        kind, i = int(event["kind"]), int(event["instrument"])
        if kind == SPLIT:
            ratio = event["numerator"] / event["denominator"]
            self._growth[i] *= ratio
            self._close[i] /= ratio
        elif kind == DIVIDEND:
            self._dividend[i] += event["amount"] / 1e9
        elif kind == DELIST:
            if event["terminal"] == event["terminal"]:
                self._close[i] = event["terminal"]
            self._gone.append(i)
        else:
            self._session(int(event["ts_available"]))

    def _session(self, ts: int) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            self._growth *= 1.0 + np.where(self._dividend > 0, self._dividend / self._close, 0.0)
        self._dividend[:] = 0.0
        worth = self._close * self._growth
        if ts >= self._start:
            self._value *= 1.0 + self._return(worth)
            self.ts.append(ts)
            self.values.append(self._value)
        self._before = worth
        self._close[self._gone] = np.nan
        self._gone = []

    def _return(self, worth: np.ndarray) -> float:
        """Return the session's return; none at the first, where it buys at the close."""
        if not self.values:
            return 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            change = worth / self._before - 1.0
        if self._member is not None:
            change = change[self._member : self._member + 1]
        known = change[np.isfinite(change)]
        return float(known.sum() / len(known)) if len(known) else 0.0


def closes(events: Events) -> tuple[np.ndarray, np.ndarray]:
    """Return instruments and prices of the market events among `events`: closes, last trades, mids of quotes."""
    kinds = events["kind"]
    market = events[(kinds // 16 == BAR // 16) & (events["instrument"] >= 0)]
    kinds = market["kind"]
    price = np.where(kinds == TRADE, market["last"], market["close"])
    quotes = kinds == QUOTE
    price[quotes] = 0.5 * (market["bid"] + market["ask"])[quotes]
    good = (kinds == BAR) | (kinds == CLOSE) | (price > 0)
    return market["instrument"][good], price[good]
