import re

import pytest

from lockstep.reports import render, write_index

from . import chromium
from .fabricate import Fabric

pytestmark = pytest.mark.skipif(
    chromium.find() is None, reason=f"no Chromium on the path: {', '.join(chromium.BINARIES)}"
)

# Of every trace a line of some length, a bar or a marker must lie inside the chart's frame: axes alone are no chart.
DRAWN = """
[...document.querySelectorAll('.chart')].map((chart) => {
  const frame = chart.getBoundingClientRect();
  const visible = (shape) => {
    const box = shape.getBoundingClientRect();
    const inside = box.left < frame.right && box.right > frame.left && box.top < frame.bottom && box.bottom > frame.top;
    return inside && box.width + box.height > 1 && shape.getAttribute('d').length > 10;
  };
  const traces = [...chart.querySelectorAll('.scatterlayer .trace, .barlayer .trace')];
  const drawn = traces.filter((trace) => [...trace.querySelectorAll('path')].some(visible));
  return [chart.id, drawn.length, chart.data.length];
})
"""
ALL = {
    "equity",
    "years",
    "rolling",
    "distribution",
    "exposure",
    "turnover",
    "capacity",
    "attribution",
    "sleeves",
    "price",
}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
TICKS = "[...document.querySelectorAll('#chart-equity .yaxislayer-above .ytick text')].map((tick) => tick.textContent)"
HEIGHTS = "document.querySelector('#chart-equity .scatterlayer .js-line').getAttribute('d')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    page = chromium.Chromium(chromium.find(), tmp_path_factory.mktemp("profile"))
    yield page
    page.close()


@pytest.fixture(scope="module")
def report(run_folder):
    return render(run_folder)


def assert_quiet(browser):
    assert browser.complaints() == []
    assert browser.requests() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "phone"), [(1280, False), (360, True)], ids=["desktop", "phone"])
def test_every_chart_is_drawn_without_a_word_or_a_request(browser, report, width, phone, dark):
    browser.open(report, width=width, phone=phone, dark=dark)
    browser.charts_drawn()
    assert_quiet(browser)
    charts = browser.evaluate(DRAWN)
    assert {name.removeprefix("chart-") for name, _, _ in charts} >= ALL
    assert [chart for chart in charts if chart[1] != chart[2] or chart[2] == 0] == []
    assert browser.evaluate(OVERFLOW) == 0


def test_the_browser_itself_refuses_requests(browser, report):
    browser.open(report)
    browser.charts_drawn()
    browser.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    assert any("Content Security Policy" in text for text in browser.complaints())


def test_the_log_switch_changes_the_axis_and_back(browser, report):
    browser.open(report)
    browser.charts_drawn()
    linear, path = browser.evaluate(TICKS), browser.evaluate(HEIGHTS)
    click = "document.querySelector('button[data-log]').click()"
    pressed = "document.querySelector('button[data-log]').getAttribute('aria-pressed')"
    browser.evaluate(click)
    browser.until(f"({HEIGHTS}) !== {path!r}")
    assert browser.evaluate("document.getElementById('chart-equity').layout.yaxis.type") == "log"
    assert browser.evaluate(pressed) == "true"
    assert browser.evaluate(TICKS)
    browser.evaluate(click)
    browser.until(f"({HEIGHTS}) === {path!r}")
    assert browser.evaluate(TICKS) == linear
    assert browser.evaluate(pressed) == "false"
    assert_quiet(browser)


def test_each_instrument_can_be_chosen(browser, report, fabric):
    browser.open(report)
    browser.charts_drawn()
    names = browser.evaluate("[...document.querySelector('select[data-chart]').options].map((o) => o.textContent)")
    assert set(names) == set(fabric.symbols)
    line = "document.querySelector('#chart-price .js-line').getAttribute('d')"
    paths = set()
    for k in range(len(names)):
        browser.evaluate(
            f"const s{k} = document.querySelector('select[data-chart]'); s{k}.selectedIndex = {k};"
            f"s{k}.dispatchEvent(new Event('change'))"
        )
        paths.add(browser.evaluate(line))
    assert len(paths) == len(names)
    assert_quiet(browser)


def test_a_narrower_window_redraws_the_charts(browser, report):
    browser.open(report, width=1280)
    browser.charts_drawn()
    browser.call("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    browser.until("document.querySelector('#chart-equity .main-svg').getBoundingClientRect().width < 700")
    assert browser.evaluate(OVERFLOW) == 0


def test_the_print_holds_the_charts_and_the_folded_parts(browser, report, tmp_path):
    browser.open(report, dark=True)
    browser.charts_drawn()
    browser.pdf(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000
    assert browser.evaluate("[...document.querySelectorAll('details')].every((part) => !part.open)")
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("[...document.querySelectorAll('details')].every((part) => part.open)")
    widths = browser.evaluate("[...document.querySelectorAll('.chart .main-svg')].map((svg) => svg.clientWidth)")
    assert max(widths) <= 703
    ink = "getComputedStyle(document.querySelector('#chart-equity .js-line')).stroke"
    assert browser.evaluate(ink) == "rgb(123, 132, 146)"
    browser.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate(ink) == "rgb(142, 152, 167)"
    assert_quiet(browser)


def test_hostile_names_run_nothing(browser, tmp_path):
    symbols = (
        "<img src=x onerror=window.hit=1>",
        "</script><script>window.hit=2</script>",
        "<a href='javascript:window.hit=3'>x</a>",
    )
    file = render(Fabric(symbols=symbols, sessions=120, title="<script>window.hit=4</script>").run().write(tmp_path))
    browser.open(file)
    browser.charts_drawn()
    assert_quiet(browser)
    assert browser.evaluate("typeof window.hit") == "undefined"
    assert browser.evaluate("document.querySelectorAll('.chart a').length") == 0
    labels = browser.evaluate("document.querySelector('#chart-attribution .yaxislayer-above').textContent")
    assert "<img src=x onerror=window.hit=1>" in labels


@pytest.mark.parametrize("sessions", [1, 12])
def test_short_runs_are_drawn(browser, tmp_path, sessions):
    browser.open(render(Fabric(sessions=sessions, every=2).run().write(tmp_path)))
    browser.charts_drawn()
    assert_quiet(browser)
    assert browser.evaluate(OVERFLOW) == 0


@pytest.mark.parametrize("width", [1280, 360])
def test_the_overview_fits_its_window(browser, report, width):
    browser.open(write_index(report.parent.parent), width=width, phone=width == 360)
    assert_quiet(browser)
    assert browser.evaluate(OVERFLOW) == 0
    assert browser.evaluate("document.querySelectorAll('.spark').length") >= 1
    found = browser.evaluate("document.querySelector('tbody a').href")
    assert re.search(r"/report\.html$", found)
