"""Do committed offsets tell the truth? Never ahead of the sink, and in the end level with it."""

from bisect import bisect_left
from collections.abc import Sequence

from fairpoll.checkers.model import Finding, spots_told
from fairpoll.history import Acked, Committed, Partition, Recording

# Two processes read the same clock by way of their own offsets; they may differ by so much, real seconds.
CLOCK_SLACK_SECONDS = 0.05
NEVER = float("inf")


def commits_never_ahead(recording: Recording, consumer: str) -> Finding:
    """Whenever an offset was committed, the sink held every acked message before it.

    Committed further, a crash at that moment would lose what lies between.
    """
    history = recording.consumers[consumer]
    letters = {record.spot: record.at for record in history.dead_letters}
    held = {**letters, **history.rejected(), **history.first_delivery}
    slack = CLOCK_SLACK_SECONDS * recording.speed
    complete = {p: _complete_from(messages, held) for p, messages in recording.by_partition.items()}
    ahead: list[Committed] = []
    for commit in history.commits:
        messages, since = complete.get((commit.topic, commit.partition), ((), ()))
        count = bisect_left(messages, commit.offset, key=lambda message: message.offset)
        if count and since[count - 1] > commit.at + slack:
            ahead.append(commit)
    return Finding(
        criterion="commits never ahead of the sink",
        consumer=consumer,
        expected="0 ahead",
        measured=f"{len(ahead):,} ahead of {len(history.commits):,} seen",
        sentence=f"{consumer} committed {len(ahead):,} times ahead of what its sink held, expected never"
        + spots_told((c.topic, c.partition, c.offset) for c in ahead),
        status="fail" if ahead else "pass",
        figures={"ahead": len(ahead), "seen": len(history.commits)},
    )


def commits_caught_up(recording: Recording, consumer: str) -> Finding:
    """When all had stopped, each partition's committed offset was the next one to read.

    That is one after the last record that the sink holds; seen from outside, by the broker's word.
    Inconclusive when nobody looked.
    """
    history = recording.consumers[consumer]
    last: dict[Partition, int] = {}
    taken = [record.spot for record in (*history.delivered, *history.dead_letters)]
    for topic, number, offset in (*taken, *history.rejected()):
        last[(topic, number)] = max(last.get((topic, number), -1), offset)
    seen = history.final_offsets
    wrong = [(p, offset + 1, (seen or {}).get(p)) for p, offset in sorted(last.items())]
    wrong = [entry for entry in wrong if entry[1] != entry[2]]
    examples = "; ".join(
        f"{topic}/{number} at {'nothing' if got is None else got}, next to read is {wanted}"
        for (topic, number), wanted, got in wrong[:20]
    )
    return Finding(
        criterion="commits caught up at the end",
        consumer=consumer,
        expected=f"{len(last):,} of {len(last):,} partitions",
        measured=f"{len(last) - len(wrong):,} of {len(last):,} partitions",
        sentence=f"{consumer} left {len(wrong):,} of {len(last):,} partitions with a committed offset "
        f"that is not the next one to read{': ' + examples if examples else ''}",
        status="inconclusive" if seen is None else "fail" if wrong else "pass",
        figures={"partitions": len(last), "wrong": len(wrong)},
    )


def _complete_from(
    messages: Sequence[Acked], held: dict[tuple[str, int, int], float]
) -> tuple[Sequence[Acked], list[float]]:
    """For each message, since when the sink has held it and all before it in its partition."""
    since: list[float] = []
    latest = -NEVER
    for message in messages:
        latest = max(latest, held.get(message.spot, NEVER))
        since.append(latest)
    return messages, since
