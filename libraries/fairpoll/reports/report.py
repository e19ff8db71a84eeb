"""What people and programs read of a run: figures, charts and verdict.json."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fairpoll.checkers import Finding, judge
from fairpoll.checkers.budgets import budget_at_speed
from fairpoll.contract.events import dump
from fairpoll.evidence import layout
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import (
    cumulative,
    jain_index,
    latency,
    live_waits,
    oldest_wait,
    oldest_wait_curve,
)
from fairpoll.reports.charts import Color, Limit, Panel, Series, Style, panels
from fairpoll.reports.svg import standalone
from fairpoll.verdicts.shown import cannot_show, not_shown
from fairpoll.verdicts.verdict_json import worst

Figures = dict[str, Any]


@dataclass
class Verdict:
    """The findings on one recording, as they are made."""

    recording: Recording
    findings: list[Finding] = field(default_factory=list)
    # Consumer -> kind of evidence -> the criteria that need it and were therefore not judged.
    not_shown: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def judge(self, criterion: str, consumer: str, **thresholds: object) -> Finding:
        """Judge one criterion (a name that `checkers.judge` knows) and keep the finding.

        A criterion that was judged before, for the same consumer with the same thresholds, counts once.
        One whose evidence the consumer neither declared nor left is listed in `not_shown`, not kept; the
        returned finding is inconclusive.
        """
        finding = judge(criterion, self.recording, consumer, **thresholds)
        if kind := not_shown(criterion, self.recording, consumer):
            criteria = self.not_shown.setdefault(consumer, {}).setdefault(kind, [])
            if criterion not in criteria:
                criteria.append(criterion)
            return finding
        if known := next((one for one in self.findings if one.key == finding.key), None):
            return known
        self.findings.append(finding)
        return finding

    @cached_property
    def figures(self) -> Figures:
        """The figures of each consumer; a recording does not change, so they are worked out once."""
        return {name: consumer_figures(self.recording, name) for name in self.recording.consumers}

    @property
    def worst(self) -> str:
        """What the findings come to together."""
        return worst(finding.status for finding in self.findings)

    def decides(self, finding: Finding) -> bool:
        """False for a finding on a criterion whose evidence the consumer cannot show."""
        return all(finding.check not in names for names in self.not_shown.get(finding.consumer, {}).values())

    def cannot_show(self) -> list[str]:
        """A sentence for each consumer about the evidence that it does not leave, with the criteria."""
        return [cannot_show(consumer, kinds) for consumer, kinds in self.not_shown.items()]

    def to_json(self) -> Figures:
        """Every finding with its thresholds, and every figure behind them."""
        recording = self.recording
        facts = recording.facts
        # Only where there are such facts: recordings made before are judged again to the same bytes.
        judged = {key: facts[key] for key in ("judged", "versions") if key in facts}
        return {
            "verdict": self.worst,
            "run_id": recording.run_id,
            "scenario": recording.scenario.title,
            "speed": recording.speed,
            "cluster": recording.cluster,
            "cut_off": recording.cut_off,
            "faults": [asdict(fault) for fault in recording.faults],
            "figures": self.figures,
            "findings": [asdict(finding) for finding in self.findings],
            **judged,
            **({"not_shown": self.not_shown} if self.not_shown else {}),
        }

    def to_text(self) -> str:
        """verdict.json's content."""
        return dump(self.to_json()) + "\n"

    def write(self) -> Path:
        """Write verdict.json into the recording's folder and return its path."""
        path = self.recording.folder / layout.VERDICT
        path.write_text(self.to_text(), "utf-8")
        return path


def consumer_figures(recording: Recording, consumer: str) -> Figures:
    """Delivered, waiting and fairness of one consumer in the judged window; times in scenario seconds."""
    topics = [topic.name for topic in recording.scenario.topics]
    delivered = {name: recording.delivered_in_window(consumer, [name]) for name in topics}
    acked = {name: recording.acked.count_of([name]) for name in topics}
    total = sum(delivered.values())
    low = sum(delivered[name] for name in recording.topics_of("low"))
    return {
        "delivered": delivered,
        "acked": acked,
        "total_delivered": total,
        "records_per_second": round(total / recording.duration, 3),
        "low_volume_share": round(low / total, 5) if total else 0.0,
        "oldest_wait_seconds": {
            name: round(oldest_wait(recording, consumer, [name])[0], 3) for name in topics
        },
        "low_volume_oldest_wait_seconds": round(
            oldest_wait(recording, consumer, recording.topics_of("low"))[0], 3
        ),
        "peak_memory_mebibytes": round(recording.consumers[consumer].peak_memory_bytes / 2**20, 1),
        "latency_seconds": {name: latency(recording, consumer, name) for name in topics},
        "jain_index": round(jain_index([delivered[n] / acked[n] for n in topics if acked[n]]), 4),
    }


def charts(recording: Recording, consumers: Sequence[str]) -> dict[str, str]:
    """The charts of these consumers as SVG text, by file name without ending."""
    name = "-".join(consumers)
    return {
        f"delivered-{name}": _delivered_chart(recording, consumers),
        **wait_chart(recording, consumers),
        f"latency-{name}": _latency_chart(recording, consumers),
    }


