"""Criteria of service: counts, shares, waits and throughput of each topic during the live traffic.

They depend on the load: doubts about it make them inconclusive.
"""

from dataclasses import replace

import numpy as np

from fairpoll.base.text import count_text
from fairpoll.checkers.budgets import coarse_seconds, seconds_text, within
from fairpoll.checkers.finding import Finding
from fairpoll.checkers.registry import (
    OtherConsumer,
    Percentile,
    Records,
    Seconds,
    Share,
    Times,
    TopicsOf,
    criterion,
)
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import delay_of, live_waits, oldest_wait, percentiles, waiting_since
from fairpoll.evidence.records import NEVER, Acked


@criterion("{volume} delivered", keyword="Records Delivered Should Be At Least", depends_on_load=True)
def delivered_at_least(recording: Recording, consumer: str, *, volume: TopicsOf, records: Records) -> Finding:
    """At least `records` records of the topics of this volume were delivered."""
    count = recording.delivered_in_window(consumer, recording.topics_of(volume))
    return Finding(
        expected=f"at least {records:,}",
        measured=f"{count:,}",
        sentence=f"{consumer} delivered {_of_acked(recording, count, volume)}, expected at least {records:,}",
        figures={"delivered": count},
        status="pass" if count >= records else "fail",
    )


@criterion("{volume} delivered", keyword="Records Delivered Should Be At Most", depends_on_load=True)
def delivered_at_most(recording: Recording, consumer: str, *, volume: TopicsOf, records: Records) -> Finding:
    """At most `records` records of the topics were delivered: a control must starve them."""
    count = recording.delivered_in_window(consumer, recording.topics_of(volume))
    return Finding(
        expected=f"at most {records:,}",
        measured=f"{count:,}",
        sentence=f"{consumer} delivered {_of_acked(recording, count, volume)}, expected at most {records:,}",
        figures={"delivered": count},
        status="pass" if count <= records else "fail",
    )


@criterion("{volume} share", keyword="Share Of Deliveries Should Be At Least", depends_on_load=True)
def share_at_least(recording: Recording, consumer: str, *, volume: TopicsOf, share: Share) -> Finding:
    """Records of this volume are at least this fraction of all delivered records."""
    every = [topic.name for topic in recording.scenario.topics]
    total = recording.delivered_in_window(consumer, every)
    count = recording.delivered_in_window(consumer, recording.topics_of(volume))
    measured = count / total if total else 0.0
    return Finding(
        expected=f"at least {share:.1%}",
        measured=f"{measured:.1%}",
        sentence=f"{count:,} of the {count_text(total, 'record')} that {consumer} delivered "
        f"({measured:.2%}) were of {_topics(recording, volume)}, expected at least {share:.1%}",
        figures={"share": round(measured, 5)},
        status="pass" if measured >= share else "fail",
    )


@criterion("{volume} oldest wait", keyword="Oldest Message Should Wait At Most", depends_on_load=True)
def oldest_wait_at_most(
    recording: Recording, consumer: str, *, volume: TopicsOf, seconds: Seconds
) -> Finding:
    """No message of these topics waited longer than the budget, delivered or not."""
    wait, message = _oldest(recording, consumer, volume)
    waited = seconds_text(wait, seconds)
    found = Finding(
        expected=f"at most {seconds:g} s",
        measured=waited,
        sentence=f"{consumer} let {_describe(recording, consumer, message)} wait {waited}"
        f"{_since_due(recording, wait, message)}, expected at most {seconds:g} s",
        figures={
            "oldest_wait_seconds": round(wait, 3),
            "partition": message.partition if message else None,
        },
    )
    found = within(recording, found, wait, seconds)
    if not (recording.waits_from_ack and message):
        return found
    return replace(found, figures={**found.figures, "since_due_seconds": round(wait + delay_of(message), 3)})


# A solo run waits milliseconds; without a minimum, noise would decide.
SMALLEST_SOLO_WAIT_SECONDS = 0.5


