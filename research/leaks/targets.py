"""What can be checked, and how each kind is run; this part runs inside the process of one run.

=========  =========================================================================================================
scenario   name, TOML file or folder, as for `lockstep backtest`
strategy   ``pkg.mod`` or ``pkg.mod:NAME``: a `KernelStrategy` or a class derived from `Strategy`, on the history
job        a `Job`, or a function whose first parameter is called ``asof``; run on its schedule
function   any other callable: a feature, an adapter, a research pipeline; what it is given goes by its parameters'
           names (`inputs`), what it returns is read by time (`outputs`)
feature    a name of `engine/features/registry.py`
=========  =========================================================================================================

Whatever a target runs through the engine is recorded too (`observe`): a pipeline may call `lockstep.run` as it likes.
"""

import datetime
import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.catalog import Catalog
from lockstep.engine.errors import ConfigError, StrategyError
from lockstep.engine.features.registry import FEATURES, compute
from lockstep.engine.jobs import Job, Schedule
from lockstep.engine.python_strategy import Strategy
from lockstep.engine.world import Sleeve
from lockstep.scenarios.durations import nanoseconds
from lockstep.scenarios.loading import Source, bundled_names, load, validate
from lockstep.scenarios.lookup import DEFAULT, _load, is_strategy
from lockstep.scenarios.plan import make_plan
from lockstep.scenarios.run import execute
from lockstep.scenarios.schema import AUTO, Benchmark, Costs, Scenario

from .inputs import arguments
from .journal import Track
from .outputs import tracks_of
from .shifting import moved_value

ROOMY = {"max_position": "unlimited", "max_sector": "unlimited"}
FREE: dict[str, Any] = {
    "commission": "none",
    **dict.fromkeys(("sec_fee", "taf", "half_spread_bps", "impact", "borrow_rate", "margin_rate", "cash_rate"), 0.0),
}
NAMES = ("symbol", "symbols", "kind", "dataset", "datasets")
DATES = (str, datetime.date, np.datetime64, tuple, list)
"""What a default that is a date, or several, may be."""


@dataclass(frozen=True)
class Spec:
    """What is checked.

    Parameters
    ----------
    target : str
        As the user gave it.
    kind : str
        ``auto`` until it has been looked at.
    scenario : str
        The scenario that a strategy or job is run in; empty: a plain one on `data`.
    data : str
        The dataset of the history; empty: the suite's synthetic market.
    parameters : mapping
        For the strategy, job or function.
    datasets : mapping of str to int
        What the target reads, with the feed's delay, ns; found by looking at it.
    years : int
        So many years on: dates of the scenario and defaults that are dates move, see `calendarshift`.
    start : str
        Trading begins on this date, in place of the scenario's; see `warmup`.
    before : int
        Sessions replayed before it; -1: as many as the strategies declare.
    costless : bool
        Whether trading and holding cost nothing, see `nullmarket`.
    """

    target: str
    kind: str = "auto"
    scenario: str = ""
    data: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    datasets: Mapping[str, int] = field(default_factory=dict)
    years: int = 0
    start: str = ""
    before: int = -1
    costless: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def is_scenario(text: str) -> bool:
    """Tell whether a target names a scenario."""
    path = Path(text)
    folder = path.is_dir() and (path / f"{path.resolve().name}.toml").is_file()
    return text in bundled_names() or text.endswith(".toml") or folder


def look_at(spec: Spec) -> dict[str, Any]:
    """Return what a target is and which datasets it is run on.

    Raises
    ------
    LockstepError
        If there is no such target.
    """
    if is_scenario(spec.target) or spec.scenario:
        source = load(spec.scenario or spec.target)
        found = {"kind": "scenario" if is_scenario(spec.target) else kind_of(find(spec.target), spec)}
        return {**found, "datasets": _delays(source)}
    if spec.target in FEATURES:
        return {"kind": "feature", "datasets": {spec.data: 0}}
    return {"kind": kind_of(find(spec.target), spec), "datasets": {spec.data: 0}}


def _delays(source: Source) -> dict[str, int]:
    data, delay = source.scenario.data, source.scenario.execution.delay
    return {name: nanoseconds(delay.get(name, "0s") if isinstance(delay, dict) else delay) for name in data.names}


def find(text: str) -> Any:
    """Return the object of a dotted name; without ``:NAME``, the module's `STRATEGY`.

    Raises
    ------
    LockstepError
        If there is none, or its module fails to load.
    """
    module_name, _, name = text.partition(":")
    where = f"target {text!r}"
    try:
        module = _load(module_name, None, where)
    except ConfigError:
        # pkg.mod.name, as Python itself would say it
        parent, _, last = module_name.rpartition(".")
        if name or not parent:
            raise
        module, name = _load(parent, None, where), last
    found = getattr(module, name or DEFAULT, None)
    if found is None:
        known = ", ".join(sorted(n for n, v in vars(module).items() if callable(v) and v.__module__ == module.__name__))
        raise ConfigError(f"{where}: {module.__file__} has no {name or DEFAULT}; it has: {known or 'nothing to run'}")
    return found


