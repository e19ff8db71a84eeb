"""Whatever comes from brokers, scenarios and consumers is shown in the log, and does nothing there."""

import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from fairpoll.base.errors import FairpollError
from fairpoll.checkers import judge
from fairpoll.evidence.history import Recording
from fairpoll.keywords import judging
from fairpoll.keywords.session import SESSION
from fairpoll.reports import summary_page
from fairpoll.reports.charts import Limit, Panel, Series, panels
from fairpoll.reports.run_charts import run_charts
from fairpoll.reports.svg import standalone
from fairpoll.reports.tables import criteria_table
from fairpoll.scenarios.model import Scenario, TopicPlan
from fairpoll.scenarios.units import Bursts
from fairpoll.verdicts.verdict import Verdict
from histories import acked, consumer, delivered, recording, row
from keyword_rows import messages

RUN = "document.title=`RAN`"
HOSTILE = f"\"><script>{RUN}</script><img src=x onerror={RUN}><svg onload={RUN}>' onload={RUN} x='"
# All that the generated HTML is made of.
TAGS = {
    "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "p", "a",
    "svg", "title", "desc", "g", "path", "text", "style",
    "html", "head", "meta", "body", "h1", "h2", "section", "div", "ul", "li", "details", "summary", "b",
}  # fmt: skip
PANEL = Panel(HOSTILE, HOSTILE, [Series(HOSTILE, [(0, 0), (1, 1)])], Limit(1, HOSTILE))


class Reader(HTMLParser):
    """What a browser would find in a page: its tags, and the attributes that can act."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.acting: list[tuple[str, str | None]] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.acting += [(name, value) for name, value in attrs if name.startswith("on") or name == "src"]
        self.links += [value or "" for name, value in attrs if name in ("href", "xlink:href")]


def hostile_recording(folder: Path) -> Recording:
    """Its scenario, topics, consumer, records, cluster and events carry what would act in a page."""
    topics = (TopicPlan(HOSTILE, "low", 1, Bursts(1, 60.0), f"{HOSTILE}.json"),)
    scenario = Scenario(HOSTILE, 60.0, 10.0, topics)
    events = [
        {
            "name": "buffer_levels",
            "at": 1.0,
            "partitions": [{"topic": HOSTILE, "partition": 0, "buffered": 9_999}],
        }
    ]
    found = consumer("async", delivered(HOSTILE, 7, 1.0, output=HOSTILE, message_id=HOSTILE), events=events)
    run = recording(acked(HOSTILE, 0, 1), found, scenario=scenario)
    return replace(run, cluster=HOSTILE, run_id=HOSTILE, folder=folder)


def judged(folder: Path) -> Verdict:
    """Criteria that fail with examples, so that all kinds of hostile texts appear."""
    verdict = Verdict(hostile_recording(folder / HOSTILE.replace("/", "")))
    for criterion in ("nothing_lost", "right_place", "buffers_bounded", "producer_kept_plan"):
        verdict.judge(criterion, "async")
    verdict.judge("oldest_wait_at_most", "async", volume="low", seconds=1)
    return verdict


def logged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], str]:
    """What the judging of a hostile recording puts into the log as HTML, and the failed test's message."""
    pages: list[str] = []

    def info(text: str, html: bool = False, **_: Any) -> None:
        if html:
            pages.append(text)

    monkeypatch.setattr(logger, "info", info)
    monkeypatch.setattr(BuiltIn, "get_variable_value", lambda *_: str(folder))
    run = hostile_recording(folder)
    verdict = Verdict(run)
    monkeypatch.setattr(judging.SESSION, "current", [verdict])
    criteria = ("nothing_lost", "only_acked_delivered", "right_place", "buffers_bounded", "content_intact")
    findings = [judge(criterion, run, "async") for criterion in criteria]
    judging.log_charts(verdict, ["async"])
    with pytest.raises(AssertionError) as failure:
        judging.settle(findings)
    return pages, str(failure.value)


