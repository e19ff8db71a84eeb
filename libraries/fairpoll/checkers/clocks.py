"""Doubts the harness's own clocks: in a run where every consumer has effects before their causes."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fairpoll.checkers.commits import CLOCK_SLACK_SECONDS, leads
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import Criterion
from fairpoll.evidence.history import Recording
from fairpoll.scenarios.model import CONTROL


def error_by_all(inversions: Mapping[str, float]) -> float:
    """How far the harness's own clocks are off: the control's inversion, if every consumer has one.

    `inversions` maps each consumer to its largest effect before its cause in real seconds, 0 for none. A
    consumer alone has a fault of its own: 0 without a control, without another consumer beside it, or if
    any of them has none.
    """
    shared = CONTROL in inversions and len(inversions) > 1 and min(inversions.values()) > 0
    return inversions[CONTROL] if shared else 0.0


def judge_past_clocks(criterion: Criterion, recording: Recording, finding: Finding) -> Finding:
    """The failure, inconclusive if it is none with each commit as much later as the clocks are off.

    Commits have the times of the broker or of the harness, deliveries and assignments those of a consumer.
    """
    if finding.status != "fail" or not criterion.guarantee:
        return finding
    off = error_by_all(
        {
            name: _early_seconds(recording, name)
            for name, history in recording.consumers.items()
            if history.evidence >= {"records", "commits"} and history.commits
        }
    )
    if not off:
        return finding
    later = (off + CLOCK_SLACK_SECONDS) * recording.speed
    consumers = {
        name: replace(history, commits=[replace(commit, at=commit.at + later) for commit in history.commits])
        for name, history in recording.consumers.items()
    }
    thresholds = finding.thresholds
    if criterion(replace(recording, consumers=consumers), finding.consumer, **thresholds).status == "fail":
        return finding
    why = (
        f"every consumer, the control included, has commits before the deliveries that they cover ({CONTROL} "
        f"by up to {off:.3f} s), so that the clocks of the broker and of the harness differ"
    )
    return replace(finding, status="inconclusive", sentence=f"{why} ({finding.sentence})")


def _early_seconds(recording: Recording, consumer: str) -> float:
    """The longest time (real seconds) by which a commit preceded a delivery; 0 within what clocks may differ.

    A commit beyond a lost message preceded nothing.
    """
    lead = leads(recording, consumer)
    longest = float(np.max(lead, initial=0.0, where=np.isfinite(lead)))
    return longest if longest > CLOCK_SLACK_SECONDS else 0.0