def kind_of(found: Any, spec: Spec) -> str:
    """Return the kind of an object.

    Raises
    ------
    StrategyError
        If it is nothing that can be run.
    """
    if is_strategy(found):
        return "strategy"
    if isinstance(found, Job):
        return "job"
    if not callable(found):
        raise StrategyError(
            f"target {spec.target!r}: it is a {type(found).__name__}, expected a strategy, a job or a function"
        )
    first = next(iter(inspect.signature(found).parameters), "")
    return "job" if first == "asof" else "function"


def run(spec: Spec, catalog: Catalog) -> dict[str, Track]:
    """Run a target once and return the records of what it returned; the engine's own are taken by the observer.

    Raises
    ------
    LockstepError
        If it fails.
    """
    if spec.kind == "function":
        return _run_function(spec, catalog)
    if spec.kind == "feature":
        return _run_feature(spec, catalog)
    if spec.kind == "scenario":
        source = load(spec.target)
        sleeves: tuple[Sleeve, ...] = ()
    else:
        source = load(spec.scenario) if spec.scenario else Source(_plain(spec))
        sleeves = (_sleeve(find(spec.target), spec, source),)
    scenario = adapted(spec, source).model_copy(update={"benchmark": Benchmark(kind="none")})
    plan = make_plan(scenario, catalog, source.folder, sleeves=sleeves)
    execute(plan, lambda table, rows: None)
    return {}


def adapted(spec: Spec, source: Source) -> Scenario:
    """Return a target's scenario as a property wants it: in other years, with another start, without costs."""
    scenario: Scenario = source.scenario
    if spec.years:
        scenario = _moved(scenario, source, spec.years)
    if spec.start:
        asked = {"start": spec.start, "warmup": spec.before if spec.before >= 0 else AUTO}
        # Shocks before the start would be refused.
        scenario = scenario.model_copy(update={"data": scenario.data.model_copy(update=asked), "shocks": []})
    return scenario.model_copy(update={"costs": Costs(**FREE)}) if spec.costless else scenario


def _moved(scenario: Scenario, source: Source, years: int) -> Scenario:
    plain = scenario.model_dump()
    inlined = (
        source.folder is not None
        and source.path is not None
        and "file" in tomllib.loads(source.path.read_text()).get("universe", {})
    )
    # A file of members lies in the project and has moved with its files.
    moved = [plain["data"], *plain["shocks"], *(each["parameters"] for each in _sleeve_tables(plain))]
    moved += [] if inlined or not plain["universe"] else plain["universe"]["members"]
    for table in moved:
        table |= {name: moved_value(value, years) for name, value in table.items() if name not in NAMES}
    return Scenario.model_validate(plain)


def _sleeve_tables(plain: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in (plain["strategy"], *(plain["sleeves"] or ())) if each]


def _plain(spec: Spec) -> Any:
    """Return the scenario of a target that comes without one: the whole history, usual costs, room for positions."""
    tables = {
        "name": "leaks",
        "data": {"dataset": spec.data},
        "risk": ROOMY,
        "strategy": {"use": "leaks.target"},
    }
    return validate(tables, "leaks")


def _sleeve(found: Any, spec: Spec, source: Source) -> Sleeve:
    if spec.kind == "job":
        return Sleeve(job_host(found, spec.parameters), {})
    own = source.scenario.every_sleeve[0].parameters if spec.scenario else {}
    given = {name: value for name, value in own.items() if name in found.parameters}
    return Sleeve(found, {**given, **spec.parameters})


def job_host(found: Any, parameters: Mapping[str, Any]) -> Any:
    """Return a strategy that does nothing but run a job, whose results the observer records."""
    job = found if isinstance(found, Job) else Job(found.__name__, Schedule("06:00", every="week"), found)
    host = Job(
        job.name, job.schedule, lambda asof, own: job.function(asof, dict(parameters)), job.duration_ns, job.lookback
    )

    class Host(Strategy):
        """Runs one job."""

        name = job.name
        jobs = (host,)

        def on_hand_over(self, result: Mapping[str, Any]) -> None:
            """Take the result, which has been recorded."""

    return Host


def _run_function(spec: Spec, catalog: Catalog) -> dict[str, Track]:
    function = find(spec.target)
    given = arguments(function, catalog, spec.data, {**_moved_defaults(function, spec.years), **spec.parameters})
    result = function(**given.values)
    return tracks_of(result, given)


def declared_warmup(spec: Spec) -> int:
    """Return the rows that a function declares by an attribute ``warmup``; 0 where it declares nothing."""
    declared = getattr(find(spec.target), "warmup", 0)
    return declared if isinstance(declared, int) else 0


def _moved_defaults(function: Any, years: int) -> dict[str, Any]:
    """Return defaults that hold dates, so many years on."""
    if not years:
        return {}
    defaults = {each.name: each.default for each in inspect.signature(function).parameters.values()}
    return {
        k: moved_value(v, years) for k, v in defaults.items() if isinstance(v, DATES) and moved_value(v, years) != v
    }


def _run_feature(spec: Spec, catalog: Catalog) -> dict[str, Track]:
    feature = FEATURES[spec.target]

    def computed(**columns: np.ndarray) -> Any:
        return compute(spec.target, columns, **spec.parameters)

    given = arguments(computed, catalog, spec.data, {}, names=feature.inputs)
    return tracks_of(computed(**given.values), given)
