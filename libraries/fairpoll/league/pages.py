"""The pages of a league: league.md, league.html, league.json, and a text table."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fairpoll.base.text import plain
from fairpoll.league.bars import Bar, bar_chart
from fairpoll.league.rows import CONDITIONS, STALL_SECONDS, WAIT_SECONDS, Condition, Row
from fairpoll.reports.page import html_page, wide
from fairpoll.reports.tables import NOTHING, aligned, html_table, markdown_table, markdown_text
from fairpoll.scenarios.model import WRITTEN

HEADING = "Which consumers starve a quiet topic?"
DETAILS = (
    "contestant",
    "verdict",
    "oldest wait (s)",
    "low delivered",
    "high delivered",
    "low share",
    "throughput",
    "lost",
    "duplicated",
    "stalled",
    "backlog left",
)


@dataclass(frozen=True)
class Setting:
    """The conditions of the measurement, for every page."""

    scenario: str
    speed: float
    cluster: str
    made: str
    cores: int
    command: str

    @classmethod
    def now(cls, scenario: str, speed: float, cluster: str, command: str) -> "Setting":
        made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        return cls(scenario, speed, cluster, made, os.cpu_count() or 1, command)


def write_pages(folder: Path, rows: Sequence[Row], setting: Setting) -> list[Path]:
    """Write the three files into the folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "league.md": markdown(rows, setting),
        "league.html": html(rows, setting),
        "league.json": json.dumps(as_json(rows, setting), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in texts]


def as_json(rows: Sequence[Row], setting: Setting) -> dict[str, Any]:
    """The content of league.json: the setting, the criteria, and each row with its figures."""
    return {
        **vars(setting),
        "fairpoll": version("fairpoll"),
        "python": platform.python_version(),
        "starved_when": {"criterion": "oldest_wait_at_most", "volume": "low", "seconds": WAIT_SECONDS},
        "stalled_when": {"criterion": "no_stall", "seconds": STALL_SECONDS},
        "conditions": [vars(condition) for condition in CONDITIONS],
        "rows": [row.to_json() for row in rows],
    }


def markdown(rows: Sequence[Row], setting: Setting) -> str:
    """The whole league as one page of Markdown."""
    parts = [f"# {HEADING}", *map(markdown_text, _prose(setting))]
    parts.append(markdown_table(*_summary(rows)))
    for condition in CONDITIONS:
        parts += [f"## {condition.title.capitalize()}", markdown_table(DETAILS, _details(rows, condition))]
    parts.append("\n".join(f"- {markdown_text(line)}" for line in _remarks(rows)))
    return "\n\n".join(part for part in parts if part) + "\n"


def html(rows: Sequence[Row], setting: Setting) -> str:
    """The whole league as a self-contained HTML page, with a chart."""
    prose = "".join(f"<p>{escape(text.replace('`', ''))}</p>" for text in _prose(setting))
    body = f"<h1>{HEADING}</h1>{prose}"
    bars = [
        Bar(row.contestant.name, row.condition.title, row.figures.oldest_wait_seconds)
        for row in _ranked(rows)
        if row.figures
    ]
    titles = [condition.title for condition in CONDITIONS]
    body += wide(bar_chart("Oldest wait of a low-volume message", "seconds of the scenario", titles, bars))
    body += wide(html_table(*_summary(rows), caption="All conditions"))
    for condition in CONDITIONS:
        body += wide(html_table(DETAILS, _details(rows, condition), caption=condition.title.capitalize()))
    remarks = "".join(f"<li>{escape(line)}</li>" for line in _remarks(rows))
    return html_page(HEADING, f"{body}<ul>{remarks}</ul>")


def console(rows: Sequence[Row]) -> str:
    """The summary as aligned text."""
    head, body = _summary(rows)
    return aligned([head, *([plain(cell) for cell in row] for row in body)])


