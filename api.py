"""The Python API, for notebooks and tests: run a strategy on data, get DataFrames."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lockstep.data.catalog import Catalog
from lockstep.data.frames import FrameFeed
from lockstep.engine.errors import ConfigError
from lockstep.engine.settings import Costs
from lockstep.engine.sweep import Sweep
from lockstep.engine.world import Sleeve
from lockstep.reports import RunFolder, attribution, render, statistics, trades
from lockstep.scenarios import durations
from lockstep.scenarios.loading import Source, load, validate
from lockstep.scenarios.lookup import check_strategy, find_strategy
from lockstep.scenarios.manifest import describe
from lockstep.scenarios.plan import Plan, make_frame_plan, make_plan, own_name
from lockstep.scenarios.run import DIGITS, execute

Data = str | Sequence[str] | pd.DataFrame | Mapping[str, Any]
Table = Mapping[str, Any] | Any | None


class Result:
    """What a run gave: DataFrames in dollars and shares, times in UTC.

    Parameters
    ----------
    run : RunFolder
        The run in memory.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.orders, self.fills, self.decisions = run.orders, run.fills, run.decisions
        self.equity, self.sleeves, self.marks = run.equity.set_index("ts"), run.sleeves, run.marks
        self.flows, self.series, self.benchmark = run.flows, run.series, run.benchmark

    def __repr__(self) -> str:
        return f"Result({self.run!r}, final equity {self.final_equity:,.2f}, digest {self.digest})"

    @property
    def digest(self) -> str:
        """Digest of every decision, order, fill and equity mark."""
        return str(self.run.manifest["digest"])

    @property
    def manifest(self) -> dict[str, Any]:
        """Everything needed to understand the run; money in micros."""
        return self.run.manifest

    @property
    def final_equity(self) -> float:
        """Dollars at the end."""
        return float(self.run.manifest["final_equity"]) / 1e6

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Round trips, see `lockstep.reports.trades`."""
        return trades(self.run)

    @cached_property
    def attribution(self) -> pd.DataFrame:
        """Profit and loss by instrument, see `lockstep.reports.attribution`."""
        return attribution(self.run)

    @cached_property
    def statistics(self) -> dict[str, float]:
        """Every scalar statistic, see `lockstep.reports.statistics`."""
        return statistics(self.run)

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the HTML report; return its path."""
        return render(self.run, path)


def run(
    strategy: Any,
    data: Data,
    *,
    symbols: Sequence[str] | None = None,
    start: Any = None,
    end: Any = None,
    parameters: Mapping[str, Any] | None = None,
    cash: float | None = None,
    costs: Table = None,
    execution: Table = None,
    risk: Table = None,
    benchmark: str | Mapping[str, Any] | None = None,
    shocks: Sequence[Mapping[str, Any]] = (),
    warmup: int | str = "auto",
    seed: int = 0,
    name: str = "notebook",
    catalog: str | Path | Catalog | None = None,
    **frame: Any,
) -> Result:
    """Run a strategy on data.

    Parameters
    ----------
    strategy : KernelStrategy, class derived from Strategy, dotted name, or sequence of Sleeve
        What decides; several sleeves share the account.
    data : str, sequence of str, DataFrame or mapping of symbol to DataFrame
        Datasets of the catalogue, or frames indexed by time, see `lockstep.data.frames.FrameFeed`.
    symbols : sequence of str or None
        Of a dataset; None takes all.
    start, end : date or None
        First and last day of trading, exchange time, inclusive.
    parameters : mapping or None
        The strategy's parameters; those left out have their defaults.
    cash : float or None
        Dollars at the start; a million where left out.
    costs, execution, risk : mapping, settings or None
        As the tables of a scenario, or the dataclasses of `lockstep.engine.settings`; ``costs="free"`` has none.
    benchmark : str, mapping or None
        A symbol that is held, or the table of a scenario.
    shocks : sequence of mapping
        As the scenario's.
    warmup : int or "auto"
        Sessions replayed before trading.
    seed : int
        For strategies and shocks that draw.
    name : str
        How reports call the run.
    catalog : str, Path, Catalog or None
        Where datasets are.
    **frame
        For frames: ``calendar``, ``timeframe``, ``label``, ``zone``, ``adjusted``, ``actions`` …

    Raises
    ------
    LockstepError
        If anything is wrong.
    """
    given = _given(cash=cash, costs=costs, execution=execution, risk=risk, benchmark=benchmark, catalog=catalog)
    plan = _plan(
        _sleeves(strategy, parameters or {}), data, symbols, start, end, warmup, seed, name, shocks, frame, **given
    )
    return _result(plan, Source(plan.scenario))


