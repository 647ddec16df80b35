"""What the venue replays: a dataset or a scenario as groups of events that become known at one instant."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.calendar import Sessions
from lockstep.data.catalog import Catalog
from lockstep.data.feed import Replay, instant
from lockstep.data.manifest import Manifest
from lockstep.engine.errors import ConfigError
from lockstep.engine.events import BAR, DAY, TIMER, TRADE, Events, join, sort_events
from lockstep.engine.instruments import Instrument, canonical
from lockstep.engine.settings import INFINITE, Account, Costs, Execution, Settings

FOREVER = 2**62
_YEAR = 364 * DAY
"""A loop moves the recording by a multiple of this: weekdays stay, and daylight saving nearly so."""


@dataclass(frozen=True)
class Recording:
    """A recorded market and the account that trades on it.

    Parameters
    ----------
    name : str
        Of the dataset or scenario.
    instruments : tuple of Instrument
        In canonical order, proxies among them.
    sessions : Sessions
        The calendar, a few sessions beyond the last row.
    open : callable
        Begins a replay: batches of events.
    past : callable
        ``past(start, end)``: the events of that time (ns UTC), read anew.
    starts : int
        Time at which the venue opens, ns UTC; what came before is history.
    settings : Settings
        Account, costs and execution.
    timeframe : str
        Of its bars, such as ``1min`` or ``1d``; ``tick`` for quotes and trades.
    proxies : dict of str to str
        Symbols without data of their own, and whose data stand for them.
    delay : int
        Largest time in ns from an event until it is known.
    """

    name: str
    instruments: tuple[Instrument, ...]
    sessions: Sessions
    open: Callable[[], Iterable[Events]]
    past: Callable[[int, int], Iterable[Events]]
    starts: int
    settings: Settings
    timeframe: str
    proxies: Mapping[str, str] = field(default_factory=dict)
    delay: int = 0
    loop: bool = False

    @property
    def daily(self) -> bool:
        """Whether its bars are days."""
        return self.timeframe.endswith("d")

    def groups(self) -> Iterator[tuple[int, Events]]:
        """Yield the events that become known at one instant, group by group; without end, if it loops.

        With each group comes by how many ns its round is moved.
        """
        shift = 0
        while True:
            first = last = 0
            for group in grouped(self.open()):
                last = int(group["ts_available"][0])
                first = first or last
                yield shift, shifted(group, shift) if shift else group
            if not self.loop or not last:
                return
            shift += -(-(last - first + DAY) // _YEAR) * _YEAR


def grouped(batches: Iterable[Events]) -> Iterator[Events]:
    """Cut batches where `ts_available` changes, wherever the batches were cut; timers are left out."""
    carried: Events | None = None
    for batch in batches:
        if carried is not None:
            batch = join(carried, batch)
        ts = batch["ts_available"]
        cuts = [0, *(np.flatnonzero(ts[1:] != ts[:-1]) + 1).tolist()]
        for start, stop in pairwise(cuts):
            yield from _kept(batch[start:stop])
        carried = batch[cuts[-1] :].copy()
    if carried is not None:
        yield from _kept(carried)


def _kept(group: Events) -> Iterator[Events]:
    wanted = group["kind"] != TIMER
    if wanted.all():
        yield group
    elif wanted.any():
        yield np.ascontiguousarray(group[wanted])


def shifted(group: Events, shift: int) -> Events:
    """Return a copy of events moved by so many ns."""
    moved = group.copy()
    moved["ts_available"] += shift
    moved["ts_event"] += shift
    bars = (moved["kind"] >= BAR) & (moved["kind"] < TRADE)
    opens = moved["ts_open"].copy()
    opens[bars & (moved["kind"] == BAR)] += shift
    moved["ts_open"] = np.where(moved["kind"] == BAR, opens, moved["ts_open"])
    return moved


FRICTIONLESS = Settings(Account(), Costs.free(), Execution(latency_ns=0, volume_share=INFINITE))
"""What a dataset is traded under unless said otherwise: no costs, no latency, no cap on volume."""


def open_dataset(
    catalog: Catalog, name: str, symbols: list[str] | None = None, start: str | None = None, end: str | None = None
) -> Recording:
    """Open a dataset; bundled ones are built when the catalogue lacks them.

    Raises
    ------
    DataError
        If it is unknown, or nothing lies between start and end.
    """
    from lockstep.scenarios.plan import build_missing

    build_missing(catalog, [name])

    def replay(after: int | None, until: int | str | None) -> Replay:
        return Replay(catalog, name, symbols, after, until)

    whole = replay(None, end)
    opening = instant(start, whole.sessions.zone, _first_midnight(whole))
    if opening > whole.last:
        raise ConfigError(f"--start {start} lies after the last row of {name}; choose an earlier day")
    manifest: Manifest = whole.manifests[0]
    return Recording(
        name, whole.instruments, whole.sessions, lambda: whole, replay, opening,
        _roomy(FRICTIONLESS, len(whole.instruments)), manifest.timeframe,
    )  # fmt: skip


def open_scenario(catalog: Catalog, name: str, overrides: Iterable[str] = (), **given: Any) -> Recording:
    """Open a scenario's market as its backtest sees it, with its account, costs, execution and shocks.

    The venue opens where the backtest begins to trade; warm-up is history.

    Raises
    ------
    LockstepError
        If the scenario is wrong or its data are missing.
    """
    from lockstep.scenarios.loading import load
    from lockstep.scenarios.plan import make_plan

    source = load(name, list(overrides), **given)
    plan = make_plan(source.scenario, catalog, source.folder)
    feed: Any = plan.feed

    def past(start: int, end: int) -> Iterable[Events]:
        # Shocks need what came before them, so their stream is read from its beginning.
        return takewhile(lambda batch: batch["ts_available"][0] <= end, plan.stream())

    return Recording(
        source.scenario.name, feed.instruments, feed.sessions, plan.stream, past, plan.window.trade_from,
        _roomy(source.scenario.settings(), len(feed.instruments)), feed.manifests[0].timeframe,
        delay=max(feed.delays),
    )  # fmt: skip


def open_recording(
    catalog: Catalog,
    name: str,
    *,
    symbols: list[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    overrides: Iterable[str] = (),
    proxies: Mapping[str, str] | None = None,
    loop: bool = False,
) -> Recording:
    """Open what a name means: a scenario if there is one of it (or a file or folder), else a dataset."""
    from lockstep.data.bundled import BUNDLED
    from lockstep.scenarios.loading import bundled_names

    is_scenario = name in bundled_names() or Path(name).exists() or not (name in BUNDLED or name in catalog)
    if is_scenario:
        more = {"symbols": symbols} if symbols else {}
        recording = open_scenario(catalog, name, overrides, start=start, end=end, **more)
    elif list(overrides):
        raise ConfigError(f"--set goes with a scenario, and {name!r} is a dataset; write a scenario that names it")
    else:
        recording = open_dataset(catalog, name, symbols, start, end)
    return replace(with_proxies(recording, proxies or {}), loop=loop)


def with_proxies(recording: Recording, proxies: Mapping[str, str]) -> Recording:
    """Let symbols without data trade on another symbol's.

    Raises
    ------
    ConfigError
        If a symbol has data of its own, or its proxy has none.
    """
    if not proxies:
        return recording
    known = {each.symbol: each for each in recording.instruments}
    for symbol, source in proxies.items():
        if symbol in known:
            raise ConfigError(f"--proxy {symbol}={source}: {symbol} has data of its own; leave the proxy out")
        if source not in known:
            raise ConfigError(f"--proxy {symbol}={source}: {source} is not replayed; expected one of {sorted(known)}")
    added = [replace(known[source], id=symbol, symbol=symbol) for symbol, source in sorted(proxies.items())]
    instruments = canonical([*recording.instruments, *added])
    place = {each.symbol: number for number, each in enumerate(instruments)}
    renumber = np.array([place[each.symbol] for each in recording.instruments], np.int32)
    copies = [(place[source], place[symbol]) for symbol, source in sorted(proxies.items())]

    def doubled(batches: Iterable[Events]) -> Iterator[Events]:
        for group in grouped(batches):
            yield _with_copies(group, renumber, copies)

    return replace(
        recording,
        instruments=instruments,
        open=lambda: doubled(recording.open()),
        past=lambda start, end: doubled(recording.past(start, end)),
        settings=_roomy(recording.settings, len(instruments)),
        proxies=dict(proxies),
    )


def _with_copies(group: Events, renumber: Any, copies: list[tuple[int, int]]) -> Events:
    group = group.copy()
    owned = group["instrument"] >= 0
    group["instrument"][owned] = renumber[group["instrument"][owned]]
    parts = [group]
    for source, symbol in copies:
        copy = group[group["instrument"] == source]
        copy["instrument"] = symbol
        parts.append(copy)
    return sort_events(join(*parts))


def _first_midnight(replay: Replay) -> int:
    place = int(np.searchsorted(replay.sessions.close, replay.first))
    return int(replay.sessions.midnight[place])


def _roomy(settings: Settings, n: int) -> Settings:
    """Return settings with room for many open orders: a venue refuses none for want of room."""
    account = replace(settings.account, max_orders=max(settings.account.slots(n), 4096 + 8 * n))
    return replace(settings, account=account)
