"""Writing `report.html`: one file, offline, the same bytes for the same run folder.

1. `load` reads the folder; everything on the page comes from there.
2. Tables become text (`tables`), figures become JSON (`figures`), thinned so that the page stays small.
3. A template puts both beside one copy of plotly.js (its "basic" bundle). A content security policy in the page
   forbids every
   request; all text is escaped.
"""

from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.io.json import to_json_plotly

from . import figures, tables, toml
from . import format as text
from .contributions import attribution
from .costs import Capacity, capacity, costs
from .errors import RunError
from .notices import notices, verdict
from .periods import compound, rolling_window
from .price_figures import fills_drawn, most_traded, price_figure
from .round_trips import trades
from .run import RunFolder, load
from .sessions import benchmark_name
from .summary import start_of, statistics
from .theme import DARK, DARKENED, FONT, LIGHT

TEMPLATES = Path(__file__).parent / "templates"
MOST_SERIES = 12
FEWEST_RETURNS = 20
"""Sessions below which a histogram of their returns says nothing."""
_STEPS = {"M": "month", "D": "day"}


def render(run: RunFolder | str | Path, to: str | Path | None = None) -> Path:
    """Write the report of a run.

    Parameters
    ----------
    run : RunFolder, str or Path
        A run, or its folder.
    to : str or Path, optional
        The file to write; `report.html` in the run's folder by default.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    RunError
        If the folder is not a sound run folder, or the file cannot be written.
    ValueError
        If the run is in memory alone and `to` is not given.
    """
    found = run if isinstance(run, RunFolder) else load(run)
    if to is None and found.path is None:
        raise ValueError(
            "this run lies in memory, so it has no folder: give the file to write, render(run, to='report.html')"
        )
    file = Path(to) if to is not None else Path(found.path or ".") / "report.html"
    written = page(found)
    try:
        file.write_text(written, encoding="utf-8", newline="\n")
    except OSError as error:
        raise RunError(
            f"{file}: the report cannot be written: {error.strerror}; name another file with --to"
        ) from error
    return file


def page(run: RunFolder) -> str:
    """Return the report as HTML."""
    stats, benchmark = statistics(run), benchmark_name(run)
    shares = {by: attribution(run, by) for by in ("symbol", "sleeve")}
    context = {
        **_head(run, stats, benchmark, shares["symbol"]),
        **_performance(run, stats, benchmark),
        **_trading(run, shares),
        **_provenance(run),
        "light": LIGHT,
        "dark": DARK,
        "font": FONT,
        "palette": _script_json(DARKENED),
        "plotly": (TEMPLATES / "plotly-basic.min.js").read_text(encoding="utf-8"),
    }
    context["contents"] = _contents(context)
    return environment().get_template("report.html.j2").render(context)


