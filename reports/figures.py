"""The figures of performance: equity, rolling statistics, years, distribution, exposure, costs, attribution.

Each takes a run and returns a `plotly.graph_objects.Figure`, so a notebook can show the same picture as the report.
"""

from math import erf, log10, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from . import metrics
from .charts import axis, dollars, escape, figure, hover_time, line, milliseconds, shares
from .contributions import ACCOUNT, RESIDUAL
from .costs import Capacity, traded
from .decimate import BUCKETS
from .periods import compound, rolling
from .sessions import benchmark_name
from .summary import start_of
from .theme import LIGHT, SERIES

if TYPE_CHECKING:
    from .run import RunFolder

SHADE = "rgba(27,95,168,0.12)"
LOSS_SHADE = "rgba(176,74,18,0.16)"
DOLLARS, PERCENT = "$,.0f", ".1%"
FEW_MONTHS = 3


def equity_figure(run: "RunFolder") -> go.Figure:
    """Return equity with the benchmark, and below it the drawdowns, from every recorded equity mark."""
    frame, table = run.equity, run.sessions
    top = np.maximum.accumulate(np.append(run.initial_cash, frame["equity"]))[1:]
    below = frame["equity"] / top - 1
    times = pd.DatetimeIndex(frame["ts"]).insert(0, start_of(run))
    path = np.append(run.initial_cash, frame["equity"])
    traces = [
        line(times, path, "Strategy", LIGHT["strategy"], DOLLARS),
        line(frame["ts"], below, "Drawdown", LIGHT["loss"], PERCENT, yaxis="y2", **_filled()),
    ]
    if table["benchmark"].notna().any():
        traces = [*_benchmark_lines(run), *traces]
    return figure(
        traces,
        meta={"log": _log_ticks(run)},
        margin={"t": 30},
        showlegend=len(traces) > 2,
        legend={"traceorder": "reversed"},
        xaxis={"anchor": "y2", "hoverformat": _hover(run)},
        yaxis={"domain": [0.34, 1.0], **dollars(path)},
        yaxis2=axis(domain=[0.0, 0.27], nticks=4, rangemode="tozero", **shares(below)),
    )


def _hover(run: "RunFolder") -> str:
    return hover_time(intraday=len(run.equity) > len(run.sessions))


def spans_decades(run: "RunFolder") -> bool:
    """Return whether equity or benchmark grew so much that only a logarithmic axis shows its early years."""
    return _span(run) > 5


def _span(run: "RunFolder") -> float:
    """Return the highest over the lowest value of equity or benchmark, whichever is more; 1 where equity was lost."""
    values = run.sessions["benchmark"].dropna()
    ratios = [frame.max() / frame.min() for frame in (run.equity["equity"], values) if len(frame) and frame.min() > 0]
    return float(max(ratios)) if len(ratios) and run.equity["equity"].min() > 0 else 1.0


def _log_ticks(run: "RunFolder") -> dict[str, Any]:
    """Return the ticks of the logarithmic axis: doublings of the initial cash, or powers of ten over wide spans."""
    span = _span(run)
    if span < 3:
        return {}
    return {"tick0": log10(run.initial_cash), "dtick": log10(2)} if span < 60 else {"dtick": "D2" if span < 2000 else 1}


def _filled() -> dict[str, Any]:
    return {"fill": "tozeroy", "fillcolor": LOSS_SHADE, "showlegend": False, "line": {"width": 1.0}}


def _benchmark_lines(run: "RunFolder") -> list[dict[str, Any]]:
    values = run.sessions["benchmark"]
    rebased = values / values.dropna().iloc[0] * run.initial_cash
    fall, name = values / values.cummax() - 1, benchmark_name(run)
    thin = {"width": 1.2}
    return [
        line(values.index, rebased, name, LIGHT["benchmark"], DOLLARS, line=thin),
        line(
            values.index, fall, f"{name} drawdown", LIGHT["benchmark"], PERCENT, line=thin, yaxis="y2", showlegend=False
        ),
    ]


