"""What can be measured on a recording, before anybody judges it: waiting, latency, running counts."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from fairpoll.history import Acked, Partition, Recording


def waits(recording: Recording, consumer: str, topics: Sequence[str]) -> list[tuple[float, Acked]]:
    """How long each acked message of these topics waited for its delivery, in scenario seconds.

    Poison messages, which no sink can take, are left out.

    Counted from the intended send time to the first delivery, or to the end of the window when
    there was none: a message that never arrives goes on waiting.
    """
    first = recording.consumers[consumer].first_delivery
    return [
        (min(first.get(message.spot, recording.duration), recording.duration) - message.intended, message)
        for message in recording.acked
        if message.topic in topics and message.intended <= recording.duration and not message.poison
    ]


def passed_at(recording: Recording, consumer: str, partition: Partition) -> list[tuple[float, Acked]]:
    """For each acked message of a partition, when the consumer had got past it; infinite if it never did.

    That is its delivery or that of any later one: a message passed over may be lost, but it is not
    waiting any more, and a consumer that goes on has not stalled because of it.
    """
    first = recording.consumers[consumer].first_delivery
    found: list[tuple[float, Acked]] = []
    earliest = float("inf")
    for message in reversed(recording.by_partition[partition]):
        earliest = min(earliest, first.get(message.spot, float("inf")))
        if not message.poison:
            found.append((earliest, message))
    return found[::-1]


def oldest_wait_curve(
    recording: Recording, consumer: str, topics: Sequence[str]
) -> list[tuple[float, float]]:
    """Age of the oldest waiting message over the window: (time, age) corner points, a sawtooth.

    Age at t = t - intended time of the oldest message sent by then and not delivered by then.
    """
    first = recording.consumers[consumer].first_delivery
    messages = sorted(
        (
            (m.intended, first.get(m.spot, float("inf")))
            for m in recording.acked
            if m.topic in topics and not m.poison
        ),
    )
    moments = sorted(
        {0.0, recording.duration, *(t for pair in messages for t in pair if 0 <= t <= recording.duration)}
    )
    intended = [sent for sent, _ in messages]
    points: list[tuple[float, float]] = []
    oldest = 0
    for moment in moments:
        sent_by_now = bisect_right(intended, moment)
        before = _age(moment, messages, oldest, sent_by_now)
        while oldest < len(messages) and messages[oldest][1] <= moment:
            oldest += 1
        after = _age(moment, messages, oldest, sent_by_now)
        points.append((moment, before))
        if after != before:
            points.append((moment, after))
    return points


def _age(moment: float, messages: Sequence[tuple[float, float]], oldest: int, sent_by_now: int) -> float:
    return moment - messages[oldest][0] if oldest < sent_by_now else 0.0


def cumulative(times: Sequence[float], end: float) -> list[tuple[float, float]]:
    """A running count as step points: (time, how many so far), up to `end`."""
    counts: dict[float, int] = defaultdict(int)
    for time in times:
        if time <= end:
            counts[max(time, 0.0)] += 1
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    total = 0
    for time in sorted(counts):
        total += counts[time]
        points.append((time, float(total)))
    points.append((end, float(total)))
    return points


def latency(recording: Recording, consumer: str, topic: str) -> dict[str, float]:
    """Percentiles of intended send time to sink, over the topic's live messages.

    A message not delivered counts with its age at the end: leaving it out would flatter a starver.
    """
    ages = sorted(wait for wait, message in waits(recording, consumer, [topic]) if not message.backlog)
    if not ages:
        return {}
    found = {f"p{p}": round(ages[min(len(ages) - 1, len(ages) * p // 100)], 3) for p in (50, 95, 99)}
    return {**found, "max": round(ages[-1], 3)}


def jain_index(shares: Sequence[float]) -> float:
    """Jain's fairness index, (sum x)^2 / (n * sum x^2): 1 when all are served equally, 1/n for one alone.

    Shown, never judged by: with one of a hundred topics starved it still says 0.99.
    Source: Jain, Chiu, Hawe, "A Quantitative Measure of Fairness and Discrimination", 1984.
    """
    squares = sum(x * x for x in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0
