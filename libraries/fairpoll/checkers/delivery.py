"""Is what was delivered right? Nothing lost, altered, invented, repeated, out of order or misplaced.

Safety criteria: a record that is wrong is wrong, however loaded the machine was.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from fairpoll.checkers.model import Finding, spots_told
from fairpoll.history import ConsumerHistory, Delivered, Partition, Recording


def nothing_lost(recording: Recording, consumer: str) -> Finding:
    """After the drain, every acked message stands in the sink, poison ones as dead letters or reported.

    Inconclusive when the scenario has no drain: what is missing may only be late.
    """
    history = recording.consumers[consumer]
    rejected = history.rejected("skip").keys() | {record.spot for record in history.dead_letters}
    missing = [
        message
        for messages in recording.by_partition.values()
        for message in messages
        if message.spot not in (rejected if message.poison else history.first_delivery)
    ]
    # What the broker itself has dropped meanwhile (retention, a mock's small memory) nobody can lose.
    gone = [m for m in missing if m.offset < recording.log_start.get((m.topic, m.partition), 0)]
    drained = recording.scenario.drain and recording.complete
    doubt = (
        f" ({len(gone):,} of them the broker itself no longer held)"
        if gone
        else ""
        if drained
        else " (the run was not drained)"
    )
    return Finding(
        criterion="nothing lost",
        consumer=consumer,
        expected=f"0 lost of {len(recording.acked):,} acked",
        measured=f"{len(missing):,} lost",
        sentence=f"{consumer} lost {len(missing):,} of {len(recording.acked):,} acked messages"
        + (doubt or spots_told(message.spot for message in missing)),
        status="inconclusive" if doubt else "fail" if missing else "pass",
        figures={"acked": len(recording.acked), "lost": len(missing)},
    )


def content_intact(recording: Recording, consumer: str) -> Finding:
    """What the sink holds of each message is what was sent, by its checksum."""
    known = recording.acked_by_spot
    altered = [
        record
        for record in recording.consumers[consumer].delivered
        if record.spot in known and known[record.spot].checksum != record.checksum
    ]
    return safety("content intact", consumer, "altered", altered, "with another content than was sent")


def only_acked_delivered(recording: Recording, consumer: str) -> Finding:
    """No record was delivered that was never acked.

    A send whose answer was lost may have reached the log without our knowing; the ledger names it
    as failed, and its delivery is allowed.
    """
    known, history = recording.acked_by_spot, recording.consumers[consumer]
    foreign = [
        record
        for record in history.delivered
        if record.spot not in known and record.message_id not in recording.failed_ids
    ]
    finding = safety(
        "only acked messages delivered", consumer, "others", foreign, "that the brokers never acked"
    )
    # Without their contents it cannot be told which of them are sends whose answer was lost.
    if foreign and recording.failed_ids and "contents" not in history.evidence:
        return replace(finding, status="inconclusive")
    return finding


def right_place(recording: Recording, consumer: str) -> Finding:
    """Each record stands in its own topic's output, and only poison ones among the dead letters."""
    history = recording.consumers[consumer]
    outputs = {topic.name: topic.output for topic in recording.scenario.topics}
    misplaced = [r for r in history.delivered if r.topic in outputs and outputs[r.topic] != r.output]
    known = recording.acked_by_spot
    misplaced += [r for r in history.dead_letters if r.spot in known and not known[r.spot].poison]
    return safety("records in the right place", consumer, "misplaced", misplaced, "into a wrong file")


def no_forbidden_duplicates(recording: Recording, consumer: str) -> Finding:
    """A record was delivered again only after a new assignment, and only from the last commit on.

    At-least-once allows what was delivered but not yet committed to come again when its partition
    changes hands: after a crash, a restart, a rebalance. In a clean run that is nothing.
    """
    history = recording.consumers[consumer]
    assigned = _assignments(history)
    committed = _committed_by_partition(history)
    last: dict[tuple[str, int, int], Delivered] = {}
    forbidden: list[Delivered] = []
    for record in history.delivered:
        before = last.get(record.spot)
        last[record.spot] = record
        if before is None:
            continue
        partition = (record.topic, record.partition)
        since = [at for at in assigned[partition] if before.at < at <= record.at]
        # By the first assignment in between the record had to be uncommitted to come again.
        if not since or record.offset < _committed_at(committed[partition], since[0]):
            forbidden.append(record)
    return safety("no forbidden duplicates", consumer, "repeated", forbidden, "again without need")


def order_kept(recording: Recording, consumer: str) -> Finding:
    """Within an assignment, each partition's records were delivered in the order of their offsets.

    After a new assignment a consumer may go back to its last commit: at-least-once allows that.
    """
    history = recording.consumers[consumer]
    assigned = _assignments(history)
    last: dict[Partition, Delivered] = {}
    wrong: list[Delivered] = []
    for record in history.delivered:
        partition = (record.topic, record.partition)
        before = last.get(partition)
        last[partition] = record
        if before is None or record.offset >= before.offset:
            continue
        if not any(before.at < at <= record.at for at in assigned[partition]):
            wrong.append(record)
    return safety("order kept within each partition", consumer, "out of order", wrong, "out of order")


def only_while_assigned(recording: Recording, consumer: str) -> Finding:
    """A member delivered records of a partition only while that partition was assigned to it."""
    history = recording.consumers[consumer]
    changes: dict[tuple[str, Partition], list[tuple[float, bool]]] = defaultdict(list)
    for event in history.events_named("partitions_assigned", "partitions_revoked"):
        for spot in event["partitions"]:
            owner = (event.get("member", ""), (spot["topic"], spot["partition"]))
            changes[owner].append((event["at"], event["name"] == "partitions_assigned"))
    foreign = [
        record
        for record in history.delivered
        if not _owned(changes[(record.member, (record.topic, record.partition))], record.at)
    ]
    return safety(
        "delivered only while assigned", consumer, "others", foreign, "of partitions not assigned to it"
    )


def _owned(changes: Sequence[tuple[float, bool]], moment: float) -> bool:
    index = bisect_right(changes, (moment, True)) - 1
    return index >= 0 and changes[index][1]


def _assignments(history: ConsumerHistory) -> dict[Partition, list[float]]:
    """When each partition was given to any member, in the order of time."""
    found: dict[Partition, list[float]] = defaultdict(list)
    for event in history.events_named("partitions_assigned"):
        for spot in event["partitions"]:
            found[(spot["topic"], spot["partition"])].append(event["at"])
    return found


def _committed_by_partition(history: ConsumerHistory) -> dict[Partition, list[tuple[float, int]]]:
    found: dict[Partition, list[tuple[float, int]]] = defaultdict(list)
    for commit in history.commits:
        found[(commit.topic, commit.partition)].append((commit.at, commit.offset))
    return found


def _committed_at(commits: Sequence[tuple[float, int]], moment: float) -> int:
    """The highest offset known to be committed by then; 0 when nothing was."""
    return max((offset for at, offset in commits if at <= moment), default=0)


def safety(criterion: str, consumer: str, fault: str, wrong: Sequence[Delivered], what: str) -> Finding:
    """A finding that passes when nothing is wrong, and else names the first records that are.

    `fault` is the word for it in the table ("altered"), `what` the rest of the sentence.
    """
    return Finding(
        criterion=criterion,
        consumer=consumer,
        expected=f"0 {fault}",
        measured=f"{len(wrong):,} {fault}",
        sentence=f"{consumer} delivered {len(wrong):,} records {what}, expected none"
        + spots_told(record.spot for record in wrong),
        status="fail" if wrong else "pass",
        figures={"count": len(wrong)},
    )
