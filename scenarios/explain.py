"""One sentence on what is wrong with a scenario: file, line, key, value, what is allowed, the nearest known key."""

import difflib
import re
import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .schema import KINDS

_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_TYPES = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "at least {min_length} of them",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
}
Location = tuple[int | str, ...]


def explain(error: ValidationError, model: type[BaseModel], text: str, where: str) -> str:
    """Return one sentence about the gravest thing that pydantic found.

    Parameters
    ----------
    error : ValidationError
        What it raised.
    model : pydantic model
        What was validated.
    text : str
        The TOML, for the line; may be empty.
    where : str
        The file's name.
    """
    # A misspelt key is also a missing one; the misspelling explains more.
    found = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    path = _without_tags(model, found["loc"])
    line = line_of(text, path)
    return f"{where}{f':{line}' if line else ''}: {_sentence(found, model, path)}"


def _sentence(found: Any, model: type[BaseModel], path: Location) -> str:
    kind, value, key = found["type"], found["input"], key_path(path)
    if kind == "extra_forbidden":
        return _unknown(_owner(model, found["loc"]), path)
    if kind == "missing":
        return f"{key} is missing; expected {_words(_owner(model, found['loc']), path)}"
    if kind == "union_tag_not_found":
        return f"{key}.kind is missing; expected one of {', '.join(map(repr, KINDS))}"
    if kind == "union_tag_invalid":
        return f"{key}.kind = {found['ctx']['tag']!r}, expected one of {found['ctx']['expected_tags']}"
    shown = f"{key} = {_brief(value)}, " if path and not isinstance(value, dict) else f"{key}: " if path else ""
    return f"{shown}{_expected(found)}"


def _expected(found: Any) -> str:
    kind, ctx = found["type"], found.get("ctx", {})
    if kind == "list_type" and isinstance(found["input"], dict):
        return f"expected a list of tables, [[{key_path(found['loc'])}]]"
    if kind in _TYPES:
        return f"expected {_TYPES[kind]}"
    if kind in _BOUNDS:
        return f"expected {_BOUNDS[kind].format(**ctx)}"
    if kind == "literal_error":
        return f"expected {ctx['expected']}"
    return str(found["msg"]).removeprefix("Value error, ")


def _brief(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _unknown(owner: type[BaseModel] | None, path: Location) -> str:
    known = sorted(owner.model_fields) if owner else []
    name = str(path[-1])
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{key_path(path)} is not a key; {hint}Known here: {', '.join(known)}"


def _words(owner: type[BaseModel] | None, path: Location) -> str:
    known = owner.model_fields.get(str(path[-1])) if owner else None
    nested = known is not None and isinstance(known.annotation, type) and issubclass(known.annotation, BaseModel)
    return f"a table [{key_path(path)}]" if nested else "a value for it"


def key_path(path: Location) -> str:
    """Return a location as one would write it: ``sleeves[1].share``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).lstrip(".")


def _without_tags(model: type[BaseModel], location: Location) -> Location:
    """Drop what pydantic adds to a location for the members of unions; they are no keys of the file."""
    kept: list[int | str] = []
    here: list[Any] = [model]
    for part in location:
        inside = [found for each in here for found in _step(each, part)]
        if isinstance(part, int) or inside or part == location[-1]:
            kept.append(part)
            here = inside or here
    return _trim(tuple(kept))


def _trim(path: Location) -> Location:
    """Drop a last part that names a type, such as ``str`` or ``function-before``."""
    named = (
        bool(path)
        and isinstance(path[-1], str)
        and re.match(r"(str|int|float|bool|literal|list|dict|function|constrained)\b", path[-1])
    )
    return path[:-1] if named and len(path) > 1 else path


def _step(annotation: Any, part: int | str) -> list[Any]:
    """Return what lies below a type at a key or index: several types where there are alternatives."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        known = annotation.model_fields.get(str(part))
        return [known.annotation] if known else []
    if origin in (Union, types.UnionType):
        return [found for each in get_args(annotation) for found in _step(each, part)]
    if origin is list:
        return [get_args(annotation)[0]] if isinstance(part, int) else []
    if origin is dict:
        return [get_args(annotation)[1]]
    return _step(get_args(annotation)[0], part) if hasattr(annotation, "__metadata__") else []


def _owner(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """Return the model that a key belongs to; the tags in the location choose among the members of a union."""
    here: list[Any] = [model]
    for part in location[:-1]:
        tagged = [each for each in here for each in _models(each) if _tag(each) == part]
        here = tagged or [found for each in here for found in _step(each, part)]
    found = [each for each in here for each in _models(each)]
    return found[0] if found else None


def _tag(model: type[BaseModel]) -> Any:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation)[0] if kind is not None and get_origin(kind.annotation) is Literal else None


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for each in get_args(annotation) for found in _models(each)]


def line_of(text: str, path: Location) -> int:
    """Return the line of a key in a TOML text, 0 where it is not found.

    Reads headers and ``key =`` lines only; a key inside an inline table gives the line of the table.
    """
    names = [part for part in path if isinstance(part, str)]
    wanted = [part for part in path if isinstance(part, int)]
    table, count, best = [], {}, 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            table = [part.strip().strip("\"'") for part in header[1].split(".")]
            count[tuple(table)] = count.get(tuple(table), -1) + 1
            if table == names[: len(table)] and _right_entry(count, table, wanted):
                best = number
            continue
        key = line.partition("=")[0].strip().strip("\"'")
        if "=" in line and [*table, key] == names[: len(table) + 1] and _right_entry(count, table, wanted):
            return number
    return best


def _right_entry(count: dict[tuple[str, ...], int], table: list[str], wanted: list[int]) -> bool:
    return not table or not wanted or count.get((table[0],), 0) == wanted[0]
