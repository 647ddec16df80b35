"""``lockstep leaks``; nothing heavy is imported before it runs."""

from pathlib import Path
from typing import Annotated

import typer

from lockstep.research.leaks import TOLERANCE


def leaks(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="Scenarios, features, or dotted strategies, jobs and functions; `corpus` and names of its cases; "
            "`mutants` and names of some; none means all bundled scenarios.",
        ),
    ] = None,
    scenario: Annotated[str, typer.Option(help="The scenario that a strategy or job is run in.")] = "",
    data: Annotated[str, typer.Option(help="The dataset it is run on; else a synthetic market.")] = "",
    parameters: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the target.")
    ] = None,
    budget: Annotated[str, typer.Option(help="Time for each target, such as 30s or 5m, or nightly.")] = "5m",
    tolerance: Annotated[
        float, typer.Option(help="Relative, for floating-point results on histories of another length.")
    ] = TOLERANCE,
    seed: Annotated[int, typer.Option(help="Of cuts and futures.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Of `corpus`: judge each case with so many seeds.")] = 1,
    table: Annotated[str, typer.Option(help="Of `corpus`: corpus, freqtrade or further.")] = "corpus",
    again: Annotated[
        Path | None, typer.Option("--again", metavar="FILE", help="Run the one comparison of a reproducer file again.")
    ] = None,
    catalog: Annotated[
        str | None,
        typer.Option("--catalog", help="Where the datasets are; else LOCKSTEP_CATALOG, else .lockstep/catalog."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line instead of a table.")] = False,
) -> None:
    """Prove that what is done by a time does not depend on what became known after it.

    Exit codes: 0 clean, 7 leak, 8 nondeterministic, 4 the target failed, 9 vacuous.
    """
    from lockstep.research.leaks.command import run_again, run_checks, run_corpus, run_mutants

    if again is not None:
        if targets:
            raise typer.BadParameter("it names its target itself; give it without TARGET", param_hint="--again")
        raise typer.Exit(run_again(again, json=json))
    if targets and targets[0] == "corpus":
        raise typer.Exit(
            run_corpus(targets[1:], table=table, budget=budget, seed=seed, seeds=seeds, catalog=catalog, json=json)
        )
    if targets and targets[0] == "mutants":
        raise typer.Exit(run_mutants(targets[1:], budget=budget, seed=seed, json=json))
    code = run_checks(
        targets or [],
        scenario=scenario,
        data=data,
        given=parameters or [],
        budget=budget,
        tolerance=tolerance,
        seed=seed,
        catalog=catalog,
        json=json,
    )
    if code:
        raise typer.Exit(code)
