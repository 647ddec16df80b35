"""The one entry point, ``lockstep``; every recipe of the justfile is a thin call of it.

Nothing heavy is imported before a command needs it.
"""

import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockstep import __version__
from lockstep.live.commands import alerts_app, keys_app, kill
from lockstep.live.session_commands import live, replay
from lockstep.live.venue.commands import venue
from lockstep.research.commands import leaks

if TYPE_CHECKING:
    from lockstep.data.catalog import Catalog
    from lockstep.scenarios.loading import Source
    from lockstep.scenarios.run import RunResult

EPILOG = (
    "Exit codes: 0 done, 1 a defect of Lockstep (with traceback), 2 a scenario, parameter or argument is wrong, "
    "3 the data, 4 the strategy, 5 the engine refused to go on, 6 a re-run gave another digest, 130 interrupted."
)
INTERRUPTED = 130
PERCENT = 100
LIVE_IMPORTERS = ("alpaca", "recording")
WIDE = 200

app = typer.Typer(
    name="lockstep",
    help="Event-driven backtesting and live trading through one deterministic step.",
    epilog=EPILOG,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Datasets of the catalogue.", no_args_is_help=False)
app.add_typer(data_app, name="data")
app.add_typer(keys_app, name="keys")
app.add_typer(alerts_app, name="alerts")
app.command(epilog=EPILOG)(venue)
app.command(epilog=EPILOG)(live)
app.command(epilog=EPILOG)(replay)
app.command(epilog=EPILOG)(kill)
app.command(epilog=EPILOG)(leaks)

Scenarios = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SCENARIO]...",
        help="Names, TOML files or folders made by `lockstep new`; none means all bundled ones.",
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/<id>.")]
RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Where run folders go.")]
CatalogRoot = Annotated[
    str | None, typer.Option("--catalog", help="Where the datasets are; else LOCKSTEP_CATALOG, else .lockstep/catalog.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a line instead of a table; money in dollars.")
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Run kernels interpreted, so that breakpoint() and a debugger work in them.")
]


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Show the help where no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command()
def version() -> None:
    """Print the version of Lockstep."""
    typer.echo(f"lockstep {__version__}")


@app.command(epilog=EPILOG)
def backtest(
    scenario: Scenarios = None,
    runs_dir: RunsDir = Path("runs"),
    catalog: CatalogRoot = None,
    start: Annotated[str | None, typer.Option(help="First day of trading instead of the scenario's.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day instead of the scenario's.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value for a key, such as risk.max_gross=1.0."),
    ] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Whether to write report.html.")] = True,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Run scenarios, all or the named ones, and leave runs/<id>/ with a report for each."""
    if debug:
        _interpret()
    from lockstep.engine.errors import LockstepError
    from lockstep.scenarios.loading import bundled_names, load

    names = scenario or bundled_names()
    sources = [load(name, overrides or (), start=start, end=end) for name in names]
    failures: list[LockstepError] = []
    with _Console(json=json) as console:
        for source in sources:
            try:
                command = _command(source.given, {"start": start, "end": end, "catalog": catalog}, overrides or [])
                console.finished(_backtest(source, _catalog(catalog), runs_dir, command, console, report=report))
            except LockstepError as error:
                failures.append(error)
                console.failed(source.scenario.name, error, debug=debug)
    if failures:
        raise typer.Exit(failures[0].exit_code)


def _backtest(
    source: "Source", catalog: "Catalog", runs: Path, command: str, console: "_Console", *, report: bool
) -> "RunResult":
    from lockstep.scenarios.run import run_scenario

    result = run_scenario(
        source,
        catalog,
        runs,
        command=command,
        clock=time.perf_counter,
        progress=console.progress,
        on_plan=console.begins,
    )
    if report:
        from lockstep.reports import render

        console.says("writing the report")
        render(result.path)
    return result


@app.command(epilog=EPILOG)
def verify(run: Run, catalog: CatalogRoot = None, json: Json = False, debug: Debug = False) -> None:
    """Run a run again from its manifest and compare digests."""
    if debug:
        _interpret()
    from lockstep.scenarios.verify import verify as verify_run

    with _Console(json=json) as console:
        done = verify_run(run, _catalog(catalog), console.progress, console.begins)
    if json:
        _print_json({"run": done.run, "digest": done.digest, "same": True, "differences": done.differences})
        return
    typer.echo(f"{done.run}: the same digest, {done.digest}")
    for difference in done.differences:
        typer.echo(f"  without changing it, {difference}")


@app.command(epilog=EPILOG)
def report(
    run: Run,
    to: Annotated[Path | None, typer.Option(help="The file to write; else report.html in the run's folder.")] = None,
) -> None:
    """Write a run's report.html anew."""
    from lockstep.reports import render

    typer.echo(render(run, to))


@app.command(epilog=EPILOG)
def scenarios(json: Json = False) -> None:
    """List the scenarios that come with Lockstep."""
    from lockstep.scenarios.loading import bundled_names, load

    found = [load(name).scenario for name in bundled_names()]
    if json:
        for each in found:
            _print_json(
                {
                    "scenario": each.name,
                    "title": each.title,
                    "datasets": each.data.names,
                    "description": each.description,
                }
            )
        return
    _print_table(["Scenario", "Data", "What"], [[each.name, ", ".join(each.data.names), each.title] for each in found])


@app.command(epilog=EPILOG)
def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and _; a folder of this name is made.")],
) -> None:
    """Write a small strategy, its scenario and its test, which run at once."""
    from lockstep.scenarios.starter import write_starter

    folder = write_starter(name, Path())
    for file in sorted(folder.iterdir()):
        typer.echo(f"wrote {file}")
    typer.echo(f"run it:  lockstep backtest {name}")
    typer.echo(f"test it: pytest {name}")


