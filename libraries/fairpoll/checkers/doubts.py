"""What keeps a recording from proving anything: doubts about the load, the machine and the broker."""

import numpy as np

from fairpoll.checkers.budgets import UNSCALED_SECONDS
from fairpoll.evidence import layout
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import oldest_wait

# Being late makes messages look older than the consumer could help: by no more than half of what the
# budgets already allow for (99 of 100 messages; on an idle machine they are 1 to 4 ms late).
PLAN_LATENESS_SECONDS = UNSCALED_SECONDS / 2
# A machine that did not let us run for this long may itself have made a message late, and so may a
# broker that took this long to ack one: nobody can deliver what is not in the log yet.
HOST_PAUSE_SECONDS = 1.0
SLOW_ACK_SECONDS = 1.0


def load_doubts(recording: Recording) -> list[str]:
    """Reasons to doubt what this recording says about load: fairness, waiting, throughput.

    What it proves about safety (loss, repetition, order) stands all the same.
    """
    ignored = (rate_ignored(recording, consumer) for consumer in recording.consumers)
    return [*void_doubts(recording), *(reason for reason in ignored if reason), *adverse_doubts(recording)]


def void_doubts(recording: Recording) -> list[str]:
    """Reasons why the experiment was not the one planned: it proves nothing, passed or failed."""
    found = (
        _cut_off(recording),
        _messages_missing(recording),
        _control_served(recording),
        dropped_by_the_broker(recording),
    )
    return [reason for reason in found if reason]


# A sink that makes up for what it was late, and a batch that is written at once, are no more than this.
RATE_SLACK = 1.1
RATE_SLACK_SECONDS = 2.0


def rate_ignored(recording: Recording, consumer: str) -> str | None:
    """Why this consumer was not put to the test: it delivered more than its sink's rate allows.

    Not told where the rate changes in the run, or differs by topic.
    """
    scenario = recording.scenario
    if any(step.action.verb == "sink" for step in scenario.timeline) or any(
        topic.sink_rate for topic in scenario.topics
    ):
        return None
    slack = RATE_SLACK_SECONDS * recording.speed
    most = scenario.sink_rate * (recording.duration * RATE_SLACK + slack)
    count = recording.delivered_in_window(consumer, [topic.name for topic in scenario.topics])
    if count <= most:
        return None
    return (
        f"{consumer} delivered {count:,} records where its sink's rate allows "
        f"{scenario.sink_rate * recording.duration:,.0f}: it does not keep FAIRPOLL_SINK_RATE"
    )


def adverse_doubts(recording: Recording) -> list[str]:
    """Reasons why it was harder than planned: what failed may be excused, what passed has passed."""
    found = (_sent_late(recording), _host_paused(recording), _broker_slow(recording))
    return [reason for reason in found if reason]


def plan_missed(recording: Recording) -> str | None:
    """Why the producer did not send what was planned, when it was planned; None if it did."""
    return _messages_missing(recording) or _sent_late(recording)


def _messages_missing(recording: Recording) -> str | None:
    planned = sum(topic.planned_messages(recording.duration) for topic in recording.scenario.topics)
    acked = len(recording.acked)
    if any(fault.target == "producer" for fault in recording.faults):
        planned -= len(recording.failed_ids)  # what it could not send while it was down was the plan
    return f"the producer got {acked:,} of {planned:,} planned messages acked" if acked < planned else None


def _sent_late(recording: Recording) -> str | None:
    late = (recording.acked.sent - recording.acked.intended)[~recording.acked.backlog]
    if not len(late):
        return None
    place = int(len(late) * 0.99)
    late.partition(place)
    p99 = float(late[place]) / recording.speed
    if p99 <= PLAN_LATENESS_SECONDS:
        return None
    return f"the producer was {p99 * 1000:.0f} ms late (p99, allowed {PLAN_LATENESS_SECONDS * 1000:.0f} ms)"


def _cut_off(recording: Recording) -> str | None:
    if recording.missing:
        return f"{', '.join(recording.missing)} is missing: {recording.facts.shards} producers wrote one each"
    if not recording.complete:
        why = recording.facts.incomplete
        return "the run was cut off before its end" + (f" ({why})" if why else "")
    # Ours, and written whole; a consumer's own may be cut off by a kill, and the record comes again.
    cut_off = [name for name in recording.cut_off if layout.is_ours(name)]
    return f"the last line of {', '.join(cut_off)} is cut off" if cut_off else None


def _host_paused(recording: Recording) -> str | None:
    pause = recording.longest_pause_seconds
    if pause <= HOST_PAUSE_SECONDS:
        return None
    return f"this machine stood still for {pause:.1f} s (allowed {HOST_PAUSE_SECONDS:g} s)"


def dropped_by_the_broker(recording: Recording) -> str | None:
    """Messages that are gone from the log cannot wait: the backlog was not what it was meant to be."""
    gone = sum(
        int(np.count_nonzero(recording.acked.offset[rows] < recording.log_start.get(partition, 0)))
        for partition, rows in recording.acked.by_partition.items()
    )
    return f"the broker dropped {gone:,} acked messages during the run" if gone else None


def _broker_slow(recording: Recording) -> str | None:
    took = recording.acked.acked - recording.acked.sent
    # Of what is not known (NaN) it takes the other.
    longest = float(np.fmax.reduce(took, initial=0.0, where=~recording.acked.backlog)) / recording.speed
    if longest <= SLOW_ACK_SECONDS:
        return None
    return f"the broker took {longest:.1f} s to ack a message (allowed {SLOW_ACK_SECONDS:g} s)"


def _control_served(recording: Recording) -> str | None:
    """The control: where even the plain loop does not starve, nobody is put to the test."""
    needed = recording.scenario.control_wait_seconds
    if needed is None or "sync" not in recording.consumers:
        return None
    oldest, _ = oldest_wait(recording, "sync", recording.topics_of("low"))
    if oldest >= needed:
        return None
    return (
        f"the control did not starve: in sync no low-volume message waited longer than {oldest:.1f} s, "
        f"needed {needed:g} s; a larger backlog or a slower sink would put consumers to the test"
    )