def rolling_figure(run: "RunFolder", window: int) -> go.Figure:
    """Return rolling Sharpe ratio, volatility and beta over `window` sessions, one above the other."""
    table = rolling(run.sessions, run.periods, window)
    times = table.index
    blue, grey = LIGHT["strategy"], LIGHT["benchmark"]
    traces = [
        line(times, table["sharpe"], "Sharpe ratio", blue, ".2f"),
        line(times, table["volatility"], "Volatility", blue, PERCENT, yaxis="y2"),
    ]
    rows = [("y", "Sharpe ratio", ".1f"), ("y2", "Volatility", ".0%")]
    if table["beta"].notna().any():
        name = f"{benchmark_name(run)} volatility"
        traces.append(line(times, table["benchmark_volatility"], name, grey, PERCENT, yaxis="y2", line={"width": 1.2}))
        traces.append(line(times, table["beta"], "Beta", blue, ".2f", yaxis="y3"))
        rows[1] = ("y2", f"Volatility (grey: {benchmark_name(run)})", ".0%")
        rows.append(("y3", "Beta", ".1f"))
    return figure(traces, **_stacked(rows))


def _stacked(rows: list[tuple[str, str, str]]) -> dict[str, Any]:
    """Return the layout of panels above each other that share the time axis."""
    gap = 0.10
    height = (1 - gap * (len(rows) - 1)) / len(rows)
    layout: dict[str, Any] = {"xaxis": {"anchor": rows[-1][0]}, "annotations": [], "margin": {"t": 24}}
    for k, (name, title, tickformat) in enumerate(rows):
        top = 1 - k * (height + gap)
        layout[name.replace("y", "yaxis")] = axis(domain=[max(0.0, top - height), top], tickformat=tickformat, nticks=5)
        layout["annotations"].append(panel_title(title, top))
    return layout


def panel_title(text: str, top: float) -> dict[str, Any]:
    """Return a caption at the upper left of a panel."""
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "bottom"}
    return {"text": escape(text), "showarrow": False, "font": {"color": LIGHT["ink"], "size": 12}, **place}


def years_figure(run: "RunFolder") -> go.Figure:
    """Return bars of yearly returns, the benchmark's beside them."""
    years = compound(run.sessions["returns"], "Y")
    other = compound(run.sessions["benchmark_returns"], "Y")
    labels = [str(year) for year in years.index.year]
    traces = [_bars(labels, years.to_numpy(), "Strategy", LIGHT["strategy"], PERCENT)]
    if other.notna().any():
        traces.append(_bars(labels, other.to_numpy(), benchmark_name(run), LIGHT["benchmark"], PERCENT))
    kind = {"type": "category", "hoverformat": None, "tickangle": 0, "nticks": 14}
    return figure(
        traces,
        xaxis=kind,
        yaxis={"tickformat": ".0%"},
        showlegend=len(traces) > 1,
        bargap=0.25 if len(labels) > 8 else 0.6,
        margin={"t": 30},
    )


def _bars(x: Any, y: np.ndarray, name: str, color: str, hover: str, **more: Any) -> dict[str, Any]:
    bars = {
        "type": "bar",
        "x": x,
        "y": y,
        "name": escape(name),
        "marker": {"color": color},
        "hovertemplate": f"%{{y:{hover}}}",
    }
    return {**bars, **more}


