"""Criteria of backpressure: bounded buffers, paired pauses and bounded memory."""

import numpy as np

from fairpoll.checkers.doubts import dropped_by_the_broker
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import Mebibytes, criterion
from fairpoll.contract.records import Partition, partitions_of
from fairpoll.evidence.history import Recording

MEBIBYTE = 1024 * 1024


@criterion("buffers bounded", keyword="Buffers Should Be Bounded", needs="buffers")
def buffers_bounded(recording: Recording, consumer: str) -> Finding:
    """No partition ever had more records buffered than the pause threshold plus one poll.

    The consumer reports it (`buffered` in its events); `memory_bounded` is measured from outside.
    Inconclusive for a consumer that does not report it.
    """
    settings = recording.scenario.settings
    limit = settings.partition_pause_threshold + settings.max_poll_records
    levels = [
        (entry["buffered"], entry["topic"], entry["partition"])
        for event in recording.consumers[consumer].events
        for entry in event.get("partitions", ())
        if "buffered" in entry
    ]
    highest, topic, partition = max(levels, default=(0, "", 0))
    return Finding(
        expected=f"at most {limit:,} records a partition",
        measured=f"{highest:,} records" if levels else "not reported",
        sentence=f"{consumer} had {highest:,} records of {topic}/{partition} buffered, "
        f"expected at most {limit:,} "
        f"(pause threshold {settings.partition_pause_threshold:,} + poll {settings.max_poll_records:,})"
        if levels
        else f"{consumer} does not report how many records it buffers",
        status="inconclusive" if not levels else "pass" if highest <= limit else "fail",
        figures={"highest": highest},
    )


@criterion("pauses and resumes pair up", keyword="Pauses And Resumes Should Pair Up")
def pauses_pair_up(recording: Recording, consumer: str) -> Finding:
    """Each paused partition was later resumed or revoked, and only paused partitions were resumed.

    At the end of the drain, a partition may be paused only when no message of it is left to read.
    """
    history = recording.consumers[consumer]
    # A member and its partition -> the time of the pause.
    paused: dict[tuple[str, Partition], float] = {}
    wrong: list[str] = []
    for event in history.events:
        member = event.get("member", "")
        owned = [(member, partition) for partition in partitions_of(event)]
        match event["name"]:
            case "partitions_paused":
                wrong += [f"{_named(*key)} paused twice" for key in owned if key in paused]
                paused.update((key, event["at"]) for key in owned)
            case "partitions_resumed":
                wrong += [f"{_named(*key)} resumed without a pause" for key in owned if key not in paused]
                for key in owned:
                    paused.pop(key, None)
            case "partitions_revoked" | "partitions_assigned":
                if event["at"] <= recording.duration:
                    # During the run a paused partition may be reassigned; its end is checked below.
                    paused = {key: at for key, at in paused.items() if key not in owned}
            case "startup_complete":
                paused = {key: at for key, at in paused.items() if key[0] != member}
    if recording.scenario.drain:
        for (member, partition), at in paused.items():
            if _unread(recording, consumer, partition):
                wrong.append(f"{_named(member, partition)} paused at second {at:.1f} and never resumed")
    return Finding(
        expected="0 unpaired",
        measured=f"{len(wrong):,} unpaired",
        sentence=f"{consumer} left {len(wrong):,} pauses and resumes unpaired, expected none"
        + (f": {'; '.join(wrong[:20])}" if wrong else ""),
        status="fail" if wrong else "pass",
        figures={"unpaired": len(wrong)},
    )


@criterion("memory bounded", keyword="Memory Should Stay Below")
def memory_bounded(recording: Recording, consumer: str, *, mebibytes: Mebibytes) -> Finding:
    """The consumer's processes never had more resident memory than this, all members together."""
    peak = recording.consumers[consumer].peak_memory_bytes / MEBIBYTE
    doubt = dropped_by_the_broker(recording)
    sentence = f"{consumer} had {peak:,.0f} MiB of memory, expected at most {mebibytes:,.0f} MiB"
    return Finding(
        expected=f"at most {mebibytes:,.0f} MiB",
        measured=f"{peak:,.0f} MiB" if peak else "not measured",
        sentence=f"{doubt} ({sentence})" if doubt else sentence,
        status="inconclusive" if not peak or doubt else "pass" if peak <= mebibytes else "fail",
        figures={"peak_mebibytes": round(peak, 1)},
    )


def _unread(recording: Recording, consumer: str, partition: Partition) -> bool:
    rows = recording.acked.by_partition.get(partition, slice(0, 0))
    waits = np.isinf(recording.first(consumer)[rows]) & ~recording.acked.poison[rows]
    return bool(waits.any())


def _named(member: str, partition: Partition) -> str:
    topic, number = partition
    return f"{topic}/{number}{f' of {member}' if member else ''}"
