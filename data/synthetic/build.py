"""Synthetic markets as datasets, streamed into the catalogue session by session, and as DataFrames."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

from lockstep.data.catalog import Catalog
from lockstep.data.declaration import declare
from lockstep.data.manifest import Finding, Manifest
from lockstep.data.publish import publish
from lockstep.data.rows import Rows, join
from lockstep.data.source import Source
from lockstep.engine.errors import DataError

from .market import SECTORS, Market, SyntheticMarket
from .paths import Path, paths
from .rows import daily_bars, quotes, step_bars, trades

if TYPE_CHECKING:
    import pandas as pd

Form = Literal["intraday", "daily", "quotes", "trades"]
CHUNK = 20
"""Sessions written at a time."""


def write_synthetic(
    catalog: Catalog, name: str, settings: SyntheticMarket, form: Form = "intraday", per_step: int = 20
) -> Manifest:
    """Write a synthetic market as a dataset, in bounded memory however long it is.

    Parameters
    ----------
    catalog : Catalog
        Where it goes.
    name : str
        Name of the dataset; must start with ``synthetic``.
    settings : SyntheticMarket
        What it is.
    form : {"intraday", "daily", "quotes", "trades"}
        What is written of it; all forms of one market show the same prices.
    per_step : int
        Ticks of an instrument in a step, for quotes and trades.

    Raises
    ------
    DataError
        If the name does not say that the data is synthetic.
    """
    if not name.startswith("synthetic"):
        raise DataError(f"dataset name {name!r}: a synthetic dataset must be named so; expected synthetic…")
    market = Market(settings)
    source = synthetic_source(market, form, per_step)
    finding = Finding(rule="synthetic", count=1, detail="every row was generated; none was ever traded")
    return publish(catalog, name, source, chunks(market, form, per_step), market.sessions, (finding,), ())


def synthetic_source(market: Market, form: Form, per_step: int = 20) -> Source:
    """Return the description of a synthetic dataset, with one session's rows as a sample of its kind."""
    kind = "bars" if form in ("intraday", "daily") else form
    times = {
        "intraday": (f"{market.settings.step}min", "open"),
        "daily": ("1d", "session"),
        "quotes": ("tick", "instant"),
        "trades": ("tick", "instant"),
    }
    if form not in times:
        raise DataError(f"form={form!r}, expected one of {', '.join(times)}")
    timeframe, label = times[form]
    declaration = declare(
        kind=kind,
        timeframe=timeframe,
        label=label,
        zone="UTC",
        adjusted="raw",
        calendar=market.settings.calendar,
        source=f"synthetic market, seed {market.settings.seed}",
        licence="Apache-2.0",
        synthetic=True,
        splits_known=True,
    )
    instruments = {
        name: {"name": f"Synthetic {name[3:]}", "sector": f"Synthetic {SECTORS[market.sector[at]]}"}
        for at, name in enumerate(market.ids)
    }
    sample = _maker(market, form, per_step)(next(paths(market)))
    return Source(sample, declaration, tuple(market.actions), instruments, truth=market.truth())


def chunks(market: Market, form: Form, per_step: int = 20) -> Iterator[Rows]:
    """Yield a market's rows, sorted, some sessions at a time."""
    make = _maker(market, form, per_step)
    waiting: list[Rows] = []
    for path in paths(market):
        waiting.append(make(path))
        if len(waiting) == CHUNK:
            yield join(waiting)
            waiting = []
    if waiting:
        yield join(waiting)


def _maker(market: Market, form: Form, per_step: int) -> Callable[[Path], Rows]:
    makers: dict[str, Callable[[Path], Rows]] = {
        "intraday": partial(step_bars, market),
        "daily": partial(daily_bars, market),
        "quotes": partial(quotes, market, per_step=per_step),
        "trades": partial(trades, market, per_step=per_step),
    }
    return makers[form]


def synthetic_frames(
    settings: SyntheticMarket, form: Literal["intraday", "daily"] = "daily"
) -> "dict[str, pd.DataFrame]":
    """Return a synthetic market as DataFrames by symbol, for studies and notebooks.

    Intraday bars are indexed by their open, in UTC; daily bars by their session's date.
    """
    import pandas as pd

    market = Market(settings)
    rows = join(list(chunks(market, form)))
    names = ("open", "high", "low", "close", "volume")
    frames = {}
    for code, name in enumerate(rows.ids):
        own = rows.take(rows["code"] == code)
        if form == "daily":
            number = market.sessions.holding(own["ts_event"])
            index = pd.DatetimeIndex(market.sessions.date[number].astype("datetime64[D]"))
        else:
            index = pd.DatetimeIndex(own["ts_open"].astype("datetime64[ns]"), tz="UTC")
        frames[name] = pd.DataFrame({field: own[field] for field in names}, index=index)
    return frames