def distribution_figure(run: "RunFolder") -> go.Figure:
    """Return the histogram of session returns, the normal curve of their mean and deviation, and the value at risk."""
    returns = metrics.clean(run.sessions["returns"])
    counts, edges = np.histogram(returns, _bin_edges(returns))
    centres, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    expected = len(returns) * np.diff([_normal_below(edge, returns) for edge in edges])
    bars = _bars(centres, counts, "Sessions", LIGHT["strategy"], ",d", width=width * 0.92, opacity=0.75)
    curve = {
        "type": "scatter",
        "mode": "lines",
        "name": "Normal curve",
        "x": centres,
        "y": expected,
        "hovertemplate": "%{y:.1f}",
    }
    curve["line"] = {"color": LIGHT["loss"], "width": 1.6, "shape": "spline"}
    risk = metrics.value_at_risk(returns)
    return figure(
        [bars, curve],
        xaxis={"type": "linear", "tickformat": ".1%", "hoverformat": ".2%"},
        yaxis={"tickformat": ",d", "rangemode": "tozero"},
        shapes=[_mark_at(risk)],
        annotations=[_mark_text(risk, "95% value at risk")],
        margin={"t": 30},
        showlegend=True,
    )


def _bin_edges(returns: np.ndarray) -> np.ndarray:
    """Return 20 to 80 equal bins of the Freedman-Diaconis width."""
    low, high = float(returns.min()), float(returns.max())
    spread = float(np.subtract(*np.quantile(returns, [0.75, 0.25])))
    width = 2 * spread / len(returns) ** (1 / 3)
    bins = int(np.clip((high - low) / width, 20, 80)) if width > 0 else 20
    return np.linspace(low, high, bins + 1) if high > low else np.linspace(low - 0.005, low + 0.005, bins + 1)


def _normal_below(edge: float, returns: np.ndarray) -> float:
    deviation = float(returns.std()) or 1e-12
    return 0.5 * (1 + erf((edge - float(returns.mean())) / deviation / sqrt(2)))


def _mark_at(x: float) -> dict[str, Any]:
    style = {"color": LIGHT["muted"], "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": style}


def _mark_text(x: float, text: str) -> dict[str, Any]:
    place = {"x": x, "y": 1, "xref": "x", "yref": "paper", "xanchor": "right", "yanchor": "top", "xshift": -4}
    return {"text": escape(text), "showarrow": False, **place}


def _above(x: float, text: str, anchor: str) -> dict[str, Any]:
    return {**_mark_text(x, text), "xanchor": anchor, "yanchor": "bottom", "xshift": 0}


def exposure_figure(run: "RunFolder") -> go.Figure:
    """Return gross and net exposure as a share of equity, from every recorded equity mark."""
    frame = run.equity
    equity = frame["equity"].where(frame["equity"] > 0)
    # Net holds dividends still to be paid as well, so a long account's two lines differ by a hair.
    long_only = bool(((frame["gross"] - frame["net"]).abs() <= 0.01 * equity).all())
    name = "Gross and net" if long_only else "Gross"
    traces = [line(frame["ts"], frame["gross"] / equity, name, LIGHT["strategy"], PERCENT)]
    if not long_only:
        traces.append(line(frame["ts"], frame["net"] / equity, "Net", LIGHT["second"], PERCENT, line={"width": 1.2}))
    hover = {"hoverformat": _hover(run)}
    return figure(
        traces, xaxis=hover, yaxis={"tickformat": ".0%", "rangemode": "tozero"}, showlegend=True, margin={"t": 30}
    )


def turnover_figure(run: "RunFolder") -> go.Figure:
    """Return bars of one-way turnover, half the traded notional over mean equity: per month, in short runs per day."""
    step = turnover_step(run)
    volume = traded(run).groupby(run.fills["ts"].dt.tz_localize(None).dt.to_period(step)).sum()
    equity = run.sessions["equity"]
    mean = equity.groupby(equity.index.tz_localize(None).to_period(step)).mean()
    share = (volume.reindex(mean.index, fill_value=0.0) / 2 / mean).to_numpy()
    times = mean.index.to_timestamp().tz_localize("UTC")
    bars = _bars(milliseconds(times), share, "Turnover", LIGHT["strategy"], PERCENT, opacity=0.8)
    hover = "%B %Y" if step == "M" else hover_time(intraday=False)
    return figure([bars], xaxis={"hoverformat": hover}, yaxis=shares(share))