def sweep(
    strategy: Any,
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    data: Data,
    *,
    symbols: Sequence[str] | None = None,
    start: Any = None,
    end: Any = None,
    warmup: int | str = "auto",
    seed: int = 0,
    shocks: Sequence[Mapping[str, Any]] = (),
    cash: float | None = None,
    costs: Table = None,
    execution: Table = None,
    risk: Table = None,
    catalog: str | Path | Catalog | None = None,
    **frame: Any,
) -> pd.DataFrame:
    """Run a compiled strategy under many sets of parameters, in one pass over the data.

    Parameters
    ----------
    strategy : KernelStrategy or dotted name
        What decides; it must not have jobs.
    grid : mapping of name to values, or sequence of mappings
        All combinations of the values, the last name changing fastest; or the sets themselves.
    data, symbols, start, end, warmup, seed, shocks, cash, costs, execution, risk, catalog, **frame
        As of `run`.

    Returns
    -------
    DataFrame
        A row for each set, in the grid's order: its parameters, ``final_equity``, ``total_return``, ``sharpe`` (of
        session returns, a year having as many sessions as the data's), ``max_drawdown``, ``orders``, ``fills``,
        ``refused``, ``fees`` (dollars) and ``digest``, the same as that of `run` with these parameters.

    Raises
    ------
    LockstepError
        If anything is wrong.
    """
    points = _points(grid)
    sleeves = _longest_warm(strategy, points)
    given = _given(cash=cash, costs=costs, execution=execution, risk=risk, catalog=catalog)
    plan = _plan(sleeves, data, symbols, start, end, warmup, seed, "sweep", shocks, frame, **given)
    worlds = Sweep(
        plan.feed.instruments,
        sleeves[0].strategy,
        points,
        plan.scenario.settings(),
        trade_from=plan.window.trade_from,
        seed=seed,
    )
    for batch in plan.stream():
        worlds.feed(batch)
    return _sweep_table(worlds, plan)


def _longest_warm(strategy: Any, points: Sequence[Mapping[str, Any]]) -> tuple[Sleeve, ...]:
    """Return the sleeve of the point that has to see most bars before it decides: all begin to trade when it does."""
    if not points:
        raise ConfigError("sweep(): the grid is empty; give at least one set of parameters")
    sleeves = [_sleeves(strategy, point) for point in points]
    return max(sleeves, key=lambda each: _warmup(each[0]))


def _warmup(sleeve: Sleeve) -> int:
    warmup = sleeve.strategy.warmup
    return int(warmup(sleeve.parameters)) if callable(warmup) else int(warmup)


def _points(grid: Any) -> list[dict[str, Any]]:
    if isinstance(grid, Mapping):
        return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return [dict(point) for point in grid]