def _prose(setting: Setting) -> list[str]:
    return [
        f"Scenario: {setting.scenario}. Made on {setting.made} with Fairpoll {version('fairpoll')} at speed "
        f"{setting.speed:g} on {setting.cluster}, {setting.cores} cores. To make it again: "
        f"`{setting.command}`",
        f"A contestant starves the low-volume topic if one of its messages waits longer than "
        f"{WAIT_SECONDS:g} s; up to the delays that speed does not divide more, that is inconclusive. "
        "All times are the scenario's. Each contestant follows its client's documentation; tuned, it has the "
        "smallest prefetch that the client offers and, if possible, handles partitions side by side "
        "(Fairpoll's own two have nothing to tune). The low-volume topic's name sorts last, and first where "
        "the names are reversed. Speed does not divide a client's real times, such as a back-off or a "
        "timeout; --speed 1 settles verdicts that depend on them.",
        "Throughput is relative to Fairpoll's sync loop in the same run. Lost and duplicated records are "
        f"counted after the drain. Stalled: nothing was delivered for {STALL_SECONDS:g} s while messages "
        "waited. Backlog left: messages of the backlog that were undelivered when the live traffic began.",
    ]


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """Sorted by the oldest wait with a backlog, shortest first; contestants that did not run are last."""
    first = {
        row.contestant.key: row.figures.oldest_wait_seconds
        for row in rows
        if row.condition == CONDITIONS[0] and row.figures
    }
    return sorted(rows, key=lambda row: (first.get(row.contestant.key, float("inf")), row.contestant.name))


def _summary(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """One line for each contestant, a column for each condition."""
    found: dict[str, dict[str, Row]] = {}
    for row in _ranked(rows):
        found.setdefault(row.contestant.key, {})[row.condition.key] = row
    lines = []
    for by_condition in found.values():
        one = next(iter(by_condition.values())).contestant
        cells = [_cell(by_condition.get(condition.key)) for condition in CONDITIONS]
        lines.append([one.name, f"{one.client} {one.version}", one.language, *cells])
    return ["contestant", "client", "language", *(condition.title for condition in CONDITIONS)], lines


def _cell(row: Row | None) -> str:
    if row is None:
        return NOTHING
    return f"{row.outcome}, {row.figures.oldest_wait_seconds:.1f} s" if row.figures else row.outcome


def _details(rows: Sequence[Row], condition: Condition) -> list[list[str]]:
    return [_detail(row) for row in _ranked(rows) if row.condition == condition]


def _detail(row: Row) -> list[str]:
    f = row.figures
    if f is None:
        return [row.contestant.name, row.outcome, *[NOTHING] * (len(DETAILS) - 2)]
    return [
        row.contestant.name,
        row.outcome,
        f"{f.oldest_wait_seconds:.1f}",
        f"{f.low_delivered:,} of {f.low_acked:,}",
        f"{f.high_delivered:,}",
        f"{f.low_share:.1%}",
        f"{f.throughput:.0%}",
        NOTHING if f.lost is None else f"{f.lost:,}",
        NOTHING if f.duplicated is None else f"{f.duplicated:,}",
        f"{f.longest_silence_seconds:.1f} s" if f.stalled else "no",
        f"{f.backlog_left:,}",
    ]


def _remarks(rows: Sequence[Row]) -> list[str]:
    """The reasons for missing verdicts."""
    found = []
    for row in rows:
        where = f"{row.contestant.name}, {row.condition.title}"
        if row.outcome in ("inconclusive", "failed"):
            found.append(f"{where}: {row.outcome}: {plain(row.why)}")
    found += _by_name(rows)
    unable = {row.contestant.name: row.why for row in rows if row.outcome == "not run"}
    return found + [f"{name}: not run: {plain(why)}" for name, why in unable.items()]


def _by_name(rows: Sequence[Row]) -> list[str]:
    """A remark on each contestant whose verdict with a backlog differs between the two orders of names."""
    outcomes: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.condition in CONDITIONS[:2]:
            outcomes.setdefault(row.contestant.name, {})[row.outcome] = row.condition.names
    return [
        f"{name}: fair only because the low-volume topic's name sorts "
        f"{'last' if by['served'] == WRITTEN else 'first'}: the order of the topics' names decides"
        for name, by in outcomes.items()
        if by.keys() == {"served", "starved"}
    ]
