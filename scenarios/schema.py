"""What a scenario may say: the models of its TOML, unknown keys refused, every range checked.

`[account]`, `[costs]` and `[risk]` are the engine's settings field for field; `[execution]` adds the feed's delay and
grace, and takes spans of time as text.
"""

import re
from dataclasses import fields
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, create_model, model_validator

from lockstep.engine import settings
from lockstep.engine.events import DAY
from lockstep.engine.settings import Settings

from .durations import EXPECTED, nanoseconds

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_USE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*)?")
UNLIMITED, AUTO, MOST_WARMUP = "unlimited", "auto", 100_000


class Model(BaseModel):
    """A table of the scenario: frozen, strict in types, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _moment(value: Any) -> Any:
    """Turn TOML's own dates into text; an instant needs an offset."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("expected a date, or an instant with an offset such as 2015-12-31T16:00:00-05:00")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return _checked_moment(value)
    return value


def _checked_moment(text: str) -> str:
    try:
        if len(text) == 10:
            return date.fromisoformat(text).isoformat()
        if datetime.fromisoformat(text).tzinfo is not None:
            return text
    except ValueError:
        pass
    raise ValueError(
        "expected a date such as 2015-12-31, or an instant with an offset such as 2015-12-31T16:00:00-05:00"
    )


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        nanoseconds(value)
    return value


def _latency(value: Any) -> Any:
    if isinstance(value, str) and nanoseconds(value) > DAY:
        raise ValueError("expected at most 1d")
    return value


def _delay(value: Any) -> Any:
    if isinstance(value, dict):
        for name, each in value.items():
            try:
                nanoseconds(each if isinstance(each, str) else "")
            except ValueError as error:
                raise ValueError(f"{name} = {each!r}, {error}") from error
    elif not isinstance(value, str):
        raise ValueError(f"{EXPECTED}, or a table of them by dataset")
    return _duration(value)


def _matching(pattern: re.Pattern[str], expected: str) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, str) and not pattern.fullmatch(value):
            raise ValueError(f"expected {expected}")
        return value

    return BeforeValidator(check)


def _scalar(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("expected a number, true or false, or text")
    return value


def _warmup(value: Any) -> Any:
    if value != AUTO and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_WARMUP):
        raise ValueError(f"expected a whole number from 0 to {MOST_WARMUP}, or {AUTO!r}")
    return value


def _limit(value: Any) -> Any:
    return float("inf") if value == UNLIMITED else value


def _shown(value: float) -> Any:
    return UNLIMITED if value == float("inf") else value


Moment = Annotated[str, BeforeValidator(_moment)]
Duration = Annotated[str, BeforeValidator(_duration)]
Latency = Annotated[str, BeforeValidator(_latency)]
Delay = Annotated[str | dict[str, str], BeforeValidator(_delay)]
Scalar = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
Warmup = Annotated[int | str, BeforeValidator(_warmup)]
Name = Annotated[str, _matching(_NAME, "1 to 64 of a-z, 0-9, - and _, starting with a letter or digit")]
Use = Annotated[str, _matching(_USE, "a dotted name such as lockstep.strategies.sma_cross or package.module:NAME")]
Limit = Annotated[float, BeforeValidator(_limit), PlainSerializer(_shown)]
Symbols = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
SHORT = Field("", max_length=200)


def _mirror(settings_type: Any, without: tuple[str, ...] = (), **more: Any) -> Any:
    """Return a model with the fields of one of the engine's settings; the settings check the ranges."""
    types = {float: Limit, int: int, bool: bool}
    own = {f.name: (types.get(f.type, f.type), f.default) for f in fields(settings_type) if f.name not in without}
    return create_model(
        settings_type.__name__, __base__=Model, __doc__=settings_type.__doc__, __module__=__name__, **own, **more
    )


Account = _mirror(settings.Account)
Costs = _mirror(settings.Costs)
Risk = _mirror(settings.Risk)
Execution = _mirror(
    settings.Execution,
    without=("latency_ns",),
    latency=(Latency, "50ms"),
    delay=(Delay, "0s"),
    grace=(Duration, "0s"),
)


