"""Metrics, statistics and the HTML report, computed from run folders alone."""

from .attribution import attribution
from .errors import RunError
from .html import render
from .run import RunFolder, load
from .summary import statistics
from .trades import trades

__all__ = ["RunError", "RunFolder", "attribution", "load", "render", "statistics", "trades"]
