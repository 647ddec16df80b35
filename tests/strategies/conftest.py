"""Runs of the bundled scenarios in memory, and the adjusted prices that their strategies saw."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lockstep.data.catalog import Catalog
from lockstep.engine.events import BAR, CLOSE, SPLIT
from lockstep.scenarios.loading import load
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.run import execute


@pytest.fixture(scope="session")
def catalog(tmp_path_factory):
    """An empty catalogue; datasets are built when first asked for."""
    return Catalog(tmp_path_factory.mktemp("catalog"))


@pytest.fixture(scope="session")
def plan_of(catalog):
    """Lay out a bundled scenario, or a part of it: ``overrides`` are ``key=value``."""

    @cache
    def lay_out(name, *overrides, start=None, end=None):
        return make_plan(load(name, overrides, start=start, end=end).scenario, catalog)

    return lay_out


@pytest.fixture(scope="session")
def run(plan_of):
    """Run a bundled scenario; gives its plan, outcome and tables as DataFrames."""

    @cache
    def go(name, *overrides, start=None, end=None):
        plan, pieces = plan_of(name, *overrides, start=start, end=end), {}
        outcome = execute(plan, lambda table, rows: pieces.setdefault(table, []).append(rows))
        tables = {table: pa.concat_tables(rows).to_pandas() for table, rows in pieces.items()}
        return SimpleNamespace(plan=plan, outcome=outcome, **tables)

    return go


@pytest.fixture(scope="session")
def prices_of(plan_of):
    """Give the forward-adjusted bars of a bundled scenario, a frame for each column, warm-up included."""

    @cache
    def read(name, *overrides, start=None, end=None):
        plan = plan_of(name, *overrides, start=start, end=end)
        return adjusted(np.concatenate(list(plan.stream())), [each.symbol for each in plan.feed.instruments])

    return read


def adjusted(events, symbols):
    """Return frames of prices times all splits so far, volume over them; close-only prices have a close alone."""
    factor, rows = np.ones(len(symbols)), []
    for event in events[np.isin(events["kind"], [BAR, CLOSE, SPLIT])]:
        i = event["instrument"]
        if event["kind"] == SPLIT:
            factor[i] *= event["numerator"] / event["denominator"]
            continue
        bar = [event[name] * factor[i] for name in ("open", "high", "low", "close")]
        rows.append((event["ts_available"], symbols[i], *bar, event["volume"] / factor[i], factor[i]))
    names = ["open", "high", "low", "close", "volume", "factor"]
    frame = pd.DataFrame(rows, columns=["ts", "symbol", *names])
    frame["ts"] = pd.to_datetime(frame["ts"], utc=True)
    return SimpleNamespace(**{name: frame.pivot(index="ts", columns="symbol", values=name) for name in names})
