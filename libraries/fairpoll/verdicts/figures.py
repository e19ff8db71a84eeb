"""Computes the figures, conditions and curves that pages show of a recording."""

from collections.abc import Sequence

import numpy as np

from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import (
    cumulative,
    jain_index,
    latency,
    live_waits,
    oldest_wait,
    oldest_wait_curve,
)
from fairpoll.evidence.records import Array
from fairpoll.verdicts.series import MOST_POINTS, Curve, RunSeries, TopicCurves, thin
from fairpoll.verdicts.verdict_json import ConsumerFigures


def consumer_figures(recording: Recording, consumer: str) -> ConsumerFigures:
    """Deliveries, waits and fairness of one consumer in the judged window; times in scenario seconds."""
    topics = [topic.name for topic in recording.scenario.topics]
    delivered = {name: recording.delivered_in_window(consumer, [name]) for name in topics}
    acked = {name: recording.acked.count_of([name]) for name in topics}
    total = sum(delivered.values())
    low_topics = recording.topics_of("low")
    low = sum(delivered[name] for name in low_topics)
    waits = {name: oldest_wait(recording, consumer, [name])[0] for name in topics}
    return ConsumerFigures(
        delivered=delivered,
        acked=acked,
        total_delivered=total,
        records_per_second=round(total / recording.duration, 3),
        low_volume_share=round(low / total, 5) if total else 0.0,
        oldest_wait_seconds={name: round(wait, 3) for name, wait in waits.items()},
        low_volume_oldest_wait_seconds=round(max((waits[name] for name in low_topics), default=0.0), 3),
        peak_memory_mebibytes=round(recording.consumers[consumer].peak_memory_bytes / 2**20, 1),
        latency_seconds={name: latency(recording, consumer, name) for name in topics},
        cpu_seconds=recording.consumers[consumer].cpu_seconds,
        jain_index=round(jain_index([delivered[n] / acked[n] for n in topics if acked[n]]), 4),
    )


def conditions(recording: Recording) -> RunSeries:
    """The conditions of the run, without curves."""
    topics = recording.scenario.topics
    return RunSeries(
        began_ms=recording.facts.start_ms,
        duration_seconds=recording.duration,
        speed=recording.speed,
        sink_rate=recording.scenario.sink_rate,
        partitions=sum(topic.partitions for topic in topics),
        backlog=sum(topic.backlog for topic in topics),
        high=tuple(recording.topics_of("high")),
        low=tuple(recording.topics_of("low")),
        complete=recording.complete,
    )


def volume_curves(recording: Recording, volume: str) -> TopicCurves:
    """Every curve of all topics of this volume, for each consumer."""
    topics = recording.topics_of(volume)
    intended = np.concatenate([recording.acked.intended[rows] for rows in recording.acked.of_topics(topics)])
    return TopicCurves(
        volume=volume,
        topics=tuple(topics),
        produced=_curve("produced", cumulative(intended, recording.duration)),
        delivered={name: _delivered(recording, name, topics) for name in recording.consumers},
        waiting={name: _waiting(recording, name, topics) for name in recording.consumers},
        latency={name: _latency(recording, name, topics) for name in recording.consumers},
    )


def topic_curves(recording: Recording, topic: str) -> TopicCurves:
    """The curve of the oldest wait of this one topic, for each consumer."""
    waiting = {name: _waiting(recording, name, [topic]) for name in recording.consumers}
    return TopicCurves(volume="", topics=(topic,), waiting=waiting)


def _delivered(recording: Recording, consumer: str, topics: Sequence[str]) -> Curve:
    """As in the table, deliveries before the live traffic do not count."""
    times = np.concatenate(list(recording.first_deliveries(consumer, topics)))
    points = cumulative(times[times >= 0], recording.duration)
    return _curve(f"{consumer} delivered {points[-1][1]:,.0f}", points)


def _waiting(recording: Recording, consumer: str, topics: Sequence[str]) -> Curve:
    points = oldest_wait_curve(recording, consumer, topics)
    return _curve(f"{consumer}, up to {points[:, 1].max(initial=0.0):,.1f} s", points)


def _latency(recording: Recording, consumer: str, topics: Sequence[str]) -> Curve:
    """A message that was not delivered counts with its age at the end, as in the figures."""
    ages = np.sort(live_waits(recording, consumer, topics))
    percent = 100 * np.arange(len(ages) + 1) / max(len(ages), 1)
    points = np.stack((percent[: len(ages) and None], np.concatenate((ages[:1], ages))), axis=1)
    share = recording.delivered_in_window(consumer, topics) / max(recording.acked.count_of(topics), 1)
    # A median would mislead where less than half of the messages arrived.
    half = f", half in {ages[len(ages) // 2]:,.1f} s" if len(ages) and share >= 0.5 else ""
    half = half or (f", {share:.0%} delivered" if len(ages) else "")
    return _curve(f"{consumer}{half}", points)


def _curve(label: str, points: Array) -> Curve:
    return Curve(label=label, points=thin(points.round(3), MOST_POINTS))