def _sweep_table(worlds: Sweep, plan: Plan) -> pd.DataFrame:
    found = worlds.results()
    begin = float(worlds.template.header.initial_cash) / 1e6
    _, equity = worlds.session_equity()
    path = np.column_stack([np.full(len(found), begin), equity])
    returns = path[:, 1:] / path[:, :-1] - 1.0
    spread = returns.std(axis=1, ddof=1) if returns.shape[1] > 1 else np.full(len(found), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        sharpe = returns.mean(axis=1) / spread * np.sqrt(plan.periods_per_year)
    table = pd.DataFrame(worlds.grid)
    table["final_equity"], table["total_return"] = found["equity"], found["equity"] / begin - 1.0
    table["sharpe"] = np.where(spread > 0, sharpe, np.nan)
    table["max_drawdown"] = (path / np.maximum.accumulate(path, axis=1) - 1.0).min(axis=1)
    for column in ("orders", "fills", "refused", "fees", "digest"):
        table[column] = found[column]
    return table


def _plan(
    sleeves: tuple[Sleeve, ...],
    data: Data,
    symbols: Sequence[str] | None,
    start: Any,
    end: Any,
    warmup: int | str,
    seed: int,
    name: str,
    shocks: Sequence[Mapping[str, Any]],
    frame: Mapping[str, Any],
    *,
    cash: float | None = None,
    costs: Table = None,
    execution: Table = None,
    risk: Table = None,
    benchmark: str | Mapping[str, Any] | None = None,
    catalog: str | Path | Catalog | None = None,
) -> Plan:
    """Return the plan of what `run` and `sweep` are asked for."""
    tables = {
        "name": name,
        "seed": seed,
        "data": {
            **_datasets(data),
            **_given(symbols=_listed(symbols), start=_day(start), end=_day(end), warmup=warmup),
        },
        "account": _given(cash=cash),
        "costs": _table(costs, "costs"),
        "execution": _table(execution, "execution"),
        "risk": _table(risk, "risk"),
        "benchmark": {"symbol": benchmark} if isinstance(benchmark, str) else dict(benchmark or {}),
        "shocks": [dict(shock) for shock in shocks],
        "sleeves": [_named(sleeve) for sleeve in sleeves],
    }
    scenario = validate(tables, "run()")
    if isinstance(data, str) or _are_names(data):
        if frame:
            raise ConfigError(f"run(): {next(iter(frame))!r} goes with DataFrames only; a dataset knows its own")
        return make_plan(scenario, _catalog(catalog), sleeves=sleeves)
    waits = {f"{key}_ns": durations.nanoseconds(getattr(scenario.execution, key)) for key in ("delay", "grace")}
    return make_frame_plan(scenario, FrameFeed(_chosen(data, symbols), **waits, **frame), sleeves)


def backtest(
    scenario: str | Path, *, catalog: str | Path | Catalog | None = None, overrides: Sequence[str] = ()
) -> Result:
    """Run a scenario in memory.

    Parameters
    ----------
    scenario : str or Path
        A bundled name, a TOML file, or a folder made by `lockstep new`.
    catalog : str, Path, Catalog or None
        Where datasets are.
    overrides : sequence of str
        ``key=value``, as for `lockstep backtest --set`.

    Raises
    ------
    LockstepError
        If anything is wrong.
    """
    source = load(str(scenario), overrides)
    return _result(make_plan(source.scenario, _catalog(catalog), source.folder), source)


def _result(plan: Plan, source: Source) -> Result:
    pieces: dict[str, list[pa.Table]] = {}
    outcome = execute(plan, lambda table, rows: pieces.setdefault(table, []).append(rows))
    manifest = describe(plan, outcome, source, "")
    manifest["run"] = f"{plan.scenario.name}-{outcome.digest[:DIGITS]}"
    return Result(
        RunFolder.from_raw(manifest, **{key: pa.concat_tables(rows).to_pandas() for key, rows in pieces.items()})
    )


def _sleeves(strategy: Any, parameters: Mapping[str, Any]) -> tuple[Sleeve, ...]:
    if isinstance(strategy, list | tuple):
        if parameters or not all(isinstance(each, Sleeve) for each in strategy):
            raise ConfigError("run(): a list of strategies holds Sleeve objects, which carry their own parameters")
        return tuple(strategy)
    found = (
        find_strategy(strategy, None, "strategy") if isinstance(strategy, str) else check_strategy(strategy, "strategy")
    )
    return (Sleeve(found, parameters, name=own_name(found)),)


def _named(sleeve: Sleeve) -> dict[str, Any]:
    use = re.sub(r"\W", "_", own_name(sleeve.strategy))
    return {
        "use": use if use[:1].isalpha() else f"_{use}",
        "name": sleeve.name,
        "share": sleeve.share,
        "parameters": dict(sleeve.parameters),
    }


def _datasets(data: Any) -> dict[str, Any]:
    if isinstance(data, str):
        return {"dataset": data}
    return {"datasets": list(data)} if _are_names(data) else {"dataset": "DataFrame"}


def _are_names(data: Any) -> bool:
    return isinstance(data, list | tuple) and all(isinstance(each, str) for each in data)


def _chosen(data: Any, symbols: Sequence[str] | None) -> Any:
    return data if symbols is None or isinstance(data, pd.DataFrame) else {symbol: data[symbol] for symbol in symbols}


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _listed(symbols: Sequence[str] | None) -> list[str] | None:
    return None if symbols is None else [symbols] if isinstance(symbols, str) else list(symbols)


def _day(value: Any) -> Any:
    return value.date() if isinstance(value, pd.Timestamp) and value.tzinfo is None else value


def _table(value: Table, key: str) -> dict[str, Any]:
    """Return a scenario's table from a mapping, or from the engine's own settings."""
    if value is None:
        return {}
    if key == "costs" and value == "free":
        value = Costs.free()
    if is_dataclass(value) and not isinstance(value, type):
        fields = asdict(value)
        if "latency_ns" in fields:
            fields["latency"] = durations.text(fields.pop("latency_ns"))
        return fields
    if not isinstance(value, Mapping):
        raise ConfigError(f"run(): {key} = {value!r}, expected a mapping such as a scenario's [{key}]")
    return dict(value)


def _catalog(given: str | Path | Catalog | None) -> Catalog:
    return given if isinstance(given, Catalog) else Catalog(given)
