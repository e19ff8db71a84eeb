"""The criterion of recovery: after a fault of brokers, network or processes, messages are delivered again."""

import numpy as np

from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import RealSeconds, criterion
from fairpoll.evidence.history import Fault, Recording
from fairpoll.evidence.measures import acked_at, passed_at
from fairpoll.evidence.records import Acked


@criterion("recovers after each fault", keyword="Consumer Should Recover Within")
def recovers_within(recording: Recording, consumer: str, *, seconds: RealSeconds) -> Finding:
    """After each fault, every message was delivered within `seconds` of its ack or of the fault's end.

    Real seconds: SPEED does not shorten the election of a leader.

    Waiting does not count while a fault lasts (a frozen broker, an isolated network, a stopped consumer); a
    fault without a duration, such as a killed broker, counts from its beginning. A message counts if it
    waited when the fault began, or was acked before the next fault. Inconclusive without a fault.
    """
    worst = [(fault, *_recovery(recording, consumer, index)) for index, fault in enumerate(recording.faults)]
    late = [entry for entry in worst if entry[1] > seconds]
    recoveries = [
        f"{wait:.1f} s after {fault.what}" + (f" ({m.topic}/{m.partition}@{m.offset})" if m else "")
        for fault, wait, m in late or worst
    ]
    longest = max((wait for _, wait, _ in worst), default=0.0)
    return Finding(
        expected=f"within {seconds:g} s",
        measured=f"{longest:.1f} s",
        sentence=f"{consumer} delivered again {'; '.join(recoveries)}, expected within {seconds:g} s"
        if worst
        else "no fault was injected that the consumer could recover from",
        status="inconclusive" if not worst else "fail" if late else "pass",
        figures={"longest_seconds": round(longest, 3), "faults": len(worst), "late": len(late)},
    )


def _recovery(recording: Recording, consumer: str, index: int) -> tuple[float, Acked | None]:
    """The longest wait (real seconds) that this fault caused, and the message that waited."""
    fault: Fault = recording.faults[index]
    later = [other.since for other in recording.faults[index + 1 :]]
    end = min(later, default=recording.watched_until)
    longest: tuple[float, Acked | None] = (0.0, None)
    messages = recording.acked
    for partition in messages.by_partition:
        passed, rows = passed_at(recording, consumer, partition)
        acked = acked_at(recording, rows)
        waited = np.minimum(passed, recording.watched_until) - np.maximum(acked, fault.until)
        waited[(passed <= fault.since) | (acked >= end)] = 0.0
        if len(waited) and waited.max() > longest[0]:
            worst = int(waited.argmax())
            longest = (float(waited[worst]), messages[int(rows[worst])])
    return longest[0] / recording.speed, longest[1]
