"""Every table of the report, as text ready to print."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import format as text
from .activity import explain, refusals, unfilled
from .contributions import ACCOUNT, RESIDUAL
from .costs import COST_KINDS
from .periods import drawdown_episodes, month_table
from .summary import start_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .run import RunFolder

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FULL_TINT = 0.10
MOST_ROWS = 100
WITHOUT_LIMIT = (
    "group",
    "invalid",
    "sleeve_rule",
    "no_price",
    "not_listed",
    "delisted",
    "kill_switch",
    "zero_quantity",
)
"""Codes that compare nothing with a limit."""
MOST_PARTS = 20
NAMES = {ACCOUNT: "Interest of the account", RESIDUAL: "Not explained"}


@dataclass(frozen=True)
class Table:
    """A table of text: which columns are numbers (right-aligned) or prose (wrapped); `foot` holds the totals."""

    heads: list[str]
    rows: list[list[str]]
    numeric: set[int] = field(default_factory=set)
    foot: list[list[str]] = field(default_factory=list)
    note: str = ""
    prose: set[int] = field(default_factory=set)


STATISTICS: dict[str, list[tuple[str, str, "Callable[[float], str]"]]] = {
    "Return": [
        ("Total return", "total_return", text.percent),
        ("Return a year (CAGR)", "cagr", text.percent),
        ("Best session", "best_session", text.percent),
        ("Worst session", "worst_session", text.percent),
        ("Winning sessions", "winning_sessions", text.percent),
        ("Winning months", "winning_months", text.percent),
    ],
    "Risk": [
        ("Volatility a year", "volatility", text.percent),
        ("Deepest drawdown", "max_drawdown", text.percent),
        ("Deepest drawdown lasted", "drawdown_days", text.days),
        ("Longest drawdown lasted", "longest_drawdown_days", text.days),
        ("Ulcer index", "ulcer", text.percent),
        ("Value at risk, 95%, a session", "value_at_risk_95", text.percent),
        ("Expected shortfall, 95%", "expected_shortfall_95", text.percent),
        ("Skewness", "skew", text.number),
        ("Excess kurtosis", "kurtosis", text.number),
    ],
    "Ratios": [
        ("Sharpe ratio", "sharpe", text.number),
        ("Sortino ratio", "sortino", text.number),
        ("Calmar ratio", "calmar", text.number),
        ("Probability Sharpe > 0", "probabilistic_sharpe", text.percent),
        ("Beta", "beta", text.number),
        ("Alpha a year", "alpha", text.percent),
        ("Correlation", "correlation", text.number),
        ("Information ratio", "information_ratio", text.number),
    ],
    "Trading": [
        ("Closed trades", "trades", text.whole),
        ("Winning trades", "hit_rate", text.percent),
        ("Profit factor", "profit_factor", text.number),
        ("Expectancy a trade, net", "expectancy", text.money),
        ("Average win", "average_win", text.money),
        ("Average loss", "average_loss", text.money),
        ("Average holding", "average_days_held", text.days),
    ],
    "Exposure": [
        ("Average gross exposure", "average_gross", text.percent),
        ("Highest gross exposure", "max_gross", text.percent),
        ("Average net exposure", "average_net", text.percent),
        ("Sessions with a position", "time_in_market", text.percent),
        ("Turnover a year, one way", "turnover", lambda x: f"{text.number(x, 1)} ×" if x == x else text.NONE),
    ],
}
SIDES = (("Return", "Ratios", "Exposure"), ("Risk", "Trading"))


def statistics_tables(stats: dict[str, float], benchmark: str) -> list[list[tuple[str, Table]]]:
    """Return the statistics in groups, left side and right, with the benchmark's column where it has any."""
    return [[(title, _statistics(STATISTICS[title], stats, benchmark)) for title in side] for side in SIDES]


def _statistics(
    lines: "list[tuple[str, str, Callable[[float], str]]]", stats: dict[str, float], benchmark: str
) -> Table:
    compared = bool(benchmark) and any(f"benchmark_{key}" in stats for _, key, _ in lines)
    rows = []
    for label, key, form in lines:
        other = [form(stats[f"benchmark_{key}"]) if f"benchmark_{key}" in stats else ""] if compared else []
        rows.append([label, form(stats[key]), *other])
    return Table(["", "Strategy", benchmark] if compared else ["", "Strategy"], rows, {1, 2})


