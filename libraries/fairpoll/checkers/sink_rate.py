"""Whether a consumer kept its sink's rate: without it the load tests nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fairpoll.contract.records import partitions_of
from fairpoll.evidence.history import Recording
from fairpoll.evidence.records import NEVER, Array

# A sink may write this much at once, in real seconds of its rate: it catches up after a delay, or flushes
# once a second. One poll of records may be written at once, too.
BURST_SECONDS = 1.0
# Allows for clocks and for the moment at which a delivery is noted.
RATE_SLACK = 1.02


@dataclass(frozen=True)
class _Span:
    """From `since` to `until` (scenario seconds) the sink had this rate (records per scenario second)."""

    since: float
    until: float
    rate: float
    burst: float


def rate_ignored(recording: Recording, consumer: str) -> str | None:
    """The reason if this consumer delivered more than its sink's rate allows: the load tested nothing.

    Held against every delivery from a member's first assignment to the end of the live traffic, for each
    member, each topic with a rate of its own, and each time between two changes of the rate. A sink on an
    absolute schedule makes up for lost time, so what counts is the number of records since the beginning.
    """
    worst, sentence = 0.0, None
    together = _members_in_one_sink(recording, consumer)
    for member in recording.consumers[consumer].delivered.members:
        begun = _begun(recording, consumer, member)
        for topics, spans in _rates(recording, begun, together):
            times = _deliveries(recording, consumer, member, topics)
            for span in spans:
                excess, count, until = _excess(times, span)
                if excess > worst:
                    allowed = span.rate * (until - span.since)
                    named = f" of {topics[0]}" if len(topics) == 1 < len(recording.scenario.topics) else ""
                    worst = excess
                    sentence = (
                        f"{consumer} delivered {count:,} records{named} from second {span.since:.1f} to "
                        f"{until:.1f} where its sink's rate allows {allowed:,.0f}, and {span.burst:,.0f} "
                        "at once: it ignores FAIRPOLL_SINK_RATE"
                    )
    return sentence


def _begun(recording: Recording, consumer: str, member: str) -> float:
    """When this member was first assigned partitions or delivered; at the latest when all were assigned."""
    history = recording.consumers[consumer]
    delivered = history.delivered
    mine = delivered.at[delivered.by_member(slice(None), member)]
    assigned = (
        event["at"]
        for event in history.events
        if event.get("name") == "partitions_assigned"
        and event.get("member", "") == member
        and partitions_of(event)
    )
    all_assigned = recording.facts.assigned_ms
    latest = NEVER if all_assigned is None or member else recording.seconds(all_assigned)
    return min(next(assigned, NEVER), float(mine[0]) if len(mine) else NEVER, latest)


def _members_in_one_sink(recording: Recording, consumer: str) -> int:
    """How many members deliver at the same time to one sink that does not know them."""
    apart = recording.consumers[consumer].seen_in not in ("topic", "sql")
    return 1 if apart or not any(verb == "join" for _, verb, _ in recording.steps) else 2


def _rates(recording: Recording, begun: float, members: int) -> Iterator[tuple[list[str], list[_Span]]]:
    """The topics that share a rate, and the spans in which it applied; none for a time without a limit.

    So many members have the rate together.
    """
    scenario, speed = recording.scenario, recording.speed
    changes = [
        (at, None if rate is None else rate / speed) for at, verb, rate in recording.steps if verb == "sink"
    ]
    common = [topic.name for topic in scenario.topics if not topic.sink_rate]
    rates: list[tuple[list[str], list[tuple[float, float | None]]]] = [
        (common, [(begun, scenario.sink_rate), *changes])
    ]
    # A change concerns the common rate; one to no limit, all topics.
    freed = [change for change in changes if change[1] is None]
    rates += [
        ([topic.name], [(begun, topic.sink_rate), *freed[:1]]) for topic in scenario.topics if topic.sink_rate
    ]
    for topics, since in rates:
        spans, before = [], 0.0
        ends = [at for at, _ in since[1:]] + [recording.duration]
        for (at, rate), until in zip(since, ends, strict=True):
            if rate is not None:
                at_once = BURST_SECONDS * speed * max(rate, before)
                burst = max(at_once, scenario.settings.max_poll_records)
                spans.append(_Span(max(at, begun), until, rate * members, burst * members))
            before = rate or 0.0
        if topics:
            yield topics, spans


def _deliveries(recording: Recording, consumer: str, member: str, topics: list[str]) -> Array:
    """The times of this member's first deliveries of acked records of these topics, in order."""
    delivered, messages = recording.consumers[consumer].delivered, recording.acked
    wanted = np.zeros(len(messages), bool)
    for rows in messages.of_topics(topics):
        wanted[rows] = True
    several, first_row = len(delivered.members) > 1, delivered.first_row

    def counts(rows: slice) -> Array:
        record = delivered.record[rows]
        acked = record < len(messages)
        # A record that is delivered again is not the sink's first work on it.
        first = first_row[record] == np.arange(rows.start, rows.stop)
        found: Array = acked & first
        found[acked] &= wanted[record[acked]]
        return found & delivered.by_member(rows, member) if several else found

    times: Array = delivered.at[delivered.where(counts)]
    return times


def _excess(times: Array, span: _Span) -> tuple[float, int, float]:
    """By how many records the sink was ahead of its rate at most, the count by then, and that time."""
    first, last = np.searchsorted(times, (span.since, span.until), side="left")
    moments = times[first:last]
    if not len(moments):
        return 0.0, 0, span.since
    counts = np.arange(1, len(moments) + 1)
    ahead = counts - (moments - span.since) * span.rate * RATE_SLACK - span.burst
    most = int(ahead.argmax())
    return float(ahead[most]), int(counts[most]), float(moments[most])
