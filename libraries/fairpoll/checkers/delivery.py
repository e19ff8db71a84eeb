"""Criteria of delivery: no record lost, altered, invented, repeated, out of order or misplaced.

Load excuses none of these failures.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.assignment import assigned_at, assignments_of, between
from fairpoll.checkers.finding import Finding, violations
from fairpoll.checkers.foreign import doubt_of_foreign, with_ignored
from fairpoll.checkers.losses import Losses
from fairpoll.checkers.registry import criterion
from fairpoll.checkers.repeats import committed_at, committed_by_partition, repeated
from fairpoll.contract.events import LOG_HINT
from fairpoll.contract.records import Partition, RecordId
from fairpoll.evidence.history import Recording
from fairpoll.evidence.records import NOT_REPORTED, Array

# Unreadable lines that a sentence quotes; each quote is a line of its own length.
SHOWN_LINES = 3
# Stamps may be whole milliseconds, and lines of different files have no order (real seconds).
MILLISECOND_SECONDS = 0.001


@criterion("nothing lost", keyword="Nothing Should Be Lost", needs="records", guarantee=True)
def nothing_lost(recording: Recording, consumer: str) -> Finding:
    """After the drain, every acked message stands in the sink, poison ones as dead letters or reported.

    A message is lost if the consumer passed over it: it delivered or committed a later offset of its
    partition. Otherwise it never read the message. Messages that the broker itself did not have any more
    (retention, the mock's small memory) are not the consumer's loss. Inconclusive when the scenario has no
    drain, or when the drain was cut off (after 300 s) while the consumer still delivered and had passed over
    nothing, or ended while a client quota held it up: missing messages may only be late.
    """
    losses, total = Losses.of(recording, consumer), len(recording.acked)
    dropped = len(losses.dropped)
    missed = losses.count + dropped
    doubt, measured = "", f"{missed:,} lost"
    if dropped and not losses.count:
        doubt = f"the broker dropped {dropped:,} of the {dropped:,} that are missing"
    elif not (recording.scenario.drain and recording.complete):
        doubt = "the run was not drained, so that messages may be missing because they are late"
    are = "is" if dropped == 1 else "are"
    excused = f"; {dropped:,} more {are} missing that the broker dropped" if dropped else ""
    sentence = (
        f"{doubt}: {missed:,} of {count_text(total, 'acked message')} are not in the sink of {consumer}"
    )
    if not doubt:
        doubt, measured, sentence = losses.cut_off, losses.measured, losses.text + excused
        sentence = f"{doubt} ({sentence})" if doubt else sentence
    return Finding(
        expected=f"0 lost of {total:,} acked",
        measured=measured,
        sentence=sentence,
        status="inconclusive" if doubt else "fail" if losses.count else "pass",
        figures={"acked": total, "lost": missed if doubt else losses.count},
    )


@criterion("content intact", keyword="Content Should Be Intact", needs="contents", guarantee=True)
def content_intact(recording: Recording, consumer: str) -> Finding:
    """Each message in the sink and each dead letter has the content that was sent, compared by its meaning.

    The order of keys, white space, escapes and the notation of numbers (1.0 and 1) are no alterations; a
    missing or another field is. Inconclusive if a line has no value: its content is unknown.
    """
    history, messages = recording.consumers[consumer], recording.acked
    delivered, known = history.delivered, len(messages)

    def differs(rows: slice) -> Array:
        record = delivered.record[rows]
        acked = (record < known) & (delivered.checksum[rows] != NOT_REPORTED)
        found: Array = acked.copy()
        found[acked] = messages.checksum[record[acked]] != delivered.checksum[rows][acked]
        return found

    wrong = delivered.where(differs)
    letters = [
        letter.record_id
        for letter in history.dead_letters
        if (row := messages.find_one(letter.record_id)) >= 0
        and letter.checksum not in (None, messages.checksum[row])
    ]
    finding = violations(
        consumer,
        "altered",
        chain(delivered.record_ids(wrong), letters),
        len(wrong) + len(letters),
        "whose content differs from what was sent",
    )
    unknown = len(delivered.where(lambda rows: delivered.checksum[rows] == NOT_REPORTED))
    unknown += sum(letter.checksum is None for letter in history.dead_letters)
    if finding.status == "fail" or not unknown:
        return finding
    lines = count_text(len(delivered) + len(history.dead_letters), "line")
    have = "has" if unknown == 1 else "have"
    why = f"{unknown:,} of {lines} of {consumer} {have} no value, so that the content is unknown"
    return replace(finding, status="inconclusive", sentence=f"{why} ({finding.sentence})")


@criterion(
    "only acked messages delivered",
    keyword="Only Acked Messages Should Be Delivered",
    needs="records",
    guarantee=True,
)
def only_acked_delivered(recording: Recording, consumer: str) -> Finding:
    """No record was delivered that was never acked.

    A send whose response was lost may have reached the log; the ledger lists it as failed, and its delivery
    is allowed. On a topic that existed before the run, messages of other producers are ignored and counted:
    those before the run's begin, and those without the run id in their header `fairpoll-id`. Inconclusive if
    these were not read after the run.
    """
    history = recording.consumers[consumer]
    delivered, known = history.delivered, len(recording.acked)
    strange = delivered.where(lambda rows: delivered.record[rows] >= known)
    foreign = [row for row in strange.tolist() if delivered.ids.get(row, "") not in recording.failed_ids]
    finding = violations(
        consumer, "others", delivered.record_ids(foreign), len(foreign), "that the brokers never acked"
    )
    # Without contents, a send whose response was lost looks the same as an invented record.
    unknown = "contents" not in history.evidence or any(
        delivered.checksum[row] == NOT_REPORTED and not delivered.ids.get(row) for row in foreign
    )
    finding = with_ignored(recording, consumer, finding)
    if foreign and (doubt := doubt_of_foreign(recording, delivered.record_ids(foreign))):
        return replace(finding, status="inconclusive", sentence=f"{doubt}: {finding.sentence}")
    if foreign and recording.failed_ids and unknown:
        why = "without contents, a message whose ack was lost looks the same as an invented one"
        return replace(finding, status="inconclusive", sentence=f"{why} ({finding.sentence})")
    return finding


@criterion(
    "records in the right place",
    keyword="Records Should Be In The Right Place",
    needs="places",
    guarantee=True,
)
def right_place(recording: Recording, consumer: str) -> Finding:
    """Each record is in its own topic's output file, and only poison messages are dead letters."""
    history = recording.consumers[consumer]
    messages, delivered = recording.acked, history.delivered
    outputs = {topic.name: topic.output for topic in recording.scenario.topics}
    wrong = [
        rows[~delivered.in_output(rows, outputs[topic])]
        for (topic, _), rows in delivered.by_partition()
        if topic in outputs
    ]
    misplaced = np.sort(np.concatenate([np.empty(0, np.int64), *wrong]))
    letters = [record.record_id for record in history.dead_letters]
    sound = [
        letter for letter in letters if (row := messages.find_one(letter)) >= 0 and not messages.poison[row]
    ]
    wrong_records = chain(delivered.record_ids(misplaced), sound)
    count = len(misplaced) + len(sound)
    return violations(consumer, "misplaced", wrong_records, count, "into the wrong output file")


@criterion(
    "no forbidden duplicates",
    keyword="No Forbidden Duplicates Should Be Delivered",
    needs="records",
    guarantee=True,
    rests_on_steps=True,
)
def no_forbidden_duplicates(recording: Recording, consumer: str) -> Finding:
    """A record was redelivered, or put aside again, only after a new assignment and from the last commit on.

    At-least-once allows uncommitted records to be redelivered when their partition is assigned again: after a
    crash, a restart or a rebalance. In a run without these nothing may be redelivered.
    """
    history = recording.consumers[consumer]
    assigned = assigned_at(recording, consumer)
    committed = committed_by_partition(history)
    delivered, slack = history.delivered, history.seen_within_seconds * recording.speed

    def forbidden(record_id: RecordId, before: float, again: float) -> bool:
        partition = record_id[:2]
        since = between(assigned[partition], before - slack, again + slack)
        # Only records that were uncommitted at the first assignment in between may be redelivered.
        return since is None or record_id[2] < committed_at(committed[partition], since)

    rows = [
        again
        for before, again in repeated(delivered)
        if forbidden(delivered.record_id(again), delivered.at[before], delivered.at[again])
    ]
    letters: list[RecordId] = []
    aside: dict[RecordId, float] = {}
    for letter in sorted(history.dead_letters, key=lambda letter: letter.at):
        before = aside.get(letter.record_id)
        if before is not None and forbidden(letter.record_id, before, letter.at):
            letters.append(letter.record_id)
        aside[letter.record_id] = letter.at
    which = f" ({len(letters):,} of them in the dead letters)" if letters else ""
    return violations(
        consumer,
        "redelivered",
        chain(delivered.record_ids(sorted(rows)), letters),
        len(rows) + len(letters),
        f"that {{was}} committed, or whose partition had not been reassigned{which}",
    )


@criterion(
    "each message delivered once",
    keyword="Each Message Should Be Delivered Once",
    needs="records",
    rests_on_steps=True,
)
def delivered_once(recording: Recording, consumer: str) -> Finding:
    """No record was delivered twice, not even after a crash, a restart or a rebalance.

    Only exactly-once delivery promises that. In a topic, committed transactions count.
    """
    delivered = recording.consumers[consumer].delivered
    rows = [again for _, again in repeated(delivered)]
    return violations(
        consumer, "redelivered", delivered.record_ids(sorted(rows)), len(rows), "that {was} delivered before"
    )


@criterion(
    "order kept within each partition",
    keyword="Order Should Be Kept",
    needs="records",
    guarantee=True,
    rests_on_steps=True,
)
def order_kept(recording: Recording, consumer: str) -> Finding:
    """Within an assignment, each partition's records were delivered in the order of their offsets.

    After a new assignment a consumer may go back to its last commit: at-least-once allows that. In a topic or
    a database, the order of records that came within 0.5 s of each other is not known.
    """
    history, assigned = recording.consumers[consumer], assigned_at(recording, consumer)
    delivered, slack = history.delivered, history.seen_within_seconds * recording.speed
    wrong: list[int] = []
    for partition, in_file in delivered.by_partition():
        rows = in_file[np.argsort(delivered.at[in_file], kind="stable")] if slack else in_file
        offsets, at = delivered.offsets(rows), delivered.at[rows]
        back = offsets[1:] < offsets[:-1]
        for index in np.flatnonzero(back & ((at[1:] >= at[:-1] + slack) | (slack == 0))).tolist():
            if between(assigned[partition], at[index] - slack, at[index + 1] + slack) is None:
                wrong.append(int(rows[index + 1]))
    return violations(
        consumer, "out of order", delivered.record_ids(sorted(wrong)), len(wrong), "out of order"
    )


@criterion(
    "delivered only while assigned",
    keyword="Records Should Be Delivered Only While Assigned",
    needs="assignments",
    also_needs=("records", "lines"),
    guarantee=True,
    rests_on_steps=True,
)
def only_while_assigned(recording: Recording, consumer: str) -> Finding:
    """A member delivered records of a partition only while that partition was assigned to it.

    If a record and the revocation have the same millisecond, the order of their lines in the member's log
    decides; a record in an output file counts as delivered before the revocation.
    """
    in_files = "places" in recording.consumers[consumer].evidence
    slack = MILLISECOND_SECONDS * recording.speed if in_files else 0.0
    periods: dict[tuple[str, Partition], list[tuple[float, float]]] = defaultdict(list)
    for assignment in assignments_of(recording, consumer).history:
        owner = (assignment.member, assignment.partition)
        periods[owner].append((assignment.since, assignment.until + slack))
    delivered, foreign = recording.consumers[consumer].delivered, [np.empty(0, np.int64)]
    for partition, rows in delivered.by_partition():
        for member in delivered.members:
            mine = rows[delivered.by_member(rows, member)]
            foreign.append(mine[~_within(periods[(member, partition)], delivered.at[mine])])
    wrong = np.sort(np.concatenate(foreign))
    return violations(
        consumer, "others", delivered.record_ids(wrong), len(wrong), "of partitions not assigned to it"
    )


@criterion("output readable", keyword="Output Should Be Readable")
def output_readable(recording: Recording, consumer: str) -> Finding:
    """Each line of the consumer's events, output files and dead letters can be read.

    A line is unreadable if it is not a JSON object in UTF-8 or lacks a field. Records that may stand in such
    lines make other criteria inconclusive. A partial last line, which a kill leaves, is allowed, and so is
    text among the events with LOG_ON_STDOUT; a line with an event's name and timestamp must be whole there.
    """
    unreadable = recording.consumers[consumer].unreadable
    lines, first = len(unreadable), unreadable.first[:SHOWN_LINES]
    shown = "; ".join(map(str, first)) + (f" and {lines - len(first):,} more" if lines > len(first) else "")
    log = f"; {LOG_HINT}" if unreadable.events and not unreadable.log_on_stdout else ""
    return Finding(
        expected="0 unreadable lines",
        measured=f"{lines:,} unreadable",
        sentence=f"{consumer} wrote {count_text(lines, 'line')} that cannot be read, expected none"
        + (f": {shown}{log}" if lines else ""),
        status="fail" if lines else "pass",
        figures={"unreadable": lines},
    )


def _within(periods: Sequence[tuple[float, float]], moments: Array) -> Array:
    """Whether each moment lies in a period (since, until). The periods are sorted and do not overlap."""
    since, until = np.array([(-math.inf, -math.inf), *periods]).T
    within: Array = moments < until[np.searchsorted(since, moments, side="right") - 1]
    return within
