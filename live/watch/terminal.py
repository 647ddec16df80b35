"""The terminal view: the same snapshots as the page, redrawn in place, in as many rows as the terminal has."""

import threading
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lockstep.reports import format as text

from ..encoding import MICROS, moment
from ..health import health
from ..publishing import EquityPoint, Publisher
from ..status import Status, StreamState, Utilisation

REDRAW_EVERY = 0.25
BLOCKS = "▁▂▃▄▅▆▇█"
WIDE = 124
NEAR = 0.8
GAIN, LOSS, QUIET = "cyan", "dark_orange", "bright_black"
MOST_WARNINGS = 3


class TerminalView:
    """Draws a session until it is closed; use it with ``with``.

    Parameters
    ----------
    publisher : Publisher
        What the session tells.
    console : Console
        Where to draw; the error stream, since results go to the standard stream.
    foot : str
        A last line, such as the page's address.
    """

    def __init__(self, publisher: Publisher, console: Console, foot: str = "") -> None:
        self._publisher, self._console, self._foot = publisher, console, foot
        self._live = Live(Text("the session begins"), console=console, auto_refresh=False, vertical_overflow="crop")
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lockstep-terminal", daemon=True)

    def __enter__(self) -> "TerminalView":
        self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Draw the last snapshot and give the terminal back."""
        self._ends.set()
        self._thread.join()
        self._draw()
        self._live.stop()

    def _run(self) -> None:
        while not self._ends.wait(REDRAW_EVERY):
            self._draw()

    def _draw(self) -> None:
        latest = self._publisher.latest
        if latest is None:
            return
        reasons = health(self._publisher).reasons
        size = self._console.size
        drawn = screen(latest.status, reasons, self._publisher.curve(), size.width, size.height, self._foot)
        self._live.update(drawn, refresh=True)


def screen(
    status: Status, reasons: Sequence[str], curve: Sequence[EquityPoint], width: int, height: int, foot: str = ""
) -> RenderableType:
    """Return a snapshot as it is drawn on `height` rows of `width` letters."""
    told = list(_notices(status, reasons))
    sides = (len(status.limits) + 1, len(status.streams) + 2)
    used = 8 + sum(-(-line.cell_len // width) for line in told) + (max(sides) if width >= WIDE else sum(sides))
    held, open_, latest = _share_out(max(0, height - used), len(status.positions), len(status.orders))
    parts: list[RenderableType] = [
        _head(status),
        _account(status),
        Text(sparkline([point.equity for point in curve], width), style=GAIN, no_wrap=True),
        *told,
        _beside([_limits(status), _streams(status)], width),
        _positions(status, held, wide=width >= WIDE),
        _orders(status, open_),
        _beside([_decisions(status, latest), *([_fills(status, latest)] if width >= WIDE else [])], width),
        _latency(status),
        Text(foot, style=QUIET, no_wrap=True),
    ]
    return Group(*parts)


def _share_out(room: int, positions: int, orders: int) -> tuple[int, int, int]:
    """Return how many rows positions, orders and decisions get: what the first two do not need is for decisions."""
    held = min(positions, max(2, room * 2 // 5))
    open_ = min(orders, max(1, room // 4))
    return held, open_, max(1, room - held - open_)


def sparkline(values: Sequence[int], width: int) -> str:
    """Return a line of blocks, the latest value last; each letter stands for the last value of its stretch."""
    if len(values) < 2 or width < 1:
        return ""
    columns = min(width, len(values))
    shown = [values[(k + 1) * len(values) // columns - 1] for k in range(columns)]
    low, high = min(shown), max(shown)
    if low == high:
        return BLOCKS[0] * columns
    return "".join(BLOCKS[(value - low) * (len(BLOCKS) - 1) // (high - low)] for value in shown)


def _when(ts: int, now: int) -> str:
    """Return a time of the snapshot's own day without its date, another without its year and seconds."""
    told, today = moment(ts) or text.NONE, moment(now) or ""
    return told[11:19] if told[:10] == today[:10] else told[5:16].replace("T", " ")


