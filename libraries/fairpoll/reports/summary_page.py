"""summary.html: the verdict of a whole run of the suites on one page that needs no other file.

It has no script, and every text in it is escaped.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

from fairpoll.base.versions import installed_versions
from fairpoll.checkers.finding import Finding
from fairpoll.evidence import layout
from fairpoll.reports.fault_table import HEAD, fault_rows
from fairpoll.reports.headline import counted, headline, seconds_waited, served
from fairpoll.reports.page import html_page, inert, wide
from fairpoll.reports.tables import criteria_table, html_table
from fairpoll.verdicts.series import RunSeries, StoredRun
from fairpoll.verdicts.shown import cannot_show
from fairpoll.verdicts.verdict_json import ConsumerFigures, JudgedRun, worst

NAME = "summary.html"
LOG = "log.html"
# More criteria than SHORT_TABLE are folded; sentences beyond MOST_SENTENCES are only in verdict.json.
SHORT_TABLE, MOST_SENTENCES = 8, 40
MOST_TOPICS = 12


@dataclass(frozen=True)
class Shown:
    """One run of the page: the stored run, and its charts as SVG elements, by name."""

    stored: StoredRun
    charts: Mapping[str, str] = field(default_factory=dict)

    @property
    def findings(self) -> Sequence[Finding]:
        return self.stored.run.findings


def page(
    runs: Sequence[Shown],
    not_judged: Mapping[str, str],
    cluster: str,
    place: Path,
    beside: Sequence[str] = (),
    *,
    tests: Mapping[str, str] | None = None,
    foot: str = "",
) -> str:
    """The page, to be written into the folder `place`; `beside` are files there to link to, such as log.html.

    `not_judged` maps scenarios and tests that could not be run or judged to the reason; `tests` maps a
    finding's sentence to the id of its test in log.html; `foot` ends the page. The first run is open, the
    others are folded unless a criterion in them did not pass.
    """
    status = worst([*(shown.stored.run.verdict for shown in runs), *("inconclusive" for _ in not_judged)])
    began = [ms for shown in runs if (ms := shown.stored.series.began_ms) is not None]
    date = f"{datetime.fromtimestamp(min(began) / 1000, UTC):%Y-%m-%d %H:%M} UTC" if began else ""
    versions = ", ".join(f"{name} {version}" for name, version in installed_versions().items())
    texts = [cluster, date, versions, f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"]
    title = inert(headline([shown.stored for shown in runs], len(not_judged)))
    parts = [
        f"{_label(status)} <span class='quiet'>Fairpoll</span><h1>{title}</h1>",
        f"<p class='quiet'>{inert('; '.join(one for one in texts if one))}</p>",
        f"<p>{' &middot; '.join(_link(name, quote(name)) for name in beside)}</p>" if beside else "",
        _not_judged(not_judged, tests or {} if LOG in beside else {}),
        _unmet(runs, tests or {} if LOG in beside else {}),
        _overview(runs) if len(runs) > 1 else "",
        _faults(runs),
        *(_run(shown, place, folded=number > 0) for number, shown in enumerate(runs)),
        f"<p class='quiet'>{inert(foot)}</p>" if foot else "",
    ]
    return html_page(f"Fairpoll: {status}", "".join(parts))


def _seconds(stored: StoredRun, consumer: str) -> str:
    return seconds_waited(stored, stored.run.figures[consumer].low_volume_oldest_wait_seconds)


def _not_judged(reasons: Mapping[str, str], tests: Mapping[str, str]) -> str:
    """One item for each line of a reason: a scenario file has a line for each error."""
    texts = [
        (f"{name}: {line}" if name else line, tests.get(reason))
        for name, reason in reasons.items()
        for line in reason.splitlines()
    ]
    items = [f"<li>{_label('not judged')} {inert(line)}{_test(test)}</li>" for line, test in texts]
    return f"<h2>What could not be run or judged</h2><ul>{''.join(items)}</ul>" if items else ""


def _unmet(runs: Sequence[Shown], tests: Mapping[str, str]) -> str:
    items = [
        f"<li>{_label(finding.status)} {inert(finding.sentence)} "
        f"<span class='quiet'>({inert(shown.stored.run.scenario)})</span>"
        f"{_test(tests.get(finding.sentence))}</li>"
        for shown in runs
        for finding in shown.findings
        if finding.status != "pass"
    ]
    if not items:
        return ""
    more = len(items) - MOST_SENTENCES
    rest = f"<p>And {more:,} more; verdict.json has all.</p>" if more > 0 else ""
    return f"<h2>What did not hold</h2><ul>{''.join(items[:MOST_SENTENCES])}</ul>{rest}"


def _test(test_id: str | None) -> str:
    return f" {_link('in the log', f'{LOG}#{test_id}')}" if test_id else ""


def _overview(runs: Sequence[Shown]) -> str:
    names = list(dict.fromkeys(name for shown in runs for name in shown.stored.run.figures))
    rows = []
    for shown in runs:
        known = shown.stored.run.figures
        waited = [_seconds(shown.stored, name) if name in known else "-" for name in names]
        rows.append((shown.stored.run.scenario, *waited, counted(shown.findings).rstrip(".")))
    caption = "How long the oldest low-volume message waited, by mode"
    return f"<h2>All runs</h2>{wide(html_table(('scenario', *names, 'verdict'), rows, caption))}"


def _faults(runs: Sequence[Shown]) -> str:
    rows = [row for shown in runs for row in fault_rows(shown.stored.run)]
    return (
        f"<h2>Faults</h2>{wide(html_table(HEAD, rows, 'Injected faults and their effect'))}" if rows else ""
    )


def _run(shown: Shown, place: Path, folded: bool) -> str:
    stored = shown.stored
    heading = inert(stored.run.scenario)
    content = (
        f"<p class='quiet'>{inert(_conditions(stored.series, stored.run.run_id))}</p>{_judged(stored.run)}"
        f"{f'<p>{inert(served(stored))}</p>' if folded else ''}"  # the heading has it for the first run
        f"{wide(_figures_table(stored))}{_topics(stored)}"
        "<p class='quiet narrow'>Charts and wide tables can be moved sideways.</p>"
        f"{''.join(map(wide, shown.charts.values()))}{_criteria(shown.findings)}"
        f"<p>Evidence: {_evidence(stored.folder, place)}</p>"
    )
    if not folded:
        return f"<section><h2>{heading}</h2>{content}</section>"
    status = stored.run.verdict
    return (
        f"<details{'' if status == 'pass' else ' open'}><summary>{_label(status)} <b>{heading}</b>: "
        f"{inert(counted(shown.findings))}</summary>{content}</details>"
    )


def _conditions(series: RunSeries, run_id: str) -> str:
    rate, speed = series.sink_rate, series.speed
    texts = [
        f"{series.duration_seconds:g} s of live traffic on {len(series.topics)} topics, "
        f"{series.partitions} partitions",
        f"a backlog of {series.backlog:,}",
        f"a sink of {rate:,g} records a second" if rate else "",
        f"run at {speed:g} times the speed; times are the scenario's" if speed != 1 else "",
        f"run {run_id}",
        "" if series.complete else "cut off before its end",
    ]
    return "; ".join(one for one in texts if one)


def _judged(run: JudgedRun) -> str:
    """The command of each consumer that is not built in, and the evidence that it cannot show."""
    texts = [f"{inert(name)}: <code>{inert(judged.started)}</code>" for name, judged in run.judged.items()]
    texts += [inert(cannot_show(consumer, kinds)) for consumer, kinds in run.not_shown.items()]
    return "".join(f"<p>{one}</p>" for one in texts)


def _figures_table(stored: StoredRun) -> str:
    columns = ("mode", "high delivered", "low delivered", "low share", "oldest low wait")
    rows = [_figures_row(stored, name, figures) for name, figures in stored.run.figures.items()]
    return html_table(columns, rows, "Delivered and waited while the traffic was live")


def _figures_row(stored: StoredRun, consumer: str, figures: ConsumerFigures) -> tuple[str, ...]:
    counts = [
        f"{sum(figures.delivered[name] for name in topics):,} of "
        f"{sum(figures.acked[name] for name in topics):,}"
        for topics in (stored.series.high, stored.series.low)
    ]
    return (consumer, *counts, f"{figures.low_volume_share:.1%}", _seconds(stored, consumer))


def _topics(stored: StoredRun) -> str:
    """How long each low-volume topic waited, the longest first; "" for a single topic."""
    topics = stored.series.low
    if len(topics) < 2:
        return ""
    waited = {name: figures.oldest_wait_seconds for name, figures in stored.run.figures.items()}
    ranked = sorted(topics, key=lambda topic: -max(seconds[topic] for seconds in waited.values()))
    rows = [
        (topic, *(seconds_waited(stored, seconds[topic]) for seconds in waited.values()))
        for topic in ranked[:MOST_TOPICS]
    ]
    more = len(topics) - len(rows)
    caption = "How long the oldest message of each low-volume topic waited"
    texts = f"{caption}; {more:,} more waited no longer" if more else caption
    return wide(html_table(("topic", *waited), rows, texts))


def _criteria(findings: Sequence[Finding]) -> str:
    """A table for each consumer; folded where they are long, and closed where all passed."""
    by_consumer: dict[str, list[Finding]] = {}
    for finding in findings:
        by_consumer.setdefault(finding.consumer, []).append(finding)
    tables = "".join(wide(criteria_table(own, caption=name)) for name, own in by_consumer.items())
    if len(findings) <= SHORT_TABLE:
        return tables
    is_open = "" if {finding.status for finding in findings} == {"pass"} else " open"
    title = "Expected and measured, criterion by criterion"
    return f"<details{is_open}><summary>{title}</summary>{tables}</details>"


def _evidence(folder: Path, place: Path) -> str:
    """Links to the folder and the files in it, relative to the page."""
    here = quote(Path(os.path.relpath(folder, place)).as_posix())
    names = [name for name in (layout.VERDICT, layout.RUN, layout.LEDGER) if (folder / name).exists()]
    links = [_link(folder.name, f"{here}/"), *(_link(name, f"{here}/{name}") for name in names)]
    return ", ".join(links)


def _label(status: str) -> str:
    return f"<span class='label {escape(status.replace(' ', '-'))}'>{escape(status.upper())}</span>"


def _link(text: str, address: str) -> str:
    return f"<a href='{escape(address)}'>{inert(text)}</a>"
