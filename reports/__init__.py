"""Metrics, statistics and the HTML report, computed from run folders alone."""

from .contributions import attribution
from .errors import RunError
from .html import render
from .index import write_index
from .round_trips import trades
from .run import RunFolder, load
from .summary import statistics

__all__ = ["RunError", "RunFolder", "attribution", "load", "render", "statistics", "trades", "write_index"]