@criterion(
    "{volume} oldest wait against solo",
    keyword="Oldest Message Should Wait At Most Times Solo",
    depends_on_load=True,
)
def oldest_wait_at_most_times_solo(
    recording: Recording, consumer: str, *, volume: TopicsOf, times: Times, solo_seconds: Seconds
) -> Finding:
    """No message waited longer than `times` the oldest wait in a run with this volume alone.

    `solo_seconds` is that wait, by the same consumer; it counts as at least SMALLEST_SOLO_WAIT_SECONDS.
    """
    budget = times * max(solo_seconds, SMALLEST_SOLO_WAIT_SECONDS)
    found = oldest_wait_at_most.function(recording, consumer, volume=volume, seconds=budget)
    alone = f"{times:g} times its solo run of {solo_seconds:.2f} s, at least {SMALLEST_SOLO_WAIT_SECONDS:g} s"
    return replace(
        found,
        expected=f"{found.expected} ({alone})",
        sentence=f"{found.sentence} ({alone})",
        figures={**found.figures, "solo_seconds": solo_seconds},
    )


@criterion("{volume} oldest wait", keyword="Oldest Message Should Wait At Least", depends_on_load=True)
def oldest_wait_at_least(
    recording: Recording, consumer: str, *, volume: TopicsOf, seconds: Seconds
) -> Finding:
    """At least one message of these topics waited this long: a control must starve them."""
    wait, message = _oldest(recording, consumer, volume)
    return Finding(
        expected=f"at least {seconds:g} s",
        measured=f"{wait:.1f} s",
        sentence=f"{consumer} let {_describe(recording, consumer, message)} wait {wait:.1f} s"
        f"{_since_due(recording, wait, message)}, expected at least {seconds:g} s",
        figures={"oldest_wait_seconds": round(wait, 3)},
        status="pass" if wait >= seconds else "fail",
    )


@criterion("{volume} latency p{percentile}", keyword="Latency Should Be At Most", depends_on_load=True)
def latency_at_most(
    recording: Recording, consumer: str, *, volume: TopicsOf, percentile: Percentile, seconds: Seconds
) -> Finding:
    """This percentile of the waits of live messages, undelivered ones included, is within the budget."""
    topics = recording.topics_of(volume)
    waited = live_waits(recording, consumer, topics)
    found = percentiles(waited, [percentile])[0] if len(waited) else 0.0
    finding = Finding(
        expected=f"at most {seconds:g} s",
        measured=seconds_text(found, seconds, least=2),
        sentence=f"{consumer} delivered {_topics(recording, volume)} with a latency of "
        f"{seconds_text(found, seconds, least=2)} at p{percentile}, expected at most {seconds:g} s",
        figures={"latency_seconds": round(found, 3)},
    )
    return within(recording, finding, found if len(waited) else NEVER, seconds)


@criterion("{volume} service while both are live", keyword="Service Should Be At Least", depends_on_load=True)
def service_at_least(recording: Recording, consumer: str, *, volume: TopicsOf, share: Share) -> Finding:
    """While messages of both volumes were sent, at least this fraction of this volume's was delivered.

    The window runs from the first to the last moment at which both volumes had live traffic.
    """
    start, end = _both_live(recording)
    topics = recording.topics_of(volume)
    poison = recording.acked.poison
    sent = sum(
        int(np.count_nonzero((start <= since) & (since < end) & ~poison[rows]))
        for rows in recording.acked.of_topics(topics)
        for since in [waiting_since(recording, rows)]
    )
    done = recording.delivered_between(consumer, topics, start, end)
    ratio = done / sent if sent else 0.0
    return Finding(
        expected=f"at least {share:.0%}",
        measured=f"{ratio:.0%} ({done:,} of {sent:,})",
        sentence=f"{consumer} delivered {done:,} of {count_text(sent, 'message')} of "
        f"{_topics(recording, volume)} ({ratio:.0%}) while both volumes were live, "
        f"expected at least {share:.0%}",
        figures={"delivered": done, "sent": sent},
        status="pass" if sent > 0 and ratio >= share else "fail",
    )


