"""Does the backlog stay in the broker? Buffers, pauses, memory."""

import numpy as np

from fairpoll.checkers.doubts import dropped_by_the_broker
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import Mebibytes, criterion
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Recording

MEBIBYTE = 1024 * 1024


@criterion("buffers bounded", keyword="Buffers Should Be Bounded")
def buffers_bounded(recording: Recording, consumer: str) -> Finding:
    """No partition ever had more records buffered than the pause threshold plus one poll.

    The consumer reports it (`buffered` in its events); `memory_bounded` is measured from outside.
    Inconclusive for a consumer that does not report it.
    """
    settings = recording.scenario.settings
    limit = settings.partition_pause_threshold + settings.max_poll_records
    levels = [
        (spot["buffered"], spot["topic"], spot["partition"])
        for event in recording.consumers[consumer].events
        for spot in event.get("partitions", ())
        if "buffered" in spot
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
    paused: dict[tuple[str, Partition], float] = {}
    wrong: list[str] = []
    for event in history.events:
        member = event.get("member", "")
        spots = [(member, (s["topic"], s["partition"])) for s in event.get("partitions", ())]
        match event["name"]:
            case "partitions_paused":
                wrong += [f"{_named(s)} paused twice" for s in spots if s in paused]
                paused |= dict.fromkeys(spots, event["at"])
            case "partitions_resumed":
                wrong += [f"{_named(s)} resumed without a pause" for s in spots if s not in paused]
                for spot in spots:
                    paused.pop(spot, None)
            case "partitions_revoked" | "partitions_assigned":
                if event["at"] <= recording.duration:
                    # During the run a paused partition may be reassigned; its end is checked below.
                    paused = {spot: at for spot, at in paused.items() if spot not in spots}
            case "startup_complete":
                paused = {spot: at for spot, at in paused.items() if spot[0] != member}
    if recording.scenario.drain:
        for spot, at in paused.items():
            if _unread(recording, consumer, spot[1]):
                wrong.append(f"{_named(spot)} paused at second {at:.1f} and never resumed")
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


def _named(spot: tuple[str, Partition]) -> str:
    member, (topic, partition) = spot
    return f"{topic}/{partition}{f' of {member}' if member else ''}"
