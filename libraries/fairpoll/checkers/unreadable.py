"""Unreadable lines void what may rest on them: a failure that they can explain proves nothing."""

from dataclasses import replace

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import Criterion
from fairpoll.contract.records import DEAD_LETTERS
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import acked_at, missing
from fairpoll.evidence.records import Array, Delivered

# Criteria that compare records or pauses with reported assignments, and the figure that counts violations.
_BY_EVENTS = {
    "no_forbidden_duplicates": "count",
    "order_kept": "count",
    "only_while_assigned": "count",
    "pauses_pair_up": "unpaired",
}


def judge_past_unreadable(criterion: Criterion, recording: Recording, finding: Finding) -> Finding:
    """The finding for a consumer with unreadable lines, inconclusive where they may hold what is missing.

    A line of an output file may hold one record, an event as many as the consumer's largest. A failure stands
    if more records are missing than may stand in such lines, or if the criterion also fails with the missing
    records delivered in time.
    """
    history = recording.consumers[finding.consumer]
    in_files = "places" in history.evidence
    unreadable = history.unreadable
    events = unreadable.events
    # With output files the events are not the evidence of records.
    records = unreadable.outputs + (0 if in_files else events * unreadable.most_records)
    lost = missing(recording, finding.consumer) if records else np.empty(0, np.int64)
    if finding.status == "pass" and criterion.needs == "contents" and len(lost):
        why = f"the content of {count_text(min(len(lost), records), 'record')} may stand in lines"
    elif finding.status != "fail":
        return finding
    elif 0 < len(lost) <= records and would_pass(criterion, recording, finding, lost):
        why = f"{count_text(len(lost), 'missing record')} may stand in lines"
    elif 0 < int(finding.figures.get(_BY_EVENTS.get(criterion.name, ""), 0) or 0) <= events:
        why = "an assignment or a pause may stand in events"
    elif records and "lost" in finding.figures:
        beyond = f"; at most {records:,} of them may stand in lines that cannot be read"
        return replace(finding, sentence=finding.sentence + beyond)
    else:
        return finding
    why = f"{why} of {finding.consumer} that cannot be read"
    return replace(finding, status="inconclusive", sentence=f"{why} ({finding.sentence})")


def would_pass(criterion: Criterion, recording: Recording, finding: Finding, lost: Array) -> bool:
    """Whether the criterion does not fail if these messages were delivered in time."""
    history, messages = recording.consumers[finding.consumer], recording.acked
    at = _delivered_in_time(recording, finding.consumer)[lost]
    poison = messages.poison[lost]
    outputs = {topic.name: topic.output for topic in recording.scenario.topics}
    letters = [
        Delivered(*messages.record_id(int(row)), float(moment), "", None, DEAD_LETTERS)
        for row, moment in zip(lost[poison], at[poison], strict=True)
    ]
    completed = replace(
        history,
        delivered=history.delivered.plus(lost[~poison], at[~poison], outputs),
        dead_letters=[*history.dead_letters, *letters],
    )
    consumers = {**recording.consumers, finding.consumer: completed}
    judged = criterion(replace(recording, consumers=consumers), finding.consumer, **finding.thresholds)
    return judged.status != "fail"


def _delivered_in_time(recording: Recording, consumer: str) -> Array:
    """When each message was delivered if before the next one of its partition; if none was, when acked."""
    times = recording.first(consumer).copy()
    for rows in recording.acked.by_partition.values():
        times[rows] = np.minimum.accumulate(times[rows][::-1])[::-1]
    before: Array = np.nextafter(times, -np.inf)
    return np.where(np.isfinite(times), before, acked_at(recording, np.arange(len(times))))
