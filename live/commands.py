"""The commands of live trading; nothing heavy is imported before a command needs it."""

import json
from typing import Annotated

import typer

keys_app = typer.Typer(help="API keys, from the environment or .env.", no_args_is_help=True)

alerts_app = typer.Typer(help="Alerts by webhook.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line instead of text.")]


@keys_app.callback()
def keys_root() -> None:
    """Show the help where no command is given."""


@keys_app.command("check")
def keys_check(as_json: Json = False) -> None:
    """Say which keys there are and what each works for, by a harmless request; exit code 2 if one does not work."""
    from dataclasses import asdict

    from .keys import Keyring
    from .keys_check import check

    failed = False
    for finding in check(Keyring()):
        failed |= finding.works is False
        if as_json:
            typer.echo(json.dumps(asdict(finding)))
        else:
            verdict = {True: "works", False: "fails", None: ""}[finding.works]
            typer.echo(f"{finding.what:<11} {verdict:<6} {finding.where}: {finding.detail}")
    if failed:
        raise typer.Exit(2)


@alerts_app.callback()
def alerts_root() -> None:
    """Show the help where no command is given."""


@alerts_app.command("test")
def alerts_test(
    text: Annotated[str, typer.Option(help="What to send.")] = "a test: alerts of Lockstep arrive here",
) -> None:
    """Send one alert to LOCKSTEP_WEBHOOK and say what the receiver answered; exit code 2 if it did not take it."""
    import requests

    from lockstep.engine.errors import ConfigError

    from .alerts import Alert, Severity, message, post
    from .keys import WEBHOOK, env_file, load_webhook

    webhook = load_webhook()
    if webhook is None:
        raise ConfigError(f"no {WEBHOOK} in the environment or in {env_file()}; set it to the address of a webhook")
    with requests.Session() as client:
        outcome = post(client, webhook, message(Alert("test", text, Severity.INFO), "lockstep"))
    typer.echo(outcome.why)
    if not outcome.done:
        raise typer.Exit(2)


def kill(
    state: Annotated[str, typer.Argument(metavar="on|off", help="Refuse new risk, or take it again.")],
    address: Annotated[
        str, typer.Option(help="Where the session's page is, as the session printed it.")
    ] = "http://127.0.0.1:8790",
    reason: Annotated[str, typer.Option(help="Why; it is shown and journalled.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Move a running session's kill switch; the token comes from LOCKSTEP_TOKEN or is asked for."""
    from pydantic import SecretStr

    from lockstep.engine.errors import ConfigError

    from .keys import load_token
    from .publishing import Action
    from .watch.remote import switch

    if state not in ("on", "off"):
        raise ConfigError(f"kill {state!r}: expected on or off")
    token = load_token() or SecretStr(typer.prompt("Token", hide_input=True).strip())
    if not yes:
        typer.confirm(f"Turn the kill switch {state}?", abort=True)
    switch(address, token, Action.KILL_ON if state == "on" else Action.KILL_OFF, reason)
    typer.echo(f"kill switch {state}")
