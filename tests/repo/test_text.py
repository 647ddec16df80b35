"""What may not stand in any file: addresses of package registries, unfinished or swallowed work."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".venv", "runs", "store", "build", "dist", "typings", "tools", "mlruns", "__pycache__"}
SUFFIXES = {".py", ".toml", ".txt", ".md", ".yaml", ".yml", ".html", ".j2", ".css", ".js", ".cfg", ".json", ""}

REGISTRY = re.compile(
    r"(?:^|\s)--?(?:extra-)?index-url\b|(?:^|\s)--find-links\b|pypi\.[a-z]+/simple|files\.pythonhosted\."
    r"|registry\.npmjs\.|download\.pytorch\.|pypi\.nvidia\.|file:///",
    re.MULTILINE,
)
UNFINISHED = re.compile(
    r"\b(?:TODO|FIXME|XXX|HACK)\b|NotImplementedError|except(?: Exception| BaseException)?:\s*(?:pass)?$", re.MULTILINE
)


def files(*suffixes):
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if path.suffix in suffixes and path.is_file() and not SKIPPED.intersection(inside):
            if not any(part.startswith(".") and part != ".ci" for part in inside[:-1]) and path != Path(__file__):
                yield path


def matches(pattern, *suffixes):
    for path in files(*suffixes):
        text = path.read_text(encoding="utf-8", errors="replace")
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(ROOT)}:{line}: {match.group().strip()}"


def test_no_file_names_a_package_registry():
    assert not list(matches(REGISTRY, *SUFFIXES))


def test_nothing_is_left_unfinished():
    assert not list(matches(UNFINISHED, ".py"))


def test_the_files_searched_include_the_obvious_ones():
    names = {str(path.relative_to(ROOT)) for path in files(*SUFFIXES)}
    assert {"justfile", ".ci/run", "constraints.txt", "pyproject.toml", "engine/__init__.py"} <= names


@pytest.mark.parametrize(
    "text",
    [
        "--index-url somewhere",
        "pip install --extra-index-url x",
        "https://pypi.org/simple/numpy",
        "https://files.pythonhosted.org/packages/x.whl",
        "torch @ file:///opt/wheels/torch.whl",
    ],
)
def test_a_planted_registry_is_found(text):
    assert REGISTRY.search(text)


@pytest.mark.parametrize("text", ["x = 1  # TODO later", "try:\n    f()\nexcept Exception:\n    pass", "except:\n"])
def test_planted_unfinished_work_is_found(text):
    assert UNFINISHED.search(text)