@data_app.callback(invoke_without_command=True)
def data_root(context: typer.Context) -> None:
    """Show the help where no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@data_app.command("list", epilog=EPILOG)
def data_list(catalog: CatalogRoot = None, json: Json = False) -> None:
    """List the datasets, with those that are built when first needed."""
    from lockstep.data.commands import list_datasets

    rows = list_datasets(_catalog(catalog))
    if json:
        for row in rows:
            _print_json(row)
        return
    keys = ("dataset", "symbols", "rows", "first", "last", "timeframe", "adjusted", "kind")
    shown = [[_shown(row.get(key, ""))[: 10 if key in ("first", "last") else None] for key in keys] for row in rows]
    _print_table([key.capitalize() for key in keys], shown, numbers=frozenset({1, 2}))


@data_app.command("show", epilog=EPILOG)
def data_show(
    name: Annotated[str, typer.Argument(help="A dataset.")],
    symbol: Annotated[list[str] | None, typer.Option(help="Only this symbol; may be given several times.")] = None,
    start: Annotated[str | None, typer.Option(help="First day.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day.")] = None,
    rows: Annotated[int, typer.Option(min=0, max=100_000, help="Rows from the beginning and from the end.")] = 5,
    catalog: CatalogRoot = None,
    json: Json = False,
) -> None:
    """Show what a dataset is, its instruments, and its first and last rows."""
    from lockstep.data.commands import show

    found = show(_catalog(catalog), name, symbol, start, end, rows)
    if json:
        _print_json(found)
        return
    _print_table(["", name], [[key, _shown(value)] for key, value in found["facts"].items() if key != "dataset"])
    keys = ("id", "symbol", "formerly", "name", "sector", "rows")
    former = [", ".join(ticker for _, ticker in each["symbols"][:-1]) for each in found["instruments"]]
    listed = [{**each, "formerly": past} for each, past in zip(found["instruments"], former, strict=True)]
    kept = [key for key in keys if any(each[key] for each in listed)]
    _print_table(
        [key.capitalize() for key in kept],
        [[_shown(each[key]) for key in kept] for each in listed],
        numbers=frozenset({len(kept) - 1}),
    )
    if found["rows"]:
        names = [name for name in found["rows"][0] if name != "ts_open"]
        _print_table(
            names, [[_shown(row[key]) for key in names] for row in found["rows"]], frozenset(range(2, len(names)))
        )


@data_app.command("check", epilog=EPILOG)
def data_check(
    name: Annotated[str, typer.Argument(help="A dataset.")], catalog: CatalogRoot = None, json: Json = False
) -> None:
    """Check a dataset's files and rows against every rule; exit code 3 if a file is damaged."""
    from lockstep.data.commands import check_dataset

    found = check_dataset(_catalog(catalog), name)
    if json:
        for finding in found:
            _print_json(finding.model_dump())
    elif found:
        rows = [[f.rule, f.severity, f"{f.count:,}", f.detail, "; ".join(f.examples[:2])] for f in found]
        _print_table(["Rule", "Severity", "Count", "What", "Such as"], rows, frozenset({2}))
    else:
        typer.echo(f"{name}: nothing found")
    if any(finding.rule == "damaged" for finding in found):
        raise typer.Exit(3)