def wait_chart(
    recording: Recording, consumers: Sequence[str], budgets: Mapping[str, float] | None = None
) -> dict[str, str]:
    """The chart of waiting, by its file name; with the budgets (in seconds) that topics were judged by.

    A budget for one topic of several of its volume makes a chart of its own, under a name of its own.
    """
    name, title = f"oldest-wait-{'-'.join(consumers)}", "Age of the oldest waiting message"
    volumes = _volumes(recording)
    limits = {tuple(recording.topics_of(judged)): seconds for judged, seconds in (budgets or {}).items()}
    drawn = {name: _wait_panels(recording, consumers, volumes, limits)}
    titles = {name: title}
    for topics in limits:
        if list(topics) not in [known for _, known in volumes]:
            own = f"{name}-{re.sub(r'[^A-Za-z0-9._-]+', '-', topics[0])}"
            drawn[own] = _wait_panels(recording, consumers, [("", list(topics))], limits)
            titles[own] = f"{title} of {topics[0]}"
    return {name: panels(titles[name], _time_label(recording), stack) for name, stack in drawn.items()}


def _wait_panels(
    recording: Recording,
    consumers: Sequence[str],
    volumes: Sequence[tuple[str, list[str]]],
    limits: Mapping[tuple[str, ...], float],
) -> list[Panel]:
    drawn = []
    for volume, topics in volumes:
        title, seconds = _panel_title(topics, volume), limits.get(tuple(topics))
        limit = None
        if seconds is not None:
            allowed = budget_at_speed(recording, seconds)
            # Shaded is what is judged; a control beside it is not.
            limit = Limit(allowed, f"at most {allowed:g} s", shaded=len(consumers) == 1)
        drawn.append(Panel(title, "seconds", [_wait_series(recording, c, topics) for c in consumers], limit))
        tested = [name for name in consumers if name != "sync"]
        if volume != "high" and len(consumers) > 1 and len(tested) == 1:
            # Seconds cannot be seen beside a control that waits for minutes.
            alone = [_wait_series(recording, tested[0], topics)]
            judged = limit and replace(limit, shaded=True)
            drawn.append(Panel(f"{title}, {tested[0]} alone", "seconds", alone, judged))
    return drawn


def write_charts(recording: Recording, drawn: Mapping[str, str]) -> list[Path]:
    """Write the charts as files of their own beside the evidence and return their paths."""
    folder = recording.folder / "charts"
    folder.mkdir(exist_ok=True)
    paths = []
    for name, svg in drawn.items():
        paths.append(folder / f"{name}.svg")
        paths[-1].write_text(standalone(svg), "utf-8")
    return paths


def _delivered_chart(recording: Recording, consumers: Sequence[str]) -> str:
    drawn = []
    for volume, topics in _volumes(recording):
        spans = recording.acked.of_topics(topics)
        intended = np.concatenate([recording.acked.intended[rows] for rows in spans])
        sent = cumulative(intended, recording.duration)
        series = [Series("produced", sent, color="neutral", step=True)]
        for name in consumers:
            # As in the table: what came before the live traffic does not count.
            times = np.concatenate(list(recording.first_deliveries(name, topics)))
            points = cumulative(times[times >= 0], recording.duration)
            label = f"{name} delivered {points[-1][1]:,.0f}"
            # Where both serve a topic their lines lie on each other: the dashes show both.
            style: Style = "solid" if name == "sync" else "dashed"
            series.append(Series(label, points, _color(recording, name), style, step=True))
        drawn.append(Panel(_panel_title(topics, volume), "messages", series))
    return panels("Messages produced and delivered", _time_label(recording), drawn)


def _wait_series(recording: Recording, consumer: str, topics: Sequence[str]) -> Series:
    points = oldest_wait_curve(recording, consumer, topics)
    worst = points[:, 1].max(initial=0.0)
    return Series(f"{consumer}, up to {worst:,.1f} s", points, _color(recording, consumer))


def _latency_chart(recording: Recording, consumers: Sequence[str]) -> str:
    drawn = [
        Panel(
            _panel_title(topics, volume),
            "seconds",
            [_latency_series(recording, name, topics) for name in consumers],
        )
        for volume, topics in _volumes(recording)
    ]
    return panels("Latency of live messages", "percent of the messages, the quickest first", drawn)


def _latency_series(recording: Recording, consumer: str, topics: Sequence[str]) -> Series:
    """What was not delivered counts with its age at the end, as in the figures."""
    ages = np.sort(live_waits(recording, consumer, topics))
    percent = 100 * np.arange(len(ages) + 1) / max(len(ages), 1)
    points = np.stack((percent[: len(ages) and None], np.concatenate((ages[:1], ages))), axis=1)
    share = recording.delivered_in_window(consumer, topics) / max(recording.acked.count_of(topics), 1)
    # Half of them in so much time is not said of messages of which not even half arrived.
    half = f", half in {ages[len(ages) // 2]:,.1f} s" if len(ages) and share >= 0.5 else ""
    half = half or (f", {share:.0%} delivered" if len(ages) else "")
    style: Style = "solid" if consumer == "sync" else "dashed"
    return Series(f"{consumer}{half}", points, _color(recording, consumer), style)


def _volumes(recording: Recording) -> list[tuple[str, list[str]]]:
    found = [(volume, recording.topics_of(volume)) for volume in ("high", "low")]
    return [(volume, topics) for volume, topics in found if topics]


def _color(recording: Recording, consumer: str) -> Color:
    """The same colour for a consumer in every chart of a run."""
    known: dict[str, Color] = {"sync": "orange", "async": "blue"}
    others: tuple[Color, ...] = ("green", "purple")
    return known.get(consumer) or others[list(recording.consumers).index(consumer) % len(others)]


def _panel_title(topics: Sequence[str], volume: str) -> str:
    return topics[0] if len(topics) == 1 else f"{len(topics)} {volume}-volume topics"


def _time_label(recording: Recording) -> str:
    scaled = f", run at {recording.speed:g} times the speed" if recording.speed != 1 else ""
    return f"seconds of the scenario{scaled}"
