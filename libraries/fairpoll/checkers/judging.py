"""Judges one criterion of a recording; it is inconclusive without the evidence that it needs."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from fairpoll.base.errors import FairpollError
from fairpoll.base.text import count_text
from fairpoll.checkers.by_commits import judge_by_commits
from fairpoll.checkers.clocks import judge_past_clocks
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.losses import Losses
from fairpoll.checkers.registry import CRITERIA, RUN_CRITERIA, Criterion
from fairpoll.checkers.unreadable import judge_past_unreadable, would_pass
from fairpoll.contract.evidence_kinds import EVIDENCE, Evidence
from fairpoll.evidence.history import ConsumerHistory, Recording


def judge(criterion: str, recording: Recording, consumer: str, **thresholds: Any) -> Finding:
    """Judge one criterion by its name; inconclusive if the consumer left no evidence for it.

    A criterion about the run or the producer ignores the consumer. An exception in a criterion makes this
    criterion inconclusive. Raises KeyError for an unknown criterion or consumer, TypeError for thresholds
    that the criterion does not take, FairpollError for values that the run does not have.
    """
    declared = RUN_CRITERIA.get(criterion) or CRITERIA[criterion]
    declared.check_thresholds(thresholds)
    about = declared.subject if declared.subject != "consumer" else recording.consumers[consumer].name
    try:
        return _judge(declared, recording, consumer, thresholds)
    except FairpollError:
        raise
    except Exception as error:
        logging.getLogger(__name__).warning("criterion %s raised an exception", criterion, exc_info=error)
        return Finding(
            check=criterion,
            thresholds=thresholds,
            criterion=declared.title_with(thresholds),
            consumer=about,
            expected="a verdict",
            measured=type(error).__name__,
            sentence=f"the criterion {criterion} ({declared.function.__module__}) could not judge {about}: "
            f"it raised {type(error).__name__}: {error}",
        )


def _judge(
    criterion: Criterion, recording: Recording, consumer: str, thresholds: Mapping[str, Any]
) -> Finding:
    finding = criterion(recording, consumer, **thresholds)
    # Readability judges the evidence itself, whatever that is.
    if criterion.subject != "consumer" or criterion.name == "output_readable":
        return finding
    budget, error = thresholds.get("seconds"), recording.clock_error_seconds
    if isinstance(budget, int | float) and error > budget:
        why = f"the clocks may be off by {error:.3f} s, more than the {budget:g} s in question"
        return replace(finding, status="inconclusive", sentence=f"{why} ({finding.sentence})")
    needed, history = criterion.needs, recording.consumers[consumer]
    if needed is None and finding.status == "fail" and "records" not in history.evidence:
        return judge_by_commits(criterion, recording, finding)
    # This criterion itself judges by the memory without reports, or is inconclusive.
    lacking = lacks(criterion, history)
    if lacking in (None, "buffers"):
        if len(history.unreadable):
            return judge_past_unreadable(criterion, recording, finding)
        return _after_a_loss(criterion, recording, judge_past_clocks(criterion, recording, finding))
    why = (
        f"no commit was ever seen in group {recording.facts.groups.get(consumer, '')}, which nobody joined: "
        f"{consumer} may assign itself its partitions, or have a group.id of its own, not FAIRPOLL_GROUP"
        if lacking == "commits"
        else f"no line of {consumer} has a value, so that the content of its records is unknown"
        if lacking == "contents" and "places" in history.evidence
        else f"{consumer} leaves no evidence of {EVIDENCE[lacking].what}; "
        "docs/reference/consumer-contract.md lists what it can report"
    )
    return replace(finding, status="inconclusive", measured="no evidence", sentence=why, figures={})


def lacks(
    criterion: Criterion, history: ConsumerHistory, declared: Collection[Evidence] = ()
) -> Evidence | None:
    """The first kind of evidence that the criterion needs and that was neither left nor `declared`.

    That a consumer took nothing proves that it lost everything.
    """
    if criterion.name == "nothing_lost" and history.took_nothing:
        return None
    return criterion.lacks({*declared, *history.evidence})


def _after_a_loss(criterion: Criterion, recording: Recording, finding: Finding) -> Finding:
    """The failure; if it would not be one with the lost messages delivered in time, it names the loss."""
    drained = recording.scenario.drain and recording.complete
    if finding.status != "fail" or criterion.name == "nothing_lost" or not drained:
        return finding
    lost = Losses.of(recording, finding.consumer).good
    if not len(lost) or not would_pass(criterion, recording, finding, lost):
        return finding
    why = f"; this follows from the loss of {count_text(len(lost), 'message')}, see nothing lost"
    return replace(finding, sentence=finding.sentence + why)
