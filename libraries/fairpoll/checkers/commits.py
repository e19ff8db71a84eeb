"""Criteria of commits: never ahead of the sink, never back, and level with the sink at the end."""

from collections import defaultdict

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.assignment import assigned_at
from fairpoll.checkers.finding import MAX_EXAMPLES, Finding, examples
from fairpoll.checkers.losses import Losses
from fairpoll.checkers.registry import criterion
from fairpoll.checkers.repeats import repeated
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Committed, ConsumerHistory, Recording
from fairpoll.evidence.measures import held_since
from fairpoll.evidence.records import NEVER, Array

# Processes read the same clock with offsets of their own, so that times may differ by this (real seconds).
CLOCK_SLACK_SECONDS = 0.05
# The broker truncates the time of a commit to whole milliseconds, and a consumer may round that of a line.
EXACT_SLACK_SECONDS = 0.002
# Units of rounded times, in milliseconds.
UNITS = {1000: "seconds", 100: "tenths of a second", 10: "hundredths of a second"}


@criterion(
    "commits never ahead of the sink",
    keyword="Commits Should Never Be Ahead",
    needs="records",
    also_needs=("commits",),
    guarantee=True,
)
def commits_never_ahead(recording: Recording, consumer: str) -> Finding:
    """Whenever an offset was committed, the sink held every acked message before it.

    A lost message is one commit ahead, the first beyond it; one that the broker dropped is none.
    With a commit further ahead, a crash at that moment would lose the records in between. Times may differ
    by 50 ms of real time; by 2 ms if each commit was read from the log of a broker on this machine and the
    deliveries are from output files, whose lines have a time of their own, taken before they are written; by
    0.5 s if they were seen in a topic or a database.
    Inconclusive if the consumer's times are rounded, its files were not observed, and commits may have been
    ahead or not by as much.
    """
    history = recording.consumers[consumer]
    source = history.commit_source
    own_times = history.stamps.observed and not history.stamps.outside
    exact = source and source.exact and own_times and "places" in history.evidence
    slack = EXACT_SLACK_SECONDS if exact else CLOCK_SLACK_SECONDS
    slack = max(slack, history.seen_within_seconds)
    lead, unit = leads(recording, consumer), history.stamps.unit_ms
    ahead, rounded = lead > slack + unit / 1000, lead > slack - unit / 1000
    doubt = ""
    if rounded.any() and not ahead.any() and unit:
        doubt = f"the times of {consumer} are whole {UNITS[unit]}, so that this may be their rounding: "
        ahead = rounded
    count = int(np.count_nonzero(ahead))
    wrong = (history.commits[number] for number in np.flatnonzero(ahead).tolist())
    return Finding(
        expected="0 ahead",
        measured=f"{count:,} ahead of {len(history.commits):,} {_seen(history)}",
        sentence=f"{doubt}{consumer} committed {count_text(count, 'offset')} before its sink had the "
        f"records, expected 0{_by(history)}"
        + examples(((c.topic, c.partition, c.offset) for c in wrong), count),
        status="inconclusive" if doubt else "fail" if count else "pass",
        figures={"ahead": count, "seen": len(history.commits)},
    )


def leads(recording: Recording, consumer: str) -> Array:
    """By how much each commit preceded the last delivery that it covers, in real seconds; negative: after it.

    Infinite for the first commit beyond a lost message, and minus infinite for one that covers no message.
    """
    history = recording.consumers[consumer]
    committed: dict[Partition, list[int]] = defaultdict(list)
    for number, commit in enumerate(history.commits):
        committed[(commit.topic, commit.partition)].append(number)
    held = held_since(recording, consumer)
    held[Losses.of(recording, consumer).dropped] = -NEVER
    lead = np.full(len(history.commits), -NEVER)
    for partition, rows in recording.acked.by_partition.items():
        never = held[rows] == NEVER
        # For each message, since when the sink has held all messages before it that were not lost.
        complete = np.maximum.accumulate(np.concatenate(([-NEVER], np.where(never, -NEVER, held[rows]))))
        numbers = np.array(committed[partition], np.int64)
        commits = [history.commits[number] for number in committed[partition]]
        before = np.searchsorted(recording.acked.offset[rows], [commit.offset for commit in commits])
        lead[numbers] = (complete[before] - np.array([commit.at for commit in commits])) / recording.speed
        beyond = np.searchsorted(np.maximum.accumulate(before), np.flatnonzero(never), side="right")
        lead[numbers[beyond[beyond < len(commits)]]] = NEVER
    return np.round(lead, 6)  # times on a grid of milliseconds differ by whole ones


