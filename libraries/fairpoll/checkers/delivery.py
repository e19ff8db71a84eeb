"""Is what was delivered right? Nothing invented, order kept.

Safety criteria: a record that is wrong is wrong, however loaded the machine was.
"""

from collections.abc import Sequence

from fairpoll.checkers.model import MAX_EXAMPLES, Finding
from fairpoll.history import Delivered, Partition, Recording


def only_acked_delivered(recording: Recording, consumer: str) -> Finding:
    """No record was delivered that was never acked.

    A send whose answer was lost may have reached the log without our knowing; the ledger names it
    as failed, and its delivery is allowed.
    """
    known = recording.acked_by_spot
    foreign = [
        record
        for record in recording.consumers[consumer].delivered
        if record.spot not in known and record.message_id not in recording.failed_ids
    ]
    return safety(
        "only acked messages delivered", consumer, "0 others", foreign, "that the brokers never acked"
    )


def order_kept(recording: Recording, consumer: str) -> Finding:
    """Within an assignment, each partition's records were delivered in the order of their offsets.

    After a new assignment a consumer may go back to its last commit: at-least-once allows that.
    """
    history = recording.consumers[consumer]
    assigned = [
        (event["at"], {(p["topic"], p["partition"]) for p in event["partitions"]})
        for event in history.events_named("partitions_assigned")
    ]
    last: dict[Partition, Delivered] = {}
    wrong: list[Delivered] = []
    for record in history.delivered:
        partition = (record.topic, record.partition)
        before = last.get(partition)
        anew = before and any(before.at < at <= record.at and partition in given for at, given in assigned)
        if before and not anew and record.offset < before.offset:
            wrong.append(record)
        last[partition] = record
    return safety("order kept within each partition", consumer, "0 out of order", wrong, "out of order")


def safety(criterion: str, consumer: str, expected: str, wrong: Sequence[Delivered], what: str) -> Finding:
    """A finding that passes when nothing is wrong, and else names at most MAX_EXAMPLES records."""
    examples = ", ".join(f"{r.topic}/{r.partition}@{r.offset}" for r in wrong[:MAX_EXAMPLES])
    more = f" and {len(wrong) - MAX_EXAMPLES:,} more" if len(wrong) > MAX_EXAMPLES else ""
    return Finding(
        criterion,
        consumer,
        expected,
        f"{len(wrong):,}",
        f"{consumer} delivered {len(wrong):,} records {what}, expected none"
        + (f": {examples}{more}" if wrong else ""),
        "fail" if wrong else "pass",
        {"count": len(wrong)},
    )
