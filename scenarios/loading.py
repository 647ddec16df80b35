"""From a scenario's file to a checked `Scenario`, and where scenarios are found."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lockstep.engine.errors import ConfigError

from .explain import explain
from .schema import Scenario

BUNDLED = Path(__file__).parent
_TABLES = {"Account": "account", "Costs": "costs", "Execution": "execution", "Risk": "risk"}


@dataclass(frozen=True)
class Source:
    """A scenario and the file it came from; `folder` is where its strategies' dotted names are looked up first."""

    scenario: Scenario
    path: Path | None = None
    given: str = ""

    @property
    def folder(self) -> Path | None:
        """The file's folder, None for a bundled scenario."""
        return None if self.path is None or self.path.parent == BUNDLED else self.path.parent


def bundled_names() -> list[str]:
    """Return the names of the scenarios that come with Lockstep, sorted."""
    return sorted(path.stem for path in BUNDLED.glob("*.toml"))


def find(name: str) -> Path:
    """Return the file of a scenario: a bundled name, a path, or a folder that holds ``<folder>.toml``.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name in bundled_names():
        return BUNDLED / f"{name}.toml"
    path = Path(name)
    if path.is_dir() and (path / f"{path.resolve().name}.toml").is_file():
        return path / f"{path.resolve().name}.toml"
    if path.is_file():
        return path
    known = ", ".join(bundled_names()) or "none"
    raise ConfigError(
        f"scenario {name!r}: neither a bundled scenario ({known}) nor a TOML file, nor a folder with one of its name"
    )


def load(name: str, overrides: Sequence[str] = (), **given: Any) -> Source:
    """Read a scenario.

    Parameters
    ----------
    name : str
        See `find`.
    overrides : sequence of str
        ``key=value`` with a dotted key, such as ``risk.max_gross=1.0``; the value as in TOML, or bare text.
    given : values for keys of `[data]` that take precedence, None for none.

    Raises
    ------
    ConfigError
        In one sentence: file, line, key, value, what is allowed.
    """
    path = find(name)
    text = read_text(path)
    table = parse(text, str(path))
    for override in overrides:
        apply_override(table, override)
    for key, value in given.items():
        if value is not None:
            section(table, ["data"], f"--{key}")[key] = value
    table.setdefault("name", path.stem)
    _inline_members(table, path)
    return Source(validate(table, str(path), text), path, name)


def _inline_members(table: dict[str, Any], path: Path) -> None:
    """Replace the universe's `file` by its rows, so that the scenario is whole in itself."""
    universe = table.get("universe")
    if isinstance(universe, dict) and isinstance(universe.get("file"), str):
        from .membership import read_members

        universe["members"] = read_members(path.parent / universe.pop("file"))


def read_text(path: Path) -> str:
    """Read a file as UTF-8.

    Raises
    ------
    ConfigError
        If it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def parse(text: str, where: str) -> dict[str, Any]:
    """Parse TOML.

    Raises
    ------
    ConfigError
        If it is none; names line and column.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}") from error


def validate(table: Mapping[str, Any], where: str, text: str = "") -> Scenario:
    """Check a scenario given as nested mappings.

    Raises
    ------
    ConfigError
        If anything in it is wrong.
    """
    try:
        return Scenario.model_validate(table)
    except ValidationError as error:
        raise ConfigError(explain(error, Scenario, text, where)) from error
    except ConfigError as error:
        owner, _, rest = str(error).partition(".")
        raise ConfigError(f"{where}: {_TABLES[owner]}.{rest}" if owner in _TABLES else f"{where}: {error}") from error


def apply_override(table: dict[str, Any], override: str) -> None:
    """Set one ``key=value`` in a scenario's table, in place; `sleeves.0.share` reaches into a list.

    Raises
    ------
    ConfigError
        If it is not of that form or leads through something that is no table.
    """
    key, equals, value = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise ConfigError(f"--set {override!r}: expected key=value with a dotted key, such as risk.max_gross=1.0")
    *path, last = parts
    holder = section(table, path, f"--set {override}")
    if isinstance(holder, list):
        raise ConfigError(
            f"--set {override!r}: {'.'.join(path)} is a list; name an entry, such as {'.'.join(path)}.0.{last}"
        )
    holder[last] = _value(value)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def section(table: dict[str, Any], path: Sequence[str], where: str) -> Any:
    """Return the table at a path, made where it is missing.

    Raises
    ------
    ConfigError
        If the path leads through a value, or past a list's end.
    """
    here: Any = table
    for place, part in enumerate(path):
        done = ".".join(path[: place + 1])
        if isinstance(here, list):
            if not part.isdigit() or int(part) >= len(here):
                raise ConfigError(f"{where!r}: {done} does not exist; the list has {len(here)} entries, counted from 0")
            here = here[int(part)]
            continue
        here = here.setdefault(part, {})
        if not isinstance(here, dict | list):
            raise ConfigError(f"{where!r}: {done} = {here!r} is no table")
    return here