class Data(Model):
    """What is replayed.

    Parameters
    ----------
    dataset : str
        A dataset of the catalogue; or `datasets`, a list of several that share a calendar.
    symbols : list of str
        Tickers or ids; left out: all.
    start, end : date or instant
        First and last day of trading, exchange time, both inclusive; left out: all there is.
    warmup : int or "auto"
        Sessions replayed before `start` without trading. `auto`: as many as the strategies declare. Where the data do
        not reach back that far, trading begins later.
    timeframe, calendar : str
        What the datasets are expected to have; another one refuses the run. Left out: whatever they have.
    """

    dataset: str = ""
    datasets: list[str] = []
    symbols: Symbols | None = None
    start: Moment | None = None
    end: Moment | None = None
    warmup: Warmup = "auto"
    timeframe: str = ""
    calendar: str = ""

    @model_validator(mode="after")
    def _named(self) -> "Data":
        if bool(self.dataset) == bool(self.datasets):
            raise ValueError("expected either dataset or datasets; see `lockstep data list` for what there is")
        return self

    @property
    def names(self) -> list[str]:
        """The datasets, whichever way they were given."""
        return self.datasets or [self.dataset]


class Spell(Model):
    """One symbol's stay in the universe, first and last day inclusive; without `end` it stays."""

    symbol: str
    start: Moment
    end: Moment | None = None


class Universe(Model):
    """A universe that changes over time: outside its spells a symbol may only be reduced.

    `file`, a CSV `symbol,start,end` beside the scenario, may stand for `members`.
    """

    members: Annotated[list[Spell], Field(min_length=1)]


class Sleeve(Model):
    """One strategy.

    Parameters
    ----------
    use : str
        Dotted name: `package.module` with a `STRATEGY`, or `package.module:NAME`.
    name : str
        How reports call it; left out: the strategy's own name.
    share : float
        Part of the capital.
    parameters : table
        What the strategy declares; left out: its defaults.
    """

    use: Use
    name: str = SHORT
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    parameters: dict[str, Scalar] = {}


