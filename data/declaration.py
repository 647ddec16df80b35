"""What the user declares about a source: nothing about time, label or adjustment is ever guessed."""

import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lockstep.engine.errors import DataError
from lockstep.engine.events import DAY, HOUR, MINUTE, SECOND

from .manifest import Adjusted, Label, RowKind

_TIMEFRAME = re.compile(r"([1-9]\d{0,3})(s|min|h|d)")
_UNITS = {"s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}

REPAIRS: dict[str, tuple[str, ...]] = {
    "order": ("sort",),
    "duplicates": ("drop", "first", "last"),
    "missing": ("drop",),
    "price": ("drop",),
    "volume": ("drop", "zero"),
    "ohlc": ("drop", "widen"),
    "calendar": ("drop", "keep"),
    "extended": ("drop", "keep"),
    "nonexistent": ("drop",),
    "ambiguous": ("first", "second"),
    "bad_tick": ("keep", "clip", "drop"),
    "split": ("keep",),
    "split_ratio": ("round",),
    "crossed": ("drop", "keep"),
    "unmapped": ("drop",),
    "suspicious": ("drop", "keep"),
}
"""Rules whose violation refuses an import, and the repairs that may be declared for each."""


class Declaration(BaseModel):
    """How a source's rows are to be read.

    Parameters
    ----------
    kind : {"bars", "closes", "quotes", "trades"}
        What a row is. Close-only data stays close-only.
    timeframe : str
        Length of a bar: ``1d``, ``5min``, ``1s`` …; ``tick`` for quotes and trades as they came.
    label : {"open", "close", "session", "instant"}
        What a bar's time says: when it opened, when it closed, the date of its session; ``instant`` for ticks.
    zone : str
        IANA name of the zone of the source's times; epochs are UTC.
    adjusted : {"raw", "split", "total"}
        What the vendor has adjusted prices for.
    calendar : str
        ``XNYS`` or another exchange, or ``24/7``.
    source, licence : str
        Where the data comes from, and under which terms.
    survivorship : str
        Why the choice of symbols knows the future; empty where it does not.
    splits_known : bool
        Whether the source lists its own splits, so that a move which merely looks like a split is noted, not refused.
    tick, lots_per_unit : int
        Grid of orders: micro-dollars, lots a share. Adjusted prices always have 1 and 1_000_000_000.
    repair : dict
        Rule to repair, see `REPAIRS`; everything else that is wrong refuses the import.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: RowKind = "bars"
    timeframe: str
    label: Label
    zone: str
    adjusted: Adjusted
    calendar: str = "XNYS"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    source: Annotated[str, Field(min_length=1)]
    licence: Annotated[str, Field(min_length=1)]
    survivorship: str = ""
    synthetic: bool = False
    splits_known: bool = False
    tick: Annotated[int, Field(ge=1)] = 10_000
    lots_per_unit: Annotated[int, Field(ge=1, le=10**9)] = 1
    shortable: bool = True
    repair: dict[str, str] = {}

    @field_validator("timeframe")
    @classmethod
    def _known_timeframe(cls, value: str) -> str:
        if value != "tick" and not _TIMEFRAME.fullmatch(value):
            raise ValueError("expected a number and s, min, h or d, such as 5min, or tick")
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("expected an IANA zone such as America/New_York or UTC") from error
        return value

    @field_validator("repair")
    @classmethod
    def _known_repairs(cls, value: dict[str, str]) -> dict[str, str]:
        for rule, action in value.items():
            if rule not in REPAIRS:
                raise ValueError(f"unknown rule {rule!r}; expected one of {', '.join(REPAIRS)}")
            if action not in REPAIRS[rule]:
                raise ValueError(f"{rule} = {action!r}; expected one of {', '.join(REPAIRS[rule])}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "Declaration":
        daily = self.timeframe != "tick" and self.nanoseconds % DAY == 0
        if (self.label == "session") != daily:
            raise ValueError(f"label={self.label!r} with timeframe={self.timeframe!r}: days are labelled by session")
        if {"trades": self.label != "instant", "quotes": False}.get(self.kind, self.label == "instant"):
            raise ValueError(
                f"label={self.label!r} with kind={self.kind!r}: ticks, and only they, happen at an instant"
            )
        if (self.timeframe == "tick") != (self.label == "instant"):
            raise ValueError(f"timeframe={self.timeframe!r} with label={self.label!r}: only ticks are instants")
        return self

    @property
    def nanoseconds(self) -> int:
        """Length of a bar; 0 for ticks."""
        found = _TIMEFRAME.fullmatch(self.timeframe)
        return int(found[1]) * _UNITS[found[2]] if found else 0

    @property
    def grid(self) -> tuple[int, int]:
        """Tick (micro-dollars) and lots a share of the instruments."""
        return (self.tick, self.lots_per_unit) if self.adjusted == "raw" else (1, 10**9)


_EXPECTED = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected a table of rule = repair",
    "extra_forbidden": "no such key is known",
    "greater_than_equal": "expected a whole number from {ge}",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "less_than_equal": "expected a whole number up to {le}",
    "literal_error": "expected {expected}",
    "string_pattern_mismatch": "expected three capital letters such as USD",
    "string_too_short": "expected some text",
    "string_type": "expected text in quotes",
}
"""What was expected, by pydantic's type of the error; others speak for themselves."""


def declare(**fields: Any) -> Declaration:
    """Return a checked declaration.

    Raises
    ------
    DataError
        If a field is missing, unknown or not allowed; names field, value and what was expected.
    """
    try:
        return Declaration(**fields)
    except ValidationError as error:
        raise DataError(explain(error, "declaration")) from error


def explain(error: ValidationError, where: str) -> str:
    """Return one sentence about the first thing that pydantic found wrong."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    known = _EXPECTED.get(first["type"])
    message = known.format(**first.get("ctx", {})) if known else first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{where}: {key} is missing; declare it (nothing about time, label or adjustment is guessed)"
    shown = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"
    return f"{where}: {key}{shown}: {message}" if key else f"{where}: {message}"