def _dollars(micros: int | None, digits: int = 2) -> str:
    return text.NONE if micros is None else text.money(micros / MICROS, digits)


def _share(part: int | None, whole: int | None) -> str:
    return text.percent(part / whole) if part is not None and whole else text.NONE


def _signed(micros: int | None) -> Text:
    told = _dollars(micros)
    if micros is None or micros == 0:
        return Text(told)
    return Text(f"+{told}" if micros > 0 else told, style=GAIN if micros > 0 else LOSS)


def _head(status: Status) -> Text:
    state = (text.words(status.phase), "bold")
    line = Text.assemble((status.scenario, "bold"), f"  {text.words(status.venue)}  ", state, no_wrap=True)
    when = (moment(status.ts) or text.NONE).replace("T", " ")[:19]
    line.append(f"  {when} UTC", style=QUIET)
    line.append("  market open" if status.market_open else "  market closed", style=QUIET)
    if status.kill.on:
        line.append("  KILL SWITCH ON", style=f"bold {LOSS}")
    return line


def _account(status: Status) -> Text:
    known = status.equity is not None and status.session_equity is not None
    profit = status.equity - status.session_equity if known else None  # type: ignore[operator]
    line = Text.assemble("Equity ", (_dollars(status.equity), "bold"), "  session ", no_wrap=True)
    line.append_text(_signed(profit))
    line.append(f" ({_share(profit, status.session_equity)})  cash {_dollars(status.cash, 0)}")
    line.append(f"  gross {_share(status.gross, status.equity)}  net {_share(status.net, status.equity)}")
    return line


def _notices(status: Status, reasons: Sequence[str]) -> Iterator[Text]:
    for reason in reasons:
        yield Text(f"! {reason}", style=LOSS)
    if status.kill.on and (status.kill.reason or status.kill.by):
        yield Text(f"! kill switch on, by {status.kill.by}: {status.kill.reason or 'no reason given'}", style=LOSS)
    if status.halt:
        yield Text(f"! new risk is refused: {status.halt}", style=LOSS)
    for symbol, source in status.proxies.items():
        yield Text(f"! {symbol} is fed by {source}: these are not its prices", style=LOSS)
    if status.synthetic:
        yield Text(f"! generated prices: {', '.join(status.synthetic)}", style=LOSS)
    for warning in status.warnings[:MOST_WARNINGS]:
        yield Text(f"  {warning}", style=QUIET)


def _beside(tables: Sequence[Table], width: int) -> RenderableType:
    """Return tables side by side where there is room, else one above the other."""
    if width < WIDE:
        return Group(*tables)
    grid = Table.grid(padding=(0, 4))
    for _ in tables:
        grid.add_column()
    grid.add_row(*tables)
    return grid


def _table(*columns: str) -> Table:
    """Return an empty table; a column whose name begins with > holds numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=f"{QUIET} underline")
    for name in columns:
        table.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left", no_wrap=True)
    return table


def _add(table: Table, *cells: str | Text) -> None:
    """Add a row; a plain string would be read as markup, and a symbol may hold brackets."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))


def _fill(table: Table, rows: Sequence[Sequence[str | Text]], most: int) -> Table:
    """Add rows, at most so many, and say how many are left out."""
    shown = rows if len(rows) <= most else rows[: max(0, most - 1)]
    for row in shown:
        _add(table, *row)
    if len(shown) < len(rows):
        _add(table, Text(f"and {len(rows) - len(shown)} more", style=QUIET))
    return table


def _limits(status: Status) -> Table:
    table = _table("Risk", ">Used", ">Limit", "")
    for limit in status.limits:
        bounded = limit.limit < float("inf")
        name = text.words(limit.name) + (f" {limit.where}" if limit.where else "")
        _add(table, name, _amount(limit, limit.used), _amount(limit, limit.limit) if bounded else "none", _bar(limit))
    return table


