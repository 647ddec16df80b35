"""The one entry point, ``lockstep``; every recipe of the justfile is a thin call of it."""

import typer

from lockstep import __version__

app = typer.Typer(
    name="lockstep",
    help="Event-driven backtesting and live trading through one deterministic step.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Keep ``lockstep`` a group of commands."""


@app.command()
def version() -> None:
    """Print the version of Lockstep."""
    typer.echo(f"lockstep {__version__}")


def main() -> None:
    """Run the command line."""
    app()