@data_app.command("import", epilog=EPILOG)
def data_import(
    name: Annotated[str, typer.Argument(help="Name of the dataset; for `bundled` that of the bundled one.")],
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or a folder to import.")] = None,
    importer: Annotated[
        str,
        typer.Option("--as", help="What reads them: table, daily, lean, synthetic, bundled, alpaca or recording."),
    ] = "table",
    declaration: Annotated[
        Path | None, typer.Option(help="A TOML file with the options: zone, label, timeframe, adjusted, source ….")
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One option, such as zone=UTC.")
    ] = None,
    catalog: CatalogRoot = None,
    json: Json = False,
) -> None:
    """Import a dataset; what is wrong and not declared refuses it, and the old data stays."""
    from lockstep.data.commands import import_dataset
    from lockstep.scenarios.loading import apply_override, parse, read_text

    given = parse(read_text(declaration), str(declaration)) if declaration else {}
    for option in options or ():
        apply_override(given, option)
    if paths:
        given["paths"] = paths
    if importer in LIVE_IMPORTERS:
        from lockstep.live.importers import import_live

        made = import_live(_catalog(catalog), name, importer, given, lambda words: typer.echo(words, err=True))
    else:
        made = import_dataset(_catalog(catalog), name, importer, **given)
    if json:
        _print_json(made.model_dump(mode="json", exclude={"files"}))
        return
    typer.echo(f"{made.name}: {made.rows:,} rows of {len(made.instruments)} instruments, hash {made.hash[:12]}")


def _shown(value: Any) -> str:
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, list | tuple | dict):
        return f"{len(value)}" if value else ""
    return str(value)


def _interpret() -> None:
    """Have kernels interpreted; where the compiler is loaded already, begin anew."""
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        return
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    if "numba" in sys.modules:
        os.execv(sys.executable, [sys.executable, *sys.argv])


def _catalog(root_folder: str | None) -> "Catalog":
    from lockstep.data.catalog import Catalog

    return Catalog(root_folder)


def _command(given: str, options: dict[str, str | None], overrides: list[str]) -> str:
    """Return the command that reproduces one run."""
    import shlex

    flags = [part for key, value in options.items() if value is not None for part in (f"--{key}", value)]
    return shlex.join(
        ["lockstep", "backtest", given, *flags, *(part for each in overrides for part in ("--set", each))]
    )


def _print_json(value: dict[str, Any]) -> None:
    import json

    typer.echo(json.dumps(value, default=str))


def _print_table(
    header: list[str], rows: list[list[str]], numbers: frozenset[int] = frozenset(), *, fold: bool = True
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for place, name in enumerate(header):
        justify: Any = "right" if place in numbers else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=place < len(header) - 1 or not fold)
    for row in rows:
        table.add_row(*row)
    # A pipe has no width of its own; 80 columns would tear tables apart.
    Console(highlight=False, width=None if sys.stdout.isatty() else WIDE).print(table)


class _Console:
    """Progress on the error stream while runs go on, results on the standard stream."""

    def __init__(self, *, json: bool) -> None:
        self._json, self._bar, self._task, self._window, self._began = json, None, None, (0, 1), 0.0
        self._rows: list[list[str]] = []
        self._places: list[str] = []

    def __enter__(self) -> "_Console":
        if sys.stderr.isatty() and os.environ.get("NUMBA_DISABLE_JIT") != "1":
            self._bar = _progress_bar()
            self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._rows:
            _print_table(list(_COLUMNS), self._rows, numbers=frozenset(range(1, 7)), fold=False)
            for place in self._places:
                typer.echo(place)

    def begins(self, plan: Any) -> None:
        self._window = (plan.window.replay_from, max(plan.window.last, plan.window.replay_from + 1))
        if self._bar is not None:
            self._task = self._bar.add_task(plan.scenario.name, total=1.0, rate=0.0, phase="")
            self.says("preparing; new code is compiled once")

    def says(self, phase: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, phase=phase)

    def progress(self, events: int, ts: int) -> None:
        if self._bar is not None:
            if events == 0:
                self._began = time.perf_counter()
                self.says("")
                return
            first, last = self._window
            rate = events / (time.perf_counter() - self._began)
            self._bar.update(self._task, completed=min(1.0, (ts - first) / (last - first)), rate=rate)

    def finished(self, result: "RunResult") -> None:
        if self._json:
            _print_json(_summary(result))
        else:
            self._rows.append(_row(result))
            report_file = result.path / "report.html"
            self._places.append(str(report_file if report_file.exists() else result.path))

    def failed(self, name: str, error: Exception, *, debug: bool) -> None:
        if debug and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        _complain(f"{name}: {error}")


