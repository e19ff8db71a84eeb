"""A recording that is being judged: its findings, and the verdict.json and series.json made from them."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fairpoll.checkers import Finding, Status, judge
from fairpoll.evidence import layout
from fairpoll.evidence.history import Recording
from fairpoll.scenarios.model import REVERSED
from fairpoll.verdicts.figures import conditions, consumer_figures, topic_curves, volume_curves
from fairpoll.verdicts.series import OLDEST_WAIT, RunSeries, StoredRun, TopicCurves
from fairpoll.verdicts.shown import not_shown
from fairpoll.verdicts.verdict_json import ConsumerFigures, JudgedRun, to_text, worst


@dataclass
class Verdict:
    """The findings on one recording, as they are made."""

    recording: Recording
    findings: list[Finding] = field(default_factory=list)
    # Consumer -> kind of evidence -> the criteria that need it and were therefore not judged.
    not_shown: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    _curves: dict[tuple[str, ...], TopicCurves] = field(default_factory=dict)

    def judge(self, criterion: str, consumer: str, **thresholds: Any) -> Finding:
        """Judge one criterion (a name that `checkers.judge` knows) and keep the finding.

        A criterion that is judged again for the same consumer with the same thresholds counts once. If the
        consumer neither declared nor left the evidence, the finding is inconclusive, is not kept, and the
        criterion is listed in `not_shown`.
        """
        finding = judge(criterion, self.recording, consumer, **thresholds)
        if self.recording.scenario.names == REVERSED:
            finding = replace(finding, criterion=f"{finding.criterion}, names reversed")
        if kind := not_shown(criterion, self.recording, consumer):
            criteria = self.not_shown.setdefault(consumer, {}).setdefault(kind, [])
            if criterion not in criteria:
                criteria.append(criterion)
            return finding
        if known := next((earlier for earlier in self.findings if earlier.key == finding.key), None):
            return known
        self.findings.append(finding)
        return finding

    def reword(self, finding: Finding) -> Finding:
        """Replace the finding on the same criterion, consumer and thresholds by this one; returns it."""
        self.findings = [finding if one.key == finding.key else one for one in self.findings]
        return finding

    @cached_property
    def figures(self) -> dict[str, ConsumerFigures]:
        """The figures of each consumer; computed once, since a recording does not change."""
        return {name: consumer_figures(self.recording, name) for name in self.recording.consumers}

    @property
    def worst(self) -> Status:
        """The verdict of all findings together."""
        return worst(finding.status for finding in self.findings)

    def decides(self, finding: Finding) -> bool:
        """False for a finding on a criterion whose evidence the consumer cannot show."""
        return all(finding.check not in names for names in self.not_shown.get(finding.consumer, {}).values())

    @property
    def judged(self) -> JudgedRun:
        """The content of verdict.json."""
        recording = self.recording
        return JudgedRun(
            verdict=self.worst,
            run_id=recording.run_id,
            scenario=recording.scenario.title,
            speed=recording.speed,
            cluster=recording.cluster,
            cut_off=recording.cut_off,
            faults=tuple(recording.faults),
            figures=self.figures,
            findings=tuple(self.findings),
            judged=recording.facts.judged,
            versions=recording.facts.versions,
            not_shown=self.not_shown,
        )

    def stored(self, *, curves: bool = False) -> StoredRun:
        """The recording as pages use it; with `curves`, missing curves are computed."""
        if curves:
            self._add_curves()
        series = replace(self._conditions, curves=tuple(self._curves.values()))
        return StoredRun(self.judged, series, self.recording.folder)

    def to_text(self) -> str:
        """The content of verdict.json as it is written."""
        return to_text(self.judged)

    def write(self) -> Path:
        """Write verdict.json and series.json into the recording's folder; the path of the first."""
        path = self.recording.folder / layout.VERDICT
        path.write_text(self.to_text(), "utf-8")
        self.stored().write_series()
        return path

    @cached_property
    def _conditions(self) -> RunSeries:
        return conditions(self.recording)

    def _add_curves(self) -> None:
        series = self._conditions
        for volume in ("high", "low"):
            topics = series.topics_of(volume)
            if topics and topics not in self._curves:
                self._curves[topics] = volume_curves(self.recording, volume)
        for finding in self.findings:
            topics = series.topics_of(finding.thresholds.get("volume", "low"))
            if finding.check == OLDEST_WAIT and topics not in self._curves:
                self._curves[topics] = topic_curves(self.recording, topics[0])
