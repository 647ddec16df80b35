"""Typed parameters with ranges, which a strategy declares and a scenario or sweep sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigError


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from `low` to `high`."""

    default: int
    low: int
    high: int

    code = "<i8"

    def check(self, owner: str, name: str, value: Any) -> int:
        """Return the value as an int, or refuse it."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or int(value) != value:
            raise ConfigError(f"{owner}: {name} = {value!r}, expected a whole number from {self.low} to {self.high}")
        if not self.low <= value <= self.high:
            raise ConfigError(f"{owner}: {name} = {value!r}, expected a whole number from {self.low} to {self.high}")
        return int(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `low` to `high`."""

    default: float
    low: float
    high: float

    code = "<f8"

    def check(self, owner: str, name: str, value: Any) -> float:
        """Return the value as a float, or refuse it."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.high:
            raise ConfigError(f"{owner}: {name} = {value!r}, expected a number from {self.low:g} to {self.high:g}")
        return float(value)


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off; kernels see 1 or 0."""

    default: bool

    code = "<i8"

    def check(self, owner: str, name: str, value: Any) -> int:
        """Return 1 or 0, or refuse the value."""
        if not isinstance(value, bool):
            raise ConfigError(f"{owner}: {name} = {value!r}, expected true or false")
        return int(value)


Parameter = Integer | Number | Switch


def resolve(owner: str, declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every declared parameter's value: the given one, checked, or its default.

    Raises
    ------
    ConfigError
        If a given name is not declared or a value lies outside its range.
    """
    for name in given:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise ConfigError(f"{owner}: unknown parameter {name!r}; it declares: {known}")
    return {name: kind.check(owner, name, given.get(name, kind.default)) for name, kind in declared.items()}