@criterion(
    "commits never back",
    keyword="Commits Should Never Go Back",
    needs="records",
    also_needs=("commits",),
    guarantee=True,
    rests_on_steps=True,
)
def commits_never_back(recording: Recording, consumer: str) -> Finding:
    """While a partition stayed with its member, its committed offset was never lowered.

    After a crash, the records above a lowered offset would be delivered again although they had been
    committed. A lower commit is right after a new assignment, and after a seek: if records below the higher
    offset were delivered again since.
    """
    history = recording.consumers[consumer]
    slack = CLOCK_SLACK_SECONDS * recording.speed
    excuses: dict[Partition, list[tuple[float, float]]] = defaultdict(list)
    for partition, moments in assigned_at(recording, consumer).items():
        excuses[partition] += [(moment, -NEVER) for moment in moments]
    for _, again in repeated(history.delivered):
        topic, number, offset = history.delivered.record_id(again)
        excuses[(topic, number)].append((float(history.delivered.at[again]), offset))
    highest: dict[Partition, Committed] = {}
    seen = [commit for commit in history.commits if not commit.reported]
    back: list[tuple[Committed, Committed]] = []
    for commit in seen:
        partition = (commit.topic, commit.partition)
        before = highest.get(partition, commit)
        highest[partition] = commit
        if commit.offset < before.offset and not any(
            before.at - slack <= at <= commit.at + slack and offset < before.offset
            for at, offset in excuses[partition]
        ):
            back.append((before, commit))
    unknown = "assignments" not in history.evidence and bool(recording.steps or recording.faults)
    named = "; ".join(
        f"{after.topic}/{after.partition}: {_offset_text(after.offset)} after {before.offset:,} "
        f"(at {after.at:.1f} s)"
        for before, after in back[:MAX_EXAMPLES]
    )
    doubt = (
        f"the assignments of {consumer} are not known, and the run changed them: " if back and unknown else ""
    )
    return Finding(
        expected="0 back",
        measured=f"{len(back):,} back of {len(seen):,} {_seen(history)}",
        sentence=f"{doubt}{consumer} committed {count_text(len(back), 'offset')} below an earlier one, "
        f"expected 0{_by(history)}" + (f": {named}" if named else ""),
        status="inconclusive" if doubt else "fail" if back else "pass",
        figures={"back": len(back), "seen": len(seen)},
    )


def _offset_text(offset: int) -> str:
    return "deleted" if offset < 0 else f"{offset:,}"


def _seen(history: ConsumerHistory) -> str:
    source = history.commit_source
    return "seen" if source is None or source.problem else "commits, each seen"


def _by(history: ConsumerHistory) -> str:
    """How the commits were observed, in parentheses; "" for recordings of earlier versions."""
    return f" ({history.commit_source})" if history.commit_source else ""


@criterion(
    "commits caught up at the end",
    keyword="Commits Should Have Caught Up",
    needs="records",
    also_needs=("commits",),
    guarantee=True,
)
def commits_caught_up(recording: Recording, consumer: str) -> Finding:
    """When all consumers had stopped, each partition's committed offset was the next one to read.

    That is one after the last record in the sink or beyond it, up to the end of the log: a consumer may have
    read records that it did not deliver, which `nothing_lost` judges, and transactions and compaction leave
    offsets without a record. The committed offsets are the broker's. Inconclusive where these were not
    recorded.
    """
    history = recording.consumers[consumer]
    last: dict[Partition, int] = {}
    first = recording.first(consumer)
    for partition, rows in recording.acked.by_partition.items():
        if len(taken := np.flatnonzero(np.isfinite(first[rows]))):
            last[partition] = int(recording.acked.offset[rows][taken[-1]])
    letters = [record.record_id for record in history.dead_letters]
    for topic, number, offset in (*history.delivered.foreign, *letters, *history.rejected()):
        last[(topic, number)] = max(last.get((topic, number), -1), offset)
    seen = history.final_offsets
    wrong = [
        (partition, offset + 1, got)
        for partition, offset in sorted(last.items())
        if not _is_next_to_read(recording, partition, offset, got := (seen or {}).get(partition))
    ]
    named = "; ".join(
        f"{topic}/{number}: committed {'nothing' if got is None else got}, expected {wanted}"
        for (topic, number), wanted, got in wrong[:20]
    )
    behind = f"{len(wrong):,} of {count_text(len(last), 'partition')}"
    return Finding(
        expected=f"{len(last):,} of {len(last):,} partitions",
        measured="not recorded"
        if seen is None
        else f"{len(last) - len(wrong):,} of {len(last):,} partitions",
        sentence=f"the committed offsets of {consumer} were not recorded"
        if seen is None
        else f"{consumer} left {behind} with a committed offset that is not the next one to read, expected 0"
        + _by(history)
        + (f": {named}" if named else ""),
        status="inconclusive" if seen is None else "fail" if wrong else "pass",
        figures={"partitions": len(last), "wrong": len(wrong)},
    )


def _is_next_to_read(recording: Recording, partition: Partition, last: int, committed: int | None) -> bool:
    """Whether a consumer that has read everything up to `last` or beyond it continues at this offset.

    The log may end behind a gap after its last message, at most as wide as the widest gap before it. On a
    shared topic the end was read after the run.
    """
    if committed is None or committed <= last:
        return False
    if partition in recording.shared.end:
        return committed <= recording.shared.end[partition]
    offsets = recording.acked.offset[recording.acked.by_partition.get(partition, slice(0, 0))]
    return bool(committed <= offsets.max(initial=last) + np.diff(offsets).max(initial=1))
