"""Criteria of backpressure: bounded buffers, paired pauses and bounded memory."""

import math

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.assignment import assignments_of
from fairpoll.checkers.doubts import dropped_by_the_broker
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import Mebibytes, MebibytesPerMinute, criterion
from fairpoll.contract.assignments import Pause
from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Recording
from fairpoll.evidence.records import Array

MEBIBYTE = 1024 * 1024
# Parts of the second half of the traffic, and how many of them need a sample.
PARTS, ENOUGH_PARTS = 6, 4
# A runtime takes this much for its own caches in a short run, and in each minute of a longer one.
RUNTIME_MEBIBYTES = 32.0


@criterion("buffers bounded", keyword="Buffers Should Be Bounded", needs="buffers")
def buffers_bounded(recording: Recording, consumer: str) -> Finding:
    """No partition ever had more records buffered than the pause threshold plus one poll.

    The consumer reports it (`buffered` in its events). One that does not report it is judged by the memory
    of its processes: in the second half of the traffic it grew by at most 32 MiB, or 32 MiB for each minute.
    """
    settings = recording.scenario.settings
    limit = settings.partition_pause_threshold + settings.max_poll_records
    levels = [
        (entry["buffered"], entry["topic"], entry["partition"])
        for event in recording.consumers[consumer].events
        for entry in event.get("partitions", ())
        if "buffered" in entry
    ]
    if not levels:
        return _bounded_by_memory(recording, consumer)
    highest, topic, partition = max(levels)
    return Finding(
        expected=f"at most {limit:,} records a partition",
        measured=f"{highest:,} records",
        sentence=f"{consumer} had {highest:,} records of {topic}/{partition} buffered, "
        f"expected at most {limit:,} "
        f"(pause threshold {settings.partition_pause_threshold:,} + poll {settings.max_poll_records:,})",
        status="pass" if highest <= limit else "fail",
        figures={"highest": highest},
    )


@criterion("pauses and resumes pair up", keyword="Pauses And Resumes Should Pair Up", rests_on_steps=True)
def pauses_pair_up(recording: Recording, consumer: str) -> Finding:
    """No partition was left paused, or silent since an assignment after a pause, while messages waited in it.

    Judged at the end of the drain, for partitions that the member still owns. A pause ends with a resume or
    with its process. Whether it survives a rebalance depends on the client, so after an assignment the first
    delivery from the partition ends it, too.
    """
    assignments = assignments_of(recording, consumer, recording.drained_until)
    reporting = {assignment.member for assignment in assignments.history}
    wrong: list[str] = []
    drained = recording.scenario.drain and recording.complete
    for (member, partition), pause in assignments.paused.items():
        owned = assignments.current_assignment(member) or ()
        if not drained or (member in reporting and partition not in owned):
            continue
        if _unread(recording, consumer, partition) and not _delivered_after(
            recording, consumer, member, partition, pause.assigned_again
        ):
            wrong.append(f"{_named(member, partition)} {_state(pause)}")
    return Finding(
        expected="0 left paused",
        measured=f"{len(wrong):,} left paused",
        sentence=f"{consumer} left {count_text(len(wrong), 'partition')} paused, expected none"
        + (f": {'; '.join(wrong[:20])}" if wrong else ""),
        status="fail" if wrong else "pass",
        figures={"unpaired": len(wrong)},
    )


@criterion("memory bounded", keyword="Memory Should Stay Below", needs="processes")
def memory_bounded(recording: Recording, consumer: str, *, mebibytes: Mebibytes) -> Finding:
    """The consumer's processes never had more resident memory than this, all members together."""
    peak = recording.consumers[consumer].peak_memory_bytes / MEBIBYTE
    doubt = dropped_by_the_broker(recording) if peak else f"the memory of {consumer} was not measured"
    sentence = f"{consumer} had {peak:,.0f} MiB of memory, expected at most {mebibytes:,.0f} MiB"
    return Finding(
        expected=f"at most {mebibytes:,.0f} MiB",
        measured=f"{peak:,.0f} MiB" if peak else "not measured",
        sentence=f"{doubt} ({sentence})" if peak and doubt else doubt or sentence,
        status="inconclusive" if doubt else "pass" if peak <= mebibytes else "fail",
        figures={"peak_mebibytes": round(peak, 1)},
    )


