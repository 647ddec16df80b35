"""Trades on the price, one figure per instrument, within a budget of points for all."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .charts import axis, escape, figure, line, milliseconds
from .costs import traded
from .figures import panel_title
from .format import words
from .theme import LIGHT

if TYPE_CHECKING:
    from .run import RunFolder

MOST_INSTRUMENTS = 60
POINTS = 120_000
MARKERS = 24_000
ACTIONS = ("split", "rename", "delist", "halt")


def most_traded(run: "RunFolder") -> list[str]:
    """Return the instruments that were traded, largest notional first, at most `MOST_INSTRUMENTS`."""
    volume = traded(run).groupby(run.fills["symbol"]).sum().sort_index()
    return [str(name) for name in volume.sort_values(ascending=False, kind="stable").index[:MOST_INSTRUMENTS]]


def price_figure(run: "RunFolder", symbol: str, instruments: int) -> go.Figure:
    """Return one instrument's marks as traded (raw), its fills, its corporate actions, and the position below.

    Marks are one a session; where there are more fills than that, their prices join the line.

    Parameters
    ----------
    run : RunFolder
    symbol : str
    instruments : int
        How many such figures the page holds; they share the budget of points.
    """
    marks = run.marks[run.marks["symbol"] == symbol]
    fills = run.fills[run.fills["symbol"] == symbol]
    buckets = max(50, min(600, POINTS // instruments // 8))
    held = _steps(marks, "quantity", fills, "position_after")
    often = len(fills) > len(marks)
    name, path = (
        ("Marks and fills", _steps(marks, "mark", fills, "price")) if often else ("Mark", marks.set_index("ts")["mark"])
    )
    traces = [
        line(path.index, path, name, LIGHT["benchmark"], "$,.2f", buckets=buckets, line={"width": 1.3}),
        line(held.index, held, "Position", LIGHT["strategy"], ",.6~g", buckets=buckets, **_position()),
    ]
    most = max(40, MARKERS // instruments // 2)
    traces += [_markers(fills, side, most) for side in (1, -1) if (fills["quantity"] * side > 0).any()]
    shapes, notes = _actions(run, symbol)
    return figure(
        traces,
        hovermode="closest",
        xaxis={"anchor": "y2"},
        yaxis={"domain": [0.32, 1.0], "tickformat": "$,~f"},
        yaxis2=axis(domain=[0.0, 0.22], nticks=4),
        shapes=shapes,
        annotations=[panel_title("Position, shares", 0.22), *notes],
        showlegend=True,
        margin={"t": 30},
    )


def fills_drawn(run: "RunFolder", symbols: list[str]) -> tuple[int, int]:
    """Return how many fills of these instruments the figures draw, and how many there are."""
    most = max(40, MARKERS // max(1, len(symbols)) // 2)
    fills = run.fills[run.fills["symbol"].isin(symbols)]
    sides = fills.groupby(["symbol", fills["quantity"] > 0]).size()
    return int(sides.clip(upper=most).sum()), len(fills)


def _steps(marks: pd.DataFrame, marked: str, fills: pd.DataFrame, filled: str) -> "pd.Series[float]":
    """Return what marks and fills together say of a value, by time; a fill comes before a mark of the same time."""
    parts = [fills.set_index("ts")[filled], marks.set_index("ts")[marked]]
    return pd.concat(parts).sort_index(kind="stable")


def _position() -> dict[str, Any]:
    shade = {"fill": "tozeroy", "fillcolor": "rgba(27,95,168,0.14)", "showlegend": False}
    return {"yaxis": "y2", "line": {"width": 1.0, "shape": "hv"}, **shade}


def _markers(fills: pd.DataFrame, side: int, most: int) -> dict[str, Any]:
    chosen = fills[fills["quantity"] * side > 0]
    if len(chosen) > most:
        chosen = chosen.iloc[np.linspace(0, len(chosen) - 1, most).round().astype("int64")]
    name, color, shape = (
        ("Buy", LIGHT["second"], "triangle-up") if side > 0 else ("Sell", LIGHT["loss"], "triangle-down")
    )
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": milliseconds(chosen["ts"]),
        "y": chosen["price"].to_numpy(),
        "customdata": chosen["quantity"].abs().to_numpy(),
        "marker": {"color": color, "symbol": shape, "size": 8, "line": {"width": 0.5, "color": LIGHT["paper"]}},
        "hovertemplate": f"{name} %{{customdata:,.6~g}} at %{{y:$,.4~f}}<br>%{{x|%-d %b %Y %H:%M}} UTC<extra></extra>",
    }


def _actions(run: "RunFolder", symbol: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a dotted line and a caption for each split, rename, halt and delisting."""
    found = run.events[(run.events["symbol"] == symbol) & run.events["kind"].isin(ACTIONS)].head(40)
    style = {"color": LIGHT["muted"], "width": 1, "dash": "dot"}
    shapes, notes = [], []
    for x, kind, detail in zip(milliseconds(found["ts"]), found["kind"], found["detail"], strict=True):
        shapes.append(
            {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0.32, "y1": 1, "line": style}
        )
        text = escape(f"{words(kind)} {detail}".strip()[:40])
        place = {"x": x, "y": 1, "xref": "x", "yref": "paper", "xanchor": "left", "yanchor": "top", "xshift": 3}
        notes.append({"text": text, "showarrow": False, "font": {"size": 11, "color": LIGHT["muted"]}, **place})
    return shapes, notes
