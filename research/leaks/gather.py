"""Which data a target reads: the datasets it declares, and those it is seen to open when it is imported or run."""

from collections.abc import Sequence
from typing import Any

from lockstep.data.bundled import BUNDLED, build
from lockstep.data.catalog import Catalog
from lockstep.data.synthetic.build import write_synthetic
from lockstep.data.synthetic.market import SyntheticMarket

from .history import History, load_table
from .journal import Journal
from .targets import Spec
from .workshop import TargetError, Workshop

MARKET = "synthetic-leaks"
"""The market for targets that name no data: daily bars with splits, dividends, halts and a delisting."""
SETTINGS = SyntheticMarket(seed=11, symbols=8, sessions=520, start="2016-01-04", step=30, pairs=1, splits=2, late=0)
MOST_TIMES = 6
"""A target that opens other datasets each time it is run is given up after so many."""


def look(workshop: Workshop, spec: Spec) -> dict[str, Any]:
    """Look at a target, with the datasets in place that it opens when it is imported; see `targets.look_at`.

    Raises
    ------
    LockstepError
        If there is no such target, its import fails, or it opens what nobody has.
    """
    history = History({})
    for _ in range(MOST_TIMES):
        try:
            return workshop.look(spec, history)
        except TargetError as error:
            missing = _unheld(error.missing, history)
            if not missing:
                raise
        history = with_datasets(workshop, history, dict.fromkeys(missing, 0))
    return workshop.look(spec, history)


def first_run(workshop: Workshop, spec: Spec, history: History) -> tuple[History, Journal]:
    """Run a target as it is until the history holds all that it opens; return both.

    Raises
    ------
    LockstepError
        If it fails, or opens what nobody has.
    """
    for _ in range(MOST_TIMES):
        missing: Sequence[str] = ()
        try:
            journal = workshop.run(spec, history)
            missing = _unheld(journal.missing, history)
        except TargetError as error:
            missing = _unheld(error.missing, history)
            if not missing:
                raise
        if not missing:
            break
        history = with_datasets(workshop, history, dict.fromkeys(missing, 0))
    return history, journal


def with_datasets(workshop: Workshop, history: History, delays: dict[str, int]) -> History:
    """Return a history that holds more datasets, each with its feed's delay (ns); bundled ones are built.

    Raises
    ------
    DataError
        If the catalogue does not hold one.
    """
    for name, delay in delays.items():
        history = history.with_table(load_table(_holder(workshop, name), name, delay))
    return history


def _holder(workshop: Workshop, name: str) -> Catalog:
    """Return the catalogue that holds a dataset: the user's, or for what comes with Lockstep the suite's own."""
    if name in workshop.catalog or name not in (MARKET, *BUNDLED):
        return workshop.catalog
    if name != MARKET:
        build(workshop.catalog, name)
        return workshop.catalog
    own = Catalog(workshop.home / "own")
    if name not in own:
        write_synthetic(own, MARKET, SETTINGS, "daily")
    return own


def _unheld(names: Sequence[str], history: History) -> list[str]:
    return sorted({name for name in names if name not in history.tables})