def _amount(limit: Utilisation, value: float) -> str:
    return text.whole(value) if "per_second" in limit.name else text.percent(value)


def _bar(limit: Utilisation, width: int = 12) -> Text:
    full = round(min(1.0, max(0.0, limit.share)) * width)
    return Text("█" * full + "·" * (width - full), style=LOSS if limit.share >= NEAR else GAIN)


def _streams(status: Status) -> Table:
    table = _table("Connection", "State", ">Messages", ">Reconnects")
    for stream in status.streams:
        told = f"{stream.state}: {stream.detail}" if stream.detail else str(stream.state)
        state = Text(told, style="" if stream.state in (StreamState.UP, StreamState.OFF) else LOSS)
        _add(table, stream.name, state, text.whole(stream.messages), text.whole(stream.reconnects))
    feed = status.feed
    waiting = f"{text.whole(feed.backlog)} waiting, {text.whole(feed.late)} late, {text.whole(feed.shed_quotes)} shed"
    _add(table, "events", waiting, text.whole(feed.events))
    return table


def _positions(status: Status, most: int, *, wide: bool) -> Table:
    realised = (">Realised",) if wide else ()
    table = _table(f"Positions {len(status.positions)}", ">Quantity", ">Mark", ">Value", ">Unrealised", *realised, "")
    rows: list[Sequence[str | Text]] = []
    for each in sorted(status.positions, key=lambda row: -abs(row.value)):
        marks = [f"fed by {each.proxy}"] if each.proxy else []
        marks += ["synthetic"] * each.synthetic + ["halted"] * each.halted
        numbers = text.quantity(each.quantity), _dollars(each.mark), _dollars(each.value)
        marked = Text(", ".join(marks), style=LOSS)
        gains = (_signed(each.unrealised), _signed(each.realised))[: 1 + wide]
        rows.append((each.symbol, *numbers, *gains, marked))
    return _fill(table, rows, most)


def _orders(status: Status, most: int) -> Table:
    table = _table(f"Orders {len(status.orders)}", "Symbol", ">Quantity", ">Filled", "Type", ">Price", "Status")
    rows = [
        (
            str(each.order_id),
            each.symbol,
            text.quantity(each.quantity),
            text.quantity(each.filled),
            f"{text.words(each.type)} {each.tif}",
            _dollars(each.limit or each.stop) if each.limit or each.stop else "",
            text.words(each.status),
        )
        for each in reversed(status.orders)
    ]
    return _fill(table, rows, most)


def _decisions(status: Status, most: int) -> Table:
    table = _table("Decisions", "Order", "Symbol", ">Proposed", ">Approved", "Verdict")
    for each in status.decisions[: -most - 1 : -1]:
        told = f"{each.verdict}: {text.words(each.code)}" if each.code else each.verdict
        verdict = Text(told, style=LOSS if each.verdict == "refused" else "")
        numbers = text.quantity(each.quantity), text.quantity(each.approved)
        _add(table, _when(each.ts, status.ts), str(each.order_id), each.symbol, *numbers, verdict)
    return table


def _fills(status: Status, most: int) -> Table:
    table = _table("Fills", "Order", "Symbol", ">Quantity", ">Price")
    for each in status.fills[: -most - 1 : -1]:
        quantity = text.quantity(each.quantity)
        _add(table, _when(each.ts, status.ts), str(each.order_id), each.symbol, quantity, _dollars(each.price))
    return table


def _latency(status: Status) -> Text:
    line = Text(style=QUIET, no_wrap=True)
    for each in status.latency:
        parts = " / ".join(_span(value) for value in (each.p50, each.p90, each.p99))
        line.append(f"{text.words(each.stage)} {parts}   ")
    return line


def _span(ns: int) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if ns >= size:
            return f"{ns / size:.1f} {unit}"
    return f"{ns / 1e3:.1f} µs"
