"""Judges a consumer by its group's commits alone: they show when it had delivered a record at the latest.

A commit shows that all records below it were taken, not when; and a consumer that commits what it has only
queued looks better than it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import Criterion
from fairpoll.evidence.deliveries import Deliveries, DeliveryColumns
from fairpoll.evidence.history import ConsumerHistory, Recording
from fairpoll.evidence.measures import acked_at

# Commits of several partitions that follow one another within this time count as one (real seconds).
COMMITTED_TOGETHER_SECONDS = 0.5
# The families of criteria that judge no delivery, so that commits do not matter to them.
WITHOUT_DELIVERIES = ("backpressure", "processes")


def judge_by_commits(criterion: Criterion, recording: Recording, finding: Finding) -> Finding:
    """A failure stands if it remains with each record delivered as early as its commits allow."""
    name, history = finding.consumer, recording.consumers[finding.consumer]
    if history.took_nothing or criterion.family in WITHOUT_DELIVERIES:
        return finding
    times = _progress_times(history)
    if len(times) > 1:
        interval = median(np.diff(times).tolist())
        early = _delivered_early(recording, name, times, interval)
        # Not the criterion's doubts: records that come with a commit exceed any sink's rate.
        if criterion.function(early, name, **finding.thresholds).status == "fail":
            return finding
        known = f"which came {interval:.1f} s apart"
    else:
        known = f"and committed {'once' if times else 'nothing'}"
    why = f"{name} is judged by its commits alone, {known}: it may have delivered records at any time before"
    return replace(finding, status="inconclusive", sentence=f"{why} ({finding.sentence})")


def _delivered_early(
    recording: Recording, consumer: str, times: Sequence[float], interval: float
) -> Recording:
    """The recording with each record delivered at the commit before its own, but not before its ack.

    Commits that follow one another within half of the usual interval, or COMMITTED_TOGETHER_SECONDS, count as
    one: clients commit their partitions one by one, and at irregular times. What was never committed counts
    as delivered an interval before the end.
    """
    history = recording.consumers[consumer]
    together = max(interval / 2, COMMITTED_TOGETHER_SECONDS * recording.speed)
    missing = np.flatnonzero(np.isinf(history.delivered.first_of_acked))
    record = np.concatenate((history.delivered.record, missing))
    at = np.concatenate((history.delivered.at, np.full(len(missing), recording.watched_until)))
    before = np.append(times, -np.inf)[np.searchsorted(times, at - together, side="right") - 1]
    before[len(history.delivered) :] = recording.watched_until - max(interval, together)
    acked = acked_at(recording, np.minimum(record, len(recording.acked) - 1))
    found = DeliveryColumns(recording.acked)
    found.extend(record, np.minimum(at, np.maximum(before, acked)), np.zeros(len(record), np.int64), "", "")
    early = replace(history, delivered=Deliveries(recording.acked, found))
    return replace(recording, consumers={**recording.consumers, consumer: early})


def _progress_times(history: ConsumerHistory) -> list[float]:
    """When the group committed a higher offset of any partition, in scenario seconds, in order."""
    times: dict[float, None] = {}
    last: dict[tuple[str, int], int] = {}
    for commit in history.commits:
        partition = (commit.topic, commit.partition)
        if commit.offset > last.get(partition, 0):
            last[partition] = commit.offset
            times[commit.at] = None
    return [*times]
