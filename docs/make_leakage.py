"""Write leakage-corpus.md from what ``lockstep leaks corpus --json`` printed: ``python docs/make_leakage.py FOLDER``.

The folder holds ``corpus.rows`` and ``freqtrade.rows``, the latter printed with ``--table freqtrade``.
"""

import json
import sys
from pathlib import Path
from typing import Any

from lockstep.research.leaks.corpus import Case, load_cases

PAGE = Path(__file__).with_name("leakage-corpus.md")
BEGINNING = """# The corpus of leaks

Planted leaks, and clean strategies that look suspicious, written as users write them; each lies in `tests/leakage` with
its expected verdict and the reason for it. The suite knows none of them. `lockstep leaks corpus` judges them, with
`--table freqtrade` and `--table further` the other tables, with `--seeds 20` each with twenty seeds. It exits with 1
where a verdict, its property, stage, distance or column is not as expected.

`python docs/make_leakage.py` made this page from what `lockstep leaks corpus --json` printed, at commit
`2a541c8`, on two cores that others shared: seconds are wall time, and too many.

*ahead* counts times at which data came, from the first record that differed; it is empty where a leak knows the length
of the data, or works through a cache or what it earns. Where a leak does not look equally far everywhere, it is the
distance there; 500 and more is the whole sample.
"""
PLANTED = """
## Planted

| case | what is wrong | verdict | ahead | seconds |
|---|---|---|---|---|
"""
CLEAN = """
## Clean

| case | why it is clean | verdict | ahead | seconds |
|---|---|---|---|---|
"""
FREQTRADE = """
## Beside freqtrade

The leaks and clean strategies on which freqtrade 2026.9 was measured (offline, three start dates, defaults, 4 to 11
seconds a verdict), written for this engine. The right two columns are what its two detectors said.

| case | expected | verdict | ahead | seconds | `lookahead-analysis` | `recursive-analysis` |
|---|---|---|---|---|---|---|
"""
Judged = tuple[Case, dict[str, Any]]


def page(corpus: list[Judged], freqtrade: list[Judged]) -> str:
    """The page, from the cases of both tables and their rows."""
    planted = [_row(case, case.reason, row) for case, row in corpus if case.planted]
    clean = [_row(case, case.reason, row) for case, row in corpus if not case.planted]
    beside = [_row(case, case.expected, row, *(case.freqtrade or ())) for case, row in freqtrade]
    return "".join([BEGINNING, PLANTED, *planted, CLEAN, *clean, FREQTRADE, *beside])


def _row(case: Case, about: str, row: dict[str, Any], *more: str) -> str:
    ahead = "" if row["peek_events"] is None else str(row["peek_events"])
    cells = (f"`{case.name}`", about, row["verdict"], ahead, f"{row['seconds']:.1f}", *more)
    return "| " + " | ".join(cells) + " |\n"


def judged(table: str, folder: Path) -> list[Judged]:
    """Cases of a table, each with its row."""
    lines = (folder / f"{table}.rows").read_text(encoding="utf-8").splitlines()
    rows = {row["name"]: row for row in map(json.loads, lines)}
    return [(case, rows[case.name]) for case in load_cases(table)]


if __name__ == "__main__":
    source = Path(sys.argv[1])
    PAGE.write_text(page(judged("corpus", source), judged("freqtrade", source)), encoding="utf-8")
