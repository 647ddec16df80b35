import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import plotly.offline
import pytest

from lockstep.reports import RunError, RunFolder, load, render, write_index
from lockstep.reports.html import TEMPLATES
from lockstep.reports.schema import TABLES

from .fabricate import Fabric

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><b>&amp;{{7*7}}{% raw %}',
    "'; DROP TABLE --",
)


class Parts(HTMLParser):
    """The tags, attributes and script bodies of a page, as a browser would see them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.scripts, self.text, self.inside = [], [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag
        if tag == "script":
            self.scripts.append([dict(attributes), ""])

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1][1] += data
        elif self.inside != "style":
            self.text.append(data)


@pytest.fixture(scope="module")
def page(run_folder):
    return render(run_folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    fabric = Fabric(symbols=HOSTILE, sessions=90, sleeves=("<b>one</b>", "</title>two"), title="</title><h1>x")
    fabric.warnings = ("<script>alert(3)</script>",)
    fabric.run()
    folder = fabric.write(tmp_path_factory.mktemp("runs") / "hostile")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["command"] = "lockstep </pre><script>alert(4)</script>"
    manifest["data"][0]["findings"][0]["detail"] = "<iframe src=//evil>"
    manifest["config"]["note"] = "</pre><b>"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return render(folder)


def test_the_same_folder_gives_the_same_bytes_in_another_process(run_folder, page, tmp_path):
    code = "import sys; from lockstep.reports import render; render(sys.argv[1], sys.argv[2])"
    for seed in ("1", "2"):
        file = tmp_path / f"{seed}.html"
        command = [sys.executable, "-c", code, str(run_folder), str(file)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        assert file.read_text(encoding="utf-8") == page


def test_the_page_asks_for_nothing(page):
    for tag, attributes in Parts(page).tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert not attributes.get(name) or attributes[name].startswith(("#", "data:")), (tag, attributes)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL))


def test_the_page_forbids_requests_to_itself(page):
    (policy,) = [a["content"] for tag, a in Parts(page).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_the_library_is_there_once_and_is_the_one_that_plotly_speaks_to(page):
    bundle = (TEMPLATES / "plotly-basic.min.js").read_text(encoding="utf-8")
    assert page.count(bundle) == 1
    ours = re.search(r"v(\d+)\.(\d+)\.\d+", bundle[:200])
    theirs = plotly.offline.get_plotlyjs_version().split(".")
    assert ours.group(1) == theirs[0]
    digest = hashlib.sha256(bundle.encode()).hexdigest()
    assert digest in (TEMPLATES / "plotly-SOURCE.txt").read_text()


def test_every_figure_holds_points_and_every_chart_finds_its_figure(page):
    parts = Parts(page)
    figures = {a["id"]: json.loads(body) for a, body in parts.scripts if a.get("id", "").startswith("figure-")}
    charts = [a for _, a in parts.tags if a.get("class") == "chart"]
    assert {
        "equity",
        "rolling",
        "years",
        "distribution",
        "exposure",
        "turnover",
        "capacity",
        "attribution",
        "sleeves",
    } <= {a["id"].removeprefix("chart-") for a in charts}
    assert all(a["data-figure"] in figures for a in charts)
    assert all(figure["data"] for figure in figures.values())


def test_the_page_says_what_the_run_says(page, fabric):
    words = " ".join(Parts(page).text)
    for expected in (
        "Synthetic data",
        "Survivorship",
        "Never checked",
        "5f1c09be77aa4e02",
        "price collar",
        "volume cap",
        "9f3a9f3a",
    ):
        assert expected in words, expected
    assert "lockstep backtest fabric --seed 7" in words
    assert "max_gross = inf" in words


def test_hostile_names_stay_text(hostile):
    parts = Parts(hostile.read_text(encoding="utf-8"))
    assert not [tag for tag, _ in parts.tags if tag in ("iframe", "img", "object", "embed")]
    plain = [a for tag, a in parts.tags if tag == "script" and a.get("type") != "application/json"]
    assert len(plain) == 2
    assert not [a for _, a in parts.tags if any(name.startswith("on") for name in a)]
    words = "".join(parts.text)
    for name in (*HOSTILE, "</title><h1>x", "<script>alert(3)</script>", "<iframe src=//evil>"):
        assert name in words, name
    for attributes, body in parts.scripts:
        if attributes.get("type") == "application/json":
            assert "<" not in body
            json.loads(body)


def test_hostile_names_in_charts_are_escaped_for_plotly(hostile):
    parts = Parts(hostile.read_text(encoding="utf-8"))
    (body,) = [body for a, body in parts.scripts if a.get("id") == "figure-attribution"]
    assert all("<" not in name for name in json.loads(body)["data"][0]["y"])


@pytest.mark.parametrize("sessions", [1, 2, 3, 20])
def test_short_runs_render(tmp_path, sessions):
    folder = Fabric(sessions=sessions, every=1).run().write(tmp_path)
    assert "Short run" in render(folder).read_text(encoding="utf-8")


def test_a_run_without_anything_renders(run_folder, tmp_path):
    run = RunFolder(manifest=load(run_folder).manifest)
    page = render(run, tmp_path / "empty.html").read_text(encoding="utf-8")
    assert "The run recorded no session." in page
    bare = dict(schema=1, run="r", scenario="s", initial_cash=0, periods_per_year=252, instruments=[])
    assert render(RunFolder(manifest=bare), tmp_path / "bare.html").stat().st_size > 1_000_000


def test_a_run_in_memory_needs_a_place(run_folder):
    with pytest.raises(ValueError, match=r"give the file to write"):
        render(RunFolder(manifest=load(run_folder).manifest))


def test_a_large_run_stays_small_on_the_page(tmp_path):
    symbols = tuple(f"S{k:03d}" for k in range(80))
    fabric = Fabric(symbols=symbols, sessions=300, slices=700, every=1).run()
    assert len(fabric.rows["equity"]) == 210_000
    file = render(fabric.write(tmp_path))
    assert file.stat().st_size < 8_000_000
    page = file.read_text(encoding="utf-8")
    assert "210\u202f000 marks, drawn by the first, last, lowest and highest of every 175" in page
    assert "the 60 most traded of 80 instruments" in page
    parts = Parts(page)
    assert "40 of 80 instruments" in " ".join(parts.text)


def test_the_overview_lists_sound_runs_and_names_what_is_wrong_with_others(run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "good <1>")
    render(tmp_path / "good <1>")
    shutil.copytree(run_folder, tmp_path / "bad")
    (tmp_path / "bad" / "fills.parquet").unlink()
    (tmp_path / "no run").mkdir()
    shutil.copytree(run_folder, tmp_path / ".unfinished-1")
    parts = Parts(write_index(tmp_path).read_text(encoding="utf-8"))
    links = [a["href"] for tag, a in parts.tags if tag == "a"]
    assert links == ["good%20%3C1%3E/report.html"]
    words = " ".join(parts.text)
    assert "fills.parquet is missing" in words
    assert "unfinished" not in words
    (spark,) = [a["d"] for tag, a in parts.tags if tag == "path"]
    assert spark.count("L") > 50


def test_an_overview_of_nothing_is_refused(tmp_path):
    assert "No runs yet" in write_index(tmp_path).read_text(encoding="utf-8")
    with pytest.raises(RunError, match="is no folder"):
        write_index(tmp_path / "nowhere")


def test_every_table_of_the_schema_has_a_home_in_the_run():
    assert set(TABLES) < set(RunFolder.__dataclass_fields__)
