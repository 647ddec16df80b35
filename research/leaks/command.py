"""`lockstep leaks`: verdicts as text or JSON, progress on the error stream."""

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from lockstep.engine.errors import ConfigError
from lockstep.scenarios.loading import apply_override, bundled_names

from .corpus import load_cases, run_case
from .judge import Request, again, judge
from .mutants import load_mutants, open_bench
from .suite import Options
from .verdict import EXIT_CODES, WORST, Verdict, iso
from .workshop import Workshop

NIGHTLY = 3600.0
COLOURS = {"clean": "green", "leak": "red", "nondeterministic": "red", "vacuous": "yellow", "error": "yellow"}


def seconds_of(budget: str) -> float:
    """Return the seconds of ``30s``, ``5m`` or ``nightly``.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    if budget == "nightly":
        return NIGHTLY
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(s|m|h)", budget)
    if not found:
        raise ConfigError(f"--budget {budget!r}: expected seconds, minutes or hours such as 30s or 5m, or nightly")
    return float(found[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0}[found[2]]


def run_checks(
    targets: Sequence[str],
    *,
    scenario: str,
    data: str,
    given: Sequence[str],
    budget: str,
    tolerance: float,
    seed: int,
    catalog: str | None,
    json: bool,
) -> int:
    """Check targets one after another, print each verdict as it comes, return the exit code of the worst.

    Without targets all bundled scenarios are checked.
    """
    parameters: dict[str, object] = {}
    for each in given:
        apply_override(parameters, each)
    options = Options(seconds=seconds_of(budget), tolerance=tolerance, seed=seed, nightly=budget == "nightly")
    found = []
    for target in targets or bundled_names():
        request = Request(target, scenario, data, parameters, catalog, None, options)
        with _Bar(target) as bar:
            found.append(judge(request, bar.update))
        _tell(found[-1], json=json)
    worst = next((name for name in WORST if any(each.verdict == name for each in found)), "clean")
    return EXIT_CODES[worst]


def run_again(path: Path, *, json: bool) -> int:
    """Run the comparison of a reproducer file again and print the verdict; return its exit code."""
    with _Bar(path.name) as bar:
        verdict = again(path, bar.update)
    _tell(verdict, json=json)
    return verdict.exit_code


def run_corpus(
    names: Sequence[str], *, table: str, budget: str, seed: int, seeds: int, catalog: str | None, json: bool
) -> int:
    """Check cases of a table, all or the named ones, with some seeds each, and print a row for each.

    Returns 1 if one was judged wrongly, else 0.
    """
    known = load_cases(table)
    unknown = sorted({*names} - {case.name for case in known})
    if unknown:
        raise ConfigError(
            f"{table}: no case is called {', '.join(unknown)}; known: {', '.join(case.name for case in known)}"
        )
    wrong = 0
    with Workshop(catalog) as workshop:
        for case in [case for case in known if not names or case.name in names]:
            for each in range(seed, seed + seeds):
                options = Options(seconds=seconds_of(budget), seed=each, nightly=budget == "nightly")
                with _Bar(case.name) as bar:
                    outcome = run_case(case, options, catalog, bar.update, workshop)
                wrong += bool(outcome.faults)
                print(outcome.as_json() if json else outcome.as_line(), flush=True)
    return 1 if wrong else 0


def run_mutants(names: Sequence[str], *, budget: str, seed: int, json: bool) -> int:
    """Try mutants of the project, all or the named ones, after their targets as they are, and print a row for each.

    Returns 1 if one was not caught for its reason, or a target is not clean without it, else 0.
    """
    mutants, wrong = load_mutants(names), 0
    options = Options(seconds=seconds_of(budget), seed=seed, localised=False)
    with tempfile.TemporaryDirectory(prefix="lockstep-mutants-") as home, open_bench(Path(home), options) as bench:
        for trial in bench.trials(mutants):
            wrong += bool(trial.fault)
            print(trial.as_json() if json else trial.as_line(), flush=True)
    return 1 if wrong else 0


class _Bar:
    """Progress on the error stream while a target is checked."""

    def __init__(self, target: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[what]}"))
        console = Console(stderr=True)
        self._bar = Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
        self._task = self._bar.add_task(target, total=1, what="")

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.stop()

    def update(self, what: str, done: int, planned: int) -> None:
        """Show what is being done, and how far that is."""
        self._bar.update(self._task, completed=done, total=planned, what=what)


def _tell(verdict: Verdict, *, json: bool) -> None:
    print(verdict.as_json(), flush=True) if json else _show(verdict)


def _show(verdict: Verdict) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    colour = COLOURS[verdict.verdict]
    console.print(
        f"[bold {colour}]{verdict.verdict}[/] {escape(f'{verdict.target} — {verdict.reason}')}", soft_wrap=True
    )
    for name, value in lines(verdict):
        console.print(f"  {name:<10} {value}", soft_wrap=True, markup=False)


def lines(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what a verdict says beyond its reason, each line with its name."""
    told = [
        (
            "checked",
            f"{verdict.decisions:,} decisions, {verdict.cuts} cuts, {verdict.runs} runs, {verdict.seconds:.1f} s",
        )
    ]
    if verdict.verdict in ("leak", "nondeterministic") and verdict.track:
        told.append(("first", f"{verdict.track} at {iso(verdict.ts)} {verdict.symbol} {', '.join(verdict.fields)}"))
        told.append(("one", str(verdict.left)))
        told.append(("other", str(verdict.right)))
    if verdict.verdict == "leak":
        if verdict.cut:
            told.append(("known to", iso(verdict.cut)))
        if verdict.peek_events is not None:
            told.append(("peek", f"{verdict.peek_bound}: {verdict.peek_events} events, {verdict.peek_ns / 1e9:,.0f} s"))
        told.append(("reads", ", ".join(verdict.reads)))
    told += [("source", each) for each in verdict.source] + [("note", each) for each in verdict.notes]
    told += [("look at", each) for each in verdict.advice]
    told.append(("again", verdict.command))
    return [(name, value) for name, value in told if value]
