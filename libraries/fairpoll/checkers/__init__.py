"""Pure functions from a recording to findings, by the names under which they are recorded.

Each takes the recording, the consumer's name and, by keyword, its thresholds. They never trust a
counter: they compare the ledger of acked messages with what stands in the sink's files, and walk
over what was expected, never over what was seen (a fully starved partition leaves no record).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from fairpoll.checkers import backpressure, commits, delivery, liveness, recovery, service
from fairpoll.checkers.coarse import allowed_for, commit_interval, in_doubt
from fairpoll.checkers.model import Finding, Status
from fairpoll.checkers.plan import producer_kept_plan, recording_is_sound
from fairpoll.evidence.history import Evidence, Recording

CRITERIA: dict[str, Callable[..., Finding]] = {
    check.__name__: check
    for check in (
        service.delivered_at_least,
        service.delivered_at_most,
        service.share_at_least,
        service.oldest_wait_at_most,
        service.oldest_wait_at_most_times_solo,
        service.oldest_wait_at_least,
        service.latency_at_most,
        service.service_at_least,
        service.throughput_at_least,
        service.due_messages_delivered,
        delivery.nothing_lost,
        delivery.content_intact,
        delivery.only_acked_delivered,
        delivery.right_place,
        delivery.no_forbidden_duplicates,
        delivery.order_kept,
        delivery.only_while_assigned,
        commits.commits_never_ahead,
        commits.commits_caught_up,
        backpressure.buffers_bounded,
        backpressure.pauses_pair_up,
        backpressure.memory_bounded,
        liveness.no_stall,
        liveness.every_partition_served,
        liveness.delivers_again,
        liveness.membership_kept,
        liveness.membership_lost,
        recovery.recovers_within,
    )
}

# What at-least-once delivery promises, under any load.
DELIVERY_GUARANTEES = (
    "nothing_lost",
    "content_intact",
    "only_acked_delivered",
    "right_place",
    "no_forbidden_duplicates",
    "order_kept",
    "only_while_assigned",
    "commits_never_ahead",
    "commits_caught_up",
)

# Of the run itself, whoever consumed.
RUN_CRITERIA: dict[str, Callable[[Recording], Finding]] = {
    check.__name__: check for check in (producer_kept_plan, recording_is_sound)
}

# What a criterion cannot be judged without; the others make do with what the group committed.
_NEEDS: dict[str, Evidence] = {
    "nothing_lost": "records",
    "content_intact": "contents",
    "only_acked_delivered": "records",
    "right_place": "places",
    "no_forbidden_duplicates": "records",
    "order_kept": "records",
    "only_while_assigned": "assignments",
    "commits_never_ahead": "records",
    "commits_caught_up": "records",
    "membership_kept": "assignments",
    "membership_lost": "assignments",
}
_NAMED: dict[Evidence, str] = {
    "records": "which records it delivered",
    "contents": "what the records it delivered hold",
    "places": "which output its records went to",
    "assignments": "which partitions were assigned to it",
}


def judge(criterion: str, recording: Recording, consumer: str, **thresholds: object) -> Finding:
    """Judge one criterion by its name; inconclusive where the consumer left no evidence for it.

    For a name of RUN_CRITERIA, which have no thresholds, the consumer is not looked at.
    """
    if criterion in RUN_CRITERIA:
        return RUN_CRITERIA[criterion](recording)
    finding = CRITERIA[criterion](recording, consumer, **thresholds)
    budget, error = thresholds.get("seconds"), recording.clock_error_seconds
    if isinstance(budget, int | float) and error > budget:
        why = f"the clocks may be off by {error:.3f} s, more than the {budget:g} s in question"
        return replace(finding, status="inconclusive", sentence=f"{why} ({finding.sentence})")
    needed = _NEEDS.get(criterion)
    history = recording.consumers[consumer]
    if needed is None and finding.status == "fail" and "records" not in history.evidence:
        return _judge_coarsely(criterion, recording, consumer, finding, thresholds)
    if needed is None or needed in history.evidence:
        return finding
    why = f"{consumer} does not tell {_NAMED[needed]} (docs/your-consumer.md says how it may)"
    return replace(finding, status="inconclusive", measured="no evidence", sentence=why, figures={})


def _judge_coarsely(
    criterion: str, recording: Recording, consumer: str, finding: Finding, thresholds: Mapping[str, object]
) -> Finding:
    """A failure by commits alone stands only where it is not due to how seldom they come."""
    interval = commit_interval(recording.consumers[consumer])
    allowed = allowed_for(interval, thresholds)
    fails = allowed is not None and CRITERIA[criterion](recording, consumer, **allowed).status == "fail"
    return finding if fails or not interval else in_doubt(finding, interval)


__all__ = ["CRITERIA", "DELIVERY_GUARANTEES", "RUN_CRITERIA", "Finding", "Status", "judge"]