@criterion("throughput against {of}", keyword="Throughput Should Be At Least", depends_on_load=True)
def throughput_at_least(
    recording: Recording, consumer: str, *, of: OtherConsumer = "sync", share: Share
) -> Finding:
    """The consumer delivered at least this fraction of the records that another one of the run delivered.

    So a consumer that is fair only because it is slow fails.
    """
    every = [topic.name for topic in recording.scenario.topics]
    mine, theirs = (recording.delivered_in_window(name, every) for name in (consumer, of))
    ratio = mine / theirs if theirs else 0.0
    return Finding(
        expected=f"at least {share:.0%}",
        measured=f"{ratio:.1%} ({mine:,} of {theirs:,})",
        sentence=f"{consumer} delivered {count_text(mine, 'record')} where {of} delivered {theirs:,} "
        f"({ratio:.1%}), expected at least {share:.0%}",
        figures={"ratio": round(ratio, 4)},
        status="pass" if theirs > 0 and ratio >= share else "fail",
    )


@criterion(
    "{volume} due messages delivered", keyword="Due Messages Should Be Delivered", depends_on_load=True
)
def due_messages_delivered(
    recording: Recording, consumer: str, *, volume: TopicsOf, seconds: Seconds
) -> Finding:
    """Every acked message that was `seconds` old before the end had been delivered by then."""
    budget = seconds + coarse_seconds(recording)
    topics = recording.topics_of(volume)
    messages, first = recording.acked, recording.first(consumer)
    due, missing = 0, [np.empty(0, np.int64)]
    for rows in messages.of_topics(topics):
        old = (waiting_since(recording, rows) <= recording.duration - budget) & ~messages.poison[rows]
        due += int(np.count_nonzero(old))
        missing.append(rows.start + np.flatnonzero(old & (first[rows] > recording.duration)))
    rows_missing = np.concatenate(missing)
    lost = messages.earliest(rows_missing) if len(rows_missing) else None
    met = due - len(rows_missing)
    return Finding(
        expected=f"all {due:,}",
        measured=f"{met:,} of {due:,}",
        sentence=f"{consumer} delivered {met:,} of {count_text(due, 'acked message')} of "
        f"{_topics(recording, volume)} that were older than {budget:g} s at the end, expected all"
        + (f"; first missing: {lost.topic}/{lost.partition}@{lost.offset}" if lost else ""),
        figures={"due": due, "missing": len(rows_missing)},
        status="pass" if due > 0 and not lost else "fail",
    )


def _both_live(recording: Recording) -> tuple[float, float]:
    """From the first to the last moment at which both volumes were being sent."""
    messages, spans = recording.acked, []
    for volume in ("high", "low"):
        live = [
            messages.intended[rows][~messages.backlog[rows]]
            for rows in messages.of_topics(recording.topics_of(volume))
        ]
        times = np.concatenate([np.empty(0), *live])
        spans.append((float(times.min()), float(times.max())) if len(times) else (0.0, 0.0))
    return max(start for start, _ in spans), min(end for _, end in spans)


def _oldest(recording: Recording, consumer: str, volume: str) -> tuple[float, Acked | None]:
    return oldest_wait(recording, consumer, recording.topics_of(volume))


# A difference between the waits since the ack and since the due time that a sentence names (real seconds).
NOTICEABLE_SECONDS = 0.5


def _since_due(recording: Recording, wait: float, message: Acked | None) -> str:
    """How long the message had been due, if that is noticeably longer than it waited for the consumer."""
    if not (recording.waits_from_ack and message):
        return ""
    delay = delay_of(message)
    noticeable = delay > NOTICEABLE_SECONDS * recording.speed
    return f" ({wait + delay:.1f} s since it was due)" if noticeable else ""


def _of_acked(recording: Recording, count: int, volume: str) -> str:
    topics = recording.topics_of(volume)
    acked = recording.acked.count_of(topics)
    share = count / acked if acked else 0.0
    return f"{count:,} of {count_text(acked, 'acked message')} of {_topics(recording, volume)} ({share:.1%})"


def _topics(recording: Recording, volume: str) -> str:
    names = recording.topics_of(volume)
    return names[0] if len(names) == 1 else f"{len(names)} {volume}-volume topics"


def _describe(recording: Recording, consumer: str, message: Acked | None) -> str:
    if message is None:
        return "no message"
    where = f"{message.topic}/{message.partition}@{message.offset}"
    if recording.first(consumer)[recording.acked.find_one(message.record_id)] > recording.duration:
        where += " (still waiting at the end)"
    return f"message {where}"
