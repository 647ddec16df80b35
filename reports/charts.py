"""What all figures share: layout, lines that are thinned for drawing, and the shape in which the page receives them."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .decimate import BUCKETS, keep
from .format import THIN
from .sessions import nanos
from .theme import FONT, LIGHT

CLEAR = "rgba(0,0,0,0)"
NS_PER_MS = 1_000_000


def milliseconds(times: "pd.Series | pd.Index") -> np.ndarray:
    """Return times as float64 milliseconds since 1970 UTC, which plotly.js reads as dates."""
    return nanos(times) / NS_PER_MS


def line(
    times: "pd.Series | pd.Index",
    values: "pd.Series[float] | np.ndarray",
    name: str,
    color: str,
    hover: str,
    **more: Any,
) -> dict[str, Any]:
    """Return a line, thinned to what a screen can show; its lowest and highest points stay.

    Parameters
    ----------
    times : Series or Index, shape (n,)
    values : array, shape (n,)
        NaN points are left out.
    name : str
        Plain text; it is escaped here.
    color : str
        Of the light palette.
    hover : str
        A d3 number format.
    **more : Any
        Further attributes of the trace.
    """
    array = np.asarray(values, dtype=np.float64)
    chosen = keep(array, more.pop("buckets", BUCKETS))
    trace = {
        "type": "scatter",
        "mode": "lines",
        "name": escape(name),
        "x": milliseconds(times)[chosen],
        "y": array[chosen],
        "line": {"color": color, "width": 1.6, **more.pop("line", {})},
        "hovertemplate": f"%{{y:{hover}}}",
    }
    return {**trace, **more}


def figure(traces: list[dict[str, Any]], **layout: Any) -> go.Figure:
    """Return a figure in the house style; `layout` adds to it and overrides it."""
    return go.Figure(data=traces, layout=_merge(_base(), layout))


def axis(**more: Any) -> dict[str, Any]:
    """Return a vertical axis with quiet grid lines."""
    style = {
        "gridcolor": LIGHT["line"],
        "zerolinecolor": LIGHT["line"],
        "linecolor": CLEAR,
        "automargin": True,
        "nticks": 6,
    }
    return {**style, **more}


def dollars(values: "pd.Series[float] | np.ndarray") -> dict[str, Any]:
    """Return how a dollar axis is labelled: k, M and B only where they are needed, never a milli or a giga."""
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    if largest >= 1e9:
        return {"tickprefix": "$", "exponentformat": "B"}
    return {"tickformat": "$~s" if largest >= 5_000 else "$,.0f" if largest >= 20 else "$,.2f"}


def shares(values: "pd.Series[float] | np.ndarray") -> dict[str, Any]:
    """Return how an axis of fractions is labelled: with decimals of a percent only where it is that narrow."""
    found = np.asarray(values, float)
    largest = float(np.nanmax(np.abs(found), initial=0.0))
    return {"tickformat": ",.0%" if largest >= 0.04 else ".1%" if largest >= 0.004 else ".2%"}


def hover_time(intraday: bool) -> str:
    """Return the d3 format of times under the pointer: with the clock where there are several points a session."""
    return "%a %-d %b %Y %H:%M" if intraday else "%a %-d %b %Y"


def escape(text: str) -> str:
    """Return text that plotly.js shows as it is; it would read tags and entities otherwise."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _base() -> dict[str, Any]:
    return {
        "template": "none",
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": FONT, "size": 12, "color": LIGHT["muted"]},
        "separators": f".{THIN}",
        "margin": {"l": 56, "r": 14, "t": 10, "b": 40},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": LIGHT["raised"], "bordercolor": LIGHT["line"], "font": {"color": LIGHT["ink"]}},
        "showlegend": False,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"color": LIGHT["ink"]}},
        "xaxis": {
            "type": "date",
            "showgrid": False,
            "zeroline": False,
            "linecolor": LIGHT["line"],
            "tickcolor": LIGHT["line"],
            "ticks": "outside",
            "hoverformat": hover_time(intraday=False),
        },
        "yaxis": axis(),
    }


def _merge(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
