"""The script of faults: what shall go wrong, when, and how often.

A fault waits until its `when` fits, then happens `times` times. Who could be hit asks `take`; what simply happens at a
time (`ACTIONS`) is asked for at every slice. Which faults there are, and what each does, is in ``docs/venue.md``.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .wire import nanoseconds

REQUESTS = ("drop_before", "drop_after", "504_after", "429", "hang", "raw_body", "delay_reply")
ORDERS = ("fill_on_cancel", "fill_on_replace", "partial")
UPDATES = ("dup", "shuffle", "lose", "unknown_status", "null_data")
BARS = ("late_bar", "missing_bar", "repeat_bar", "revise_bar")
HANDSHAKES = ("nowelcome", "hold_slot", "insufficient_subscription")
ACTIONS = (
    "revoke_key", "restore_key", "shrink_account", "mute", "unmute", "drop_stream", "flood", "inject", "bust",
    "restate", "halt", "resume", "early_close", "adjust_position", "fill",
)  # fmt: skip
KINDS = (*REQUESTS, *ORDERS, *UPDATES, *BARS, *HANDSHAKES, *ACTIONS)


class When(BaseModel):
    """When a fault happens; what is left out fits always.

    Parameters
    ----------
    slice : int
        From this slice on.
    time : str
        From this venue time on, RFC 3339.
    method, path : str
        Of the request; `path` is a prefix such as ``/v2/orders``.
    symbol, event : str
        Of the order, bar or trade update.
    nth : int
        At the n-th thing that fits otherwise.
    """

    model_config = ConfigDict(extra="forbid")
    slice: int | None = None
    time: str | None = None
    method: str | None = None
    path: str | None = None
    symbol: str | None = None
    event: str | None = None
    nth: int = Field(default=1, ge=1)


class Fault(BaseModel):
    """One entry of the script; which of the fields count depends on the kind."""

    model_config = ConfigDict(extra="forbid")
    fault: Literal[KINDS]  # type: ignore[valid-type]
    when: When = When()
    times: int = Field(default=1, ge=1)
    seconds: float = Field(default=0.0, ge=0)
    status: int | None = None
    body: str | None = None
    content_type: str = "text/html"
    after: bool = False
    fill: bool = False
    stream: Literal["updates", "market"] = "updates"
    step: Literal["welcome", "auth", "listening"] = "welcome"
    frozen: bool = False
    symbol: str | None = None
    quantity: float | None = None
    price: float | None = None
    fraction: float = Field(default=0.5, gt=0, lt=1)
    buying_power: float | None = None
    count: int = Field(default=1, ge=1)
    slices: int = Field(default=1, ge=1)
    minutes: float = 30.0
    data: Any = None
    close: bool = False


@dataclass
class Armed:
    """A fault of the script, how often it may still happen, how often it fitted and how often it has happened."""

    fault: Fault
    left: int
    seen: int = 0
    fired: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as ``GET /lockstep/faults`` shows it."""
        given = self.fault.model_dump(exclude_unset=True)
        return {**given, "left": self.left, "fired": self.fired}


class Script:
    """Faults in the order in which they were given."""

    def __init__(self) -> None:
        self.armed: list[Armed] = []
        self.slice, self.now = 0, 0

    def add(self, faults: list[Fault]) -> None:
        """Append faults."""
        self.armed.extend(Armed(fault, fault.times) for fault in faults)

    def take(self, kinds: tuple[str, ...], **facts: str) -> Fault | None:
        """Return the first fault of these kinds that happens now, and count it; None where all is well."""
        for armed in self.armed:
            if armed.left and armed.fault.fault in kinds and self._fits(armed.fault, facts):
                armed.seen += 1
                if armed.seen >= armed.fault.when.nth:
                    armed.left -= 1
                    armed.fired += 1
                    return armed.fault
        return None

    def _fits(self, fault: Fault, facts: dict[str, str]) -> bool:
        when = fault.when
        if any(name in facts and getattr(fault, name) != facts[name] for name in ("stream", "step")):
            return False
        if when.slice is not None and self.slice < when.slice:
            return False
        if when.time is not None and self.now < nanoseconds(when.time):
            return False
        if when.path is not None and not facts.get("path", "").startswith(when.path):
            return False
        return all(
            getattr(when, name) is None or getattr(when, name) == facts.get(name)
            for name in ("method", "symbol", "event")
        )
