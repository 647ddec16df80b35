"""What a synthetic market is: its settings, and everything about it that is drawn before its prices are."""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from lockstep.data.actions import NANO, Action
from lockstep.data.calendar import Sessions, iso_date, load_sessions
from lockstep.data.rows import Array
from lockstep.engine.errors import DataError
from lockstep.engine.events import MINUTE

SECTORS = ("Energy", "Financials", "Health Care", "Industrials", "Technology", "Utilities")
REGIMES = ("calm", "normal", "crisis")
VOLATILITY = np.array([0.6, 1.0, 2.6])
STAY = np.array([[0.985, 0.014, 0.001], [0.010, 0.982, 0.008], [0.000, 0.050, 0.950]])
"""Chances, per session, of going from one regime to another."""
PAIR_SIGMA = 0.012
"""Standard deviation of a pair's spread around its mean (log price)."""


class Stream(IntEnum):
    """Independent streams of random numbers."""

    STATIC = 1
    REGIME = 2
    MARKET = 3
    SECTOR = 4
    OWN = 5
    SPREAD = 6
    BARS = 7
    VOLUME = 8
    TICKS = 9
    EVENTS = 10
    ABSENCE = 11


@dataclass(frozen=True)
class SyntheticMarket:
    """Settings of a synthetic market; equal settings give equal data.

    Parameters
    ----------
    seed : int
        Of all random numbers; each session and instrument has its own stream.
    symbols : int
        How many instruments, 2 to 999; the second legs of pairs are among them.
    sessions : int
        How many sessions.
    start : str
        ISO date from which on.
    calendar : str
        Exchange calendar, or ``24/7``.
    pairs : int
        Cointegrated pairs.
    half_life : int
        Minutes in which a pair's spread halves, on average.
    step : int
        Minutes between prices, 1 to 30; bars are as long.
    splits, halts, late, delisted : int
        How many splits, trading halts, instruments listed after the start, and delisted before the end.
    dividends : bool
        Whether some instruments pay quarterly dividends.
    """

    seed: int = 7
    symbols: int = 12
    sessions: int = 252
    start: str = "2019-01-02"
    calendar: str = "XNYS"
    pairs: int = 2
    half_life: int = 780
    step: int = 1
    splits: int = 2
    halts: int = 3
    late: int = 1
    delisted: int = 1
    dividends: bool = True

    def __post_init__(self) -> None:
        for name, field in self.__dataclass_fields__.items():
            if type(getattr(self, name)) is not type(field.default):
                kind = type(field.default).__name__
                raise DataError(f"{name} = {getattr(self, name)!r}, expected a value of type {kind}")
        plain = max(self.symbols - 2 * self.pairs, 0)
        among = f"the {plain} symbols outside the {self.pairs} pairs"
        ranges = {
            "seed": (0, 2**63 - 1, ""),
            "symbols": (2, 999, ""),
            "sessions": (1, 100_000, ""),
            "half_life": (1, 10**9, " minutes"),
            "pairs": (0, self.symbols // 2, f": two of the {self.symbols} symbols each"),
            "splits": (0, plain, f": {among}"),
            "late": (0, plain, f": {among}"),
            "delisted": (0, plain, f": {among}"),
            "halts": (0, 100_000, ""),
        }
        for name, (low, high, why) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f"{name} = {getattr(self, name)}, expected from {low} to {high}{why}")
        try:
            np.datetime64(self.start, "D")
        except ValueError as error:
            raise DataError(f"start = {self.start!r}, expected a date such as 2019-01-02") from error
        if not 1 <= self.step <= 30 or 30 % self.step:
            raise DataError(f"step={self.step}, expected minutes that divide 30: 1, 2, 3, 5, 6, 10, 15 or 30")


@dataclass(frozen=True)
class Pair:
    """Two instruments with ``log(second) = offset + beta * log(first) + spread``, before splits."""

    first: int
    second: int
    beta: float
    offset: float
    phi: float