class Benchmark(Model):
    """What the run is compared with, free of costs, per session.

    `hold`: buy and hold `symbol` (of `dataset`, or of the scenario's own data). `equal-weight`: the mean return of all
    symbols of the scenario, rebalanced every session. `auto`: `hold` of the only symbol, else `equal-weight`.
    """

    kind: Literal["auto", "hold", "equal-weight", "none"] = "auto"
    symbol: str = ""
    dataset: str = ""

    @model_validator(mode="before")
    @classmethod
    def _symbol_holds(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("symbol") and "kind" not in given:
            return {**given, "kind": "hold"}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> "Benchmark":
        if (self.kind == "hold") != bool(self.symbol):
            raise ValueError('expected symbol with kind = "hold", and only there')
        if self.dataset and not self.symbol:
            raise ValueError("expected symbol beside dataset")
        return self


class Report(Model):
    """What the run folder keeps: equity at each of the first `equity_slices` slices, after them per session."""

    equity_slices: Annotated[int, Field(ge=0, le=100_000_000)] = 200_000


class Live(Model):
    """How a scenario trades live.

    Parameters
    ----------
    feed : {"iex", "sip"}
        Alpaca's feed of market data.
    grace : duration
        After the first bar of a time, how long its slice waits for the other instruments' bars.
    settle : duration
        After a session's close, how long its last bars, and the day's, may take.
    fresh : duration or "auto"
        How old a decision may be when its order is sent; older ones are given up. `auto`: a bar of the data, 5 s for
        ticks.
    reconcile : duration
        How often the account is compared with the broker's.
    mute : duration
        How long the market may be open without a message before the stream counts as mute.
    at_exit : {"cancel", "keep"}
        What becomes of open orders when the session is ended.
    positions_at_exit : {"keep", "flatten"}
        What becomes of positions then.
    kill_flattens : bool
        Whether the kill switch sells what is held, beside refusing new risk and cancelling orders.
    snapshot : duration
        How often the state is saved, so that a restart is quick.
    senders : int
        How many requests may be under way at once.
    timeout : duration
        How long a request may take before its outcome counts as unknown.
    real_money : str
        Number of the account that may trade with real money; empty: paper alone. It also takes the environment variable
        ``LOCKSTEP_REAL_MONEY`` with the same number, and the number typed in.
    proxies : mapping of str to str
        At the local venue: symbols without data, and whose data stand in for them.
    """

    feed: Literal["iex", "sip"] = "iex"
    grace: Duration = "1s"
    settle: Duration = "5s"
    fresh: Annotated[str, BeforeValidator(lambda value: value if value == AUTO else _duration(value))] = "auto"
    reconcile: Duration = "1min"
    mute: Duration = "2min"
    at_exit: Literal["cancel", "keep"] = "cancel"
    positions_at_exit: Literal["keep", "flatten"] = "keep"
    kill_flattens: bool = False
    snapshot: Duration = "30s"
    senders: Annotated[int, Field(ge=1, le=16)] = 2
    timeout: Duration = "10s"
    real_money: str = SHORT
    proxies: dict[str, str] = {}


class _Shock(Model):
    symbols: Symbols | None = None


class _Window(_Shock):
    start: Moment
    end: Moment


class Gap(_Shock):
    """Every price from `at` on is `size` higher or lower (-0.15: 15 % lower), for good."""

    kind: Literal["gap"]
    at: Moment
    size: Annotated[float, Field(ge=-0.95, le=10.0)]


class Volatility(_Window):
    """Log returns from `start` to `end` are `factor` times as large; the level that results stays."""

    kind: Literal["volatility"]
    factor: Annotated[float, Field(gt=0, le=10.0)]


class Halt(_Window):
    """No trading from `start` to `end`: halted, without market data."""

    kind: Literal["halt"]


class Missing(_Window):
    """Each market event from `start` to `end` is lost with probability `rate`."""

    kind: Literal["missing"]
    rate: Annotated[float, Field(gt=0, le=1.0)]


class FlashCrash(_Shock):
    """Prices fall by `size` and come back, within `duration` from `at`; `recovery` is the part that comes back.

    A date for `at` means the middle of its session. A bar's low shows the fall that lies inside it.
    """

    kind: Literal["flash_crash"]
    at: Moment
    size: Annotated[float, Field(ge=-0.95, lt=0.0)]
    duration: Duration = "10min"
    recovery: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0


class Stale(_Window):
    """The feed repeats the last price before `start` until `end`, with no volume."""

    kind: Literal["stale_feed"]


class Correlation(_Window):
    """Returns from `start` to `end` are `strength` times the mean of all symbols', the rest each one's own."""

    kind: Literal["correlation"]
    strength: Annotated[float, Field(gt=0, le=1.0)] = 1.0


Shock = Annotated[
    Gap | Volatility | Halt | Missing | FlashCrash | Stale | Correlation,
    Field(discriminator="kind"),
]
KINDS = ("gap", "volatility", "halt", "missing", "flash_crash", "stale_feed", "correlation")


class Scenario(Model):
    """A whole scenario: what is run on what, at which costs, under which limits.

    Parameters
    ----------
    name : str
        Lower-case letters, digits, `-` and `_`; left out: the file's name.
    strategy : Sleeve
        The strategy, where there is but one; else `sleeves`.
    live : Live
        How it trades live; backtests do not read it.
    """

    name: Name
    title: str = SHORT
    description: str = Field("", max_length=4000)
    seed: Annotated[int, Field(ge=0, lt=2**62)] = 0
    data: Data
    universe: Universe | None = None
    account: Account = Account()
    costs: Costs = Costs()
    execution: Execution = Execution()
    risk: Risk = Risk()
    strategy: Sleeve | None = None
    sleeves: list[Sleeve] = []
    benchmark: Benchmark = Benchmark()
    shocks: list[Shock] = []
    report: Report = Report()
    live: Live = Live()

    @model_validator(mode="after")
    def _whole(self) -> "Scenario":
        if (self.strategy is None) == (not self.sleeves):
            raise ValueError("expected either [strategy] or [[sleeves]]")
        total = sum(sleeve.share for sleeve in self.every_sleeve)
        if total > 1.0 + 1e-9:
            raise ValueError(f"the shares of [[sleeves]] add up to {total:g}, expected at most 1: lower some")
        self.settings()
        return self

    @property
    def every_sleeve(self) -> list[Sleeve]:
        """The strategies, whichever way they were given."""
        return self.sleeves or [self.strategy]

    def settings(self) -> Settings:
        """Return the engine's settings.

        Raises
        ------
        ConfigError
            If a value lies outside its range.
        """
        execution = self.execution.model_dump(exclude={"latency", "delay", "grace"})
        return Settings(
            settings.Account(**dict(self.account)),
            settings.Costs(**dict(self.costs)),
            settings.Execution(latency_ns=nanoseconds(self.execution.latency), **execution),
            settings.Risk(**dict(self.risk)),
        )

    def dump(self) -> dict[str, Any]:
        """Return the scenario with every default spelled out, as JSON and TOML can hold it."""
        return self.model_dump(mode="json", exclude_none=True)