def generated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every kind of HTML that the project makes, from hostile texts."""
    pages, _ = logged(folder, monkeypatch)
    drawn = run_charts(Verdict(hostile_recording(folder)).stored(curves=True), ["async"])
    return {
        "table": criteria_table([row(HOSTILE, HOSTILE, HOSTILE, "fail")], HOSTILE),
        "chart": panels(HOSTILE, HOSTILE, [PANEL]),
        "panels": panels(HOSTILE, HOSTILE, [PANEL, PANEL]),
        "file": standalone(panels(HOSTILE, HOSTILE, [PANEL])),
        **drawn,
        "summary": summary_page.page(
            [summary_page.Shown(judged(folder).stored(), drawn)],
            {HOSTILE: HOSTILE},
            HOSTILE,
            folder,
            [HOSTILE],
        ),
        **{f"logged {number}": page for number, page in enumerate(pages)},
    }


def test_all_html_that_is_made_is_inert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = generated(tmp_path, monkeypatch)
    assert len(made) == 4 + 3 + 4 + 1
    for name, page in made.items():
        read = Reader(page)
        assert read.tags <= TAGS, name
        assert read.acting == [], name
        assert [link for link in read.links if "javascript:" in link or '"' in link or "'" in link] == [], (
            name
        )
        if name != "summary":
            assert [link for link in read.links if not link.startswith("charts/")] == [], name


def test_a_failure_names_the_hostile_topic_as_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _, message = logged(tmp_path, monkeypatch)
    assert HOSTILE in message
    assert not message.startswith("*HTML*")


def test_a_consumers_name_is_escaped_in_the_link_to_its_charts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pages: list[str] = []
    monkeypatch.setattr(logger, "info", lambda text, **_: pages.append(text))
    monkeypatch.setattr(BuiltIn, "get_variable_value", lambda *_: str(tmp_path))
    name = "<img src=x onerror=1>'"
    run = replace(recording(acked("low", 0), consumer(name)), folder=tmp_path)
    judging.log_charts(Verdict(run), [name])
    for page in pages:
        assert Reader(page).tags <= TAGS
        assert Reader(page).acting == []


def test_a_sentence_that_begins_as_robots_html_is_text():
    assert str(FairpollError("*HTML*<b>.yaml: no such file")).startswith("'*HTML*")
    assert str(FairpollError("a sentence")) == "a sentence"
    assert SESSION


@pytest.mark.slow
def test_no_script_runs_in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if not which("chromium"):
        pytest.skip("no chromium on the PATH")
    made = "".join(page for name, page in generated(tmp_path, monkeypatch).items() if name != "file")
    made = made.replace("Content-Security-Policy", "")  # which would keep scripts from running by itself
    assert title_in_browser(tmp_path, f"<title>still</title>{HOSTILE}") == "RAN"  # it would if it could
    assert title_in_browser(tmp_path, f"<title>still</title>{made}") == "still"


@pytest.mark.slow
def test_no_script_runs_in_robots_log(tmp_path: Path):
    if not which("chromium"):
        pytest.skip("no chromium on the PATH")
    topic = HOSTILE.replace("=", "\\=")
    rows = {
        "recording": "Take A Hand Written Recording",
        "hostile topic": f"Oldest Message Should Wait At Most    async    {topic}    5 s",
    }
    shown = messages(rows, tmp_path)
    assert "<script>" in shown["hostile topic"]
    assert "RAN" not in title_in_browser(tmp_path, (tmp_path / "log.html").read_text("utf-8"))


def title_in_browser(folder: Path, page: str) -> str:
    """The page's title after everything in it has had its chance to run."""
    file = folder / "page.html"
    file.write_text(page, "utf-8")
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=5000",
        "--dump-dom",
    ]
    command += [f"--user-data-dir={folder / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "</html>" in done.stdout, done.stderr
    return done.stdout.split("<title>", 1)[1].split("</title>", 1)[0]
