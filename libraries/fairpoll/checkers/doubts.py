"""Doubts about the load, the machine and the broker: the reasons why a recording may prove nothing."""

import numpy as np

from fairpoll.checkers.budgets import UNSCALED_SECONDS, seconds_text
from fairpoll.checkers.sink_rate import rate_ignored
from fairpoll.evidence import layout
from fairpoll.evidence.history import Recording
from fairpoll.evidence.measures import oldest_wait
from fairpoll.evidence.retimed import hindered_spans, seconds_of, without_spans
from fairpoll.scenarios.model import CONTROL

# A late producer makes messages look older. The p99 may be at most half of the time that budgets already
# allow for (1 to 4 ms on an idle machine).
PLAN_LATENESS_SECONDS = UNSCALED_SECONDS / 2
# A host pause or an ack this long may itself have made a message late: a consumer cannot deliver a record
# that is not in the log yet.
HOST_PAUSE_SECONDS = 1.0
SLOW_ACK_SECONDS = 1.0
# A step that leaves less than this share of the traffic that was planned after it tests less than planned.
LATE_STEP_SHARE = 0.25


def load_doubts(recording: Recording) -> list[str]:
    """Reasons to doubt findings about load: fairness, waiting, throughput.

    Findings about safety (loss, redelivery, order) stand.
    """
    ignored = (rate_ignored(recording, consumer) for consumer in recording.consumers)
    return [*void_doubts(recording), *(reason for reason in ignored if reason), *adverse_doubts(recording)]


def void_doubts(recording: Recording) -> list[str]:
    """Reasons why the experiment was not the planned one: neither a pass nor a failure proves anything."""
    found = (
        _cut_off(recording),
        _messages_missing(recording),
        _control_served(recording),
        dropped_by_the_broker(recording),
    )
    return [reason for reason in found if reason]


def adverse_doubts(recording: Recording) -> list[str]:
    """Reasons why conditions were harder than planned, for recordings of earlier versions.

    They excuse a failure, and a pass stays a pass. In other recordings, `excuses` weighs each failure by what
    can have caused it.
    """
    return [] if recording.waits_from_ack else conditions(recording)


def conditions(recording: Recording) -> list[str]:
    """How the conditions were harder than planned, wherever that was in the run."""
    found = (_sent_late(recording), _host_paused(recording), _broker_slow(recording))
    return [reason for reason in found if reason]


def plan_missed(recording: Recording) -> str | None:
    """The reason if the producer did not send every planned message in time."""
    return _messages_missing(recording) or _sent_late(recording)


def steps_missed(recording: Recording) -> str | None:
    """The reason if a step of the timeline came so late that little or nothing of the traffic was left.

    A step waits for the assignments of all consumers. Recordings of earlier versions do not have whom it
    waited for, and are not doubted.
    """
    planned = sorted(recording.scenario.timeline, key=lambda step: step.at_seconds)
    missed: list[str] = []
    for step, done in zip(planned, recording.facts.timeline, strict=False):
        at, end = recording.seconds(done.at_ms), recording.duration
        if done.waited_for and end - at < (end - step.at_seconds) * LATE_STEP_SHARE:
            when = f"at second {at:.1f} of {end:g}" if at < end else "when the traffic was over"
            missed.append(
                f"the step '{step.action.verb}', planned at second {step.at_seconds:g}, came {when}, because "
                f"{', '.join(done.waited_for)} had no assignment until then"
            )
    return "; ".join(missed) or None


def _messages_missing(recording: Recording) -> str | None:
    planned = sum(topic.planned_messages(recording.duration) for topic in recording.scenario.topics)
    acked = len(recording.acked)
    if any(fault.target == "producer" for fault in recording.faults):
        planned -= len(recording.failed_ids)  # the fault kept the producer from sending these
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
        end = f"the run was cut off at second {recording.watched_until:.1f}"
        return end + (f" ({why})" if why else "")
    # Only files of the harness: a kill may cut off a consumer's own file, and the record is redelivered.
    cut_off = [name for name in recording.cut_off if layout.is_ours(name)]
    return f"the last line of {', '.join(cut_off)} is cut off" if cut_off else None


def _host_paused(recording: Recording) -> str | None:
    pause = recording.longest_pause_seconds
    if pause <= HOST_PAUSE_SECONDS:
        return None
    return f"the host paused for {seconds_text(pause, HOST_PAUSE_SECONDS)} (allowed {HOST_PAUSE_SECONDS:g} s)"


def dropped_by_the_broker(recording: Recording) -> str | None:
    """The reason if the broker dropped messages, so that the backlog was smaller than planned."""
    gone = sum(
        int(np.count_nonzero(recording.acked.offset[rows] < recording.log_start.get(partition, 0)))
        for partition, rows in recording.acked.by_partition.items()
    )
    return f"the broker dropped {gone:,} acked messages during the run" if gone else None


def _broker_slow(recording: Recording) -> str | None:
    took = recording.acked.acked - recording.acked.sent
    # np.fmax ignores NaN, an unknown ack time.
    longest = float(np.fmax.reduce(took, initial=0.0, where=~recording.acked.backlog)) / recording.speed
    if longest <= SLOW_ACK_SECONDS:
        return None
    took_text = seconds_text(longest, SLOW_ACK_SECONDS)
    return f"the broker took {took_text} to ack a message (allowed {SLOW_ACK_SECONDS:g} s)"


def _control_served(recording: Recording) -> str | None:
    """The reason if the control did not starve, so that the load tests no consumer."""
    needed = recording.scenario.control_wait_seconds
    if needed is None or CONTROL not in recording.consumers:
        return None
    oldest, _ = oldest_wait(recording, CONTROL, recording.topics_of("low"))
    spans = hindered_spans(recording, CONTROL)
    if spans and needed <= oldest < needed + seconds_of(spans):
        awake = without_spans(recording, CONTROL, spans)
        oldest, _ = oldest_wait(awake, CONTROL, recording.topics_of("low"))
    if oldest >= needed:
        return None
    return (
        f"the control did not starve: in {CONTROL} no low-volume message waited longer than {oldest:.1f} s, "
        f"needed {needed:g} s; a larger backlog or a slower sink would put consumers to the test"
    )
