"""The pages of a real run as a browser shows them: legible, whole, light and dark, wide and narrow.

Screenshots go to the folder FAIRPOLL_SCREENSHOTS, or to the test's own; review them.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from fairpoll.reports.trend import read_all, trend

pytestmark = pytest.mark.browser

SUITES = Path(__file__).parents[2] / "suites"
CHROMIUM = os.environ.get("CHROMIUM") or which("chromium")
# As root there is no sandbox; the others keep it from calling home, which a closed network refuses.
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
VIEWS = [(theme, size) for theme in ("light", "dark") for size in ((1280, 800), (390, 844))]
# What WCAG asks of text of ordinary size.
LEAST_CONTRAST = 4.5

OVERLAPS = """() => [...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
    const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
    return texts.flatMap(([a, p], i) => texts.slice(i + 1)
        .filter(([b, q]) => Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1
            && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 2)
        .map(([b]) => `${a} | ${b}`));
})"""
OUTSIDE = """() => [...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
    const edge = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(t => {
        const box = t.getBoundingClientRect();
        return box.left < edge.left - 2 || box.right > edge.right + 2 || box.bottom > edge.bottom + 2;
    }).map(t => t.textContent);
})"""
# For every element with a text of its own: its text, its colour, and all backgrounds behind it.
COLORS = """() => [...document.body.querySelectorAll('*')].filter(e => e.getClientRects().length
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
        const behind = [], style = getComputedStyle(e);
        let opacity = 1;
        for (let up = e; up; up = up.parentElement) {
            behind.push(getComputedStyle(up).backgroundColor);
            opacity *= getComputedStyle(up).opacity;
        }
        return [e.textContent.trim(), e.closest('svg') ? style.fill : style.color, opacity, behind];
    })"""
Color = tuple[float, float, float]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of one short real run."""
    folder = tmp_path_factory.mktemp("results")
    variables = ["--variable", "CLUSTER:mock", "--variable", "SPEED:20"]
    command = [sys.executable, "-m", "robot", "--outputdir", str(folder), "--include", "smoke", *variables]
    state = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    done = subprocess.run(
        [*command, str(SUITES)],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env=os.environ | state,
    )
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with this module: other tests count the processes that are left."""
    if not CHROMIUM:
        pytest.skip("no chromium on the PATH, and none named by CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(params=VIEWS, ids=lambda view: f"{view[0]}-{view[1][0]}")
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of this theme and size; a script's error or a complaint on the console fails the test."""
    theme, (width, height) = request.param
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda asked: complaints.append(f"not found: {asked.url}"))
    yield page
    page.close()
    assert complaints == []


@pytest.fixture
def shots(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where this test's screenshot belongs."""
    folder = Path(os.environ.get("FAIRPOLL_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")
    return folder / f"{name}.png"


def test_the_summary_can_be_read(page: Page, results: Path, shots: Path):
    page.goto((results / "summary.html").as_uri())
    page.screenshot(path=shots, full_page=True)
    unfold(page)
    page.screenshot(path=shots.with_stem(f"{shots.stem}-unfolded"), full_page=True)
    title = page.locator("h1").inner_text()
    assert re.fullmatch(
        r"Async serves the low-volume topic: its oldest message waited [\d.]+ s; the plain loop let it wait "
        r"120 s, the whole run\. 5 of 5 criteria passed\.",
        title,
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_charts(page, 3)
    assert page.locator("table").count() == 3  # figures, and the criteria of each consumer
    colors = page.evaluate(COLORS)
    assert len(colors) > 60
    assert {shown: ratio for shown, ratio in contrasts(colors) if ratio < LEAST_CONTRAST} == {}
    for link in page.locator("a").evaluate_all("links => links.map(one => one.getAttribute('href'))"):
        assert urlsplit(link).scheme == ""
        assert (results / unquote(link)).exists(), link


def test_the_log_shows_the_tables_and_charts(page: Page, results: Path, shots: Path):
    page.goto((results / "log.html").as_uri())
    page.evaluate("expandAll('s1')")
    page.locator("svg[role=img]").nth(8).wait_for()
    page.screenshot(path=shots, full_page=True)
    assert_charts(page, 9)  # three of both modes in the suite's setup, three in each test
    tables = page.locator("table:has(> caption:has-text('mock cluster'))")
    assert tables.count() == 2
    for table in tables.all():
        box = table.bounding_box()
        assert box is not None
        assert box["width"] > 200
    assert "PASS" in tables.first.inner_text()
    link = page.locator("a[href='summary.html']").first
    assert link.is_visible()


def test_the_report_leads_to_the_summary(page: Page, results: Path, shots: Path):
    page.goto((results / "report.html").as_uri())
    page.screenshot(path=shots, full_page=True)
    page.locator("a[href='summary.html']").first.click()
    assert "Async serves the low-volume topic" in page.locator("h1").inner_text()


def test_the_trend_can_be_read(page: Page, results: Path, shots: Path):
    path = results / "trend.html"
    path.write_text(trend(read_all(results)[0]), "utf-8")
    page.goto(path.as_uri())
    page.screenshot(path=shots, full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_charts(page, 1)
    assert page.locator("table").count() == 1
    colors = page.evaluate(COLORS)
    assert {shown: ratio for shown, ratio in contrasts(colors) if ratio < LEAST_CONTRAST} == {}


def test_the_summary_says_what_verdict_json_says(results: Path):
    whole = json.loads((results / "verdict.json").read_text("utf-8"))
    text = (results / "summary.html").read_text("utf-8")
    assert f"<title>Fairpoll: {whole['verdict']}</title>" in text
    assert f"run {whole['runs'][0]['run_id']}" in text
    assert whole["runs"][0]["cluster"] in text


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def assert_charts(page: Page, number: int) -> None:
    """So many charts of a size that can be read, their texts within them and beside one another."""
    boxes = page.locator("svg[role=img]").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) == number
    assert [box for box in boxes if box["width"] < 600 or box["height"] < 100] == []
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(OUTSIDE) == []


def contrasts(colors: list[list[Any]]) -> Iterator[tuple[str, float]]:
    """Each text with the contrast to what is behind it, as WCAG 2 defines it: 1 to 21."""
    for shown, color, opacity, behind in colors:
        base: Color = (255, 255, 255)
        for background in reversed(behind):
            base = over(background, base)
        lighter, darker = sorted((luminance(over(color, base, opacity)), luminance(base)), reverse=True)
        yield f"{shown} ({color} on {base})", (lighter + 0.05) / (darker + 0.05)


def over(color: str, base: Color, opacity: float = 1) -> Color:
    """A colour in the notation of CSS, laid over another one."""
    red, green, blue, *alpha = map(float, re.findall(r"[\d.]+", color))
    share = (alpha[0] if alpha else 1) * opacity
    mixed = [share * top + (1 - share) * below for top, below in zip((red, green, blue), base, strict=True)]
    return (mixed[0], mixed[1], mixed[2])


def luminance(color: Color) -> float:
    parts = [value / 255 for value in color]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