def tiles(run: "RunFolder", stats: dict[str, float], benchmark: str) -> list[dict[str, str]]:
    """Return the few numbers at the head: label, value, and the benchmark's below."""
    chosen = [
        ("Total return", "total_return", text.percent),
        ("Return a year", "cagr", text.percent),
        ("Volatility", "volatility", text.percent),
        ("Sharpe ratio", "sharpe", text.number),
        ("Deepest drawdown", "max_drawdown", text.percent),
    ]
    rows = [_tile(label, form(stats[key]), form(stats[f"benchmark_{key}"]), benchmark) for label, key, form in chosen]
    start = f"from {text.short_money(run.initial_cash)}"
    rows.append({"label": "Final equity", "value": _equity(stats["final_equity"]), "below": start})
    costs = f"{text.number(stats['costs_bps'], 1)} bp of {text.short_money(stats['traded'])} traded"
    rows.append({"label": "Costs a year", "value": text.percent(stats["costs_per_year"], 2), "below": costs})
    wins = f"{text.percent(stats['hit_rate'], 0)} won"
    rows.append({"label": "Closed trades", "value": text.whole(stats["trades"]), "below": wins})
    return rows


def _equity(value: float) -> str:
    return text.money(value) if abs(value) < 1e8 else text.short_money(value)


def _tile(label: str, value: str, other: str, benchmark: str) -> dict[str, str]:
    return {"label": label, "value": value, "below": f"Benchmark {other}" if benchmark else ""}


def months(run: "RunFolder") -> list[dict[str, Any]]:
    """Return the monthly heat map: per year its cells of text and tint, −1 to 1 at ten percent."""
    table = month_table(run.sessions["returns"])
    rows = []
    for year, values in table.iterrows():
        cells = [_heat(value) for value in values.iloc[:12]]
        rows.append({"year": str(year), "cells": cells, "total": text.percent(values["year"])})
    return rows


def _heat(value: float) -> dict[str, Any]:
    if value != value:
        return {"text": "", "sign": "none", "tint": 0}
    tint = round(min(1.0, abs(value) / FULL_TINT) * 100)
    return {"text": text.number(value * 100, 1), "sign": "gain" if value >= 0 else "loss", "tint": tint}


def drawdown_table(run: "RunFolder", most: int = 5) -> Table:
    """Return the deepest drawdowns."""
    episodes = drawdown_episodes(run.sessions["drawdown"], start_of(run)).head(most)
    rows = [
        [text.percent(e.depth), text.date(e.peak), text.date(e.trough), _recovered(e.recovery), text.days(e.days)]
        for e in episodes.itertuples()
    ]
    return Table(["Depth", "Peak", "Trough", "Recovered", "Lasted"], rows, {0, 4})


def _recovered(value: pd.Timestamp) -> str:
    return "not yet" if pd.isna(value) else text.date(value)


def cost_table(frame: pd.DataFrame) -> Table:
    """Return the costs by kind; kinds without any amount are left out."""
    rows = [
        [COST_KINDS[str(kind)], *_cost_cells(row)]
        for kind, row in frame.drop(index="total").iterrows()
        if row["amount"] != 0
    ]
    foot = [["Total", *_cost_cells(frame.loc["total"])]]
    heads = ["Kind", "Amount", "Share", "Of traded notional", "Of equity a year"]
    return Table(heads, rows, {1, 2, 3, 4}, foot)


def _cost_cells(row: "pd.Series[float]") -> list[str]:
    bps = text.basis_points(row["bps"])
    return [text.money(row["amount"]), text.percent(row["share"]), bps, text.percent(row["per_year"], 3)]


def symbol_table(frame: pd.DataFrame) -> Table:
    """Return the attribution by instrument; of many, the largest gains and losses."""
    parts = frame.drop(index=[ACCOUNT, RESIDUAL])
    columns = ["realised", "unrealised", "dividends", "fees", "borrow", "pnl"]
    shown = parts if len(parts) <= 2 * MOST_PARTS else pd.concat([parts.head(MOST_PARTS), parts.tail(MOST_PARTS)])
    rows = [[str(name), *(text.money(row[c]) for c in columns)] for name, row in shown.iterrows()]
    foot = [[NAMES[ACCOUNT], *[""] * 5, text.money(frame.loc[ACCOUNT, "pnl"])]]
    foot.append([NAMES[RESIDUAL], *[""] * 5, text.money(frame.loc[RESIDUAL, "pnl"], 2)])
    foot.append(["Account", *(text.money(frame[c].sum()) for c in columns)])
    heads = ["Instrument", "Realised", "Unrealised", "Dividends", "Fees", "Borrow", "Profit and loss"]
    return Table(
        heads, rows, set(range(1, 7)), foot, _shown(len(shown), len(parts), "instruments: the largest gains and losses")
    )


