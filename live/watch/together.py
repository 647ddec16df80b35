"""Everything that watches a session, begun and ended together."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.text import Text

from .. import clock
from ..alert_rules import AlertWatch, Sends
from ..alerts import Alert, Alerts, Severity
from ..encoding import moment
from ..keys import load_token, load_webhook
from ..metrics import AlertCollector
from ..publishing import Commands, Publisher
from .server import PORT, WatchServer
from .terminal import TerminalView


class Lines:
    """Tells alerts line by line, where there is no terminal to draw on."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def send(self, alert: Alert) -> None:
        """Print an alert."""
        when = (moment(clock.now()) or "")[:19].replace("T", " ")
        self._console.print(Text(f"{when} {alert.severity:<8} {alert.text}"), soft_wrap=True)


class Both:
    """Sends an alert to several places."""

    def __init__(self, *targets: Sends) -> None:
        self._targets = targets

    def send(self, alert: Alert) -> None:
        """Send an alert to each."""
        for target in self._targets:
            target.send(alert)


@contextlib.contextmanager
def watching(
    publisher: Publisher, commands: Commands, source: str, console: Console, port: int | None = PORT, view: bool = True
) -> Iterator[Callable[[str, str], None]]:
    """Begin the page, the view on the terminal and the alerts; end them in the reverse order.

    Parameters
    ----------
    publisher, commands : Publisher, Commands
        What the session tells, and where it hears.
    source : str
        What alerts are about, such as the scenario's name.
    console : Console
        The terminal; where it is none, or without `view`, alerts are printed line by line.
    port : int or None
        Where the page is, 0 for any free port, None for no page.

    Yields
    ------
    callable
        Sends an alert of the session's own: ``alert(kind, text)``; of a kind only the latest matters.

    Raises
    ------
    ConfigError
        If the port is taken, or the webhook or the token is malformed.
    """
    webhook, drawn = load_webhook(), view and console.is_terminal
    with contextlib.ExitStack() as stack:
        alerts = stack.enter_context(Alerts(load_webhook, source)) if webhook else None
        targets = Both(*([alerts] if alerts else []), *([] if drawn else [Lines(console)]))
        stack.enter_context(AlertWatch(publisher, targets))
        foot = ""
        if port is not None:
            collectors = (AlertCollector(alerts),) if alerts else ()
            page = WatchServer(publisher, commands, port=port, token=load_token(), collectors=collectors)
            foot = stack.enter_context(page).invitation
        if drawn:
            stack.enter_context(TerminalView(publisher, console, foot))
        elif foot:
            console.print(Text(f"watch it at {foot}"), soft_wrap=True)
        yield lambda kind, text: targets.send(Alert(kind, text, Severity.WARNING))
