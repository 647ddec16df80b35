"""Writing a configuration as TOML, for people to read and for `lockstep backtest` to run again."""

import json
import math
import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def dumps(config: dict[str, Any]) -> str:
    """Return a configuration as TOML 1.0.

    Parameters
    ----------
    config : dict
        Strings, numbers, booleans, lists and dictionaries, as JSON gives them. A null has no TOML form and is left out.

    Raises
    ------
    TypeError
        If a value is of another type.
    """
    lines: list[str] = []
    _table(config, [], lines)
    return "\n".join(lines).strip() + "\n"


def _table(table: dict[str, Any], path: list[str], lines: list[str]) -> None:
    plain = {key: value for key, value in table.items() if not _is_nested(value) and value is not None}
    lines += [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if not _is_nested(value):
            continue
        name = ".".join([*path, _key(key)])
        for part in value if isinstance(value, list) else [value]:
            lines += ["", f"[[{name}]]" if isinstance(value, list) else f"[{name}]"]
            _table(part, [*path, _key(key)], lines)


def _is_nested(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


def _key(key: str) -> str:
    return key if _BARE.match(key) else _string(key)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value if item is not None)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items() if item is not None)}}}"
    raise TypeError(
        f"{value!r} is {type(value).__name__}, which TOML cannot hold; expected text, number, boolean, list or table"
    )
