"""What the reader must know before he reads a number: one sentence of verdict, and the warnings."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import format as text
from .sessions import benchmark_name

if TYPE_CHECKING:
    import pandas as pd

    from .run import RunFolder

FEW_SESSIONS = 126


@dataclass(frozen=True)
class Notice:
    """A sentence at the head of the report; `level` is `warning` or `note`."""

    level: str
    title: str
    text: str


def verdict(run: "RunFolder", stats: dict[str, float]) -> str:
    """Return the result in a few plain sentences."""
    if not len(run.sessions):
        return "The run recorded no session."
    year = len(run.sessions) >= run.periods
    key, unit = ("cagr", " a year") if year else ("total_return", f" over {text.whole(stats['sessions'])} sessions")
    value, other = stats[key], stats[f"benchmark_{key}"]
    rival, fall = "", f"deepest fall {text.percent(-stats['max_drawdown'])}"
    if other == other:
        rival = f" against {text.percent(other)} of the benchmark ({benchmark_name(run)})"
        fall += f" against {text.percent(-stats['benchmark_max_drawdown'])}"
    parts = [f"{_gain(value)}{unit}{rival}; {fall}."]
    if stats["traded"] > 0 and year:
        parts.append(f"Costs took {text.percent(stats['costs_per_year'], 2)} of equity a year.")
    if stats["probabilistic_sharpe"] == stats["probabilistic_sharpe"]:
        parts.append(f"Probability that the true Sharpe ratio is above zero: {_odds(stats['probabilistic_sharpe'])}.")
    return " ".join(parts)


def _odds(probability: float) -> str:
    if 0.001 <= probability <= 0.999:
        return text.percent(probability, 0 if 0.01 <= probability <= 0.99 else 1)
    return "over 99.9%" if probability > 0.5 else "under 0.1%"


def _gain(value: float) -> str:
    return f"Gained {text.percent(value)}" if value >= 0 else f"Lost {text.percent(-value)}"


def notices(run: "RunFolder", attribution: "pd.DataFrame") -> list[Notice]:
    """Return the manifest's warnings and those that follow from the run itself, the gravest first.

    A warning of the manifest that speaks of the same matter replaces ours.
    """
    given = [str(sentence) for sentence in run.manifest.get("warnings") or []]
    said = " ".join(given).lower()
    own = [
        notice for word, notice in _derived(run, attribution) if notice is not None and (not word or word not in said)
    ]
    return [Notice("warning", "Warning", sentence) for sentence in given] + sorted(
        own, key=lambda notice: notice.level == "note"
    )


def _derived(run: "RunFolder", attribution: "pd.DataFrame") -> list[tuple[str, Notice | None]]:
    manifest = run.manifest
    data, instruments = manifest.get("data") or [], manifest["instruments"]
    return [
        ("synthetic", _synthetic(data, instruments)),
        ("shock", _shocked(manifest.get("shocks") or [])),
        ("", _unexplained(attribution)),
        ("surviv", _survivorship(data)),
        ("close-only", _close_only(instruments)),
        ("adjusted", _adjusted(data)),
        ("", _few(len(run.sessions))),
        ("leak", _leaks(manifest.get("leak_check"))),
        ("", _dirty(manifest.get("git") or {})),
    ]


def _synthetic(data: list[dict[str, Any]], instruments: list[dict[str, Any]]) -> Notice | None:
    if not any(row.get("synthetic") for row in [*data, *instruments]):
        return None
    return Notice(
        "warning", "Synthetic data", "These prices were generated. The result says nothing about a real market."
    )


def _survivorship(data: list[dict[str, Any]]) -> Notice | None:
    told = [
        f"{row.get('dataset', '')}: {_of_survivors(row['survivorship'])}" for row in data if row.get("survivorship")
    ]
    return Notice("warning", "Survivorship", f"{'; '.join(dict.fromkeys(told))}.") if told else None


def _of_survivors(said: Any) -> str:
    plain = "it holds only instruments that lived to its end, so returns are flattered by an unknown amount"
    return said.strip().rstrip(".") if isinstance(said, str) else plain


def _close_only(instruments: list[dict[str, Any]]) -> Notice | None:
    count = sum(bool(row.get("close_only")) for row in instruments)
    if not count:
        return None
    have = f"{count} of {len(instruments)} instruments have closes alone"
    sentence = f"{have}: orders fill at the next close, without a volume cap."
    return Notice("warning", "Close-only prices", sentence)


def _adjusted(data: list[dict[str, Any]]) -> Notice | None:
    names = [str(row.get("dataset", "")) for row in data if row.get("adjusted", "raw") != "raw"]
    if not names:
        return None
    sentence = (
        f"{_and(names)} is adjusted by its vendor: fills are at adjusted prices, in fractions, without a volume cap."
    )
    return Notice("warning", "Adjusted prices", sentence)


def _shocked(shocks: list[Any]) -> Notice | None:
    if not shocks:
        return None
    kinds = [text.words(str(shock.get("kind", shock))) if isinstance(shock, dict) else str(shock) for shock in shocks]
    return Notice("warning", "Shocked stream", f"Prices were altered on purpose: {_and(kinds)}.")


def _unexplained(attribution: "pd.DataFrame") -> Notice | None:
    rest = float(attribution["pnl"].iloc[-1])
    if rest == 0:
        return None
    lost = f"{text.money(rest, 6)} of the account's profit"
    sentence = f"{lost} belongs to no instrument and is no interest. Please report this."
    return Notice("warning", "Books do not balance", sentence)


def _few(sessions: int) -> Notice | None:
    if sessions >= FEW_SESSIONS:
        return None
    return Notice("note", "Short run", f"{sessions} sessions: yearly figures and ratios are rough.")


def _leaks(check: Any) -> Notice | None:
    if check is None:
        return Notice("note", "Leak check", "Never checked: no proof yet that this strategy cannot see the future.")
    if not isinstance(check, dict) or "verdict" not in check:
        said = check if isinstance(check, str) else json.dumps(check, sort_keys=True)
        return Notice("note", "Leak check", said)
    told = f"{str(check['verdict']).capitalize()}: {check.get('reason', '')}"
    if check.get("data_changed"):
        told += f", on other data of {_and(check['data_changed'])} than these"
    if check["verdict"] == "clean":
        figures = [f"{check[name]:,} {name}" for name in ("decisions", "cuts", "runs") if name in check]
        return Notice("note", "Leak check", f"{told} ({', '.join(figures)}).")
    proof = "" if check["verdict"] == "leak" else "; no proof that this strategy cannot see the future"
    return Notice("warning", "Leak check", f"{told}{proof}.")


def _dirty(git: dict[str, Any]) -> Notice | None:
    if not git.get("dirty"):
        return None
    return Notice(
        "note",
        "Uncommitted changes",
        "The code differed from its commit, so the commit alone does not reproduce the run.",
    )


def _and(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} and {unique[-1]}"
