"""Does it go on? A consumer with lag that delivers nothing has stalled, however fair it was before."""

from collections.abc import Sequence

from fairpoll.checkers.model import Finding, budget_at_speed
from fairpoll.history import Acked, ConsumerHistory, Partition, Recording


def no_stall(recording: Recording, consumer: str, *, seconds: float) -> Finding:
    """There was no time of `seconds` in which messages waited and not one was delivered.

    Watched from the start of the live traffic to the end of the drain.
    """
    budget = budget_at_speed(recording, seconds)
    history = recording.consumers[consumer]
    length, since, waiting = _longest_silence(recording, history)
    partitions = sorted({(m.topic, m.partition) for m in waiting})
    paused = paused_at(history, since + length)
    named = ", ".join(f"{t}/{p}{' (paused)' if (t, p) in paused else ''}" for t, p in partitions[:20])
    return Finding(
        "no stall",
        consumer,
        f"silent for at most {budget:g} s with lag",
        f"{length:.1f} s",
        f"{consumer} delivered nothing for {length:.1f} s from second {since:.1f} on while {len(waiting):,} "
        f"messages waited in {named or 'no partition'}, expected at most {budget:g} s",
        "pass" if length <= budget else "fail",
        {"longest_silence_seconds": round(length, 3), "since_seconds": round(since, 3)},
    )


def paused_at(history: ConsumerHistory, moment: float) -> set[Partition]:
    """The partitions that the consumer had paused at this moment, by its own word."""
    paused: set[Partition] = set()
    for event in history.events:
        if event["at"] > moment:
            break
        spots = {(p["topic"], p["partition"]) for p in event.get("partitions", ())}
        if event["name"] == "partitions_paused":
            paused |= spots
        elif event["name"] in ("partitions_resumed", "partitions_revoked", "partitions_assigned"):
            paused -= spots
    return paused


def _longest_silence(recording: Recording, history: ConsumerHistory) -> tuple[float, float, Sequence[Acked]]:
    """(length, beginning, messages waiting) of the longest time with lag and without a delivery."""
    first = history.first_delivery
    end = _watched_until(recording)
    deliveries = [at for at in sorted(first.values()) if 0 <= at <= end]
    longest: tuple[float, float, Sequence[Acked]] = (0.0, 0.0, ())
    for before, after in zip([0.0, *deliveries], [*deliveries, end], strict=True):
        if after - before <= longest[0]:
            continue
        # What the silence ended with, or was still undelivered, had been waiting during it.
        waiting = [
            m for m in recording.acked if first.get(m.spot, float("inf")) >= after and m.intended < after
        ]
        if not waiting:
            continue
        since = max(before, min(m.intended for m in waiting))
        if after - since > longest[0]:
            longest = (after - since, since, waiting)
    return longest


def _watched_until(recording: Recording) -> float:
    stopped_ms = recording.facts.get("stopped_ms")
    if stopped_ms is None:
        return recording.duration
    return float((stopped_ms - recording.facts["start_ms"]) / 1000 * recording.speed)
