"""Showing benchmark rows: a table for people, one object a line for programs."""

import json
from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from .run import Row

_MILLION = 1e6


def as_json(row: Row) -> str:
    """Return a row as one JSON object."""
    return json.dumps(asdict(row))


def show(rows: Iterable[Row], console: Console) -> None:
    """Print the rows as a table, rates in million bars a second."""
    table = Table(title="Million bars a second, one process, one core; best of several runs", title_style="bold")
    table.add_column("workload")
    for name in ("lockstep", "bare loop", "vectorbt", "final equity", "fills", "seconds", "peak MB"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.workload,
            *(_rate(value) for value in (row.bars_per_second, row.bare_loop, row.vectorbt)),
            f"{row.final_equity:,.6f}",
            f"{row.fills:,}",
            f"{row.seconds:.3f}",
            f"{row.peak_rss_mb:,.0f}",
        )
    console.print(table)


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value / _MILLION:,.2f}"
