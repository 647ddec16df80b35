"""What a live run is made of: from a scenario at its start, from its journal ever after.

The journal's `meta` holds the whole of it, so that recovery and replay need neither the scenario's file nor the
catalogue, and notice when code or configuration are no longer those of the run.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.calendar import Sessions, load_sessions
from lockstep.data.catalog import Catalog
from lockstep.engine.errors import ConfigError
from lockstep.engine.events import DAY, SECOND
from lockstep.engine.instruments import Instrument
from lockstep.engine.world import Sleeve, World
from lockstep.scenarios import provenance
from lockstep.scenarios.durations import nanoseconds
from lockstep.scenarios.loading import Source, validate
from lockstep.scenarios.plan import bar_length, make_plan, resolve_sleeves
from lockstep.scenarios.schedules import timers
from lockstep.scenarios.schema import Live, Scenario

from .core import Core
from .market import Market
from .schedule import Schedule

AHEAD_DAYS = 1500
"""Days of the calendar that a run is laid out for; a recording that lasts longer has all of its own."""
FRESH_TICKS = 5 * SECOND
MINUTE_BARS, DAY_BARS = "1min", "1d"


@dataclass(frozen=True)
class Setup:
    """Everything that a run is made of and that does not change.

    Parameters
    ----------
    run : str
        Eight hexadecimal digits that tell its orders from all others.
    scenario : Scenario
        With all defaults.
    folder : str
        Where its strategies are looked up first; empty for none.
    instruments : tuple of Instrument
        In canonical order.
    timeframe : str
        Of its bars, ``tick`` where it has none.
    kinds : tuple of str
        Kinds of rows that its data have: bars, closes, quotes, trades.
    sessions : Sessions
        From the warm-up to some years ahead.
    replay_from, trade_from : int
        Start of the warm-up and of trading, ns UTC.
    delay : int
        Nanoseconds from a bar's close until it is known, in the warm-up.
    cash : int
        Micro-dollars of the account at the start.
    venue : str
        ``local``, ``paper`` or ``real_money``.
    proxies : mapping
        Symbol → the symbol whose data stand in for it.
    """

    run: str
    scenario: Scenario
    folder: str
    instruments: tuple[Instrument, ...]
    timeframe: str
    kinds: tuple[str, ...]
    sessions: Sessions
    replay_from: int
    trade_from: int
    delay: int
    cash: int
    venue: str
    proxies: Mapping[str, str]

    @property
    def live(self) -> Live:
        """The scenario's ``[live]`` table."""
        return self.scenario.live

    @property
    def length(self) -> int:
        """Nanoseconds of a bar; 0 for ticks."""
        return bar_length(self.timeframe) if self.timeframe != "tick" else 0

    @property
    def daily(self) -> bool:
        """Whether its bars are days."""
        return self.length >= DAY

    @property
    def fresh(self) -> int:
        """Nanoseconds for which a decision may be sent."""
        if self.live.fresh == "auto":
            return self.length or FRESH_TICKS
        return nanoseconds(self.live.fresh)

    def sleeves(self) -> tuple[Sleeve, ...]:
        """Return the strategies."""
        return resolve_sleeves(self.scenario.every_sleeve, Path(self.folder) if self.folder else None)

    def world(self, *, external: bool = True) -> World:
        """Return the account at its start."""
        return World(
            self.instruments, self.sleeves(), self.settings(), trade_from=self.trade_from, seed=self.scenario.seed,
            external=external,
        )  # fmt: skip

    def settings(self) -> Any:
        """Return the engine's settings, with the cash that the account really had."""
        from dataclasses import replace

        settings = self.scenario.settings()
        return replace(settings, account=replace(settings.account, cash=self.cash / 1e6))

    def core(self, **options: Any) -> Core:
        """Return a new core."""
        return Core(self.world(), **options)

    def market(self) -> Market:
        """Return a translator of market data that has seen nothing."""
        return Market(self.instruments, self.length, self.sessions, nanoseconds(self.live.grace))

    def schedule(self, core: Core) -> Schedule:
        """Return what falls due from the warm-up on."""
        last = int(self.sessions.close[-1])
        due = timers(core.runner.schedules, self.sessions, self.replay_from, last)
        return Schedule(self.sessions, due, self.delay, self.replay_from)

    def channels(self) -> dict[str, list[str]]:
        """Return what must be subscribed to."""
        symbols = [each.symbol for each in self.instruments]
        wanted = {"statuses": symbols}
        if "bars" in self.kinds or "closes" in self.kinds:
            wanted |= {"dailyBars": symbols} if self.daily else {"bars": symbols, "updatedBars": symbols}
        return wanted | {kind: symbols for kind in ("quotes", "trades") if kind in self.kinds}

    def meta(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        columns = {name: getattr(self.sessions, name).tolist() for name in ("date", "open", "close", "midnight")}
        described = {
            "run": self.run,
            "config": self.scenario.dump(),
            "folder": self.folder,
            "instruments": [asdict(each) for each in self.instruments],
            "timeframe": self.timeframe,
            "kinds": list(self.kinds),
            "sessions": {"calendar": self.sessions.calendar, "zone": self.sessions.zone, **columns},
            "replay_from": self.replay_from,
            "trade_from": self.trade_from,
            "delay": self.delay,
            "cash": self.cash,
            "venue": self.venue,
            "proxies": dict(self.proxies),
        }
        return {
            **described,
            "seal": seal(described),
            "code": provenance.code(self.scenario),
            "versions": provenance.versions(),
            "machine": provenance.machine(),
            "git": provenance.git(),
        }


def seal(described: Mapping[str, Any]) -> str:
    """Return the hash of a description, to notice when it has been edited."""
    return blake2b(json.dumps(described, sort_keys=True).encode(), digest_size=16).hexdigest()


SEALED = (
    "run", "config", "folder", "instruments", "timeframe", "kinds", "sessions", "replay_from", "trade_from", "delay",
    "cash", "venue", "proxies",
)  # fmt: skip


def from_meta(meta: Mapping[str, Any]) -> Setup:
    """Return the setup that a journal describes.

    Raises
    ------
    ConfigError
        If it has been edited.
    """
    described = {name: meta[name] for name in SEALED}
    if seal(described) != meta["seal"]:
        raise ConfigError("the configuration in the journal is not that with which the run began; restore the file")
    table = meta["sessions"]
    columns = (np.array(table[name], np.int64) for name in ("date", "open", "close", "midnight"))
    return Setup(
        meta["run"], validate(meta["config"], "the journal's configuration"), meta["folder"],
        tuple(Instrument(**each) for each in meta["instruments"]), meta["timeframe"], tuple(meta["kinds"]),
        Sessions(table["calendar"], table["zone"], *columns), meta["replay_from"], meta["trade_from"], meta["delay"],
        meta["cash"], meta["venue"], meta["proxies"],
    )  # fmt: skip


def from_scenario(source: Source, catalog: Catalog, now: int, wall: int, cash: int, venue: str) -> Setup:
    """Lay a run out that begins at `now`, exchange time.

    Raises
    ------
    LockstepError
        If the scenario cannot be run, or not live.
    """
    scenario = source.scenario
    plan = make_plan(scenario, catalog, source.folder)
    feed: Any = plan.feed
    manifests = feed.manifests
    frames = sorted({each.timeframe for each in manifests if each.timeframe != "tick"}, key=bar_length)
    if len(frames) > 1:
        raise ConfigError(f"data have bars of {', '.join(frames)}; live, name datasets of one timeframe")
    timeframe = frames[0] if frames else "tick"
    if venue != "local" and timeframe not in (MINUTE_BARS, DAY_BARS, "tick"):
        raise ConfigError(f"Alpaca streams bars of {MINUTE_BARS} and {DAY_BARS}, not of {timeframe}: choose such data")
    warm = _sessions_between(feed.sessions, plan.window.replay_from, plan.window.trade_from)
    sessions, first = _around(feed.sessions, now, warm)
    delay = max(feed.delays)
    return Setup(
        blake2b(f"{scenario.name}/{wall}".encode(), digest_size=4).hexdigest(), scenario,
        str(source.folder.resolve()) if source.folder else "", feed.instruments, timeframe,
        tuple(sorted({each.kind for each in manifests})), sessions, first, now, delay, cash, venue,
        dict(scenario.live.proxies),
    )  # fmt: skip


def _sessions_between(sessions: Sessions, start: int, end: int) -> int:
    return int(np.searchsorted(sessions.midnight, end) - np.searchsorted(sessions.midnight, start))


def _around(recorded: Sessions, now: int, warm: int) -> tuple[Sessions, int]:
    """Return the sessions from the warm-up's first to some years ahead, and where the warm-up begins, ns UTC."""
    day = np.datetime64(now, "ns").astype("datetime64[D]")
    before = 2 * warm + 10
    last = max(day + AHEAD_DAYS, np.datetime64(int(recorded.date[-1]), "D"))
    sessions = load_sessions(recorded.calendar, str(day - before), str(last))
    at = max(int(np.searchsorted(sessions.midnight, now, "right")) - 1, 0)
    # In the evening, after the close, the session at hand is the next one.
    at += int(sessions.close[at] <= now)
    first = max(at - warm, 0)
    kept = sessions.slice(max(first - 1, 0), len(sessions))
    return kept, int(sessions.midnight[first])
