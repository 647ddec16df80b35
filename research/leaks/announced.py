"""Dates that a source lists: a calendar that was announced, which moves with the clock (`calendarshift`).

A list, tuple, set or dict with at least `LEAST` dates counts as such a calendar, and so does a text with as many. A
date that stands alone, in a comparison say, is no calendar.
"""

import ast
from collections.abc import Iterator

from .shifting import DATE, on

LEAST = 3
MAKERS = ("date", "datetime", "Timestamp", "datetime64")
Span = tuple[int, int, int]
"""Line, first and last place in it (octets) of a literal."""


def moved_source(text: str, years: int) -> str:
    """Return a module's source, the dates of its calendars so many years on; as it is where it cannot be parsed."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for line, begin, end in sorted(_spans(tree), reverse=True):
        old = lines[line - 1][begin:end].decode()
        new = str(int(old) + years) if old.isdigit() else on(old, years)
        lines[line - 1] = lines[line - 1][:begin] + new.encode() + lines[line - 1][end:]
    return b"".join(lines).decode()


def _spans(tree: ast.AST) -> set[Span]:
    found: set[Span] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            found |= _calendar(node.elts)
        elif isinstance(node, ast.Dict):
            found |= _calendar([each for each in node.keys if each is not None]) | _calendar(node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(DATE.findall(node.value)) >= LEAST:
            found |= set(_lines_of(node))
    return found


def _calendar(nodes: list[ast.expr]) -> set[Span]:
    """Return where the dates of a collection stand, nothing where they are too few."""
    found = [span for node in nodes for span in _date(node)]
    return set(found) if len(found) >= LEAST else set()


def _date(node: ast.expr) -> Iterator[Span]:
    """Yield where a date is written: ``"2016-06-24"``, ``date(2016, 6, 24)``, ``(2016, 6, 24)``, ``Timestamp("…")``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and DATE.search(node.value):
        yield from _lines_of(node)
    elif isinstance(node, ast.Call) and _called(node.func) in MAKERS and node.args:
        whole = [node.args[0]] if len(node.args) < LEAST else node.args[:3]
        yield from _year(whole) if len(whole) == 3 else _date(whole[0])
    elif isinstance(node, ast.Tuple) and len(node.elts) == 3:
        yield from _year(node.elts)
    elif isinstance(node, ast.Tuple) and node.elts:
        yield from _date(node.elts[0])


def _year(parts: list[ast.expr]) -> Iterator[Span]:
    values = [part.value if isinstance(part, ast.Constant) else None for part in parts]
    year, month, day = values
    if all(type(value) is int for value in values) and 1900 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= 31:  # type: ignore[operator]
        yield from _lines_of(parts[0])


def _called(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _lines_of(node: ast.expr) -> Iterator[Span]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    for line in range(node.lineno, node.end_lineno + 1):
        begin = node.col_offset if line == node.lineno else 0
        yield line, begin, node.end_col_offset if line == node.end_lineno else 1 << 20
