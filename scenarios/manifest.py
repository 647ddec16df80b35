"""`manifest.json`: everything needed to understand a run, and to run it again."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lockstep.engine.instruments import MICROS, Instrument

from . import provenance
from .loading import Source
from .plan import Plan, own_name

if TYPE_CHECKING:
    from .run import Outcome

SCHEMA = 1


def describe(
    plan: Plan, outcome: "Outcome", source: Source, command: str, leak_check: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the manifest of a run, but for its name; `leak_check` is what `lockstep leaks` last said of it."""
    scenario = plan.scenario
    counts, seconds = outcome.counts, outcome.seconds
    return {
        "schema": SCHEMA,
        "run": "",
        "scenario": scenario.name,
        "title": scenario.title or scenario.name,
        "description": scenario.description,
        "config": scenario.dump(),
        "source": {
            "path": str(source.path) if source.path else "",
            "folder": str(source.folder.resolve()) if source.folder else "",
        },
        "command": command,
        "seed": scenario.seed,
        "git": provenance.git(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "code": provenance.code(scenario),
        "data": plan.data,
        "instruments": [_instrument(each) for each in plan.feed.instruments],
        "sleeves": _sleeves(plan),
        "shocks": [shock.model_dump(mode="json", exclude_none=True) for shock in scenario.shocks],
        "start": iso(plan.window.trade_from),
        "end": iso(plan.window.last),
        "calendar": plan.feed.sessions.calendar,
        "periods_per_year": plan.periods_per_year,
        "initial_cash": round(scenario.account.cash * MICROS),
        "counts": counts,
        "unfilled": outcome.unfilled,
        "final_equity": outcome.final_equity,
        "seconds": round(seconds, 6),
        "events_per_second": round(counts["events"] / seconds) if seconds > 0 else None,
        "digest": outcome.digest,
        "leak_check": leak_check,
        "warnings": outcome.warnings,
    }


def iso(ts: int) -> str:
    """Return an instant (ns UTC) as ISO text."""
    return f"{np.datetime64(ts, 'ns').astype('datetime64[s]')}+00:00"


def _instrument(instrument: Instrument) -> dict[str, Any]:
    names = ("symbol", "id", "sector", "tick", "lots_per_unit", "close_only", "synthetic")
    return {name: getattr(instrument, name) for name in names}


def _sleeves(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "name": sleeve.name,
            "strategy": table.use or own_name(sleeve.strategy),
            "parameters": sleeve.parameters,
            "weight": sleeve.share,
        }
        for sleeve, table in zip(plan.sleeves, plan.scenario.every_sleeve, strict=True)
    ]