def turnover_step(run: "RunFolder") -> str:
    """Return the period that turnover is drawn by: "M", or "D" where there would be few bars of months."""
    return "M" if run.sessions.index.tz_localize(None).to_period("M").nunique() > FEW_MONTHS else "D"


def capacity_figure(run: "RunFolder", estimate: Capacity) -> go.Figure:
    """Return net profit over capital under the square-root law of impact."""
    scale = np.linspace(0, 1.08 * estimate.limit / run.initial_cash, 200)
    profit = scale * estimate.before - scale**1.5 * estimate.impact
    curve = {"type": "scatter", "mode": "lines", "name": "Net profit", "x": scale * run.initial_cash, "y": profit}
    curve |= {"line": {"color": LIGHT["strategy"], "width": 1.6}, "hovertemplate": "%{y:$.3s}"}
    return figure(
        [curve],
        xaxis={"type": "linear", **dollars(curve["x"]), "hoverformat": "$.3s"},
        yaxis=dollars(profit),
        shapes=[_mark_at(estimate.best), _mark_at(run.initial_cash)],
        annotations=[_above(estimate.best, "largest profit", "left"), _above(run.initial_cash, "this run", "left")],
        margin={"t": 26},
    )


def attribution_figure(table: pd.DataFrame, most: int = 30) -> go.Figure:
    """Return bars of P&L by part, best at the top; of many, the largest gains and losses."""
    parts = table.drop(index=[name for name in (ACCOUNT, RESIDUAL) if name in table.index])["pnl"]
    parts = parts[parts != 0]
    if len(parts) > most:
        parts = pd.concat([parts.iloc[: most // 2], parts.iloc[-(most // 2) :]])
    parts = parts.iloc[::-1]
    colors = [LIGHT["strategy"] if value >= 0 else LIGHT["loss"] for value in parts]
    bars = {"type": "bar", "orientation": "h", "x": parts.to_numpy(), "y": [escape(str(name)) for name in parts.index]}
    bars |= {"marker": {"color": colors}, "hovertemplate": "%{y}: %{x:$,.0f}<extra></extra>"}
    return figure(
        [bars],
        hovermode="closest",
        xaxis={
            "type": "linear",
            **dollars(parts),
            "hoverformat": None,
            "showgrid": True,
            "gridcolor": LIGHT["line"],
        },
        yaxis={"type": "category", "showgrid": False, "nticks": len(parts) + 1, "tickfont": {"size": 11}},
        bargap=0.3,
        height=max(160, 60 + 20 * len(parts)),
    )


def sleeves_figure(run: "RunFolder", starts: dict[str, float]) -> go.Figure:
    """Return each sleeve's profit over time, dollars."""
    traces: list[dict[str, Any]] = []
    for k, (sleeve, frame) in enumerate(run.sleeves.groupby("sleeve", sort=True)):
        gain = frame["equity"] - starts.get(str(sleeve), 0.0)
        traces.append(line(frame["ts"], gain, str(sleeve), SERIES[k % len(SERIES)], DOLLARS))
    largest = run.sleeves["equity"] - run.sleeves["sleeve"].map(starts)
    return figure(traces, yaxis=dollars(largest), showlegend=True, margin={"t": 30})


def series_figure(run: "RunFolder", name: str) -> go.Figure:
    """Return one series that the strategy recorded."""
    frame = run.series[run.series["name"] == name]
    hover = {"hoverformat": hover_time(intraday=len(frame) > len(run.sessions))}
    return figure([line(frame["ts"], frame["value"], name, LIGHT["strategy"], ",.4~g")], xaxis=hover)


def is_thinned(points: int) -> bool:
    """Return whether `line` draws fewer points than there are."""
    return points > 4 * BUCKETS
