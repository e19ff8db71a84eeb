"""Criteria of commits: never ahead of the sink, and level with it at the end."""

from collections import defaultdict

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.finding import Finding, examples
from fairpoll.checkers.registry import criterion
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Recording
from fairpoll.evidence.records import NEVER, Array

# Processes read the same clock with offsets of their own, so that times may differ by this (real seconds).
CLOCK_SLACK_SECONDS = 0.05


@criterion(
    "commits never ahead of the sink",
    keyword="Commits Should Never Be Ahead",
    needs="records",
    guarantee=True,
)
def commits_never_ahead(recording: Recording, consumer: str) -> Finding:
    """Whenever an offset was committed, the sink held every acked message before it.

    With a commit further ahead, a crash at that moment would lose the records in between.
    """
    history = recording.consumers[consumer]
    slack = CLOCK_SLACK_SECONDS * recording.speed
    committed: dict[Partition, list[int]] = defaultdict(list)
    for number, commit in enumerate(history.commits):
        committed[(commit.topic, commit.partition)].append(number)
    held = held_since(recording, consumer)
    numbers: list[int] = []
    for partition, rows in recording.acked.by_partition.items():
        # For each message, since when the sink has held it and all messages before it in its partition.
        complete = np.maximum.accumulate(np.concatenate(([-NEVER], held[rows])))
        commits = [history.commits[number] for number in committed[partition]]
        before = np.searchsorted(recording.acked.offset[rows], [commit.offset for commit in commits])
        too_soon = complete[before] > np.array([commit.at for commit in commits]) + slack
        numbers += [committed[partition][index] for index in np.flatnonzero(too_soon)]
    ahead = [history.commits[number] for number in sorted(numbers)]
    return Finding(
        expected="0 ahead",
        measured=f"{len(ahead):,} ahead of {len(history.commits):,} seen",
        sentence=f"{consumer} committed {count_text(len(ahead), 'offset')} before its sink had the records, "
        f"expected 0" + examples(((c.topic, c.partition, c.offset) for c in ahead), len(ahead)),
        status="fail" if ahead else "pass",
        figures={"ahead": len(ahead), "seen": len(history.commits)},
    )


@criterion(
    "commits caught up at the end", keyword="Commits Should Have Caught Up", needs="records", guarantee=True
)
def commits_caught_up(recording: Recording, consumer: str) -> Finding:
    """When all consumers had stopped, each partition's committed offset was the next one to read.

    That is one after the last record in the sink; the committed offsets are the broker's. Inconclusive where
    these were not recorded.
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
    wrong = [(p, offset + 1, (seen or {}).get(p)) for p, offset in sorted(last.items())]
    wrong = [entry for entry in wrong if entry[1] != entry[2]]
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
        + (f": {named}" if named else ""),
        status="inconclusive" if seen is None else "fail" if wrong else "pass",
        figures={"partitions": len(last), "wrong": len(wrong)},
    )


def held_since(recording: Recording, consumer: str) -> Array:
    """When each acked message reached the sink, the dead letters or was rejected; otherwise NEVER."""
    history = recording.consumers[consumer]
    held = recording.first(consumer).copy()
    aside = {**{record.record_id: record.at for record in history.dead_letters}, **history.rejected()}
    for record_id, at in aside.items():
        rows = recording.acked.rows_at(record_id)
        held[rows] = np.where(held[rows] == NEVER, at, held[rows])
    return held