def sleeve_table(frame: pd.DataFrame) -> Table:
    """Return the attribution by sleeve."""
    columns = ["start", "equity", "realised", "fees", "pnl"]
    rows = [[str(name), *(text.money(row[c]) for c in columns)] for name, row in frame.drop(index=RESIDUAL).iterrows()]
    foot = [["Account", *(text.money(frame[c].sum()) for c in columns)]]
    if frame.loc[RESIDUAL, "pnl"]:
        foot.insert(0, [NAMES[RESIDUAL], *[""] * 4, text.money(frame.loc[RESIDUAL, "pnl"], 2)])
    return Table(["Sleeve", "Start", "Equity", "Realised", "Fees", "Profit and loss"], rows, set(range(1, 6)), foot)


def trade_table(closed: pd.DataFrame, most: int = 10) -> Table:
    """Return the largest wins and losses among the closed trades."""
    ranked = closed.sort_values("net", ascending=False, kind="stable")
    chosen = ranked if len(ranked) <= 2 * most else pd.concat([ranked.head(most), ranked.tail(most)])
    rows = [
        [
            t["symbol"],
            t["side"],
            text.quantity(t["quantity"]),
            _moment(t["entry_ts"], t["days"]),
            _moment(t["exit_ts"], t["days"]),
            text.days(t["days"]),
            text.money(t["entry_price"], 2),
            text.money(t["exit_price"], 2),
            text.money(t["net"]),
            text.percent(t["return"]),
        ]
        for t in chosen.to_dict("records")
    ]
    heads = [
        "Instrument",
        "Side",
        "Shares",
        "Entry",
        "Exit",
        "Held",
        "Entry price",
        "Exit price",
        "Net profit",
        "Return",
    ]
    return Table(
        heads, rows, {2, 5, 6, 7, 8, 9}, note=_shown(len(chosen), len(closed), "trades: the largest wins and losses")
    )


def _moment(value: pd.Timestamp, held: float) -> str:
    return text.date(value) if held >= 2 else text.time(value)


def refusal_table(run: "RunFolder") -> Table:
    """Return what risk shrank or refused, by code."""
    rows = [
        [
            text.words(r["code"]),
            r["verdict"],
            text.whole(r["count"]),
            text.whole(r["symbols"]),
            *(["", ""] if r["code"] in WITHOUT_LIMIT else [text.number(r["limit"], 4), text.number(r["value"], 4)]),
            text.date(r["first"]),
            text.date(r["last"]),
            explain(r["code"]),
        ]
        for r in refusals(run).to_dict("records")
    ]
    heads = ["Code", "Verdict", "Orders", "Instruments", "Limit", "Proposed", "First", "Last", "Meaning"]
    return Table(heads, rows, {2, 3, 4, 5}, note="Limit and proposed value are medians.", prose={8})


def unfilled_table(run: "RunFolder") -> Table:
    """Return the orders that did not fill whole, by reason."""
    rows = [
        [
            text.words(str(r["reason"])),
            text.whole(r["count"]),
            text.whole(r["partly"]),
            text.percent(r["share"], 0),
            explain(str(r["reason"])),
        ]
        for r in unfilled(run).to_dict("records")
    ]
    return Table(["Reason", "Orders", "Filled in part", "Left unfilled, mean", "Meaning"], rows, {1, 2, 3}, prose={4})


def event_table(run: "RunFolder") -> Table:
    """Return lifecycle events and splits; dividends and the listings at the start, which are many, are only counted."""
    paid = run.events["kind"] == "dividend"
    begun = (run.events["kind"] == "list") & (run.events["ts"] == run.events["ts"].min())
    events = run.events[~paid & ~begun]
    shown = events.head(MOST_ROWS).to_dict("records")
    rows = [[e["symbol"], text.words(e["kind"]), e["detail"], text.time(e["ts"])] for e in shown]
    notes = [_shown(len(rows), len(events), "events: the first")]
    if begun.any():
        notes.append(f"{text.whole(begun.sum())} instruments were listed when the replay began.")
    if paid.any():
        names = run.events.loc[paid, "symbol"].nunique()
        notes.append(f"{text.whole(paid.sum())} dividends of {text.whole(names)} instruments went ex.")
    return Table(
        ["Instrument", "Event", "Detail", "Time, UTC"] if rows else [],
        rows,
        note=" ".join(filter(None, notes)),
    )


def strategy_table(run: "RunFolder") -> Table:
    """Return the strategies with their parameters."""
    rows = [
        [
            str(row["name"]),
            str(row.get("strategy", "")),
            text.percent(float(row.get("weight", 1.0))),
            ", ".join(f"{name} {value}" for name, value in (row.get("parameters") or {}).items()),
        ]
        for row in run.manifest.get("sleeves") or []
    ]
    return Table(["Sleeve", "Strategy", "Weight", "Parameters"], rows, {2}, prose={3})


def _shown(shown: int, total: int, what: str) -> str:
    return "" if shown >= total else f"{text.whole(shown)} of {text.whole(total)} {what}."
