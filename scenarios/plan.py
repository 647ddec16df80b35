"""From a scenario to all that its run needs: the feed, the strategies, the time from which they trade.

1. Bundled datasets that the catalogue lacks are built.
2. The strategies are found and their parameters checked.
3. The window is laid out in sessions: `warmup` of them are replayed before the first one with trading.
4. The feed is opened on that window, with the timers that the strategies' schedules ask for.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lockstep.data.calendar import ALWAYS, Sessions, iso_date
from lockstep.data.catalog import Catalog, Dataset
from lockstep.data.declaration import Declaration
from lockstep.data.feed import Replay, instant
from lockstep.engine.errors import ConfigError
from lockstep.engine.events import Events
from lockstep.engine.instruments import Instrument
from lockstep.engine.world import Sleeve, World

from . import membership, shocks
from .durations import nanoseconds
from .lookup import find_strategy
from .schema import AUTO, Data, Scenario
from .schema import Sleeve as SleeveTable
from .stream import Market, Stage, apply

if TYPE_CHECKING:
    from lockstep.data.frames import FrameFeed

    from .frames import Clip

LATEST = 2**62


class Feed(Protocol):
    """What a run reads: instruments in canonical order, their sessions, and batches of events."""

    instruments: tuple[Instrument, ...]
    sessions: Sessions
    timers: tuple[tuple[int, int], ...]
    batch_rows: int
    renames: Callable[[], dict[tuple[int, int], str]]

    def __iter__(self) -> Iterator[Events]: ...


@dataclass(frozen=True)
class Window:
    """When a run replays, when it trades, and when its data end, ns UTC."""

    replay_from: int
    trade_from: int
    last: int


@dataclass
class Plan:
    """All that a run needs.

    Parameters
    ----------
    scenario : Scenario
        What is run.
    feed : Feed
        The market.
    window : Window
        When it trades.
    sleeves : tuple of Sleeve
        The strategies, resolved.
    data : list of dict
        What the manifest says of the data.
    market : Replay or None
        The benchmark's own feed, where it is not among the instruments.
    warnings : list of str
        What the report must show at its top.
    """

    scenario: Scenario
    feed: Feed
    window: Window
    sleeves: tuple[Sleeve, ...]
    data: list[dict[str, Any]]
    market: Replay | None = None
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.scenario.benchmark.kind == "hold" and self.market is None:
            self.number(self.scenario.benchmark.symbol)
        # Shocks are checked before anything runs, and the reader is told of each.
        self.warnings.extend(f"Shock: {stage.sentence}." for stage in self._stages() if stage.sentence)

    def number(self, symbol: str) -> int:
        """Return the number of the instrument that the benchmark holds.

        Raises
        ------
        ConfigError
            If it is not replayed.
        """
        for number, instrument in enumerate(self.feed.instruments):
            if symbol in (instrument.symbol, instrument.id):
                return number
        known = ", ".join(instrument.symbol for instrument in self.feed.instruments[:20])
        raise ConfigError(f"benchmark.symbol = {symbol!r} is not replayed; name its dataset too, or one of {known}")

    def _stages(self) -> list[Stage]:
        market, universe = self._market(), self.scenario.universe
        members = [membership.stage(universe, market)] if universe is not None else []
        return [*members, *shocks.prepare(self.scenario.shocks, market)]

    def _market(self) -> Market:
        execution, feed, window = self.scenario.execution, self.feed, self.window
        return Market(
            feed.instruments,
            feed.sessions,
            window.replay_from,
            window.last,
            min(getattr(feed, "delays", [0])),
            nanoseconds(execution.grace),
            self.scenario.seed,
        )

    def stream(self) -> Iterator[Events]:
        """Return the events as the engine is given them: with changes of the universe, and shocks."""
        stages = self._stages()
        return apply(self.feed, stages, self._market(), self.feed.batch_rows) if stages else iter(self.feed)

    def world(self) -> World:
        """Return the account at its start."""
        scenario = self.scenario
        return World(
            self.feed.instruments,
            self.sleeves,
            scenario.settings(),
            trade_from=self.window.trade_from,
            seed=scenario.seed,
        )

    @property
    def periods_per_year(self) -> int:
        """Sessions in a year: 252 on an exchange, 365 where the market never closes."""
        return 365 if self.feed.sessions.calendar == ALWAYS else 252


def make_plan(
    scenario: Scenario,
    catalog: Catalog,
    folder: Path | None = None,
    batch_rows: int = 65_536,
    sleeves: tuple[Sleeve, ...] = (),
) -> Plan:
    """Lay out the run of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Checked.
    catalog : Catalog
        Where its data are; bundled datasets that are missing are built.
    folder : Path or None
        Where its strategies' dotted names are looked up first.
    batch_rows : int
        Events a batch; results do not depend on it.
    sleeves : tuple of Sleeve
        The strategies themselves, where they are not to be found by name.

    Raises
    ------
    LockstepError
        If a dataset, symbol or strategy is not to be found, or nothing is left to trade.
    """
    data, execution = scenario.data, scenario.execution
    sleeves = sleeves or resolve_sleeves(scenario.every_sleeve, folder)
    needed = {*data.names, scenario.benchmark.dataset} - {""}
    build_missing(catalog, needed)
    datasets = [catalog.dataset(name) for name in data.names]
    for dataset in datasets:
        _expect(data, dataset)
    delay = execution.delay
    options: dict[str, Any] = {
        "end": data.end,
        "delay_ns": _delays(delay, data.names) if isinstance(delay, dict) else nanoseconds(delay),
        "grace_ns": nanoseconds(execution.grace),
        "batch_rows": batch_rows,
    }
    symbols = _symbols(scenario)
    everything = Replay(catalog, data.names, symbols, **options)
    warmup = _warmup(data, sleeves, [dataset.manifest.timeframe for dataset in datasets], everything.sessions)
    window, warnings = lay_out(data, everything, warmup)
    feed = Replay(catalog, data.names, symbols, window.replay_from, **options)
    table, market = scenario.benchmark, None
    if table.dataset:
        market = Replay(catalog, table.dataset, [table.symbol], window.replay_from, data.end)
    return Plan(scenario, feed, window, sleeves, feed.describe(), market, warnings)


def build_missing(catalog: Catalog, names: Iterable[str]) -> None:
    """Build those bundled datasets among `names` that the catalogue lacks."""
    if any(name not in catalog for name in names):
        from lockstep.data.bundled import bundled  # loads pandas, which most runs do without

        bundled(catalog, names)


def make_frame_plan(
    scenario: Scenario, feed: "FrameFeed", sleeves: tuple[Sleeve, ...], batch_rows: int = 65_536
) -> Plan:
    """Lay out the run of strategies on data that are already in memory.

    Parameters
    ----------
    scenario : Scenario
        Everything but data and strategies is taken from it.
    feed : FrameFeed
        The market.
    sleeves : tuple of Sleeve
        The strategies.
    batch_rows : int
        Events a batch; results do not depend on it.

    Raises
    ------
    LockstepError
        If nothing is left to trade.
    """
    from .frames import Clip

    grace = nanoseconds(scenario.execution.grace)
    feed.batch_rows = batch_rows
    until = instant(scenario.data.end, feed.sessions.zone, LATEST, 1)
    everything = Clip(feed, -LATEST, until, grace)
    warmup = _warmup(scenario.data, sleeves, [feed.source.declaration.timeframe], feed.sessions)
    window, warnings = lay_out(scenario.data, everything, warmup)
    clip = Clip(feed, window.replay_from, until, grace)
    return Plan(scenario, clip, window, sleeves, [_described(feed, everything)], None, warnings)


def _described(feed: "FrameFeed", everything: "Clip") -> dict[str, Any]:
    """Return what the manifest says of data in memory."""
    declaration = feed.source.declaration
    return {
        "dataset": "DataFrame",
        "kind": declaration.kind,
        "hash": hashlib.sha256(everything.events.tobytes()).hexdigest(),
        "rows": len(feed.source.rows),
        "first": _iso(everything.first),
        "last": _iso(everything.last),
        "adjusted": declaration.adjusted,
        "source": declaration.source,
        "licence": declaration.licence,
        "synthetic": declaration.synthetic,
        "survivorship": "",
        "findings": [
            {"rule": finding.rule, "count": finding.count, "detail": finding.detail} for finding in feed.findings
        ],
    }


def _iso(ts: int) -> str:
    return str(np.datetime64(ts, "ns").astype("datetime64[s]"))


def _symbols(scenario: Scenario) -> list[str] | None:
    """Return the symbols to replay: those named, else those that are ever in the universe, else all."""
    if scenario.data.symbols is not None or scenario.universe is None:
        return scenario.data.symbols
    return sorted({spell.symbol for spell in scenario.universe.members})


def resolve_sleeves(tables: Sequence[SleeveTable], folder: Path | None) -> tuple[Sleeve, ...]:
    """Return the strategies with their checked parameters.

    Raises
    ------
    LockstepError
        If one is not to be found, a parameter is wrong or two have one name.
    """
    found = []
    for number, table in enumerate(tables):
        where = f"sleeves[{number}]" if len(tables) > 1 else "strategy"
        strategy = find_strategy(table.use, folder, f"{where}.use")
        try:
            found.append(Sleeve(strategy, table.parameters, table.share, table.name or own_name(strategy)))
        except ConfigError as error:
            raise ConfigError(f"{where}.parameters: {error}") from error
    names = [sleeve.name for sleeve in found]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigError(f"sleeves[{number}].name = {name!r} is used twice; give each sleeve a name of its own")
    return tuple(found)


def own_name(strategy: Any) -> str:
    """Return a strategy's own name; a class without one goes by its class's."""
    return str(strategy.name or getattr(strategy, "__name__", "strategy"))


def _expect(data: Data, dataset: Dataset) -> None:
    for key in ("timeframe", "calendar"):
        wanted, has = getattr(data, key), getattr(dataset.manifest, key)
        if wanted and wanted != has:
            raise ConfigError(
                f"data.{key} = {wanted!r}, but dataset {dataset.manifest.name!r} has {has!r}; choose another dataset"
            )


def _delays(delays: Mapping[str, str], names: Sequence[str]) -> dict[str, int]:
    for name in delays:
        if name not in names:
            raise ConfigError(f"execution.delay.{name} names no dataset of the scenario; it has: {', '.join(names)}")
    return {name: nanoseconds(delay) for name, delay in delays.items()}


def _warmup(data: Data, sleeves: Sequence[Sleeve], timeframes: Sequence[str], sessions: Sessions) -> int:
    """Return how many sessions are replayed before trading begins: declared, or enough for every strategy's bars."""
    if data.warmup != AUTO:
        return int(data.warmup)
    bars = max(int(sleeve.strategy.warmup(sleeve.parameters)) for sleeve in sleeves)
    spans = [bar_length(timeframe) for timeframe in timeframes]
    length = int(np.median(sessions.close - sessions.open))
    # What has several timeframes waits for the longest; a session holds at least one bar.
    per_session = max(1, min((length // span for span in spans if span), default=1))
    return -(-bars // per_session)


def bar_length(timeframe: str) -> int:
    """Return the nanoseconds of a bar, 0 for ticks."""
    return Declaration.model_construct(timeframe=timeframe).nanoseconds


def lay_out(data: Data, feed: Any, warmup: int) -> tuple[Window, list[str]]:
    """Return the window of a run, and what the user should know of it.

    Raises
    ------
    ConfigError
        If nothing is left to trade.
    """
    sessions: Sessions = feed.sessions
    start, end = (instant(value, sessions.zone, default, after) for value, default, after in (
        (data.start, -LATEST, 0), (data.end, LATEST, 1),
    ))  # fmt: skip
    if start >= end:
        raise ConfigError(f"data.start = {data.start!r} is not before data.end = {data.end!r}; swap them")
    held = int(np.searchsorted(sessions.close, feed.first))
    last = int(np.searchsorted(sessions.open, feed.last)) - 1
    asked = max(int(np.searchsorted(sessions.close, start, "right")), held)
    first = max(asked, held + warmup)
    if first > last:
        raise ConfigError(_nothing_left(data, sessions, (held, last), warmup))
    warnings = []
    if first > asked and data.start is not None:
        warnings.append(
            f"Trading begins on {iso_date(int(sessions.date[first]))}, not {data.start}: the data begin too late for "
            f"{warmup} sessions of warm-up."
        )
    replay_from = int(sessions.midnight[first - warmup])
    ends = min(int(sessions.close[last]), int(feed.last))
    return Window(replay_from, max(int(sessions.midnight[first]), start), ends), warnings


def _nothing_left(data: Data, sessions: Sessions, held: tuple[int, int], warmup: int) -> str:
    first, last = (iso_date(int(sessions.date[number])) for number in held)
    names = ", ".join(data.names)
    return (
        f"data.start = {data.start!r} with {warmup} sessions of warm-up leaves nothing to trade; "
        f"{names} has {held[1] - held[0] + 1} sessions from {first} to {last}"
    )
