"""Whether a session keeps up with a busy feed: quotes of many symbols through real sockets, for a minute.

1. A synthetic market of quotes is written, as many as the wall clock is to bring at the rate asked for.
2. A local venue, a process of its own, replays it in so many times real time over its websocket.
3. A session with a compiled strategy trades on it: the SDK's stream, decoding, journal, step, orders.
4. Afterwards the journal tells how late each row was committed, against the pace at which it happened. A session that
   does not keep up is later at the end than at the beginning.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lockstep.data.catalog import Catalog
from lockstep.data.synthetic.build import write_synthetic
from lockstep.data.synthetic.market import SyntheticMarket
from lockstep.engine.events import QUOTE, SECOND
from lockstep.scenarios.loading import load

from . import places
from .journal import Reader
from .publishing import Commands, Publisher
from .running import Options, trade

SESSION_SECONDS, STEPS = 23_400, 390
SCENARIO = """
title = "A busy feed"
[data]
dataset = "synthetic-busy"
warmup = 0
[strategy]
use = "lockstep.strategies.quote_fade"
parameters = { window = 20, entry = 3.5, weight = 0.001 }
[risk]
max_position = "unlimited"
max_sector = "unlimited"
[live]
mute = "30s"
"""


@dataclass(frozen=True)
class Feed:
    """What a busy minute showed; lateness in ms: medians of the first and the last tenth, 99th percentile."""

    stage: str
    symbols: int
    count: int
    orders: int
    per_second: float
    late_first_ms: float
    late_last_ms: float
    late_p99_ms: float
    replay: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def measure_feed(seconds: int, rate: int = 5_000, symbols: int = 200) -> Feed:
    """Stream `rate` quotes a second of so many symbols through a session for about `seconds`.

    The venue does not wait: what it plays before the session is there, which takes seconds, is not counted.
    """
    per_step = max(round(seconds * rate / (symbols * STEPS)), 1)
    speed = SESSION_SECONDS * rate / (per_step * symbols * STEPS)
    with TemporaryDirectory(prefix="lockstep-feed-") as place:
        folder = Path(place)
        catalog = Catalog(folder / "catalog")
        market = SyntheticMarket(symbols=symbols, sessions=1, pairs=0, splits=0, halts=0, late=0, delisted=0)
        write_synthetic(catalog, "synthetic-busy", market, "quotes", per_step)
        path = folder / "busy.toml"
        path.write_text(SCENARIO)
        run = _trade(path, catalog, folder, speed)
        reader = Reader(folder / "runs" / run.folder.name)
        late, span = _lateness(reader, speed)
        reader.close()
    tenth = max(len(late) // 10, 1)
    first, last, high = (
        float(x) / 1e6 for x in (np.median(late[:tenth]), np.median(late[-tenth:]), np.percentile(late, 99))
    )
    return Feed(
        "feed", symbols, len(late), run.orders, len(late) / span, round(first, 3), round(last, 3), round(high, 3),
        run.verdict.verdict,
    )  # fmt: skip


def _trade(path: Path, catalog: Catalog, folder: Path, speed: float) -> Any:
    source = load(str(path))
    arguments = [str(path), "--speed", f"{speed:.4f}x", "--catalog", str(folder / "catalog")]
    with places.begin_venue(arguments, source.scenario.live) as place:
        return trade(source, catalog, place, Options(folder / "runs"), Publisher(), Commands(), _unheard)


def _unheard(kind: str, words: str) -> None:
    """Take an alert; the journal has it."""


def _lateness(reader: Reader, speed: float) -> tuple[Any, float]:
    """Return by how many ns each quote was committed later than the earliest one was, and the wall seconds in all."""
    walls, happened = [], []
    for batch in reader.batches():
        ts = batch.events["ts_event"][batch.events["kind"] == QUOTE]
        walls.append(np.full(len(ts), batch.wall))
        happened.append(ts)
    wall, ts = np.concatenate(walls), np.concatenate(happened)
    late = (wall - wall[0]) - (ts - ts[0]) / speed
    return late - late.min(), max((int(wall[-1]) - int(wall[0])) / SECOND, 1e-9)


def told_feed(row: Feed) -> str:
    """Return a row as a line for people."""
    return (
        f"{row.stage:<11}{row.count:>8,} quotes of {row.symbols} symbols {row.orders:>7,} orders   late at first "
        f"{row.late_first_ms:,.1f} ms, at last {row.late_last_ms:,.1f} ms, p99 {row.late_p99_ms:,.1f} ms   "
        f"{row.per_second:>8,.0f} a second   replay {row.replay}"
    )
