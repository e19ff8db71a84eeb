"""Measures on a recording, without a verdict: waits, latency, running counts."""

from collections.abc import Iterator, Sequence

import numpy as np

from fairpoll.contract.records import Partition
from fairpoll.evidence.history import Recording
from fairpoll.evidence.records import NEVER, Acked, Array, parts


def waits(recording: Recording, consumer: str, topics: Sequence[str]) -> Iterator[tuple[Array, Array]]:
    """The wait of each acked message of these topics until its delivery, with the messages' rows.

    In scenario seconds, in parts of at most PART_ROWS messages. Poison messages, which no sink can take,
    are left out.

    Counted from `waiting_since` to the first delivery, or to the end of the window when there was none: a
    message that never arrives goes on waiting. One that is delivered before its ack is seen has not waited.
    """
    messages, end = recording.acked, recording.duration
    for rows in parts(messages.of_topics(topics)):
        since = waiting_since(recording, rows)
        waited = np.maximum(np.minimum(recording.first(consumer)[rows], end) - since, 0.0)
        judged = (since <= end) & ~messages.poison[rows]
        yield waited[judged], rows.start + np.flatnonzero(judged)


def oldest_wait(recording: Recording, consumer: str, topics: Sequence[str]) -> tuple[float, Acked | None]:
    """The longest of these waits and its message; among equal waits, the message acked first."""
    longest: list[tuple[float, Array]] = []
    for waited, rows in waits(recording, consumer, topics):
        if len(waited):
            most = waited.max()
            longest.append((float(most), rows[waited == most]))
    if not longest:
        return 0.0, None
    most = max(wait for wait, _ in longest)
    return most, recording.acked.earliest(np.concatenate([rows for wait, rows in longest if wait == most]))


def live_waits(recording: Recording, consumer: str, topics: Sequence[str]) -> Array:
    """The waits of these topics' live messages, without the backlog; not sorted."""
    found, size = np.empty(recording.acked.count_of(topics)), 0
    for waited, rows in waits(recording, consumer, topics):
        live = waited[~recording.acked.backlog[rows]]
        found[size : size + len(live)] = live
        size += len(live)
    return found[:size]