@criterion("memory growth", keyword="Memory Should Grow At Most", needs="processes")
def memory_grows_at_most(recording: Recording, consumer: str, *, mebibytes: MebibytesPerMinute) -> Finding:
    """In the second half of the traffic, the consumer's memory grew at most this much a minute.

    The half is cut into six parts. The growth is the median of those from the peak of one part to the peak of
    the next, so that a cache that is filled and a second member that joins are no leak. Minutes are those of
    the scenario: at SPEED 10, what leaks with each record grows as much, what leaks with time a tenth.
    """
    grown = _growth(recording, consumer)
    doubt = "" if grown else f"the memory of {consumer} was not measured often enough"
    total, levels = grown or (0.0, "")
    growth = total * 60 / (recording.duration / 2)
    return Finding(
        expected=f"at most {mebibytes:g} MiB a minute",
        measured="not measured" if doubt else f"{growth:,.1f} MiB a minute",
        sentence=doubt
        or f"the memory of {consumer} grew by {growth:,.1f} MiB a minute in the second half of the traffic "
        f"({levels}), expected at most {mebibytes:g} MiB a minute",
        status="inconclusive" if doubt else "pass" if growth <= mebibytes else "fail",
        figures={"mebibytes_per_minute": None if doubt else round(growth, 1)},
    )


def _bounded_by_memory(recording: Recording, consumer: str) -> Finding:
    """Whether the memory of a consumer that does not report its buffers shows that these are bounded."""
    allowed = RUNTIME_MEBIBYTES * max(1.0, recording.duration / 2 / 60)
    grown = _growth(recording, consumer)
    silent = f"{consumer} does not report how many records it buffers"
    total, levels = grown or (0.0, "")
    return Finding(
        expected=f"at most {allowed:,.0f} MiB of growth",
        measured=f"{total:,.1f} MiB of growth" if grown else "not reported",
        sentence=f"{silent}; its memory grew by {total:,.1f} MiB in the second half of the traffic "
        f"({levels}), expected at most {allowed:,.0f} MiB"
        if grown
        else f"{silent}, and its memory was not measured often enough",
        status="inconclusive" if not grown else "pass" if total <= allowed else "fail",
        figures={"mebibytes": round(total, 1)} if grown else {},
    )


def _growth(recording: Recording, consumer: str) -> tuple[float, str] | None:
    """By how much (MiB) the memory grew in the traffic's second half, and its levels as words.

    The median growth between two of its parts, times the number of parts. None if too few were measured.
    """
    peaks = _peaks(recording, consumer)
    parts = np.flatnonzero(peaks)
    if len(parts) < ENOUGH_PARTS:
        return None
    step = float(np.median(np.diff(peaks[parts]) / np.diff(parts))) / MEBIBYTE
    first, last = peaks[parts[[0, -1]]] / MEBIBYTE
    return step * PARTS, f"from {first:,.0f} to {last:,.0f} MiB"


def _peaks(recording: Recording, consumer: str) -> Array:
    """The highest memory (bytes) in each of PARTS equal parts of the traffic's second half, 0 if unknown."""
    samples = np.array(recording.consumers[consumer].memory, float).reshape(-1, 2)
    edges = np.linspace(recording.duration / 2, recording.duration, PARTS + 1)
    part = np.searchsorted(edges, samples[:, 0], side="right") - 1
    return np.array([samples[part == n, 1].max(initial=0.0) for n in range(PARTS)])


def _unread(recording: Recording, consumer: str, partition: Partition) -> bool:
    rows = recording.acked.by_partition.get(partition, slice(0, 0))
    waits = np.isinf(recording.first(consumer)[rows]) & ~recording.acked.poison[rows]
    return bool(waits.any())


def _delivered_after(
    recording: Recording, consumer: str, member: str, partition: Partition, since: float
) -> bool:
    """Whether the member delivered a record of the partition after this moment."""
    delivered = recording.consumers[consumer].delivered
    if math.isinf(since) or member not in delivered.members:
        return False
    rows = dict(delivered.by_partition()).get(partition, np.empty(0, np.int64))
    return bool((delivered.at[rows[delivered.by_member(rows, member)]] > since).any())


def _state(pause: Pause) -> str:
    if math.isinf(pause.assigned_again):
        return f"paused at second {pause.since:.1f} and never resumed"
    return f"silent since its assignment at second {pause.assigned_again:.1f}, paused since {pause.since:.1f}"


def _named(member: str, partition: Partition) -> str:
    topic, number = partition
    return f"{topic}/{number}{f' of {member}' if member else ''}"
