"""``lockstep live`` and ``lockstep replay``; nothing heavy is imported before a command runs."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.engine.errors import ConfigError, VerifyError

LOCAL, AUTO, PAPER = "local", "auto", "paper"


def live(
    scenario: Annotated[str, typer.Argument(help="A bundled name, a TOML file or a folder made by `lockstep new`.")],
    venue: Annotated[
        str,
        typer.Option(
            help="`paper`: the account of your keys; `local`: a venue that replays the scenario's data; an address "
            "such as http://127.0.0.1:8765: one that runs already; `auto`: paper if there are keys, else local."
        ),
    ] = AUTO,
    speed: Annotated[str, typer.Option(help="Of a local venue: `max`, or times real time, such as 60x.")] = "60x",
    runs_dir: Annotated[Path, typer.Option("--runs-dir", help="Where run folders go.")] = Path("runs"),
    resume: Annotated[Path | None, typer.Option(help="A run to go on with.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin anew, although a run is unfinished.")] = False,
    start: Annotated[str | None, typer.Option(help="First day, at a local venue.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, at a local venue.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another value for a key of the scenario.")
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the page that shows the session.")] = True,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the page; 0 takes a free one.")] = 8790,
    catalog: Annotated[str | None, typer.Option(help="Where the datasets are.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end; no page.")] = False,
) -> None:
    """Trade a scenario live on paper, journal everything, and prove afterwards that the backtest decides the same."""
    from lockstep.data.catalog import Catalog
    from lockstep.scenarios.loading import load

    from .running import Options, trade

    source = load(scenario, overrides or (), start=start, end=end)
    options = Options(runs_dir, resume, new)
    given = _arguments(scenario, speed, start, end, overrides or [], source.scenario.live.proxies, catalog)
    name, door = source.scenario.name, port if page else None
    with _place(venue, given, source.scenario.live) as place, _watched(name, as_json, door) as watched:
        done = trade(source, Catalog(catalog), place, options, *watched)
    if as_json:
        typer.echo(json.dumps(done.to_json()))
    else:
        _tell(done)
    if done.verdict.divergence is not None:
        raise VerifyError(_sentence(done.verdict))


def _arguments(
    scenario: str, speed: str, start: str | None, end: str | None, overrides: list[str], proxies: dict[str, str],
    catalog: str | None,
) -> list[str]:  # fmt: skip
    options = {"--speed": speed, "--start": start, "--end": end, "--catalog": catalog}
    found = [scenario, *(part for name, value in options.items() if value is not None for part in (name, value))]
    found += [part for each in overrides for part in ("--set", each)]
    return found + [part for one, other in proxies.items() for part in ("--proxy", f"{one}={other}")]


def _place(venue: str, arguments: list[str], table: Any) -> Any:
    from . import keys, places

    if venue == AUTO:
        venue = PAPER if keys.are_set() else LOCAL
    if venue == LOCAL:
        return places.begin_venue(arguments, table)
    if venue == PAPER:
        return places.alpaca(table, _typed)
    if venue.startswith("http://"):
        return places.running_venue(venue, table)
    raise ConfigError(f"--venue {venue!r}, expected {AUTO}, {LOCAL}, {PAPER} or the address of a local venue")


def _typed(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigError("real money must be confirmed at a terminal; this is none")
    return str(typer.prompt(prompt.rstrip(": ")))


@contextlib.contextmanager
def _watched(name: str, silent: bool, port: int | None) -> Iterator[tuple[Any, Any, Any]]:
    """Begin page, view and alerts; yield what the session tells and hears through, and what takes its alerts."""
    from rich.console import Console

    from .publishing import Commands, Publisher
    from .watch.together import watching

    publisher, commands = Publisher(), Commands()
    with watching(publisher, commands, name, Console(stderr=True), None if silent else port, view=not silent) as alert:
        yield publisher, commands, alert


def _tell(done: Any) -> None:
    told = done.to_json()
    typer.echo(
        f"{done.folder}: {told['ended']}; {told['events']:,} events, {told['orders']:,} orders, {told['fills']:,} fills"
    )
    typer.echo(f"final equity {told['final_equity']:,.2f}; replay: {_sentence(done.verdict)}")
    if done.gap is not None:
        _tell_gap(done.gap.to_json())
        from lockstep.reports import render

        typer.echo(render(done.folder))


def _tell_gap(gap: dict[str, Any]) -> None:
    """Print the reality gap in three lines."""
    causes = ", ".join(f"{cause} {amount:+,.2f}" for cause, amount in gap["causes"].items() if round(amount, 2))
    typer.echo(f"profit {gap['profit']:,.2f}; with simulated fills {gap['profit_simulated']:,.2f}")
    typer.echo(f"  the difference: {causes or 'none'}; slippage {gap['slippage_bps']:.2f} bps of what was traded")
    typer.echo(
        f"  {gap['matched']:,} of {gap['orders']:,} orders are the same in both, {gap['missed']:,} filled otherwise"
    )


def _sentence(verdict: Any) -> str:
    if verdict.divergence is None:
        return f"identical, {verdict.slices:,} slices, digest {verdict.digest}"
    found = verdict.divergence
    return f"{verdict.run} differs at row {found.row}: {found.cause}: {found.detail}"


def replay(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a live run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run a live run's journal through the backtest's step again and compare digests slice by slice."""
    from .replay import replay as replay_run

    verdict = replay_run(run)
    if as_json:
        typer.echo(json.dumps(verdict.to_json()))
    else:
        typer.echo(f"{run}: {_sentence(verdict)}")
        for difference in verdict.differences:
            typer.echo(f"  {difference}")
        if (run / "gap.json").is_file():
            _tell_gap(json.loads((run / "gap.json").read_text(encoding="utf-8")))
    if verdict.divergence is not None:
        raise VerifyError(_sentence(verdict))