def _progress_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """What goes on, while events run their number a second."""

        def render(self, task: Any) -> Text:
            return Text(task.fields["phase"] or f"{task.fields['rate']:,.0f} events/s")

    text = TextColumn("{task.description}")
    return Progress(text, BarColumn(), TaskProgressColumn(), Rate(), console=Console(stderr=True), transient=True)


_COLUMNS = ("Scenario", "Return", "Sharpe", "Drawdown", "Orders", "Fills", "Events/s", "Digest")


def _row(result: "RunResult") -> list[str]:
    from lockstep.reports import load, statistics

    found, counts = statistics(load(result.path)), result.outcome.counts
    return [
        result.manifest["scenario"],
        f"{found['total_return'] * PERCENT:+,.1f} %",
        f"{found['sharpe']:.2f}",
        f"{found['max_drawdown'] * PERCENT:,.1f} %",
        f"{counts['orders']:,}",
        f"{counts['fills']:,}",
        f"{result.manifest['events_per_second'] or 0:,}",
        result.outcome.digest[:8],
    ]


@app.command()
def bench(
    runs: Annotated[int, typer.Option("--runs", min=1, help="Runs of each workload; the best counts.")] = 5,
    stream: Annotated[int, typer.Option("--stream", min=0, help="Also stream this many bars from Parquet.")] = 0,
    live: Annotated[bool, typer.Option("--live", help="Measure the live session's core and journal instead.")] = False,
    feed: Annotated[
        int,
        typer.Option("--feed", min=0, help="With --live: also a session on 5,000 quotes a second, so many seconds."),
    ] = 0,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, rates in bars (live: events) a second.")
    ] = False,
) -> None:
    """Measure the engine next to a bare numba loop and to vectorbt, on workloads with known answers."""
    from rich.console import Console

    if live:
        import json

        from lockstep.live.bench import measure as measure_live
        from lockstep.live.bench import told

        for row in measure_live():
            typer.echo(json.dumps(row.to_json()) if json_ else told(row))
        if feed:
            from lockstep.live.bench_feed import measure_feed, told_feed

            found = measure_feed(feed)
            typer.echo(json.dumps(found.to_json()) if json_ else told_feed(found))
        return
    from lockstep.research.bench.run import measure
    from lockstep.research.bench.table import as_json, show

    rows = []
    if stream:  # first, while the process has held no other workload's memory
        from lockstep.research.bench.stream import measure_stream

        rows.append(measure_stream(stream))
    rows += measure(runs)
    if json_:
        typer.echo("\n".join(as_json(row) for row in rows))
    else:
        show(rows, Console(width=None if sys.stdout.isatty() else WIDE))


def _summary(result: "RunResult") -> dict[str, Any]:
    manifest, counts = result.manifest, result.outcome.counts
    return {
        "scenario": manifest["scenario"],
        "run": str(result.path),
        "digest": result.outcome.digest,
        **{name: counts[name] for name in ("events", "orders", "fills")},
        "final_equity": result.outcome.final_equity / 1e6,
        **{name: manifest[name] for name in ("seconds", "events_per_second")},
    }


def _complain(sentence: str) -> None:
    # Secrets are known only where the module that keeps them was loaded.
    secrecy = sys.modules.get("lockstep.live.secrecy")
    typer.echo(f"lockstep: {secrecy.redact(sentence) if secrecy else sentence}", err=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, by default with the arguments of the process; return its exit code."""
    from lockstep.engine.errors import LockstepError

    try:
        code = app(arguments, standalone_mode=False)
    except LockstepError as error:
        _complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "lockstep"):
            raise
        _complain(
            f"package {error.name!r} is not installed; it comes with an extra: `just setup dev`, or pip install "
            "'lockstep[live]' for live trading, 'lockstep[research]' for research"
        )
        return 2
    except Exception as error:
        if not hasattr(error, "format_message"):  # what typer raises for wrong arguments has one
            raise
        _complain(f"{error.format_message()} (see lockstep --help)")
        return 2
    if code == INTERRUPTED:
        _complain("interrupted")
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