def percentiles(values: Array, percents: Sequence[int]) -> list[float]:
    """The given percentiles of the values, which are reordered in place."""
    places = [min(len(values) - 1, len(values) * percent // 100) for percent in percents]
    values.partition(places)
    return [float(values[place]) for place in places]


def passed_at(recording: Recording, consumer: str, partition: Partition) -> tuple[Array, Array]:
    """The time at which the consumer had passed each acked message of a partition, and the messages' rows.

    That is the time of its delivery or of that of a later one: a skipped message counts as lost, not as
    waiting. Times never decrease along a partition; infinite if it was never passed. Poison messages are
    left out.
    """
    rows = recording.acked.by_partition[partition]
    passed = np.minimum.accumulate(recording.first(consumer)[rows][::-1])[::-1]
    sound = ~recording.acked.poison[rows]
    return passed[sound], (rows.start + np.flatnonzero(sound)).astype(np.int32)


def missing(recording: Recording, consumer: str) -> Array:
    """The rows of acked messages that are neither in the sink nor, if poison, rejected or dead letters."""
    history, messages = recording.consumers[consumer], recording.acked
    taken = np.isfinite(recording.first(consumer))
    taken[messages.poison] = False  # a sink cannot hold it
    for record_id in history.rejected("skip").keys() | {record.record_id for record in history.dead_letters}:
        rows = messages.rows_at(record_id)
        taken[rows] |= messages.poison[rows]
    return np.flatnonzero(~taken)


def held_since(recording: Recording, consumer: str) -> Array:
    """When each acked message reached the sink, the dead letters or was rejected; otherwise NEVER."""
    history = recording.consumers[consumer]
    held = recording.first(consumer).copy()
    aside = {**{record.record_id: record.at for record in history.dead_letters}, **history.rejected()}
    for record_id, at in aside.items():
        rows = recording.acked.rows_at(record_id)
        held[rows] = np.where(held[rows] == NEVER, at, held[rows])
    return held


def waiting_since(recording: Recording, rows: Array | slice) -> Array:
    """When these messages began to wait for the consumer: when the broker had them.

    The ack is an upper bound of that moment, so that a wait is not overstated. In recordings of earlier
    versions: when they were due.
    """
    due: Array = recording.acked.intended[rows]
    return acked_at(recording, rows) if recording.waits_from_ack else due


def delay_of(message: Acked) -> float:
    """The time from the message's due time to its ack, for which producer and broker are responsible."""
    return 0.0 if message.acked is None else max(message.acked - message.intended, 0.0)


def acked_at(recording: Recording, rows: Array | slice) -> Array:
    """The time at which these messages were acked and became readable; unknown: the intended time."""
    # np.fmax ignores NaN, an unknown ack time.
    return np.fmax(recording.acked.intended[rows], recording.acked.acked[rows])


def oldest_wait_curve(recording: Recording, consumer: str, topics: Sequence[str]) -> Array:
    """Age of the oldest waiting message over the window: (time, age) corner points, a sawtooth.

    Age at t = t - `waiting_since` of the oldest message that waited then.
    """
    end, none = recording.duration, np.empty(0)
    spans = recording.acked.of_topics(topics)
    sound = [rows.start + np.flatnonzero(~recording.acked.poison[rows]) for rows in spans]
    since = np.concatenate([none, *(waiting_since(recording, rows) for rows in sound)])
    first = np.concatenate([none, *(recording.first(consumer)[rows] for rows in sound)])
    first = np.maximum(first, since)
    order = np.lexsort((first, since))
    since, first = since[order], first[order]
    moments = np.concatenate(([0.0, end], since, first))
    moments = np.unique(moments[(moments >= 0) & (moments <= end)])
    sent = np.searchsorted(since, moments, side="right")
    # The number of oldest messages that are all delivered at each moment.
    done = np.searchsorted(np.maximum.accumulate(first), moments, side="right")
    padded = np.append(since, NEVER)
    done_before = np.concatenate(([0], done[:-1]))
    before = np.where(done_before < sent, moments - padded[done_before], 0.0)
    after = np.where(done < sent, moments - padded[done], 0.0)
    corners = np.stack((np.repeat(moments, 2), np.stack((before, after), axis=1).ravel()), axis=1)
    kept = np.ones(len(corners), bool)
    kept[1::2] = after != before
    return corners[kept]


def cumulative(times: Array, end: float) -> Array:
    """A running count as step points (time, count), up to `end`."""
    moments, counts = np.unique(np.maximum(times[times <= end], 0.0), return_counts=True)
    total = np.cumsum(counts)
    moments = np.concatenate(([0.0], moments, [end]))
    return np.stack((moments, np.concatenate(([0.0], total, total[-1:] if len(total) else [0.0]))), axis=1)


def latency(recording: Recording, consumer: str, topic: str) -> dict[str, float]:
    """Percentiles of the waits of the topic's live messages.

    A message not delivered counts with its age at the end: leaving it out would flatter a starver.
    """
    ages = live_waits(recording, consumer, [topic])
    if not len(ages):
        return {}
    named = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    found = percentiles(ages, list(named.values()))
    return {name: round(value, 3) for name, value in zip(named, found, strict=True)}


def jain_index(shares: Sequence[float]) -> float:
    """Jain's fairness index, (sum x)^2 / (n * sum x^2): 1 when all are served equally, 1/n for one alone.

    Shown, never judged by: with one of a hundred topics starved it still says 0.99.
    Source: Jain, Chiu, Hawe, "A Quantitative Measure of Fairness and Discrimination", 1984.
    """
    squares = sum(x * x for x in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0