class Market:
    """A synthetic market before its prices.

    Parameters
    ----------
    settings : SyntheticMarket
        What was asked for.
    """

    def __init__(self, settings: SyntheticMarket) -> None:
        self.settings = settings
        self.sessions = _sessions(settings)
        n = settings.symbols
        self.ids = tuple(f"SYN{number:03d}" for number in range(1, n + 1))
        static = self.random(Stream.STATIC)
        self.sector = np.arange(n) % min(len(SECTORS), max(n // 2, 1))
        self.price = np.exp(static.uniform(np.log(20), np.log(180), n))
        self.beta = static.uniform(0.6, 1.4, n)
        self.volatility = static.uniform(0.008, 0.02, n)
        self.drift = static.uniform(0.0, 0.0004, n)
        self.volume = np.exp(static.uniform(np.log(3_000), np.log(40_000), n))
        self.absence = np.where(np.arange(n) == n - 1, 0.3, 0.0)
        """Chance that a step passes without a trade; the last instrument is illiquid."""
        self.pairs = self._pairs(static)
        self.regime = self._regimes()
        self.first = np.zeros(n, np.int64)
        self.last = np.full(n, settings.sessions - 1)
        self.actions = self._actions()

    def random(self, stream: Stream, session: int = 0) -> np.random.Generator:
        """Return the random numbers of a stream and session, independent of all others.

        Instruments draw from it in their order, so that those that are there do not change when others are added.
        """
        key = np.array([self.settings.seed, stream], np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, session]))

    @property
    def length(self) -> int:
        """Nanoseconds between two prices."""
        return self.settings.step * MINUTE

    def steps(self, session: int) -> int:
        """Return the number of prices in a session."""
        return int((self.sessions.close[session] - self.sessions.open[session]) // self.length)

    def split_factor(self, session: int) -> Array:
        """Return how many shares one share of the start has become by a session, by instrument."""
        factor = np.ones(len(self.ids))
        date = self.sessions.date[session]
        for action in self.actions:
            if action.kind == "split" and action.date <= date:
                factor[self.ids.index(action.id)] *= action.ratio
        return factor

    def paid(self, session: int) -> Array:
        """Return the dividends that go ex in a session, dollars per share, by instrument."""
        paid = np.zeros(len(self.ids))
        for action in self.actions:
            if action.kind == "dividend" and action.date == self.sessions.date[session]:
                paid[self.ids.index(action.id)] += action.amount / NANO
        return paid

    def halted(self, session: int) -> list[tuple[int, int, int]]:
        """Return (instrument, from, to) of the halts in a session, ns UTC."""
        opened, closed = int(self.sessions.open[session]), int(self.sessions.close[session])
        starts = [a for a in self.actions if a.kind == "halt" and opened <= a.ts < closed]
        ends = {a.id: a.ts for a in self.actions if a.kind == "resume" and opened <= a.ts <= closed}
        return [(self.ids.index(action.id), action.ts, ends[action.id]) for action in starts]

    def truth(self) -> dict[str, Any]:
        """Return what is known of the market, for its manifest."""
        return {
            "settings": asdict(self.settings),
            "pairs": [
                {
                    "first": self.ids[pair.first],
                    "second": self.ids[pair.second],
                    "beta": pair.beta,
                    "offset": pair.offset,
                    "half_life_minutes": self.settings.half_life,
                    "sigma": PAIR_SIGMA,
                }
                for pair in self.pairs
            ],
            "regimes": [
                {"from": iso_date(int(self.sessions.date[at])), "regime": REGIMES[int(self.regime[at])]}
                for at in np.flatnonzero(np.append(True, np.diff(self.regime) != 0))
            ],
        }

    def _pairs(self, static: np.random.Generator) -> tuple[Pair, ...]:
        phi = 0.5 ** (self.settings.step / self.settings.half_life)
        pairs = []
        for number in range(self.settings.pairs):
            first, second = 2 * number, 2 * number + 1
            beta = float(np.round(static.uniform(0.7, 1.3), 3))
            offset = float(np.log(self.price[second]) - beta * np.log(self.price[first]))
            self.sector[second] = self.sector[first]
            pairs.append(Pair(first, second, beta, offset, phi))
        return tuple(pairs)

    def _regimes(self) -> Array:
        regime = np.ones(self.settings.sessions, np.int64)
        draws = self.random(Stream.REGIME).random(self.settings.sessions)
        ladder = np.cumsum(STAY, axis=1)
        for session in range(1, self.settings.sessions):
            regime[session] = min(int(np.searchsorted(ladder[regime[session - 1]], draws[session])), 2)
        return regime

    def _actions(self) -> list[Action]:
        """Draw the corporate actions; the legs of pairs have none, so that their relation holds throughout."""
        settings, chance = self.settings, self.random(Stream.EVENTS)
        plain = np.arange(2 * settings.pairs, settings.symbols)
        actions: list[Action] = []
        turns = chance.permutation(plain)
        for instrument in turns[: settings.splits]:
            ratio = (2, 3, 4)[int(chance.integers(3))]
            actions.append(Action(self.ids[instrument], "split", self._some_date(chance), ratio, 1, note="synthetic"))
        actions += self._universe(chance, plain)
        actions += self._halts(chance)
        if settings.dividends:
            actions += self._dividends(chance, plain)
        return sorted(actions, key=lambda action: (action.date, action.id, action.kind))

    def _some_date(self, chance: np.random.Generator) -> int:
        n = self.settings.sessions
        return int(self.sessions.date[int(chance.integers(n // 4, max(3 * n // 4, n // 4 + 1)))])

    def _universe(self, chance: np.random.Generator, plain: Array) -> list[Action]:
        settings = self.settings
        order = chance.permutation(plain)
        for instrument in order[: settings.late]:
            self.first[instrument] = settings.sessions // 5
        actions = []
        for instrument in order[len(order) - settings.delisted :]:
            self.last[instrument] = max(settings.sessions * 9 // 10 - 1, 0)
            date = int(self.sessions.date[self.last[instrument]]) + 1
            actions.append(Action(self.ids[instrument], "delist", date, terminal=float("nan"), note="synthetic"))
        return actions

    def _halts(self, chance: np.random.Generator) -> list[Action]:
        actions = []
        sessions = chance.permutation(self.settings.sessions)[: self.settings.halts]
        for session in np.sort(sessions):
            instrument = int(chance.integers(self.settings.symbols))
            minute, length = int(chance.integers(30, 150)), int(chance.integers(5, 46))
            start = int(self.sessions.open[session]) + minute * MINUTE
            date = int(self.sessions.date[session])
            if self.first[instrument] <= session <= self.last[instrument]:
                actions.append(Action(self.ids[instrument], "halt", date, ts=start, note="synthetic"))
                end = start + length * MINUTE
                actions.append(Action(self.ids[instrument], "resume", date, ts=end, note="synthetic"))
        return actions

    def _dividends(self, chance: np.random.Generator, plain: Array) -> list[Action]:
        actions = []
        for instrument in plain[::2]:
            amount = round(float(self.price[instrument]) * float(chance.uniform(0.002, 0.006)), 2)
            for session in range(int(chance.integers(10, 40)), self.settings.sessions, 63):
                if self.first[instrument] < session <= self.last[instrument]:
                    pay = self.sessions.date[min(session + 15, self.settings.sessions - 1)]
                    actions.append(
                        Action(
                            self.ids[instrument],
                            "dividend",
                            int(self.sessions.date[session]),
                            amount=round(amount * NANO),
                            pay_date=int(pay),
                            note="synthetic",
                        )
                    )
        return actions


def _sessions(settings: SyntheticMarket) -> Sessions:
    """Return the sessions asked for and a few more."""
    years = settings.sessions // 250 + 2
    last = str(np.datetime64(settings.start, "D") + np.timedelta64(366 * years, "D"))
    return load_sessions(settings.calendar, settings.start, last).slice(0, settings.sessions + 6)
