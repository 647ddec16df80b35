"""Prometheus metrics, read from the latest snapshot when they are asked for; nothing is counted on the trading path."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from lockstep.engine.events import SECOND

from .alerts import Alerts
from .encoding import MICROS
from .health import health
from .publishing import Publisher
from .status import Phase, Status, StreamState

QUANTILES = (("0.5", "p50"), ("0.9", "p90"), ("0.99", "p99"), ("1", "highest"))


def registry(publisher: Publisher, *more: Collector) -> CollectorRegistry:
    """Return a registry of one session's metrics, of others such as those of alerts, and of its process."""
    made = CollectorRegistry(auto_describe=False)
    made.register(StatusCollector(publisher))
    for collector in more:
        made.register(collector)
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made


def exposition(made: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics in the format that a scraper accepts, and the content type."""
    encode, content_type = choose_encoder(accept)
    return encode(made), content_type


class StatusCollector(Collector):
    """Turns the latest snapshot into metrics."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics; before the first snapshot only whether the session is healthy."""
        yield _gauge("healthy", "1 if the session can trade as it should.", health(self._publisher).ok)
        latest = self._publisher.latest
        if latest is None:
            return
        status = latest.status
        yield _gauge("snapshot_age_seconds", "Time since the session last reported.", self._publisher.age())
        yield from _state(status)
        yield from _account(status)
        yield from _risk(status)
        yield from _streams(status)
        yield from _feed(status)
        yield from _latency(status)
        yield _counter_by("count", "Running totals since the run began.", "what", status.counts.items())


class AlertCollector(Collector):
    """Tells what became of the alerts."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts

    def collect(self) -> Iterable[Metric]:
        """Yield one counter by outcome."""
        rows = asdict(self._alerts.totals).items()
        yield _counter_by("alerts", "Alerts by what became of them.", "outcome", rows)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"lockstep_{name}", told, value=float(value))


def _gauge_by(name: str, told: str, label: str, rows: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"lockstep_{name}", told, labels=[label])
    for key, value in rows:
        family.add_metric([key], float(value))
    return family


def _counter(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(f"lockstep_{name}", told, value=float(value))


def _counter_by(name: str, told: str, label: str, rows: Iterable[tuple[str, float]]) -> Metric:
    family = CounterMetricFamily(f"lockstep_{name}", told, labels=[label])
    for key, value in rows:
        family.add_metric([key], float(value))
    return family


def _state(status: Status) -> Iterator[Metric]:
    labels = {"run": status.run, "scenario": status.scenario, "venue": str(status.venue)}
    yield InfoMetricFamily("lockstep_session", "What runs against what.", value=labels)
    yield _gauge_by(
        "phase", "1 for the phase of the session.", "phase", [(each, each is status.phase) for each in Phase]
    )
    yield _gauge("market_open", "1 while the exchange is open.", status.market_open)
    yield _gauge("exchange_time_seconds", "Exchange time, seconds since 1970 UTC.", status.ts / SECOND)
    yield _gauge("kill_switch", "1 while new risk is refused by hand.", status.kill.on)
    yield _gauge("halted", "1 while the session itself refuses new risk.", bool(status.halt))
    yield _gauge("warnings", "Warnings that the session shows.", len(status.warnings))
    yield _gauge("synthetic_symbols", "Symbols whose prices are generated.", len(status.synthetic))
    yield _gauge("proxied_symbols", "Symbols fed by the data of another.", len(status.proxies))


def _account(status: Status) -> Iterator[Metric]:
    told = {
        "equity": "Equity.",
        "session_equity": "Equity at the start of the exchange's session.",
        "cash": "Cash.",
        "gross": "Gross exposure.",
        "net": "Net exposure.",
    }
    for name, text in told.items():
        micros: int | None = getattr(status, name)
        if micros is not None:
            yield _gauge(f"{name}_dollars", text, micros / MICROS)
    positions = [(each.symbol, each.value / MICROS) for each in status.positions]
    yield _gauge_by("position_dollars", "Value of each position, short ones negative.", "symbol", positions)
    yield _gauge("open_orders", "Orders that are open.", len(status.orders))


def _risk(status: Status) -> Iterator[Metric]:
    used = [(each.name, each.used) for each in status.limits]
    yield _gauge_by("risk_used", "How much of each limit is used, in its own unit.", "limit", used)
    limits = [(each.name, each.limit) for each in status.limits]
    yield _gauge_by("risk_limit", "Each limit, in its own unit; +Inf where there is none.", "limit", limits)


def _streams(status: Status) -> Iterator[Metric]:
    up = [(each.name, each.state is StreamState.UP) for each in status.streams if each.state is not StreamState.OFF]
    yield _gauge_by("stream_up", "1 for a connection that is up.", "stream", up)
    reconnects = [(each.name, each.reconnects) for each in status.streams]
    yield _counter_by("stream_reconnects", "How often each connection was made anew.", "stream", reconnects)
    messages = [(each.name, each.messages) for each in status.streams]
    yield _counter_by("stream_messages", "Messages received on each connection.", "stream", messages)
    last = [(each.name, each.last_message / SECOND) for each in status.streams if each.last_message]
    yield _gauge_by(
        "stream_last_message_seconds", "When the last message came, seconds since 1970 UTC.", "stream", last
    )


def _feed(status: Status) -> Iterator[Metric]:
    feed = status.feed
    yield _counter("feed_events", "Events that came in.", feed.events)
    yield _counter("feed_shed_quotes", "Quotes dropped because the session was behind.", feed.shed_quotes)
    yield _counter("feed_late", "Events that came after their slice.", feed.late)
    yield _counter("feed_revised", "Bars that were corrected after their slice.", feed.revised)
    yield _gauge("feed_backlog", "Events that wait.", feed.backlog)
    if feed.delay is not None:
        yield _gauge("feed_delay_seconds", "From an event at the exchange to its arrival.", feed.delay / SECOND)


def _latency(status: Status) -> Iterator[Metric]:
    family = GaugeMetricFamily("lockstep_latency_seconds", "Percentiles of each stage.", labels=["stage", "quantile"])
    for each in status.latency:
        for quantile, name in QUANTILES:
            value: Any = getattr(each, name)
            family.add_metric([each.stage, quantile], value / SECOND)
    yield family
    counts = [(each.stage, each.count) for each in status.latency]
    yield _counter_by("latency_measured", "How often each stage was measured.", "stage", counts)
