"""The examples in README and docs run. A page's blocks share one namespace, from top to bottom, in an empty folder.

A block fenced as ``python no-run`` is shown only.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.is_file()]
BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


def blocks(text, info):
    """Yield ``(line, body)`` of the fenced blocks with exactly this info string."""
    for match in BLOCK.finditer(text):
        if match["info"].strip() == info:
            yield text.count("\n", 0, match.start("body")) + 1, match["body"]


def run_page(text, name):
    namespace = {"__name__": "__main__"}
    for line, body in blocks(text, "python"):
        exec(compile("\n" * (line - 1) + body, name, "exec"), namespace)
    return namespace


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(page.read_text(encoding="utf-8"), str(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_files_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    dead = [target for target in targets if not (page.parent / target).exists()]
    assert not dead


def test_blocks_share_a_namespace_and_keep_their_lines():
    page = "# T\n\n```python\na = 1\n```\n\n```python no-run\nraise ValueError\n```\n\n```python\nb = a + 1\n```\n"
    assert run_page(page, "page.md")["b"] == 2
    assert [line for line, _ in blocks(page, "python")] == [4, 12]


def test_a_failing_example_is_found():
    with pytest.raises(ZeroDivisionError):
        run_page("```python\n1 / 0\n```\n", "page.md")