def environment() -> jinja2.Environment:
    """Return the templates' environment: everything escaped, unknown names refused."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _script_json(value: Any) -> str:
    """Return JSON that is safe inside a script element: plotly writes every angle bracket and slash as an escape."""
    plain = value.to_plotly_json() if isinstance(value, go.Figure) else value
    return str(to_json_plotly(plain))


def _chart(identifier: str, title: str, drawn: go.Figure, height: int, note: str = "") -> dict[str, Any]:
    """Return what the template needs of a chart; `id` is the place on the page, `figure` what is drawn there first."""
    shared = {"id": identifier, "figure": identifier, "title": title, "note": note, "height": height, "log": False}
    return {**shared, "json": _script_json(drawn)}


def _head(run: RunFolder, stats: dict[str, float], benchmark: str, shares: Any) -> dict[str, Any]:
    manifest = run.manifest
    end = run.sessions.index[-1] if len(run.sessions) else start_of(run)
    line = [
        f"{text.long_date(start_of(run))} to {text.long_date(end)}",
        f"{text.whole(len(run.sessions))} sessions",
        f"{text.whole(len(manifest['instruments']))} instruments",
        f"scenario {manifest['scenario']}",
    ]
    return {
        "title": manifest.get("title") or manifest["scenario"],
        "description": manifest.get("description", ""),
        "facts_line": line,
        "verdict": verdict(run, stats),
        "notices": notices(run, shares),
        "tiles": tables.tiles(run, stats, benchmark),
    }


def _performance(run: RunFolder, stats: dict[str, float], benchmark: str) -> dict[str, Any]:
    table, charts = run.sessions, _performance_charts(run)
    return {
        "statistics": tables.statistics_tables(stats, benchmark),
        "drawdowns": tables.drawdown_table(run),
        "months": tables.months(run) if len(table) else [],
        "month_names": tables.MONTHS,
        **charts,
    }


def _performance_charts(run: RunFolder) -> dict[str, Any]:
    table = run.sessions
    charts: dict[str, Any] = dict.fromkeys(("equity", "years", "rolling", "distribution", "exposure"))
    if not len(table):
        return charts
    window = rolling_window(len(table), run.periods)
    note = _thinned_note(len(run.equity))
    charts["equity"] = _chart("equity", "Equity and drawdown", figures.equity_figure(run), 440, note)
    charts["equity"]["log"] = figures.spans_decades(run)
    charts["exposure"] = _chart("exposure", "Exposure, share of equity", figures.exposure_figure(run), 280)
    if len(compound(table["returns"], "Y")) > 1:
        charts["years"] = _chart("years", "Yearly return", figures.years_figure(run), 260)
    if len(table) > window:
        drawn = figures.rolling_figure(run, window)
        charts["rolling"] = _chart("rolling", "Rolling statistics", drawn, 480, f"over {window} sessions")
    if len(table) >= FEWEST_RETURNS:
        drawn = figures.distribution_figure(run)
        charts["distribution"] = _chart("distribution", "Distribution of session returns", drawn, 300)
    return charts


def _thinned_note(points: int) -> str:
    if not figures.is_thinned(points):
        return ""
    every = text.whole(points / figures.BUCKETS)
    return f"{text.whole(points)} marks, drawn by the first, last, lowest and highest of every {every}"


def _trading(run: RunFolder, shares: dict[str, Any]) -> dict[str, Any]:
    closed, estimate = trades(run), capacity(run)
    symbols = most_traded(run)
    prices = [_price(run, symbol, k, len(symbols)) for k, symbol in enumerate(symbols)]
    many = len(run.manifest.get("sleeves") or []) > 1 and len(run.sleeves) > 0
    starts = shares["sleeve"]["start"].to_dict()
    return {
        "turnover": _chart(
            "turnover", f"Turnover per {_STEPS[figures.turnover_step(run)]}, one way", figures.turnover_figure(run), 280
        )
        if len(symbols)
        else None,
        "costs": tables.cost_table(costs(run)),
        "capacity_text": capacity_text(run, estimate),
        "capacity": None
        if estimate.reason
        else _chart("capacity", "Net profit over capital", figures.capacity_figure(run, estimate), 260),
        "attribution": _attribution_chart(shares["symbol"]),
        "symbols": tables.symbol_table(shares["symbol"]),
        "sleeves": tables.sleeve_table(shares["sleeve"]),
        "sleeve_chart": _chart("sleeves", "Profit by sleeve", figures.sleeves_figure(run, starts), 280)
        if many
        else None,
        "price": _price_head(run, prices, symbols),
        "prices": prices,
        "trades": tables.trade_table(closed),
        **_recorded(run),
        "order_facts": _order_facts(run),
        "refusals": tables.refusal_table(run),
        "unfilled": tables.unfilled_table(run),
        "events": tables.event_table(run),
    }


def _attribution_chart(frame: Any) -> dict[str, Any] | None:
    if not frame["pnl"].iloc[:-2].any():
        return None
    drawn = figures.attribution_figure(frame)
    return _chart("attribution", "Profit and loss by instrument", drawn, drawn.layout.height)


def _price(run: RunFolder, symbol: str, k: int, count: int) -> dict[str, Any]:
    return {"symbol": symbol, **_chart(f"price-{k}", symbol, price_figure(run, symbol, count), 400)}


def _price_head(run: RunFolder, prices: list[dict[str, Any]], symbols: list[str]) -> dict[str, Any] | None:
    if not prices:
        return None
    drawn, total = fills_drawn(run, symbols)
    traded = run.fills["symbol"].nunique()
    adjusted = any(row.get("adjusted", "raw") != "raw" for row in run.manifest.get("data") or [])
    notes = ["prices as their vendor adjusted them" if adjusted else "prices as traded"]
    if drawn < total:
        notes.append(f"{text.whole(drawn)} of {text.whole(total)} fills drawn")
    if len(symbols) < traded:
        notes.append(f"the {len(symbols)} most traded of {text.whole(traded)} instruments")
    return {**prices[0], "id": "price", "title": "Fills on price", "note": "; ".join(notes)}


def capacity_text(run: RunFolder, estimate: Capacity) -> str:
    """Return the capacity estimate in words, or why there is none."""
    if estimate.reason:
        return f"Capacity cannot be estimated. {estimate.reason}"
    cut = ""
    if estimate.capped > 0:
        cut = (
            f" The volume cap cut {text.percent(estimate.capped)} of the orders already, so the true capacity is lower."
        )
    return (
        f"Impact took {text.money(estimate.impact)} of {text.money(estimate.before)} earned before it. "
        f"By the square-root law of impact, profit would be largest at a capital of {text.short_money(estimate.best)} "
        f"and gone at {text.short_money(estimate.limit)}; this run "
        f"had {text.short_money(run.initial_cash)}.{cut} An extrapolation: trust its order of magnitude at most."
    )


def _recorded(run: RunFolder) -> dict[str, Any]:
    names = sorted(run.series["name"].unique())
    charts = [
        _chart(f"series-{k}", name, figures.series_figure(run, name), 220) for k, name in enumerate(names[:MOST_SERIES])
    ]
    note = (
        f"{MOST_SERIES} of {len(names)} series are drawn; all lie in series.parquet."
        if len(names) > MOST_SERIES
        else ""
    )
    return {"series": charts, "series_note": note}


def _order_facts(run: RunFolder) -> list[tuple[str, str]]:
    verdicts = run.decisions["verdict"].value_counts()
    passed, shrunk, refused = (int(verdicts.get(name, 0)) for name in ("approved", "shrunk", "refused"))
    counts = f"{text.whole(passed)} approved, {text.whole(shrunk)} shrunk, {text.whole(refused)} refused"
    sent = run.orders[run.orders["status"] != "refused"]
    whole = int((sent["filled"].abs() >= sent["quantity"].abs()).sum())
    return [
        ("Proposed", f"{text.whole(len(run.decisions))}: {counts}"),
        ("Sent", f"{text.whole(len(sent))} orders, {text.whole(whole)} filled whole"),
        ("Fills", text.whole(len(run.fills))),
    ]


def _provenance(run: RunFolder) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "data": [_dataset(row) for row in manifest.get("data") or []],
        "command": manifest.get("command", "not recorded"),
        "strategies": tables.strategy_table(run),
        "config": toml.dumps(manifest.get("config") or {}),
        "provenance": [(label, value) for label, value in _provenance_rows(manifest) if value],
    }


def _provenance_rows(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    git, counts = manifest.get("git") or {}, manifest.get("counts") or {}
    rate, seconds = manifest.get("events_per_second"), manifest.get("seconds")
    commit = (
        f"{git.get('commit', '')}{', with uncommitted changes' if git.get('dirty') else ''}"
        if git.get("commit")
        else ""
    )
    speed = (
        f"{text.number(seconds, 2)} s, {text.whole(rate)} events/s" if seconds is not None and rate is not None else ""
    )
    return [
        ("Digest", str(manifest.get("digest", ""))),
        ("Run", str(manifest["run"])),
        ("Seed", str(manifest.get("seed", ""))),
        ("Calendar", f"{manifest.get('calendar', '')}, {text.whole(manifest['periods_per_year'])} sessions a year"),
        ("Events", ", ".join(f"{text.whole(count)} {text.words(name)}" for name, count in counts.items())),
        ("Took", speed),
        ("Commit", commit),
        ("Scenario file", str((manifest.get("source") or {}).get("path", ""))),
        ("Code", ", ".join(f"{name} {digest}" for name, digest in (manifest.get("code") or {}).items())),
        ("Versions", ", ".join(f"{name} {version}" for name, version in (manifest.get("versions") or {}).items())),
        ("Machine", _machine(manifest.get("machine", ""))),
    ]


def _machine(machine: Any) -> str:
    if not isinstance(machine, dict):
        return str(machine)
    return ", ".join(value if isinstance(value, str) else f"{value} {key}" for key, value in machine.items())


def _detail(label: str, value: Any) -> str:
    if label == "rows":
        return text.whole(value)
    return str(value).replace("T", " ")[:16] if label in ("first", "last") else str(value)


def _dataset(row: dict[str, Any]) -> dict[str, Any]:
    labels = ("kind", "timeframe", "rows", "first", "last", "adjusted", "source", "licence", "hash")
    shown = [(label.capitalize(), _detail(label, row[label])) for label in labels if row.get(label)]
    if row.get("synthetic"):
        shown.insert(0, ("Synthetic", "yes, generated"))
    found = [
        [text.words(str(f["rule"])), text.whole(f["count"]), str(f.get("detail", ""))]
        for f in row.get("findings") or []
    ]
    return {
        "name": str(row.get("dataset", "")),
        "facts": shown,
        "findings": tables.Table(["Finding", "Count", "Detail"], found, {1}, prose={2}),
    }


def _contents(context: dict[str, Any]) -> list[tuple[str, str]]:
    names = [
        ("performance", "Performance"),
        ("periods", "Months and years"),
        ("stability", "Stability"),
        ("exposure", "Exposure"),
        ("costs", "Costs"),
        ("attribution", "Attribution"),
        ("trades", "Trades"),
        ("recorded", "Recorded"),
        ("orders", "Orders and risk"),
        ("data", "Data"),
        ("reproduce", "Reproduce"),
    ]
    absent = {"stability": not (context["rolling"] or context["distribution"]), "recorded": not context["series"]}
    return [(key, name) for key, name in names if not absent.get(key, False)]
