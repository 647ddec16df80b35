"""Writing `index.html`: one line per run in a folder of runs, with its equity as a small picture."""

from pathlib import Path
from typing import Any

import numpy as np

from . import format as text
from .contributions import attribution
from .decimate import keep
from .errors import RunError
from .html import environment
from .notices import notices
from .run import RunFolder, load
from .summary import start_of, statistics
from .theme import DARK, FONT, LIGHT

WIDTH, HEIGHT, INSET = 120, 28, 2


def write_index(runs: str | Path) -> Path:
    """Write the overview of a folder of runs, newest name first.

    Parameters
    ----------
    runs : str or Path
        A folder whose subfolders are runs. A subfolder that is no sound run is listed with what is wrong with it; one
        without a manifest is passed over.

    Returns
    -------
    Path
        `index.html` in that folder.

    Raises
    ------
    RunError
        If the folder does not exist.
    """
    folder = Path(runs)
    if not folder.is_dir():
        raise RunError(f"{folder} is no folder; expected the folder that holds runs, such as runs")
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    found = sorted((path for path in visible if (path / "manifest.json").is_file()), reverse=True)
    rows = [_row(path) for path in found]
    context = {"rows": rows, "light": LIGHT, "dark": DARK, "font": FONT}
    file = folder / "index.html"
    file.write_text(environment().get_template("index.html.j2").render(context), encoding="utf-8", newline="\n")
    return file


def _row(folder: Path) -> dict[str, Any]:
    try:
        return _summary(load(folder), folder)
    except RunError as error:
        return {"name": folder.name, "error": str(error)}


def _summary(run: RunFolder, folder: Path) -> dict[str, Any]:
    stats = statistics(run)
    warned = [notice.title for notice in notices(run, attribution(run)) if notice.level == "warning"]
    last = run.sessions.index[-1] if len(run.sessions) else start_of(run)
    return {
        "name": folder.name,
        "error": "",
        "link": f"{folder.name}/report.html" if (folder / "report.html").is_file() else "",
        "title": run.manifest.get("title") or run.manifest["scenario"],
        "period": f"{text.date(start_of(run))} to {text.date(last)}",
        "cells": [
            text.percent(stats["total_return"]),
            text.percent(stats["cagr"]),
            text.percent(stats["volatility"]),
            text.number(stats["sharpe"]),
            text.percent(stats["max_drawdown"]),
            text.whole(stats["trades"]),
        ],
        "path": sparkline(run.sessions["equity"].to_numpy("float64")),
        "warnings": ", ".join(dict.fromkeys(warned)),
    }


def sparkline(values: np.ndarray) -> str:
    """Return the path of a small line chart, `WIDTH` by `HEIGHT` pixels; empty below two points.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN points are left out.
    """
    chosen = keep(values, 40)
    if len(chosen) < 2:
        return ""
    kept = values[chosen]
    low, span = float(kept.min()), float(np.ptp(kept)) or 1.0
    x = INSET + (WIDTH - 2 * INSET) * chosen / (len(values) - 1)
    y = HEIGHT - INSET - (HEIGHT - 2 * INSET) * (kept - low) / span
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
