"""``lockstep venue``; nothing heavy is imported before the command runs."""

import json
from typing import Annotated, Any

import typer

from lockstep.engine.errors import ConfigError

TOKEN = "LOCKSTEP_VENUE_TOKEN"
MAX = "max"


def venue(
    name: Annotated[str, typer.Argument(metavar="DATASET|SCENARIO", help="What is replayed.")],
    speed: Annotated[
        str, typer.Option(help="`max`: as fast as the client keeps up; else times real time, such as 1 or 60x.")
    ] = MAX,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of 127.0.0.1; 0 takes a free one.")] = 8_765,
    symbol: Annotated[list[str] | None, typer.Option(help="Only this symbol; may be given several times.")] = None,
    start: Annotated[str | None, typer.Option(help="First day; what came before is history.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day.")] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL=OTHER", help="Let a symbol without data trade on another's, such as PDFS=AAPL."),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end, at a later date.")] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another value for a key of the scenario.")
    ] = None,
    key: Annotated[str, typer.Option(help="Key that clients sign in with.")] = "LOCKSTEP",
    secret: Annotated[str, typer.Option(help="Secret that goes with it.")] = "local-venue",
    token: Annotated[str, typer.Option(envvar=TOKEN, help="What the side channel asks for; none makes one up.")] = "",
    multiplier: Annotated[int, typer.Option(min=1, max=100, help="Buying power as a multiple of equity.")] = 4,
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient", help="Take what only Alpaca refuses: turning a position round, wash trades, auctions' hours."
        ),
    ] = False,
    rate_limit: Annotated[int, typer.Option(min=0, help="Requests a minute; 0: any number. Alpaca has 200.")] = 0,
    symbol_limit: Annotated[int, typer.Option(min=0, help="Symbols of a channel; 0: any number.")] = 0,
    catalog: Annotated[str | None, typer.Option(help="Where the datasets are.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print where it listens as one JSON object.")] = False,
) -> None:
    """Serve Alpaca's protocol on loopback, replaying a dataset or a scenario's market, with a paper account."""
    import secrets

    from lockstep.data.catalog import Catalog

    from .core import Options
    from .recording import open_recording
    from .server import serve

    pace = speed_of(speed)
    recording = open_recording(
        Catalog(catalog), name, symbols=symbol, start=start, end=end, overrides=overrides or (),
        proxies=proxies_of(proxy or []), loop=loop,
    )  # fmt: skip
    made = token or secrets.token_urlsafe(16)
    options = Options(key, secret, made, multiplier, lenient, rate_limit, symbol_limit)
    for one, other in sorted(recording.proxies.items()):
        typer.echo(f"PROXY: {one} has no data; {other}'s prices are played in its place.", err=True)

    def listening(where: int) -> None:
        told = _places(where) | {"recording": recording.name, "speed": speed, "key": key, "proxies": recording.proxies}
        if as_json:
            typer.echo(json.dumps({**told, "token": made}))
        else:
            typer.echo(_sentence(told, given=bool(token), token=made))

    serve(recording, options, port, pace, listening)


def _places(port: int) -> dict[str, Any]:
    base = f"127.0.0.1:{port}"
    return {
        "port": port,
        "rest": f"http://{base}",
        "updates": f"ws://{base}/stream",
        "market": f"ws://{base}/v2/iex",
        "pace": f"ws://{base}/lockstep/pace",
    }


def _sentence(told: dict[str, Any], *, given: bool, token: str) -> str:
    side = "" if given else f"; side channel token {token}"
    return (
        f"venue listens on {told['rest']} (trade_updates {told['updates']}, market data {told['market']}), "
        f"replays {told['recording']} at {told['speed']}, key {told['key']}{side}"
    )


def speed_of(text: str) -> float:
    """Return venue seconds to a second; 0 for `max`.

    Raises
    ------
    ConfigError
        If it is no positive number.
    """
    if text == MAX:
        return 0.0
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < 1e9:
        raise ConfigError(f"--speed {text!r}, expected {MAX!r} or a positive number such as 1 or 60x")
    return speed


def proxies_of(pairs: list[str]) -> dict[str, str]:
    """Return the map of ``SYMBOL=OTHER`` pairs.

    Raises
    ------
    ConfigError
        If one is no pair.
    """
    found = {}
    for pair in pairs:
        symbol, equals, other = (part.strip() for part in pair.partition("="))
        if not (symbol and equals and other):
            raise ConfigError(f"--proxy {pair!r}, expected SYMBOL=OTHER such as PDFS=AAPL")
        found[symbol] = other
    return found
